"""Which trades the venue tells as one aggregate trade."""

from __future__ import annotations

from typing import Protocol

from sandbox.simulation.trade_log import Aggregate, Trade


__all__ = ["Aggregator", "OrderAggregator", "WindowAggregator"]

_WINDOW_US = 100_000


class _Open:
    """An aggregate trade that may still grow."""

    __slots__ = ("first", "last_trade_id", "quantity", "until_us")

    def __init__(self, first: Trade, until_us: int) -> None:
        self.first = first
        self.quantity = first.quantity
        self.last_trade_id = first.trade_id
        self.until_us = until_us

    def takes(self, trade: Trade) -> bool:
        return trade.price == self.first.price and trade.buyer_is_maker == self.first.buyer_is_maker

    def add(self, trade: Trade) -> None:
        self.quantity += trade.quantity
        self.last_trade_id = trade.trade_id

    def close(self, aggregate_id: int) -> Aggregate:
        first = self.first
        return Aggregate(
            aggregate_id,
            first.price,
            self.quantity,
            first.trade_id,
            self.last_trade_id,
            first.time_ms,
            first.buyer_is_maker,
        )


class Aggregator(Protocol):
    """Makes aggregate trades of a symbol's trades; every trade is in exactly one, in order."""

    def add(self, trades: list[Trade], now_us: int) -> list[Aggregate]:
        """Add the trades of one taker order; return what is complete now."""
        ...

    def settle(self, now_us: int) -> list[Aggregate]:
        """Return what has become complete by the passing of time."""
        ...

    def open_until_us(self) -> int | None:
        """Return when what is open becomes complete by time; None when nothing is open."""
        ...


class OrderAggregator:
    """Spot: the fills of one taker order at one price, complete at once."""

    def __init__(self, first_id: int) -> None:
        self._next_id = first_id

    def add(self, trades: list[Trade], now_us: int) -> list[Aggregate]:
        """Add the trades of one taker order."""
        complete: list[Aggregate] = []
        current: _Open | None = None
        for trade in trades:
            if current is not None and current.takes(trade):
                current.add(trade)
                continue
            if current is not None:
                complete.append(self._close(current))
            current = _Open(trade, now_us)
        if current is not None:
            complete.append(self._close(current))
        return complete

    def settle(self, now_us: int) -> list[Aggregate]:
        """Return nothing: no aggregate trade is ever open between orders."""
        return []

    def open_until_us(self) -> int | None:
        """Return None: no aggregate trade is ever open between orders."""
        return None

    def _close(self, current: _Open) -> Aggregate:
        self._next_id += 1
        return current.close(self._next_id - 1)


class WindowAggregator:
    """Futures: trades at one price and with one taker side within 100 ms, of whichever orders."""

    def __init__(self, first_id: int) -> None:
        self._next_id = first_id
        self._open: _Open | None = None

    def add(self, trades: list[Trade], now_us: int) -> list[Aggregate]:
        """Add the trades of one taker order."""
        complete = self.settle(now_us)
        for trade in trades:
            if self._open is not None:
                if self._open.takes(trade):
                    self._open.add(trade)
                    continue
                complete.append(self._close(self._open))
            self._open = _Open(trade, now_us + _WINDOW_US)
        return complete

    def settle(self, now_us: int) -> list[Aggregate]:
        """Return what is 100 ms old."""
        if self._open is None or now_us < self._open.until_us:
            return []
        return [self._close(self._open)]

    def open_until_us(self) -> int | None:
        """Return when the open aggregate trade will be 100 ms old."""
        return None if self._open is None else self._open.until_us

    def _close(self, current: _Open) -> Aggregate:
        self._open = None
        self._next_id += 1
        return current.close(self._next_id - 1)
