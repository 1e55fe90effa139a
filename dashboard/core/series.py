"""The last records of something that goes on in windows of time."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar


__all__ = ["Series", "Windowed"]


class Windowed(Protocol):
    """A record about a window of time."""

    @property
    def source(self) -> str:
        """The stream that it was made from; offsets of two of them do not compare."""

    @property
    def open_time(self) -> int:
        """Begin of the window, ms."""

    @property
    def input_offset(self) -> int:
        """Offset of the last input record in it."""


W = TypeVar("W", bound=Windowed)
"""The type of the records."""


class Series(Generic[W]):
    """The newest windows of one kind, the last word on each, and no more than so many.

    Args:
        kept: how many.
    """

    __slots__ = ("_by_time", "_kept", "_recent", "mark")

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._by_time: dict[int, W] = {}
        self._recent: dict[int, int] = {}
        self.mark = 0
        """Counts what was ever taken; what a reader has seen so far is named by it."""

    def take(self, value: W) -> bool:
        """Take a record; returns whether it is news: not an older word on its window, and not too long ago."""
        known = self._by_time.get(value.open_time)
        if known is not None:
            if known.source == value.source and value.input_offset < known.input_offset:
                return False
        elif len(self._by_time) >= self._kept:
            oldest = min(self._by_time)
            if value.open_time < oldest:
                return False
            del self._by_time[oldest]
            self._recent.pop(oldest, None)
        self._by_time[value.open_time] = value
        self.mark += 1
        # The last word of all stands at the end.
        self._recent.pop(value.open_time, None)
        self._recent[value.open_time] = self.mark
        return True

    def last(self, count: int) -> list[W]:
        """Return the newest windows, oldest first."""
        return [self._by_time[open_time] for open_time in sorted(self._by_time)[-count:]]

    def since(self, mark: int) -> list[W]:
        """Return the windows that something was said of after a mark, oldest first."""
        changed = []
        for open_time, changed_at in reversed(self._recent.items()):
            if changed_at <= mark:
                break
            changed.append(open_time)
        return [self._by_time[open_time] for open_time in sorted(changed)]
