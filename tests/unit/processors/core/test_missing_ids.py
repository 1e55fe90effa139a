from __future__ import annotations

from hypothesis import given, strategies as st

from processors.core.missing_ids import IdRun, MissingIds


def time_of(number: int) -> int:
    return number * 10


@given(st.integers(1, 20), st.data())
def test_what_is_missing_is_all_less_what_came_and_lies_between_the_times_of_its_neighbours(
    count: int, data: st.DataObject
) -> None:
    missing = MissingIds(IdRun(1, count, time_of(0), time_of(count + 1)), reported=True)
    came = data.draw(st.sets(st.integers(1, count)))
    for number in data.draw(st.permutations(sorted(came))):
        missing.strike(number, number, time_of(number))

    left = [number for run in missing.runs for number in range(run.first_id, run.last_id + 1)]
    assert left == [number for number in range(1, count + 1) if number not in came]
    for run in missing.runs:
        assert (run.previous_time, run.next_time) == (time_of(run.first_id - 1), time_of(run.last_id + 1))


def test_ids_that_the_venue_has_not_tell_no_times() -> None:
    missing = MissingIds(IdRun(1, 9, 0, 100), reported=True)

    missing.strike(4, 6)

    assert missing.runs == [IdRun(1, 3, 0, 100), IdRun(7, 9, 0, 100)]
    assert missing.overlaps(3, 5)
    assert not missing.overlaps(4, 6)
