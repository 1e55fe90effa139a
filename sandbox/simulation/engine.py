"""One order book with price-time priority, in whole ticks and steps.

Orders go in, fills and level changes come out; nothing else happens here: no ids of the venue, no time, no text.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct


__all__ = ["BookSide", "Execution", "Fill", "LevelChange", "MatchingEngine", "Order", "Side"]


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> Side:
        """The side it trades against."""
        return Side.SELL if self is Side.BUY else Side.BUY


class Order(Struct, gc=False):
    """One order; the engine alone changes `remaining`."""

    order_id: int
    side: Side
    price: int | None
    """Worst price in ticks; None takes any price and never rests."""
    quantity: int
    """Ordered, in steps."""
    remaining: int
    """Neither filled nor cancelled, in steps."""
    owner: str = ""
    """Account label; empty for the simulated crowd."""


class Fill(Struct, frozen=True, gc=False):
    """One match of the incoming order with a resting one, at the resting one's price."""

    maker: Order
    price: int
    quantity: int


class LevelChange(Struct, frozen=True, gc=False):
    """The new total quantity of a price level; zero: the level is gone."""

    side: Side
    price: int
    quantity: int


class Execution(Struct, frozen=True, gc=False):
    """All that one request did, in the order in which it did it."""

    order: Order
    fills: list[Fill]
    changes: list[LevelChange]


class _Level:
    """Orders at one price, oldest first, and their sum."""

    __slots__ = ("orders", "quantity")

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.quantity = 0


class BookSide:
    """Price levels of one side.

    `keys` holds the price (bids) or its negative (asks) in rising order, so that the best level of either side is
    the last one: most changes happen there, and the end of a list is where it changes cheaply.
    """

    __slots__ = ("keys", "levels", "side", "sign")

    def __init__(self, side: Side) -> None:
        self.side = side
        self.sign = 1 if side is Side.BUY else -1
        self.keys: list[int] = []
        self.levels: dict[int, _Level] = {}

    def best_price(self) -> int | None:
        """Return the best price in ticks, None when the side is empty."""
        return self.keys[-1] * self.sign if self.keys else None

    def quantity_at(self, price: int) -> int:
        """Return the total quantity at a price."""
        level = self.levels.get(price)
        return level.quantity if level else 0

    def top(self, count: int) -> list[tuple[int, int]]:
        """Return price and quantity of the `count` best levels, best first."""
        sign, levels = self.sign, self.levels
        prices = (key * sign for key in reversed(self.keys[-count:] if count else ()))
        return [(price, levels[price].quantity) for price in prices]

    def first_at(self, price: int) -> Order:
        """Return the order that is first in line at a price where there is one."""
        return next(iter(self.levels[price].orders.values()))

    def until(self, worst: int | None) -> Iterator[Order]:
        """Yield the orders in the line in which they will trade, down to the worst price; None: all."""
        last = None if worst is None else worst * self.sign
        for key in reversed(self.keys):
            if last is not None and key < last:
                return
            yield from self.levels[key * self.sign].orders.values()

    def reduce(self, order: Order, price: int, quantity: int) -> LevelChange:
        """Let a standing order be smaller and keep its place in the line."""
        level = self.levels[price]
        order.remaining -= quantity
        level.quantity -= quantity
        return LevelChange(self.side, price, level.quantity)

    def add(self, order: Order, price: int) -> LevelChange:
        """Put an order at the end of the line at its price; the engine has matched it before."""
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = _Level()
            insort(self.keys, price * self.sign)
        level.orders[order.order_id] = order
        level.quantity += order.remaining
        return LevelChange(self.side, price, level.quantity)

    def remove(self, order: Order, price: int) -> LevelChange:
        """Take a standing order out of the line."""
        level = self.levels[price]
        del level.orders[order.order_id]
        level.quantity -= order.remaining
        if not level.orders:
            del self.levels[price]
            del self.keys[bisect_left(self.keys, price * self.sign)]
        return LevelChange(self.side, price, level.quantity)

    def match_best(self, taker: Order, fills: list[Fill]) -> LevelChange:
        """Fill `taker` from the best level, the oldest orders first."""
        price = self.keys[-1] * self.sign
        level = self.levels[price]
        filled: list[int] = []
        for maker in level.orders.values():
            quantity = min(taker.remaining, maker.remaining)
            taker.remaining -= quantity
            maker.remaining -= quantity
            level.quantity -= quantity
            fills.append(Fill(maker, price, quantity))
            if maker.remaining:
                break
            filled.append(maker.order_id)
            if not taker.remaining:
                break
        for order_id in filled:
            del level.orders[order_id]
        if not level.orders:
            del self.levels[price]
            self.keys.pop()
        return LevelChange(self.side, price, level.quantity)


