"""Where trades of one symbol are missing, in whole seconds: what may still come, and what is lost for good."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from processors.core.windows import start_of


__all__ = ["FlowHoles", "HoleName", "KeptHoles", "Spans", "touches"]

HOLE_LIMIT: Final = 100
"""Open holes, and spans in which something is lost for good; beyond it the oldest hole is given up, the oldest span
forgotten."""
GIVEN_UP_LIMIT: Final = 16
"""Holes that are closed and not filled, and may fill after all. What is missing in older ones is lost for good."""

HoleName = tuple[int, int]
"""Epoch and first id of a hole."""
Spans = tuple[tuple[int, int], ...]
"""First and last second of each stretch that trades may be missing in."""
KeptHoles = tuple[tuple[int, int, Spans], ...]
"""Holes, written down."""


class FlowHoles:
    """Holes by name, and where nothing can be filled any more.

    Args:
        second_ms: length of the shortest window.
    """

    __slots__ = ("_given_up", "_open", "_second_ms", "lost")

    def __init__(self, second_ms: int) -> None:
        self._second_ms = second_ms
        self._open: dict[HoleName, Spans] = {}
        self._given_up: dict[HoleName, Spans] = {}
        self.lost: list[tuple[int, int]] = []
        """Where something is missing that nobody can fill."""

    def open(self, name: HoleName, previous_time: int, next_time: int) -> Spans:
        """Take a hole; return where it is."""
        self._open[name] = spans = self._seconds_of((previous_time, next_time))
        return spans

    def narrow(self, name: HoleName, spans: Iterable[tuple[int, int]]) -> Spans:
        """Take what is left of a hole; return where it was, or nothing if that is the same."""
        holes = self._open if name in self._open else self._given_up
        before, after = holes.get(name, ()), self._seconds_of(*spans)
        if before in {(), after}:
            return ()
        holes[name] = after
        return before

    def give_up(self, name: HoleName) -> None:
        """Take that nothing more is expected in a hole."""
        if spans := self._open.pop(name, ()):
            self._given_up[name] = spans

    def recover(self, name: HoleName) -> Spans:
        """Take that everything came, be it after the hole was given up; return where it was."""
        return (*self._open.pop(name, ()), *self._given_up.pop(name, ()))

    def lose_surplus(self) -> Spans:
        """Take the oldest hole beyond the limits as one that nobody can fill; return where it is."""
        if len(self._open) > HOLE_LIMIT:
            return self._lose(self._open)
        return self._lose(self._given_up) if len(self._given_up) > GIVEN_UP_LIMIT else ()

    def lose_oldest(self) -> Spans:
        """Take the oldest hole of which least is to be expected as one that nobody can fill; return where it is."""
        holes = self._given_up or self._open
        return self._lose(holes) if holes else ()

    def _lose(self, holes: dict[HoleName, Spans]) -> Spans:
        spans = holes.pop(next(iter(holes)))
        self.lost = [*self.lost, *spans][-HOLE_LIMIT:]
        return spans

    def missing(self) -> list[tuple[int, int]]:
        """Return where something is missing that may still come."""
        return [span for holes in (self._open, self._given_up) for spans in holes.values() for span in spans]

    def dump(self) -> tuple[KeptHoles, KeptHoles, Spans]:
        """Return open holes, given up ones, and what is lost, written down."""
        return _kept(self._open), _kept(self._given_up), tuple(self.lost)

    def load(self, still_open: KeptHoles, given_up: KeptHoles, lost: Spans) -> None:
        """Take over what was written down."""
        self._open, self._given_up, self.lost = _read(still_open), _read(given_up), list(lost)

    def _seconds_of(self, *spans: tuple[int, int]) -> Spans:
        return tuple((start_of(min(span), self._second_ms), start_of(max(span), self._second_ms)) for span in spans)


def _kept(holes: dict[HoleName, Spans]) -> KeptHoles:
    return tuple((*name, spans) for name, spans in holes.items())


def _read(kept: KeptHoles) -> dict[HoleName, Spans]:
    return {(epoch, first_id): spans for epoch, first_id, spans in kept}


def touches(open_time: int, length_ms: int, spans: Iterable[tuple[int, int]]) -> bool:
    """Return whether any of these spans of seconds has one in a window."""
    return any(first < open_time + length_ms and last >= open_time for first, last in spans)
