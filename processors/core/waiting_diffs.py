"""Diffs that cannot be applied to a book yet, because it has no snapshot or something between is missing."""

from __future__ import annotations

from bisect import insort

from processors.core.book_inputs import Diff, PackedInput


__all__ = ["WaitingDiffs"]


class WaitingDiffs:
    """Diffs in the order of their ids; beyond a limit the oldest go.

    Args:
        limit: levels that are kept, all diffs together.
    """

    __slots__ = ("_diffs", "_limit", "_size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._diffs: list[Diff] = []
        self._size = 0

    @property
    def begin(self) -> int:
        """The id behind which the first of them begins; there is one."""
        return self._diffs[0].covers_after

    def keep(self, diff: Diff) -> None:
        """Keep a diff."""
        insort(self._diffs, diff, key=lambda kept: kept.order)
        self._size += diff.size
        # A snapshot yet to be taken is newer than the oldest diffs: they go first.
        while self._size > self._limit and len(self._diffs) > 1:
            self._size -= self._diffs.pop(0).size

    def reach(self, update_id: int) -> bool:
        """Whether a book at ``update_id`` can go on with them: the first newer one continues it."""
        first = next((diff for diff in self._diffs if diff.final_id > update_id), None)
        return first is None or first.covers_after <= update_id

    def begin_behind(self, update_id: int) -> int:
        """Return the least id behind which one that is newer begins; -1: none is."""
        return min((diff.covers_after for diff in self._diffs if diff.final_id > update_id), default=-1)

    def take(self) -> list[Diff]:
        """Return all, and keep none."""
        taken, self._diffs, self._size = self._diffs, [], 0
        return taken

    def keep_all(self, diffs: list[Diff]) -> None:
        """Keep these, which are in order, and no others."""
        self._diffs, self._size = diffs, sum(diff.size for diff in diffs)

    def dump(self) -> list[PackedInput]:
        """Return all, as bytes."""
        return [diff.pack() for diff in self._diffs]

    def load(self, packed: list[PackedInput]) -> None:
        """Take over what was dumped.

        Raises:
            ValueError: it cannot be read.
        """
        self.keep_all([Diff.unpack(diff) for diff in packed])
