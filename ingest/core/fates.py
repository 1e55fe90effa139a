"""What became of each id of a hole, as runs of ids with the same fate."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from enum import Enum, auto
from typing import Final

from msgspec import Struct


__all__ = ["MISSING", "Fate", "FateRun", "Fates", "Outcome"]


class Outcome(Enum):
    """What became of an id."""

    MISSING = auto()
    """Nothing yet."""
    BACKFILLED = auto()
    """It was asked of the venue, and is in the log."""
    LATE = auto()
    """It came over a connection after all."""
    ABSENT = auto()
    """The venue has no such id."""
    LOST = auto()
    """The venue cannot give it any more."""


class Fate(Struct, frozen=True):
    """An outcome, and why."""

    outcome: Outcome
    reason: str | None = None


MISSING: Final = Fate(Outcome.MISSING)


class FateRun(Struct, frozen=True):
    """Consecutive ids with the same fate."""

    first_id: int
    last_id: int
    fate: Fate


class Fates:
    """The ids from ``first_id`` to ``last_id``; all are missing at first, and each is decided once.

    Args:
        first_id: the first.
        last_id: the last.
    """

    __slots__ = ("_fates", "_firsts", "last_id", "missing_count")

    def __init__(self, first_id: int, last_id: int) -> None:
        self._firsts = [first_id]
        self._fates = [MISSING]
        self.last_id = last_id
        self.missing_count = last_id - first_id + 1

    @property
    def first_id(self) -> int:
        """The first id."""
        return self._firsts[0]

    def __iter__(self) -> Iterator[FateRun]:
        ends = [first - 1 for first in self._firsts[1:]] + [self.last_id]
        return (FateRun(*run) for run in zip(self._firsts, ends, self._fates, strict=True))

    def __len__(self) -> int:
        return len(self._firsts)

    def missing(self) -> Iterator[tuple[int, int]]:
        """Yield the runs of ids that are missing: first and last of each."""
        return ((run.first_id, run.last_id) for run in self if run.fate is MISSING)

    def is_missing(self, one_id: int) -> bool:
        """Whether an id is one of these, and missing."""
        if not self.first_id <= one_id <= self.last_id:
            return False
        return self._fates[bisect_right(self._firsts, one_id) - 1] is MISSING

    def decide(self, first_id: int, last_id: int, fate: Fate) -> int:
        """Decide about ids; those that are decided already keep their fate.

        Returns:
            How many were missing until now.
        """
        first_id, last_id = max(first_id, self.first_id), min(last_id, self.last_id)
        if first_id > last_id:
            return 0
        position = bisect_right(self._firsts, first_id) - 1
        changed = 0
        while position < len(self._firsts) and self._firsts[position] <= last_id:
            if self._fates[position] is not MISSING:
                position += 1
                continue
            end = self._firsts[position + 1] - 1 if position + 1 < len(self._firsts) else self.last_id
            start, stop = max(first_id, self._firsts[position]), min(last_id, end)
            changed += stop - start + 1
            position = self._cut(position, end, start, stop, fate)
        self.missing_count -= changed
        return changed

    def _cut(self, position: int, end: int, start: int, stop: int, fate: Fate) -> int:
        """Give a part of the missing run at a position its fate; returns the position behind that part."""
        first = self._firsts[position]
        parts: list[tuple[int, Fate]] = []
        if first < start:
            parts.append((first, MISSING))
        parts.append((start, fate))
        if stop < end:
            parts.append((stop + 1, MISSING))
        self._replace(position, position + 1, parts)
        at = position + (1 if first < start else 0)
        if at + 1 < len(self._fates) and self._fates[at + 1] == fate:
            del self._firsts[at + 1], self._fates[at + 1]
        if at > 0 and self._fates[at - 1] == fate:
            del self._firsts[at], self._fates[at]
            at -= 1
        return at + 1

    def _replace(self, start: int, stop: int, parts: Iterable[tuple[int, Fate]]) -> None:
        kept = list(parts)
        self._firsts[start:stop] = [first for first, _ in kept]
        self._fates[start:stop] = [fate for _, fate in kept]
