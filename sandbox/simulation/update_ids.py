"""Update ids of order books: how the venue numbers changes."""

from __future__ import annotations

from random import Random
from typing import Protocol


__all__ = ["SharedUpdateIds", "SymbolUpdateIds", "UpdateIds"]

_WIDEST_GAP = 60


class UpdateIds(Protocol):
    """A source of rising ids."""

    def advance(self, count: int) -> int:
        """Number `count` changes; return the id of the first, the others follow it without a gap."""
        ...


class SymbolUpdateIds:
    """Spot: each symbol counts for itself, without gaps."""

    __slots__ = ("_next",)

    def __init__(self, first: int) -> None:
        self._next = first

    def advance(self, count: int) -> int:
        """Number `count` changes."""
        first = self._next
        self._next += count
        return first


class SharedUpdateIds:
    """Futures: one counter for all symbols of the market, with gaps of any width."""

    __slots__ = ("_next", "_rng")

    def __init__(self, first: int, rng: Random) -> None:
        self._next = first
        self._rng = rng

    def advance(self, count: int) -> int:
        """Number `count` changes."""
        first = self._next + int(self._rng.random() * _WIDEST_GAP)
        self._next = first + count
        return first
