"""Holes that were found just now: what is missing may be on its way over another connection.

Where two processes write the same streams, the one that comes back after an interruption may be ahead of the other by a
moment. What that other one delivers within the moment was never missing, and neither the ledger nor the venue need hear
of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ingest.core.fates import Outcome
from ingest.core.ledger import OpenHole


__all__ = ["PATIENCE_MS", "YoungHoles"]

PATIENCE_MS: Final = 500.0
"""So long a hole is young. Two replicas of one stream were 30 to 130 ms apart on a busy machine."""


class YoungHoles:
    """Holes that nobody was told of yet."""

    def __init__(self) -> None:
        self._found_ms: dict[int, tuple[OpenHole, float]] = {}

    def add(self, holes: Iterable[OpenHole], now_ms: float) -> None:
        """Take holes that were found."""
        self._found_ms |= {id(hole): (hole, now_ms) for hole in holes}

    def holds(self, hole: OpenHole) -> bool:
        """Return whether a hole is among them."""
        return id(hole) in self._found_ms

    def arrived(self) -> list[OpenHole]:
        """Return, and let go of, those of which everything came after all: they were none."""
        return self._take(_arrived(hole) for hole, _ in self._found_ms.values())

    def due(self, now_ms: float) -> list[OpenHole]:
        """Return, and let go of, those that are young no longer, or were decided by something else than what came."""
        return self._take(
            hole.settled or now_ms - found_ms >= PATIENCE_MS for hole, found_ms in self._found_ms.values()
        )

    def all(self) -> list[OpenHole]:
        """Return, and let go of, all of them."""
        return self._take(True for _ in self._found_ms)

    def _take(self, chosen: Iterable[bool]) -> list[OpenHole]:
        taken = [hole for (hole, _), one in zip(self._found_ms.values(), list(chosen), strict=True) if one]
        for hole in taken:
            del self._found_ms[id(hole)]
        return taken


def _arrived(hole: OpenHole) -> bool:
    return hole.settled and all(run.fate.outcome is Outcome.LATE for run in hole.fates)
