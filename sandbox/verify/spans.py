"""Which stretches of time a recording covers, by the event times in it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from operator import attrgetter
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
    missing from it. Stretches that overlap, as where one topic is read after the other, are one.
    """

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._spans = list(spans)

    def __bool__(self) -> bool:
        return bool(self._spans)

    def __iter__(self) -> Iterator[Span]:
        current: Span | None = None
        for span in sorted(self._spans, key=attrgetter("start")):
            if current is None or span.start > current.end:
                if current is not None:
                    yield current
                current = Span(span.start, span.end)
            else:
                current.end = max(current.end, span.end)
        if current is not None:
            yield current

    def observe(self, event_time: int) -> int:
        """Take in the event time of one frame, in order of arrival; return the number of its stretch."""
        current = self._spans[-1] if self._spans else None
        if current is None or not -_BREAK_BACK_MS <= event_time - current.end <= _BREAK_AHEAD_MS:
            self._spans.append(Span(event_time, event_time))
        elif event_time > current.end:
            current.end = event_time
        return len(self._spans) - 1

    def only(self, numbers: Container[int]) -> Spans:
        """Return some of the stretches, by their numbers."""
        return Spans(span for number, span in enumerate(self._spans) if number in numbers)

    def shortened(self, by_ms: int) -> Spans:
        """Return the stretches without their last milliseconds."""
        return Spans(Span(span.start, span.end - by_ms) for span in self)

    def covers(self, open_time: int, close_time: int) -> bool:
        """Return whether the interval ``[open_time, close_time)`` lies wholly inside one stretch."""
        return any(span.holds(open_time, close_time) for span in self)
