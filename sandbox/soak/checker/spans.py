"""The consecutive ids of one symbol in one epoch: what each says, and what became of it, in nine bytes an id."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Final


__all__ = ["BACKFILLED", "LATE", "LIVE", "IdRange", "IdSpan", "cut", "size"]

IdRange = tuple[int, int]
"""First and last id, both included."""

LIVE: Final = 1
"""It came over a connection."""
BACKFILLED: Final = 2
"""It was fetched."""
LATE: Final = 4
"""When it first came, a higher id was there already."""

_PRESENT: Final = LIVE | BACKFILLED
_HOLES: Final = {mark: bytes(int(not value & mark) for value in range(256)) for mark in (LIVE, _PRESENT)}
"""Tables that turn marks into 1 where the id lacks one."""


class IdSpan:
    """Ids without a hole, from the exchange's own log, and the marks that the raw log leaves on them."""

    __slots__ = ("_highest", "_marks", "_prints", "first_id", "first_time", "last_time")

    def __init__(self, first_id: int, first_time: int) -> None:
        self.first_id = first_id
        self.first_time = first_time
        self.last_time = first_time
        self._prints = array("q")
        self._marks = bytearray()
        self._highest = -1

    def __len__(self) -> int:
        return len(self._prints)

    def __contains__(self, number: int) -> bool:
        return 0 <= number - self.first_id < len(self._prints)

    @property
    def last_id(self) -> int:
        """The last id."""
        return self.first_id + len(self._prints) - 1

    def append(self, number: int, fingerprint: int, time: int) -> None:
        """Add the next id of the exchange's log.

        Raises:
            ValueError: it is not the next.
        """
        if number != self.last_id + 1:
            msg = f"id {number} after {self.last_id}"
            raise ValueError(msg)
        self._prints.append(fingerprint)
        self._marks.append(0)
        self.last_time = time

    def says(self, number: int, fingerprint: int) -> bool:
        """Return whether the exchange said just this under the id, which must be inside."""
        return self._prints[number - self.first_id] == fingerprint

    def mark(self, number: int, mark: int) -> bool:
        """Note that an id, which must be inside, is in the raw log; return whether it had been there before."""
        index = number - self.first_id
        before = self._marks[index]
        if not before and index < self._highest:
            mark |= LATE
        self._marks[index] = before | mark
        self._highest = max(self._highest, index)
        return bool(before)

    def marks(self, number: int) -> int:
        """Return what was noted of an id; 0 for one that is outside."""
        return self._marks[number - self.first_id] if number in self else 0

    def missing(self) -> Iterator[IdRange]:
        """Yield the ids that are not in the raw log."""
        return self._lacking(_PRESENT)

    def not_live(self) -> Iterator[IdRange]:
        """Yield the ids that no connection delivered."""
        return self._lacking(LIVE)

    def count(self, mark: int) -> int:
        """Return how many ids have a mark."""
        return sum(self._marks.count(value) for value in range(8) if value & mark)

    def _lacking(self, mark: int) -> Iterator[IdRange]:
        holes = self._marks.translate(_HOLES[mark])
        start = holes.find(1)
        while start >= 0:
            end = holes.find(0, start)
            if end < 0:
                end = len(holes)
            yield self.first_id + start, self.first_id + end - 1
            start = holes.find(1, end)


def size(ranges: list[IdRange]) -> int:
    """Return how many ids ranges hold that do not overlap."""
    return sum(last - first + 1 for first, last in ranges)


def cut(ranges: list[IdRange], covers: list[IdRange]) -> list[IdRange]:
    """Return what is left of ranges where nothing covers them; both ascending, the ranges without overlap."""
    left: list[IdRange] = []
    for first, last in ranges:
        at = first
        for cover_first, cover_last in covers:
            if cover_last < at or cover_first > last:
                continue
            if cover_first > at:
                left.append((at, cover_first - 1))
            at = max(at, cover_last + 1)
            if at > last:
                break
        if at <= last:
            left.append((at, last))
    return left
