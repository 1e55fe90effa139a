"""One order book: price levels of two sides, whose best prices are always known."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from processors.core.book_comparison import EVERYWHERE, SideComparison, compare_side, reach_of
from processors.core.packed import pack, unpack
from schemas.decimals import SCALE, parse_scaled, to_scaled
from schemas.wire import PriceLevel


__all__ = [
    "EVERYWHERE",
    "BookLevels",
    "Columns",
    "Comparison",
    "Level",
    "OrderBook",
    "PackedBook",
    "Top",
    "parse_levels",
]

Level = tuple[int, int]
"""Price and quantity, both scaled by 10**8."""

Top = tuple[int | None, int | None, int | None, int | None]
"""Best bid price and quantity, best ask price and quantity; None where a side is empty."""


Columns = tuple[list[int], list[int]]
"""Keys and quantities of levels of one side, parallel, best last."""


class BookLevels(msgspec.Struct, frozen=True):
    """The best levels of a book as parallel lists, best first."""

    bid_prices: list[int]
    bid_quantities: list[int]
    ask_prices: list[int]
    ask_quantities: list[int]


class Comparison(msgspec.Struct, frozen=True):
    """How a book and a snapshot compare."""

    bids: SideComparison
    asks: SideComparison

    @property
    def compared(self) -> int:
        """Levels that both can know."""
        return self.bids.compared + self.asks.compared

    @property
    def equal(self) -> int:
        """Those of the same quantity."""
        return self.bids.equal + self.asks.equal

    @property
    def left_out(self) -> int:
        """Levels that may have changed since."""
        return self.bids.left_out + self.asks.left_out


class PackedBook(msgspec.Struct, frozen=True):
    """A book for a checkpoint: keys, sorted, and their quantities, packed; and how far each side is known."""

    bid_keys: bytes
    bid_quantities: bytes
    bid_reach: int
    ask_keys: bytes
    ask_quantities: bytes
    ask_reach: int


_QUANTITY_DIGITS: Final = 28


def parse_levels(levels: Sequence[PriceLevel]) -> list[Level]:
    """Return price levels as integers.

    Raises:
        ValueError: a text is no number that fits, a price is not positive, or a quantity is negative.
    """
    try:
        parsed = [(to_scaled(price), to_scaled(quantity)) for price, quantity in levels]
    except ValueError:
        # Of coins worth next to nothing, a level can hold more than the width of prices: that is no fault.
        parsed = [(to_scaled(price), parse_scaled(quantity, SCALE, _QUANTITY_DIGITS)) for price, quantity in levels]
    for price, quantity in parsed:
        if price <= 0 or quantity < 0:
            msg = f"a level of price {price} and quantity {quantity} (times 10^8) cannot be"
            raise ValueError(msg)
    return parsed


class OrderBook:
    """Price levels of both sides.

    A side is a mapping of key to quantity and the sorted list of its keys. Keys grow towards the best price: a bid's
    key is its price, an ask's the price negated. So the best is the last of the list, and changes near it, which are
    the most, move few entries.

    Of each side the least key is kept down to which every level is known, as snapshots told so far.
    """

    __slots__ = ("_ask_keys", "_asks", "_bid_keys", "_bids", "ask_reach", "bid_reach")

    def __init__(self) -> None:
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self._bid_keys: list[int] = []
        self._ask_keys: list[int] = []
        self.bid_reach = EVERYWHERE
        """The least key of a bid from which on every level is known; below, only what changed since is."""
        self.ask_reach = EVERYWHERE
        """The same of asks."""

    @property
    def bid_count(self) -> int:
        """Number of bid levels."""
        return len(self._bid_keys)

    @property
    def ask_count(self) -> int:
        """Number of ask levels."""
        return len(self._ask_keys)

    @property
    def crossed(self) -> bool:
        """Whether the best bid is above the best ask: a fault."""
        return bool(self._bid_keys and self._ask_keys) and self._bid_keys[-1] > -self._ask_keys[-1]

    @property
    def locked(self) -> bool:
        """Whether the best bid equals the best ask: a fault."""
        return bool(self._bid_keys and self._ask_keys) and self._bid_keys[-1] == -self._ask_keys[-1]

    @property
    def out_of_reach(self) -> bool:
        """Whether a best price lies beyond what snapshots told of: there may be better ones that never changed."""
        bids, asks = self._bid_keys, self._ask_keys
        return (bids[-1] if bids else EVERYWHERE) < self.bid_reach or (
            asks[-1] if asks else EVERYWHERE
        ) < self.ask_reach

    def load(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Replace all levels by those of a snapshot."""
        self._bids = {price: quantity for price, quantity in dict(bids).items() if quantity}
        self._asks = {-price: quantity for price, quantity in dict(asks).items() if quantity}
        self._bid_keys = sorted(self._bids)
        self._ask_keys = sorted(self._asks)
        self.bid_reach, self.ask_reach = reach_of(self._bid_keys), reach_of(self._ask_keys)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Set the quantities of levels; zero removes one.

        Quantities are absolute, so applying twice is applying once. Removing a level that the book does not have is
        normal: a snapshot is cut at some depth.
        """
        _apply(self._bids, self._bid_keys, bids, 1)
        _apply(self._asks, self._ask_keys, asks, -1)

    def compare(
        self, bids: Iterable[Level], asks: Iterable[Level], touched: Iterable[tuple[list[Level], list[Level]]]
    ) -> Comparison:
        """Compare with the levels of a snapshot.

        Args:
            bids: the snapshot's.
            asks: the snapshot's.
            touched: bids and asks of the diffs behind it.
        """
        later = list(touched)
        return Comparison(
            compare_side(
                self._bids,
                self._bid_keys,
                self.bid_reach,
                {price: quantity for price, quantity in bids if quantity},
                {price for side, _ in later for price, _ in side},
            ),
            compare_side(
                self._asks,
                self._ask_keys,
                self.ask_reach,
                {-price: quantity for price, quantity in asks if quantity},
                {-price for _, side in later for price, _ in side},
            ),
        )

    def learn(self, comparison: Comparison) -> bool:
        """Take over what a snapshot told that the book could not know; return whether that was anything."""
        self.bid_reach, self.ask_reach = comparison.bids.reach, comparison.asks.reach
        for quantities, keys, news in (
            (self._bids, self._bid_keys, comparison.bids.news),
            (self._asks, self._ask_keys, comparison.asks.news),
        ):
            if news:
                quantities.update(news)
                keys.extend(news)
                keys.sort()
        return bool(comparison.bids.news or comparison.asks.news)

    def dump(self) -> PackedBook:
        """Return the whole book."""
        return PackedBook(
            pack(self._bid_keys),
            pack([*map(self._bids.__getitem__, self._bid_keys)]),
            self.bid_reach,
            pack(self._ask_keys),
            pack([*map(self._asks.__getitem__, self._ask_keys)]),
            self.ask_reach,
        )

    def restore(self, packed: PackedBook) -> None:
        """Take over a whole book.

        Raises:
            ValueError: it cannot be read.
        """
        bid_keys, ask_keys = unpack(packed.bid_keys), unpack(packed.ask_keys)
        bids = dict(zip(bid_keys, unpack(packed.bid_quantities), strict=True))
        asks = dict(zip(ask_keys, unpack(packed.ask_quantities), strict=True))
        self._bids, self._bid_keys, self.bid_reach = bids, bid_keys, packed.bid_reach
        self._asks, self._ask_keys, self.ask_reach = asks, ask_keys, packed.ask_reach

    def levels_at(self, bids: Iterable[int], asks: Iterable[int]) -> tuple[list[Level], list[Level]]:
        """Return the levels at prices of bids and of asks, of quantity zero where there is none."""
        return (
            [(price, self._bids.get(price, 0)) for price in bids],
            [(price, self._asks.get(-price, 0)) for price in asks],
        )

    def best(self) -> Top:
        """Return best prices and quantities."""
        bid_keys, ask_keys = self._bid_keys, self._ask_keys
        bid = bid_keys[-1] if bid_keys else None
        ask = ask_keys[-1] if ask_keys else None
        return (
            bid,
            None if bid is None else self._bids[bid],
            None if ask is None else -ask,
            None if ask is None else self._asks[ask],
        )

    def top(self, depth: int) -> BookLevels:
        """Return up to ``depth`` levels of each side."""
        bid_keys, ask_keys = _best_keys(self._bid_keys, depth), _best_keys(self._ask_keys, depth)
        return BookLevels(
            bid_keys,
            [self._bids[key] for key in bid_keys],
            [-key for key in ask_keys],
            [self._asks[key] for key in ask_keys],
        )

    def bids_from(self, least: int) -> Columns:
        """Return the bids from the key ``least`` on."""
        return _columns(self._bids, self._bid_keys, least)

    def asks_from(self, least: int) -> Columns:
        """Return the asks from the key ``least`` on: prices up to it."""
        return _columns(self._asks, self._ask_keys, least)


def _columns(quantities: dict[int, int], keys: list[int], least: int) -> Columns:
    wanted = keys[bisect_left(keys, least) :]
    return wanted, [*map(quantities.__getitem__, wanted)]


def _best_keys(keys: Sequence[int], depth: int) -> list[int]:
    return list(keys[: -depth - 1 : -1]) if depth else []


def _apply(quantities: dict[int, int], keys: list[int], levels: Iterable[Level], sign: int) -> None:
    for price, quantity in levels:
        key = price * sign
        if quantity:
            if key not in quantities:
                insort(keys, key)
            quantities[key] = quantity
        elif quantities.pop(key, None) is not None:
            del keys[bisect_left(keys, key)]
