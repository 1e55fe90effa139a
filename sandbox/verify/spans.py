"""Which stretches of time a recording covers, by the event times in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec


__all__ = ["Span", "Spans"]

_BREAK_AHEAD_MS: Final = 6 * 3_600_000
_BREAK_BACK_MS: Final = 60_000


class Span(msgspec.Struct):
    """A stretch of event time, both ends inclusive, in ms."""

    start: int
    end: int

    def holds(self, open_time: int, close_time: int) -> bool:
        """Return whether the interval ``[open_time, close_time)`` lies wholly inside."""
        return self.start <= open_time and close_time <= self.end


class Spans:
    """The stretches that recordings of one market cover.

    Recordings of different times may be replayed together: time that goes back by more than a minute, or ahead by
    more than six hours, starts another stretch. Shorter silences belong to a stretch; a hole in the ids tells what is
    missing from it.
    """

    def __init__(self) -> None:
        self._spans: list[Span] = []

    def __bool__(self) -> bool:
        return bool(self._spans)

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    def observe(self, event_time: int) -> None:
        """Take in the event time of one frame, in order of arrival."""
        current = self._spans[-1] if self._spans else None
        if current is None or not -_BREAK_BACK_MS <= event_time - current.end <= _BREAK_AHEAD_MS:
            self._spans.append(Span(event_time, event_time))
        elif event_time > current.end:
            current.end = event_time

    def covers(self, open_time: int, close_time: int) -> bool:
        """Return whether the interval ``[open_time, close_time)`` lies wholly inside one stretch."""
        return any(span.holds(open_time, close_time) for span in self._spans)
