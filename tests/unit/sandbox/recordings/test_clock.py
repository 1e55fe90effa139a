"""The venue's clock as a recording shows it."""

from __future__ import annotations

from hypothesis import given, strategies as st

from sandbox.recordings.clock import EventTimes, VenueClock


MS = 1_000_000
HOUR_MS = 3_600_000
START_MS = 1_700_000_000_000


def clock() -> VenueClock:
    return VenueClock(START_MS * MS, START_MS)


def test_the_clock_follows_event_times() -> None:
    venue = clock()
    venue.observe((START_MS + 40) * MS, START_MS + 25)

    assert venue.now_ms == START_MS + 25


def test_the_clock_runs_on_by_receive_times_where_payloads_carry_none() -> None:
    venue = clock()
    venue.observe((START_MS + 40) * MS, START_MS + 25)
    venue.observe((START_MS + 140) * MS, 0)

    assert venue.now_ms == START_MS + 125


@given(
    st.lists(
        st.tuples(st.integers(min_value=0, max_value=10**7), st.integers(min_value=-(10**8), max_value=10**8)),
        max_size=300,
    )
)
def test_the_clock_never_goes_back(observations: list[tuple[int, int]]) -> None:
    venue = clock()
    for receive_ms, event_offset in observations:
        before = venue.now_ms
        venue.observe((START_MS + receive_ms) * MS, START_MS + event_offset)

        assert venue.now_ms >= before


def test_a_single_event_time_hours_ahead_does_not_move_the_clock() -> None:
    venue = clock()
    venue.observe((START_MS + 10) * MS, START_MS + 2 * HOUR_MS)

    assert venue.now_ms == START_MS + 10


def test_a_hundred_event_times_in_a_row_are_believed() -> None:
    """The recorder's clock was set back, not the venue's forward."""
    venue = clock()
    for number in range(101):
        venue.observe((START_MS + number) * MS, START_MS + number + HOUR_MS)

    assert venue.now_ms == START_MS + 100 + HOUR_MS


def test_the_clock_jumps_with_the_recorder_between_recordings_of_different_days() -> None:
    venue = clock()
    day_ms = 24 * HOUR_MS
    venue.observe((START_MS + day_ms) * MS, START_MS + day_ms + 3)

    assert venue.now_ms == START_MS + day_ms + 3


def test_the_span_of_event_times_ignores_one_that_cannot_be() -> None:
    times = EventTimes()
    times.observe((START_MS - 5) * MS, 0)
    for number in range(300):
        ahead = 2 * HOUR_MS if number in {0, 150} else 0
        times.observe((START_MS + number) * MS, START_MS + 1_270 + number + ahead)

    assert times.span_ms() == (START_MS - 5 + 1_270, START_MS + 299 + 1_270)
    assert (times.first_ns, times.last_ns) == ((START_MS - 5) * MS, (START_MS + 299) * MS)


def test_without_any_event_time_the_span_is_the_recorders() -> None:
    times = EventTimes()
    for number in range(3):
        times.observe((START_MS + number) * MS, 0)

    assert times.span_ms() == (START_MS, START_MS + 2)
