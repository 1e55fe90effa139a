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
        Span(100 * HOUR_MS, 101 * HOUR_MS),
        Span(0, HOUR_MS),
        Span(300 * HOUR_MS, 300 * HOUR_MS),
    ]
    assert not spans.covers(HOUR_MS, 100 * HOUR_MS)
