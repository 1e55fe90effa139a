from __future__ import annotations

from itertools import pairwise

from hypothesis import given, strategies as st

from ingest.core.fates import MISSING, Fate, FateRun, Fates, Outcome


LATE, ABSENT = Fate(Outcome.LATE), Fate(Outcome.ABSENT)


def test_all_ids_are_missing_at_first() -> None:
    fates = Fates(5, 9)

    assert list(fates) == [FateRun(5, 9, MISSING)]
    assert (fates.missing_count, list(fates.missing())) == (5, [(5, 9)])


def test_ids_are_decided_once_and_what_lies_outside_is_nothing() -> None:
    fates = Fates(5, 9)

    assert fates.decide(1, 6, LATE) == 2
    assert fates.decide(6, 7, ABSENT) == 1
    assert fates.decide(10, 20, ABSENT) == 0
    assert list(fates) == [FateRun(5, 6, LATE), FateRun(7, 7, ABSENT), FateRun(8, 9, MISSING)]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.sampled_from([LATE, ABSENT])), max_size=30))
def test_runs_say_of_each_id_what_was_decided_first(decisions: list[tuple[int, int, Fate]]) -> None:
    fates, expected = Fates(5, 25), dict.fromkeys(range(5, 26), MISSING)

    for first, last, fate in decisions:
        ids = [one for one in range(first, last + 1) if expected.get(one) is MISSING]
        assert fates.decide(first, last, fate) == len(ids)
        expected.update(dict.fromkeys(ids, fate))

    runs = list(fates)
    assert {one: run.fate for run in runs for one in range(run.first_id, run.last_id + 1)} == expected
    assert all(before.last_id + 1 == after.first_id for before, after in pairwise(runs))
    assert all(before.fate != after.fate for before, after in pairwise(runs))
    assert fates.missing_count == sum(fate is MISSING for fate in expected.values())
    assert all(fates.is_missing(one) == (fate is MISSING) for one, fate in expected.items())
