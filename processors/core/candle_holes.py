"""Where trades of one symbol are missing, in whole minutes, and which candles that touches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from processors.core.candle_levels import HoleName, Level, OpenCandle
from processors.core.windows import start_of


__all__ = ["OPEN_HOLE_LIMIT", "UNCOVERED", "CandleHoles", "Spans", "touched"]

MINUTE_MS: Final = 60_000
OPEN_HOLE_LIMIT: Final = 100
"""Holes whose candles are kept for correction; beyond it the oldest are given up."""

Spans = tuple[tuple[int, int], ...]
"""First and last minute of each stretch that trades may be missing in."""

_EVER: Final[Spans] = ((0, 1 << 62),)
"""Where the candles may be that a hole touches which nothing more was expected of."""

UNCOVERED: Final[HoleName] = (-1, -1)
"""Stands for what happened before the series began."""


class CandleHoles:
    """Holes in which something may still come, by name, in the order in which they opened."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[HoleName, Spans] = {}

    def open(self, name: HoleName, previous_time: int, next_time: int) -> Spans:
        """Take a hole between two times; return where it is."""
        self._open[name] = spans = _minutes_of((previous_time, next_time))
        return spans

    def give_up_surplus(self) -> bool:
        """Give up the oldest hole beyond the limit; return whether there was one."""
        if len(self._open) <= OPEN_HOLE_LIMIT:
            return False
        del self._open[next(iter(self._open))]
        return True

    def narrow(self, name: HoleName, spans: Iterable[tuple[int, int]]) -> tuple[Spans, Spans]:
        """Take where what is left of a hole lies; return where it was, and where it is."""
        before, after = self._open.get(name), _minutes_of(*spans)
        if before is None:
            return _EVER, after
        self._open[name] = after
        return before, after

    def close(self, name: HoleName) -> Spans | None:
        """Take that nothing more will come into a hole; return where it was, if something might have come until now."""
        return self._open.pop(name, None)

    def recover(self, name: HoleName) -> Spans:
        """Take that everything came into a hole, be it after it was given up; return where it was."""
        return self._open.pop(name, None) or _EVER

    def keep(self, candle: OpenCandle) -> bool:
        """Return whether something may still come that belongs to a candle."""
        return not candle.holes.isdisjoint(self._open)

    def dump(self) -> list[tuple[HoleName, Spans]]:
        """Return all, written down."""
        return list(self._open.items())

    def load(self, kept: list[tuple[HoleName, Spans]]) -> None:
        """Take over what was written down."""
        self._open = dict(kept[-OPEN_HOLE_LIMIT:])


def touched(levels: Iterable[Level], spans: Spans) -> Iterator[tuple[Level, int, OpenCandle]]:
    """Return the candles that hold any of these minutes, interval by interval, in order of time."""
    for level in levels:
        bounds = [(start_of(first, level.length_ms), last) for first, last in spans]
        for open_time in sorted(level.candles):
            if any(first <= open_time <= last for first, last in bounds):
                yield level, open_time, level.candles[open_time]


def _minutes_of(*spans: tuple[int, int]) -> Spans:
    return tuple((start_of(min(span), MINUTE_MS), start_of(max(span), MINUTE_MS)) for span in spans)
