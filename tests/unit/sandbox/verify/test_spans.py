"""A stretch of a recording is told by the event times in it."""

from __future__ import annotations

from sandbox.verify.spans import Span, Spans


HOUR_MS = 3_600_000


def spans_of(*event_times: int) -> Spans:
    spans = Spans()
    for event_time in event_times:
        spans.observe(event_time)
    return spans


def test_an_interval_is_inside_when_both_ends_are() -> None:
    spans = spans_of(60_000, 120_000)

    assert spans.covers(60_000, 120_000)
    assert not spans.covers(59_999, 120_000)
    assert not spans.covers(60_000, 120_001)


def test_events_out_of_order_neither_break_nor_lengthen_the_start() -> None:
    assert list(spans_of(100, 90, 300, 200)) == [Span(100, 300)]


def test_quiet_hours_belong_to_the_stretch() -> None:
    assert list(spans_of(0, 5 * HOUR_MS)) == [Span(0, 5 * HOUR_MS)]


def test_recordings_of_different_times_are_stretches_of_their_own() -> None:
    spans = spans_of(100 * HOUR_MS, 101 * HOUR_MS, 0, HOUR_MS, 300 * HOUR_MS)

    assert list(spans) == [
        Span(0, HOUR_MS),
        Span(100 * HOUR_MS, 101 * HOUR_MS),
        Span(300 * HOUR_MS, 300 * HOUR_MS),
    ]
    assert not spans.covers(HOUR_MS, 100 * HOUR_MS)


def test_stretches_are_chosen_by_the_numbers_that_observing_told() -> None:
    spans = Spans()
    numbers = [spans.observe(event_time) for event_time in (0, 100, 100 * HOUR_MS)]

    assert numbers == [0, 0, 1]
    assert list(spans.only({1})) == [Span(100 * HOUR_MS, 100 * HOUR_MS)]


def test_stretches_that_overlap_are_one() -> None:
    """Topics are read one after the other: each begins at the beginning again."""
    assert list(spans_of(10_000, 300_000, 5_000, 400_000, 200_000)) == [Span(5_000, 400_000)]


def test_the_end_of_a_stretch_may_be_left_out() -> None:
    assert list(spans_of(0, 100_000).shortened(10_000)) == [Span(0, 90_000)]
