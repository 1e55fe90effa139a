from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from ingest.core.clock_offset import MEASURE_AGAIN_MS, ClockOffset, Reading


def test_half_way_between_question_and_answer_is_when_it_was_made() -> None:
    clock = ClockOffset()

    assert clock.learn([Reading(1_000_000, sent_ms=100.0, received_ms=140.0)], 140.0) == 0.0
    assert clock.time(120.0) == 1_000_000
    assert clock.time(1_120.0) == 1_001_000


def test_the_quickest_of_a_few_answers_is_believed() -> None:
    clock = ClockOffset()
    slow, quick = Reading(5_000, 0.0, 900.0), Reading(5_000, 1_000.0, 1_010.0)

    clock.learn([slow, quick, slow], 2_000.0)

    assert clock.reading == quick


def test_by_how_much_it_moved_is_told() -> None:
    clock = ClockOffset()
    clock.learn([Reading(5_000, 0.0, 10.0)], 10.0)

    assert clock.learn([Reading(9_000, 1_000.0, 1_010.0)], 1_010.0) == 3_000.0


def test_it_is_old_before_the_first_measurement_and_a_while_after_each() -> None:
    clock = ClockOffset()

    assert clock.is_old(0.0)
    clock.learn([Reading(5_000, 0.0, 10.0)], 10.0)
    assert not clock.is_old(10.0)
    assert clock.is_old(10.0 + MEASURE_AGAIN_MS)


def test_without_a_measurement_there_is_no_time() -> None:
    with pytest.raises(ValueError, match="not measured"):
        ClockOffset().time(0.0)


def test_a_clock_that_runs_many_times_as_fast_is_followed() -> None:
    clock = ClockOffset()
    for at in (0.0, 100.0, 600.0):
        clock.learn([Reading(int(5_000 + 60 * at), at - 1.0, at + 1.0)], at)

    assert clock.pace == 60.0
    assert clock.time(1_600.0) == 5_000 + 60 * 1_600


def test_a_clock_that_drifts_a_little_is_corrected_and_not_followed() -> None:
    clock = ClockOffset()
    clock.learn([Reading(5_000, 0.0, 0.0)], 0.0)
    clock.learn([Reading(5_000 + 1_010, 1_000.0, 1_000.0)], 1_000.0)

    assert clock.pace == 1.0
    assert clock.time(11_000.0) == 16_010


def test_a_clock_that_jumped_once_is_followed_no_longer_than_to_the_next_measurement() -> None:
    clock = ClockOffset()
    clock.learn([Reading(5_000, 0.0, 0.0)], 0.0)
    clock.learn([Reading(5_000 + 61_000, 1_000.0, 1_000.0)], 1_000.0)
    clock.learn([Reading(5_000 + 62_000, 2_000.0, 2_000.0)], 2_000.0)

    assert clock.pace == 1.0
    assert clock.time(3_000.0) == 5_000 + 63_000


@given(
    offset=st.integers(-(10**12), 10**12),
    trips=st.lists(st.tuples(st.floats(0, 5_000), st.floats(0, 5_000)), min_size=1, max_size=5),
)
def test_it_is_never_wrong_by_more_than_half_of_the_shortest_round_trip(
    offset: int, trips: list[tuple[float, float]]
) -> None:
    readings = [
        Reading(int(100_000 * at + there + offset + 2 * 10**12), 100_000.0 * at, 100_000.0 * at + there + back)
        for at, (there, back) in enumerate(trips)
    ]
    clock = ClockOffset()

    clock.learn(readings, 0.0)

    shortest = min(there + back for there, back in trips)
    assert abs(clock.time(0.0) - (offset + 2 * 10**12)) <= shortest / 2 + 2
    assert clock.earliest(0.0) <= offset + 2 * 10**12
    assert clock.time(0.0) - clock.earliest(0.0) <= shortest / 2 + 2
