"""The last changes that went into a book: what may have changed behind a snapshot that comes late.

Of the last diffs everything is remembered. While a snapshot is wanted, so are the prices that older ones touched, each
with where it was touched last: the answer can be compared however late it comes. What the quantity at such a price is
now, the book knows, because quantities are absolute.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

import msgspec

from processors.core.book_inputs import Diff, PackedInput
from processors.core.packed import pack, unpack


__all__ = ["TRAIL_LENGTH", "TRAIL_PRICES", "Trail", "TrailState"]

TRAIL_LENGTH: Final = 32
"""Diffs remembered: 3 s of the fastest stream, and a snapshot is seldom a second behind it."""
TRAIL_PRICES: Final = 4_096
"""Prices remembered beyond them, while a snapshot is wanted: of the busiest symbols those of a minute or so."""


class TrailState(msgspec.Struct, frozen=True):
    """What a trail keeps in a checkpoint."""

    begin: int
    diffs: list[PackedInput]
    touched: bytes = b""
    """Keys of older changes and where each was last touched, by turns, the oldest first."""
    touched_begin: int | None = None


class Trail:
    """Remembers the last diffs applied, and on demand the prices that older ones touched."""

    __slots__ = ("_begin", "_diffs", "_touched", "_touched_begin", "add")

    def __init__(self) -> None:
        self._begin = -1
        self._diffs: deque[Diff] = deque(maxlen=TRAIL_LENGTH)
        self._touched: OrderedDict[int, int] = OrderedDict()
        """By key (a bid's price, an ask's negated) the diff that touched it last, in that order."""
        self._touched_begin: int | None = None
        """The least update id behind which every touched price is remembered; None: none are."""
        self.add = self._diffs.append
        """Remember a diff that was applied; its ``covers_after`` is where the book stood before."""

    @property
    def begin(self) -> int:
        """The least update id behind which every change is remembered."""
        if self._touched_begin is not None:
            return max(self._begin, self._touched_begin)
        return max(self._begin, self._diffs[0].covers_after) if self._diffs else self._begin

    @property
    def reaches_back(self) -> bool:
        """Whether more than the last diffs is remembered."""
        return self._touched_begin is not None

    def reach_back(self, wanted: bool) -> None:
        """Before a diff is added, keep the prices of the one that falls out, as long as a snapshot is wanted."""
        if not wanted:
            self._forget_touched()
        elif len(self._diffs) == TRAIL_LENGTH:
            self._keep(self._diffs[0])

    def _keep(self, diff: Diff) -> None:
        touched, final_id = self._touched, diff.final_id
        if self._touched_begin is None:
            self._touched_begin = diff.covers_after
        for key in (*(price for price, _ in diff.bids), *(-price for price, _ in diff.asks)):
            touched[key] = final_id
            touched.move_to_end(key)
        while len(touched) > TRAIL_PRICES:
            _, oldest_id = touched.popitem(last=False)
            self._touched_begin = max(self._touched_begin, oldest_id)

    def start(self, update_id: int) -> None:
        """Forget what lies before a snapshot that the book was built from."""
        self._begin = update_id
        while self._diffs and self._diffs[0].final_id <= update_id:
            self._diffs.popleft()
        if not self._diffs:
            self._forget_touched()

    def clear(self, update_id: int) -> None:
        """Forget everything; the book was built anew from a snapshot at this id."""
        self._begin = update_id
        self._diffs.clear()
        self._forget_touched()

    def _forget_touched(self) -> None:
        self._touched_begin = None
        self._touched.clear()

    def behind(self, update_id: int) -> list[Diff]:
        """Return the diffs that are remembered and hold changes behind an update id, in order."""
        return [diff for diff in self._diffs if diff.final_id > update_id]

    def touched_behind(self, update_id: int) -> tuple[list[int], list[int]]:
        """Return the prices of bids and of asks that older diffs than those touched behind an update id."""
        keys = [key for key, final_id in self._touched.items() if final_id > update_id]
        return [key for key in keys if key > 0], [-key for key in keys if key < 0]

    def dump(self) -> TrailState:
        """Return the whole state."""
        touched = pack([number for entry in self._touched.items() for number in entry])
        return TrailState(self._begin, [diff.pack() for diff in self._diffs], touched, self._touched_begin)

    def load(self, state: TrailState) -> None:
        """Take over a whole state.

        Raises:
            ValueError: it cannot be read.
        """
        diffs = [Diff.unpack(diff) for diff in state.diffs]
        self.clear(state.begin)
        self._diffs.extend(diffs)
        if state.touched_begin is not None:
            numbers = unpack(state.touched)
            self._touched.update(zip(numbers[::2], numbers[1::2], strict=True))
            self._touched_begin = state.touched_begin