class MatchingEngine:
    """The book of one symbol and its matching rule: better price first, then earlier order."""

    __slots__ = ("_next_order_id", "_resting", "asks", "bids")

    def __init__(self, first_order_id: int = 1) -> None:
        self.bids = BookSide(Side.BUY)
        self.asks = BookSide(Side.SELL)
        self._resting: dict[int, Order] = {}
        self._next_order_id = first_order_id

    def side(self, side: Side) -> BookSide:
        """Return the resting orders of one side."""
        return self.bids if side is Side.BUY else self.asks

    def resting(self, order_id: int) -> Order | None:
        """Return an order that stands in the book."""
        return self._resting.get(order_id)

    def place(self, side: Side, price: int, quantity: int, owner: str = "") -> Execution:
        """Trade what crosses, up to `price`, and let the rest stand in the book (limit order, good till cancelled)."""
        order = self._new(side, price, quantity, owner)
        book, opposite = (self.bids, self.asks) if side is Side.BUY else (self.asks, self.bids)
        if opposite.keys and opposite.keys[-1] >= price * opposite.sign:
            execution = self._match(order)
            if not order.remaining:
                return execution
        else:
            execution = Execution(order, [], [])
        self._resting[order.order_id] = order
        execution.changes.append(book.add(order, price))
        return execution

    def take(self, side: Side, quantity: int, price: int | None = None, owner: str = "") -> Execution:
        """Trade at once what can be, no worse than `price`; the rest lapses (market, or immediate-or-cancel)."""
        return self._match(self._new(side, price, quantity, owner))

    def cancel(self, order_id: int) -> Execution | None:
        """Take an order out of the book; None when it does not stand there (any more)."""
        order = self._resting.pop(order_id, None)
        if order is None or order.price is None:
            return None
        change = self.side(order.side).remove(order, order.price)
        return Execution(order, [], [change])

    def reduce(self, order_id: int, quantity: int) -> Execution | None:
        """Take a part, not the whole, of an order out of the book; None when it does not stand there."""
        order = self._resting.get(order_id)
        if order is None or order.price is None:
            return None
        if not 0 < quantity < order.remaining:
            msg = f"order {order_id}: {quantity} steps of {order.remaining} are to be taken out"
            raise ValueError(msg)
        return Execution(order, [], [self.side(order.side).reduce(order, order.price, quantity)])

    def _new(self, side: Side, price: int | None, quantity: int, owner: str) -> Order:
        if quantity < 1 or (price is not None and price < 1):
            msg = f"order of {quantity} steps at {price} ticks: both are positive"
            raise ValueError(msg)
        order = Order(self._next_order_id, side, price, quantity, quantity, owner)
        self._next_order_id += 1
        return order

    def _match(self, taker: Order) -> Execution:
        opposite = self.asks if taker.side is Side.BUY else self.bids
        keys = opposite.keys
        fills: list[Fill] = []
        changes: list[LevelChange] = []
        worst = None if taker.price is None else taker.price * opposite.sign
        while taker.remaining and keys and (worst is None or keys[-1] >= worst):
            changes.append(opposite.match_best(taker, fills))
        for fill in fills:
            if not fill.maker.remaining:
                del self._resting[fill.maker.order_id]
        return Execution(taker, fills, changes)
