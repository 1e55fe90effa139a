"""The last trades and aggregate trades of a symbol, in columns: REST answers from them."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator

from msgspec import Struct


__all__ = ["Aggregate", "AggregateLog", "Trade", "TradeLog"]


class Trade(Struct, frozen=True, gc=False):
    """One match."""

    trade_id: int
    price: int
    """Ticks."""
    quantity: int
    """Steps."""
    time_ms: int
    buyer_is_maker: bool


class Aggregate(Struct, frozen=True, gc=False):
    """Consecutive trades told as one."""

    aggregate_id: int
    price: int
    quantity: int
    first_trade_id: int
    last_trade_id: int
    time_ms: int
    buyer_is_maker: bool


class _Columns:
    """Rows of integers with consecutive ids and rising times; the oldest are forgotten, half of them at a time."""

    def __init__(self, width: int, first_id: int, keep: int) -> None:
        self._columns = tuple(array("q") for _ in range(width))
        self._times = array("q")
        self._keep = keep
        self._limit = 2 * keep
        self.first_id = first_id
        """Of the oldest row remembered."""

    def appenders(self) -> tuple[Callable[[int], None], ...]:
        """Return what appends to the times and to each column: all are to be called for each row, then `trim`."""
        return tuple(column.append for column in (self._times, *self._columns))

    def trim(self) -> None:
        """Forget the oldest rows when there are too many."""
        if len(self._times) >= self._limit:
            self._forget()

    def _forget(self) -> None:
        surplus = len(self._times) - self._keep
        del self._times[:surplus]
        for column in self._columns:
            del column[:surplus]
        self.first_id += surplus

    @property
    def end_id(self) -> int:
        return self.first_id + len(self._times)

    def first_at(self, time_ms: int) -> int:
        """Return the id of the first row at or after a time."""
        return self.first_id + bisect_left(self._times, time_ms)

    def after(self, time_ms: int) -> int:
        """Return the id of the first row after a time."""
        return self.first_id + bisect_right(self._times, time_ms)

    def rows(self, from_id: int, to_id: int) -> Iterator[tuple[int, int, tuple[int, ...]]]:
        """Yield id, time and columns of the rows remembered with ``from_id <= id < to_id``."""
        for row_id in range(max(from_id, self.first_id), min(to_id, self.end_id)):
            index = row_id - self.first_id
            yield row_id, self._times[index], tuple(column[index] for column in self._columns)


class TradeLog:
    """Trades by id."""

    def __init__(self, first_id: int, keep: int) -> None:
        self._rows = _Columns(3, first_id, keep)
        self._append = self._rows.appenders()

    @property
    def next_id(self) -> int:
        """The id of the next trade."""
        return self._rows.end_id

    def append(self, trade: Trade) -> None:
        """Remember the next trade."""
        time_ms, price, quantity, maker = self._append
        time_ms(trade.time_ms)
        price(trade.price)
        quantity(trade.quantity)
        maker(trade.buyer_is_maker)
        self._rows.trim()

    def last(self, count: int) -> list[Trade]:
        """Return the newest trades, oldest first."""
        return self.since(self.next_id - count, count)

    def since(self, from_id: int, count: int) -> list[Trade]:
        """Return trades from an id upward, or from the oldest remembered."""
        start = max(from_id, self._rows.first_id)
        return [
            Trade(trade_id, price, quantity, time_ms, bool(maker))
            for trade_id, time_ms, (price, quantity, maker) in self._rows.rows(start, start + count)
        ]


class AggregateLog:
    """Aggregate trades by id and by time."""

    def __init__(self, first_id: int, keep: int) -> None:
        self._rows = _Columns(5, first_id, keep)
        self._append = self._rows.appenders()

    @property
    def next_id(self) -> int:
        """The id of the next aggregate trade."""
        return self._rows.end_id

    def append(self, aggregate: Aggregate) -> None:
        """Remember the next aggregate trade."""
        time_ms, price, quantity, first, last, maker = self._append
        time_ms(aggregate.time_ms)
        price(aggregate.price)
        quantity(aggregate.quantity)
        first(aggregate.first_trade_id)
        last(aggregate.last_trade_id)
        maker(aggregate.buyer_is_maker)
        self._rows.trim()

    def last(self, count: int) -> list[Aggregate]:
        """Return the newest, oldest first."""
        return self.since(self.next_id - count, count)

    def since(self, from_id: int, count: int) -> list[Aggregate]:
        """Return aggregate trades from an id upward, or from the oldest remembered."""
        start = max(from_id, self._rows.first_id)
        return self._between(start, start + count)

    def in_time(self, start_ms: int | None, end_ms: int | None, count: int) -> list[Aggregate]:
        """Return those with ``start_ms <= time <= end_ms``: the oldest with a start, else the newest."""
        end = self.next_id if end_ms is None else self._rows.after(end_ms)
        if start_ms is None:
            return self._between(end - count, end)
        start = self._rows.first_at(start_ms)
        return self._between(start, min(end, start + count))

    def _between(self, from_id: int, to_id: int) -> list[Aggregate]:
        return [
            Aggregate(aggregate_id, price, quantity, first, last, time_ms, bool(maker))
            for aggregate_id, time_ms, (price, quantity, first, last, maker) in self._rows.rows(from_id, to_id)
        ]
