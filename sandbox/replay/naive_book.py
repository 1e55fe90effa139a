"""An order book by the plainest means: the second opinion on every other book.

Two dictionaries from price to level. It shares nothing with the books that it judges but the spelling of decimal
numbers, and takes what the venue sent as it came.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

import msgspec

from schemas.decimals import to_scaled
from schemas.markets import Market


__all__ = ["DiffFate", "NaiveBook", "PriceLevel", "Quote"]

_KEPT_DIFFS = 1_000

PriceLevel = tuple[str, str]
"""Price and quantity, as the venue spelled them."""
Quote = tuple[int, int, int, int]
"""Best bid's price and quantity, best ask's price and quantity, scaled by 10**8; an empty side is 0, 0."""


class DiffFate(StrEnum):
    """What became of a diff."""

    APPLIED = "applied"
    STALE = "stale"
    """The book had it already."""
    WAITING = "waiting"
    """There is no book yet, or none since a gap; it is kept for the next snapshot."""
    GAP = "gap"
    """Diffs before it are missing: the book is gone until a snapshot."""


class _Snapshot(msgspec.Struct):
    last_update_id: int = msgspec.field(name="lastUpdateId")
    bids: list[PriceLevel]
    asks: list[PriceLevel]


class _DiffIds(msgspec.Struct):
    first_id: int = msgspec.field(name="U")
    final_id: int = msgspec.field(name="u")
    previous_id: int | None = msgspec.field(name="pu", default=None)

    @property
    def reaches_back_to(self) -> int:
        return self.first_id - 1 if self.previous_id is None else self.previous_id


class _DiffLevels(msgspec.Struct):
    bids: list[PriceLevel] = msgspec.field(name="b")
    asks: list[PriceLevel] = msgspec.field(name="a")


_decode_snapshot = msgspec.json.Decoder(_Snapshot).decode
_decode_ids = msgspec.json.Decoder(_DiffIds).decode
_decode_levels = msgspec.json.Decoder(_DiffLevels).decode

_Changes = list[tuple[int, int, PriceLevel]]
"""Scaled price, scaled quantity, and the level as spelled."""


class NaiveBook:
    """The book of one symbol, from payloads in the order in which they were received.

    It is right only while it is `live`: from a snapshot that the diffs join, up to a gap. Diffs join by coverage, on
    spot by ``U``, on futures by ``pu`` (Binance, "How to manage a local order book correctly"); a diff that reaches
    further back than needed changes nothing, quantities being absolute. Levels beyond the snapshot are unknown until
    they change.
    """

    def __init__(self, market: Market) -> None:
        self.update_id = 0
        """Final update id of the last diff applied, or the snapshot's; 0 while not live."""
        self.live = False
        self._is_futures = market.is_futures
        self._bids: dict[int, tuple[int, PriceLevel]] = {}
        self._asks: dict[int, tuple[int, PriceLevel]] = {}
        self._best_bid: int | None = None
        self._best_ask: int | None = None
        self._recent: deque[tuple[_DiffIds, bytes]] = deque(maxlen=_KEPT_DIFFS)

    def apply_snapshot(self, body: bytes) -> bool:
        """Take a REST depth answer; return whether the book rests on it now.

        The answer may be older than diffs that came before it: those are applied to it again. If they do not join
        it, a live book is kept, and without one the next snapshot must help.

        Raises:
            ValueError: It is no depth answer; nothing changes.
        """
        snapshot = _decode_snapshot(body)
        bids, asks = _changes(snapshot.bids), _changes(snapshot.asks)
        later = [(ids, data) for ids, data in self._recent if ids.final_id > snapshot.last_update_id]
        if not _join(snapshot.last_update_id, later):
            return False
        self.live, self.update_id = True, snapshot.last_update_id
        self._bids, self._asks = {}, {}
        self._apply(bids, asks)
        for ids, data in later:
            self._apply(*_decode_diff(data))
            self.update_id = ids.final_id
        return True

    def apply_diff(self, data: bytes) -> DiffFate:
        """Take a ``depthUpdate`` payload; the book changes only when the diff continues it.

        Raises:
            ValueError: It is no diff, or a price or quantity is no number; nothing changes.
        """
        ids, changes = _decode_ids(data), _decode_diff(data)
        if self._is_futures and ids.previous_id is None:
            raise ValueError("futures diff without pu")
        if not self.live:
            self._recent.append((ids, data))
            return DiffFate.WAITING
        if ids.final_id <= self.update_id:
            return DiffFate.STALE
        if ids.reaches_back_to > self.update_id:
            self.live, self.update_id = False, 0
            self._recent.clear()
            self._recent.append((ids, data))
            return DiffFate.GAP
        self._recent.append((ids, data))
        self._apply(*changes)
        self.update_id = ids.final_id
        return DiffFate.APPLIED

    @property
    def quote(self) -> Quote:
        """The best bid and the best ask."""
        if self._best_bid is None and self._bids:
            self._best_bid = max(self._bids)
        if self._best_ask is None and self._asks:
            self._best_ask = min(self._asks)
        bid, ask = self._best_bid, self._best_ask
        bid_quantity = 0 if bid is None else self._bids[bid][0]
        ask_quantity = 0 if ask is None else self._asks[ask][0]
        return bid or 0, bid_quantity, ask or 0, ask_quantity

    def levels(self, limit: int) -> tuple[list[PriceLevel], list[PriceLevel]]:
        """Return up to `limit` bids and asks, best first."""
        bids = sorted(self._bids, reverse=True)[:limit]
        asks = sorted(self._asks)[:limit]
        return [self._bids[price][1] for price in bids], [self._asks[price][1] for price in asks]

    def _apply(self, bids: _Changes, asks: _Changes) -> None:
        _set(self._bids, bids)
        _set(self._asks, asks)
        self._best_bid = self._best_ask = None


def _decode_diff(data: bytes) -> tuple[_Changes, _Changes]:
    levels = _decode_levels(data)
    return _changes(levels.bids), _changes(levels.asks)


def _changes(levels: list[PriceLevel]) -> _Changes:
    return [(to_scaled(level[0]), to_scaled(level[1]), level) for level in levels]


def _set(side: dict[int, tuple[int, PriceLevel]], changes: _Changes) -> None:
    for price, quantity, level in changes:
        if quantity:
            side[price] = quantity, level
        else:
            side.pop(price, None)


def _join(update_id: int, diffs: list[tuple[_DiffIds, bytes]]) -> bool:
    """Return whether the diffs continue an update id, and one another."""
    for ids, _ in diffs:
        if ids.reaches_back_to > update_id:
            return False
        update_id = max(update_id, ids.final_id)
    return True
