"""The venue's candles: folded from trades by the minute, and from minutes to longer intervals."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from sandbox.simulation.intervals import interval_start
from sandbox.simulation.trade_log import Trade


__all__ = ["Kline", "KlineSeries", "RollUp", "merged", "rolled_up"]

_open_ms = attrgetter("open_ms")


class Kline(Struct, gc=False):
    """What happened in one interval; without trades all prices are the close before."""

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    quantity: int = 0
    """Steps."""
    second: int = 0
    """Second quantity, in the instrument's units of it."""
    trade_count: int = 0
    taker_buy_quantity: int = 0
    taker_buy_second: int = 0
    first_trade_id: int = -1
    last_trade_id: int = -1

    def add(self, trade: Trade, second: int) -> None:
        """Add the next trade."""
        price = trade.price
        if not self.trade_count:
            self.open = self.high = self.low = price
            self.first_trade_id = trade.trade_id
        elif price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        self.close = price
        self.quantity += trade.quantity
        self.second += second
        self.trade_count += 1
        self.last_trade_id = trade.trade_id
        if not trade.buyer_is_maker:
            self.taker_buy_quantity += trade.quantity
            self.taker_buy_second += second


def merged(earlier: Kline, later: Kline) -> Kline:
    """Return one kline of two that follow each other."""
    if not later.trade_count:
        return earlier
    if not earlier.trade_count:
        return replace(later, open_ms=earlier.open_ms)
    return Kline(
        earlier.open_ms,
        earlier.open,
        max(earlier.high, later.high),
        min(earlier.low, later.low),
        later.close,
        earlier.quantity + later.quantity,
        earlier.second + later.second,
        earlier.trade_count + later.trade_count,
        earlier.taker_buy_quantity + later.taker_buy_quantity,
        earlier.taker_buy_second + later.taker_buy_second,
        earlier.first_trade_id,
        later.last_trade_id,
    )


class KlineSeries:
    """Klines of one short interval without a hole, from the first trade on."""

    def __init__(self, length_ms: int, keep: int) -> None:
        self._length_ms = length_ms
        self._keep = keep
        self._closed: list[Kline] = []
        self._forgotten = 0
        self.current: Kline | None = None
        """The one that is still open; None before the first trade."""

    @property
    def closed_count(self) -> int:
        """How many were closed since the beginning, those forgotten among them."""
        return self._forgotten + len(self._closed)

    def add(self, trade: Trade, second: int) -> None:
        """Add the next trade."""
        self.advance(trade.time_ms)
        if self.current is None:
            start = trade.time_ms // self._length_ms * self._length_ms
            self.current = Kline(start, trade.price, trade.price, trade.price, trade.price)
        self.current.add(trade, second)

    def advance(self, now_ms: int) -> None:
        """Close what has ended by `now_ms`."""
        current = self.current
        while current is not None and now_ms >= current.open_ms + self._length_ms:
            self._closed.append(current)
            close = current.close
            self.current = current = Kline(current.open_ms + self._length_ms, close, close, close, close)
        if len(self._closed) >= 2 * self._keep:
            surplus = len(self._closed) - self._keep
            del self._closed[:surplus]
            self._forgotten += surplus

    def closed_from(self, index: int) -> list[Kline]:
        """Return the closed ones from a count on, as far as remembered."""
        return self._closed[max(0, index - self._forgotten) :]

    def index_at(self, time_ms: int) -> int:
        """Return the count of the first closed one that opens at or after a time."""
        return self._forgotten + bisect_left(self._closed, time_ms, key=_open_ms)

    def since(self, time_ms: int) -> Iterator[Kline]:
        """Yield those that are remembered and open at or after a time, the one still open last."""
        yield from self.closed_from(self.index_at(time_ms))
        if self.current is not None and self.current.open_ms >= time_ms:
            yield self.current


class RollUp:
    """The klines of one interval as they form, folded from a series of shorter ones."""

    def __init__(self, series: KlineSeries, interval: str) -> None:
        self._series = series
        self._interval = interval
        self._start_ms = -1
        self._folded: Kline | None = None
        self._seen = 0

    def forming(self, now_ms: int) -> Kline | None:
        """Return the kline of the interval that contains `now_ms`, so far; None before the first trade."""
        folded = self._fold(now_ms, now_ms)
        current = self._series.current
        if current is None:
            return None
        if folded is None:
            return replace(current, open_ms=self._start_ms)
        return merged(folded, current)

    def finished(self, end_ms: int) -> Kline | None:
        """Return the kline of the interval that has just ended at `end_ms`; None before the first trade."""
        return self._fold(end_ms - 1, end_ms)

    def _fold(self, inside_ms: int, now_ms: int) -> Kline | None:
        """Fold what is closed of the interval around `inside_ms`."""
        self._series.advance(now_ms)
        start = interval_start(self._interval, inside_ms)
        if start != self._start_ms:
            self._start_ms, self._folded = start, None
            self._seen = self._series.index_at(start)
        for each in self._series.closed_from(self._seen):
            self._folded = replace(each, open_ms=start) if self._folded is None else merged(self._folded, each)
        self._seen = self._series.closed_count
        return self._folded


def rolled_up(klines: Iterator[Kline], interval: str) -> Iterator[Kline]:
    """Yield the klines of an interval, folded from shorter ones in order."""
    forming: Kline | None = None
    for each in klines:
        start = interval_start(interval, each.open_ms)
        if forming is not None and forming.open_ms == start:
            forming = merged(forming, each)
            continue
        if forming is not None:
            yield forming
        forming = replace(each, open_ms=start)
    if forming is not None:
        yield forming
