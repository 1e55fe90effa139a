from __future__ import annotations

from itertools import pairwise

from hypothesis import given, strategies as st

from ingest.core.coverage import DiffSequence
from ingest.core.holes import Hole, NewEpoch


def test_diffs_that_continue_each_other_are_no_hole_however_they_are_cut() -> None:
    sequence = DiffSequence()

    assert [sequence.diff(after, last, last, offset) for offset, (after, last) in enumerate([(9, 20), (14, 25)])] == [
        None,
        None,
    ]
    assert sequence.last_id == 25


def test_changes_that_no_diff_covers_are_a_hole() -> None:
    sequence = DiffSequence()
    sequence.diff(9, 20, 1_000, 0)

    assert sequence.diff(25, 30, 1_100, 1) == Hole(0, 21, 25, 1_000, 1_100)
    assert sequence.diff(20, 25, 1_050, 2) is None


def test_a_snapshot_heals_once_the_diffs_reach_it() -> None:
    sequence = DiffSequence()
    sequence.diff(9, 20, 1_000, 0)
    sequence.diff(25, 30, 1_100, 1)

    sequence.snapshot(24)
    assert not sequence.healed(25)
    sequence.snapshot(31)
    assert not sequence.healed(25)
    sequence.diff(30, 31, 1_200, 2)
    assert sequence.healed(25)


def test_ids_that_go_back_long_after_are_a_new_epoch_and_forget_the_snapshot() -> None:
    sequence = DiffSequence()
    sequence.diff(9, 20, 1_000, 0)
    sequence.snapshot(20)

    assert sequence.diff(2, 4, 61_000, 1) is None
    assert sequence.diff(2, 4, 61_001, 2) == NewEpoch(1)
    assert (sequence.last_id, sequence.snapshot_id) == (4, -1)


def test_an_id_of_no_stream_on_earth_is_passed_over() -> None:
    sequence = DiffSequence()
    sequence.diff(9, 20, 1_000, 0)

    assert sequence.diff(10**15, 10**15 + 1, 1_001, 1) is None
    assert sequence.last_id == 20


@given(st.lists(st.integers(1, 5), min_size=2, max_size=40), st.data())
def test_two_connections_that_cut_at_other_ids_leave_a_hole_only_where_both_miss(
    sizes: list[int], data: st.DataObject
) -> None:
    """Each of two connections cuts the ids 1..n at its own places and loses some of its diffs."""
    total = sum(sizes)
    diffs: list[tuple[int, int]] = []
    for _ in range(2):
        cuts = sorted(data.draw(st.sets(st.integers(1, total - 1), max_size=20)) | {0, total})
        diffs += [pair for pair in pairwise(cuts) if data.draw(st.booleans())]
    diffs.sort(key=lambda pair: pair[1])
    sequence, holes = DiffSequence(), list[Hole]()

    for offset, (after, last) in enumerate(diffs):
        found = sequence.diff(after, last, last, offset)
        if isinstance(found, Hole):
            holes.append(found)

    covered = {one for after, last in diffs for one in range(after + 1, last + 1)}
    missing = {one for hole in holes for one in range(hole.first_id, hole.last_id + 1)}
    whole = set(range(diffs[0][0] + 1, diffs[-1][1] + 1)) if diffs else set()
    # What a later diff covers after all was a hole when it was told.
    assert missing - covered == whole - covered
