"""A book rebuilt from the raw log alone, by the plainest means: the second opinion on every repair of a book.

Beyond what a live book needs it knows what it does not know: a snapshot of 1,000 levels says nothing about the
1,001st.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import Final

import msgspec

from sandbox.soak.checker.spans import IdRange
from schemas import rest, wire
from schemas.decimals import to_scaled
from schemas.markets import Market


__all__ = ["RebuiltBook", "Side", "WholeBook"]

_LIMITS: Final = frozenset({5, 10, 20, 50, 100, 500, 1000, 5000})
"""What a request for a snapshot may ask for: a side of just so many levels was probably cut there."""
_KEPT: Final = 50_000
_OLD: Final = 2
"""Ids that fall to less than one part in so many have begun anew."""

Side = dict[int, int]
"""Quantity by price, both times 10**8."""

_decode_diff = msgspec.json.Decoder(wire.DepthDiff).decode
_decode_snapshot = msgspec.json.Decoder(rest.DepthSnapshot).decode


class WholeBook(msgspec.Struct, frozen=True):
    """The exchange's own book, all of it (``GET /sandbox/book``)."""

    last_update_id: int = msgspec.field(name="lastUpdateId")
    bids: list[wire.PriceLevel]
    asks: list[wire.PriceLevel]

    def sides(self) -> tuple[Side, Side]:
        """Return bids and asks."""
        return _side(self.bids), _side(self.asks)


class _Diff(msgspec.Struct, frozen=True):
    back: int
    """It joins a book that has this id or a later one."""
    final: int
    bids: Side
    asks: Side


class _Snapshot(msgspec.Struct, frozen=True):
    number: int
    bids: Side
    asks: Side
    floor: int
    """Below this price nothing is known of bids; 0: all is."""
    ceiling: int | None
    """Above this price nothing is known of asks; None: all is."""


