"""The last diffs that went into a book: what may have changed behind a snapshot that comes late."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from processors.core.book_inputs import Diff, PackedInput


__all__ = ["TRAIL_LENGTH", "Trail", "TrailState"]

TRAIL_LENGTH: Final = 32
"""Diffs remembered: 3 s of the fastest stream, and a snapshot is seldom a second behind it."""


class TrailState(msgspec.Struct, frozen=True):
    """What a trail keeps in a checkpoint."""

    begin: int
    diffs: list[PackedInput]


class Trail:
    """Remembers the last diffs applied."""

    __slots__ = ("_begin", "_diffs", "add")

    def __init__(self) -> None:
        self._begin = -1
        self._diffs: deque[Diff] = deque(maxlen=TRAIL_LENGTH)
        self.add = self._diffs.append
        """Remember a diff that was applied; its ``covers_after`` is where the book stood before."""

    @property
    def begin(self) -> int:
        """The least update id behind which every diff is remembered."""
        return max(self._begin, self._diffs[0].covers_after) if self._diffs else self._begin

    def start(self, update_id: int) -> None:
        """Forget what lies before a snapshot that the book was built from."""
        self._begin = update_id
        while self._diffs and self._diffs[0].final_id <= update_id:
            self._diffs.popleft()

    def clear(self, update_id: int) -> None:
        """Forget all diffs; the book was built anew from a snapshot at this id."""
        self._begin = update_id
        self._diffs.clear()

    def behind(self, update_id: int) -> list[Diff]:
        """Return the diffs that hold changes behind an update id, in order."""
        return [diff for diff in self._diffs if diff.final_id > update_id]

    def dump(self) -> TrailState:
        """Return the whole state."""
        return TrailState(self._begin, [diff.pack() for diff in self._diffs])

    def load(self, state: TrailState) -> None:
        """Take over a whole state.

        Raises:
            ValueError: it cannot be read.
        """
        diffs = [Diff.unpack(diff) for diff in state.diffs]
        self.clear(state.begin)
        self._diffs.extend(diffs)
