"""Windows of event time: half-open, aligned to the epoch (UTC)."""

from __future__ import annotations

import msgspec


__all__ = ["Window", "start_of", "window_of"]


class Window(msgspec.Struct, frozen=True):
    """The half-open interval ``[start_ms, end_ms)``."""

    start_ms: int
    end_ms: int


def start_of(event_time_ms: int, interval_ms: int) -> int:
    """Return the start of the window that holds ``event_time_ms``."""
    return event_time_ms - event_time_ms % interval_ms


def window_of(event_time_ms: int, interval_ms: int) -> Window:
    """Return the window that holds ``event_time_ms``."""
    start = start_of(event_time_ms, interval_ms)
    return Window(start, start + interval_ms)