class RebuiltBook:
    """The book of one symbol, from its raw depth records in their order.

    Diffs join by coverage, on spot by ``U``, on futures by ``pu`` (Binance, "How to manage a local order book
    correctly"). A snapshot counts once a diff joins it. After a gap the book waits for a snapshot, or for late diffs
    that close the gap. Ids that fall far back begin a new book.
    """

    def __init__(self, market: Market) -> None:
        self._is_futures = market.is_futures
        self._forgotten = 0
        """Highest id of the epoch before this one."""
        self.gaps: list[IdRange] = []
        """Update ids that no diff covered when the next one came."""
        self.diff_count = 0
        self.snapshot_count = 0
        self.epoch_count = 1
        self.unreadable = 0
        self._begin()

    def _begin(self) -> None:
        self.live = False
        self.update_id = 0
        self.bids: Side = {}
        self.asks: Side = {}
        self.floor = 0
        self.ceiling: int | None = None
        self._highest = 0
        self._waiting: deque[_Diff] = deque(maxlen=_KEPT)
        self._pending: _Snapshot | None = None

    def take_diff(self, value: bytes) -> None:
        """Take in a diff."""
        try:
            diff = _read_diff(value, is_futures=self._is_futures)
        except (msgspec.DecodeError, ValueError):
            self.unreadable += 1
            return
        self.diff_count += 1
        if not self._is_of_this_epoch(diff.final):
            return
        if self._highest and diff.back > self._highest:
            self.gaps.append((self._highest + 1, diff.back))
        self._highest = max(self._highest, diff.final)
        self._apply(diff)

    def take_snapshot(self, body: bytes) -> None:
        """Take in a snapshot."""
        try:
            raw = _decode_snapshot(body)
            bids, asks = _side(raw.bids), _side(raw.asks)
        except (msgspec.DecodeError, ValueError):
            self.unreadable += 1
            return
        self.snapshot_count += 1
        if not self._is_of_this_epoch(raw.last_update_id):
            return
        floor = min(bids) if len(bids) in _LIMITS else 0
        ceiling = max(asks) if len(asks) in _LIMITS else None
        snapshot = _Snapshot(raw.last_update_id, bids, asks, floor, ceiling)
        if self.live:
            if snapshot.number == self.update_id:
                self._rest_on(snapshot)
            elif snapshot.number > self.update_id:
                self._pending = snapshot
        else:
            self._pending = snapshot
            self._join(snapshot)

    def settle(self, last_update_id: int) -> None:
        """End: a snapshot that no diff followed counts if the exchange's book has not passed it."""
        pending = self._pending
        if pending is not None and self.update_id < pending.number <= last_update_id:
            self._rest_on(pending)

    def _is_of_this_epoch(self, number: int) -> bool:
        if self._forgotten and number * _OLD > self._forgotten:
            return False
        if number * _OLD < max(self._highest, self.update_id):
            self._forgotten = max(self._highest, self.update_id)
            self.epoch_count += 1
            self._begin()
        return True

    def _apply(self, diff: _Diff) -> None:
        pending = self._pending
        if pending is not None and diff.back <= pending.number < diff.final:
            self.live = self.live and diff.back <= self.update_id
            self._rest_on(pending)
        if not self.live:
            self._waiting.append(diff)
            if diff.back <= self.update_id < diff.final:
                self._catch_up()
        elif diff.back > self.update_id:
            self.live = False
            self._waiting.append(diff)
        elif diff.final > self.update_id:
            self._change(diff)
            if pending is not None and pending.number == self.update_id:
                self._rest_on(pending)

    def _join(self, snapshot: _Snapshot) -> None:
        """Rest on a snapshot if the diffs that wait join it."""
        later = sorted((diff for diff in self._waiting if diff.final > snapshot.number), key=lambda diff: diff.final)
        if not later or later[0].back > snapshot.number or not _continuous(later):
            return
        self._rest_on(snapshot)
        for diff in later:
            self._change(diff)

    def _catch_up(self) -> None:
        """Go on from where the book stood, if the diffs that wait now reach back to it."""
        later = sorted((diff for diff in self._waiting if diff.final > self.update_id), key=lambda diff: diff.final)
        if self.update_id and later[0].back <= self.update_id and _continuous(later):
            for diff in later:
                self._change(diff)
            self.live = True
            self._waiting.clear()

    def _rest_on(self, snapshot: _Snapshot) -> None:
        """Take a snapshot for the book; what a live book knows beyond its reach is kept."""
        bids, asks = dict(snapshot.bids), dict(snapshot.asks)
        floor, ceiling = snapshot.floor, snapshot.ceiling
        if self.live:
            bids |= {price: quantity for price, quantity in self.bids.items() if price < floor}
            floor = min(floor, self.floor)
            if ceiling is not None:
                asks |= {price: quantity for price, quantity in self.asks.items() if price > ceiling}
                ceiling = None if self.ceiling is None else max(ceiling, self.ceiling)
        self.bids, self.asks, self.floor, self.ceiling = bids, asks, floor, ceiling
        self.update_id, self.live = snapshot.number, True
        self._pending = None
        self._waiting.clear()

    def _change(self, diff: _Diff) -> None:
        for side, changes in ((self.bids, diff.bids), (self.asks, diff.asks)):
            for price, quantity in changes.items():
                if quantity:
                    side[price] = quantity
                else:
                    side.pop(price, None)
        self.update_id = max(self.update_id, diff.final)


def _read_diff(value: bytes, *, is_futures: bool) -> _Diff:
    raw = _decode_diff(value)
    previous = raw.previous_final_update_id if is_futures else raw.first_update_id - 1
    if previous is None:
        raise ValueError("a futures diff without pu")
    return _Diff(previous, raw.final_update_id, _side(raw.bids), _side(raw.asks))


def _side(levels: list[wire.PriceLevel]) -> Side:
    return {to_scaled(price): to_scaled(quantity) for price, quantity in levels}


def _continuous(diffs: list[_Diff]) -> bool:
    reached = diffs[0].final
    for _, diff in pairwise(diffs):
        if diff.back > reached:
            return False
        reached = max(reached, diff.final)
    return True
