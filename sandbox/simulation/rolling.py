"""Statistics of a rolling window, moved on by whole minutes."""

from __future__ import annotations

from collections import deque

from msgspec.structs import replace

from sandbox.simulation.intervals import MINUTE_MS
from sandbox.simulation.klines import Kline, KlineSeries


__all__ = ["RollingWindow"]


class RollingWindow:
    """One kline over the last so many minutes and the minute that has begun.

    The venue's windows open at a whole minute (futures tickers, ``ticker_1h``); spot's 24 h ticker claims the
    millisecond, and is treated alike.
    """

    def __init__(self, minutes: KlineSeries, length_ms: int) -> None:
        self._minutes = minutes
        self._length_ms = length_ms
        self._seen = 0
        self._held: deque[Kline] = deque()
        """Closed minutes with trades, inside the window."""
        self._highs: deque[Kline] = deque()
        """Of those held, each whose high none after it reaches: the first has the highest."""
        self._lows: deque[Kline] = deque()
        self._sums = [0] * 5
        self.previous_close: int | None = None
        """Price of the last trade before the window; None when the window holds all trades there were."""

    def open_ms(self, now_ms: int) -> int:
        """Return where the window opens."""
        return now_ms // MINUTE_MS * MINUTE_MS - self._length_ms

    def at(self, now_ms: int) -> Kline | None:
        """Return the statistics at a time, which never goes back; None before the first trade.

        A window without trades has the last price throughout, count 0 and trade ids -1.
        """
        minutes = self._minutes
        minutes.advance(now_ms)
        for each in minutes.closed_from(self._seen):
            if each.trade_count:
                self._hold(each)
        self._seen = minutes.closed_count
        opens = self.open_ms(now_ms)
        while self._held and self._held[0].open_ms < opens:
            self._release()
        current = minutes.current
        if current is None:
            return None
        if not self._held:
            return replace(current, open_ms=opens)
        first, last = self._held[0], self._held[-1]
        high, low, close, last_id = self._highs[0].high, self._lows[0].low, last.close, last.last_trade_id
        if current.trade_count:
            high, low = max(high, current.high), min(low, current.low)
            close, last_id = current.close, current.last_trade_id
        quantity, second, count, buy_quantity, buy_second = map(int.__add__, self._sums, _sums_of(current))
        return Kline(
            opens,
            first.open,
            high,
            low,
            close,
            quantity,
            second,
            count,
            buy_quantity,
            buy_second,
            first.first_trade_id,
            last_id,
        )

    def _hold(self, minute: Kline) -> None:
        self._held.append(minute)
        while self._highs and self._highs[-1].high <= minute.high:
            self._highs.pop()
        self._highs.append(minute)
        while self._lows and self._lows[-1].low >= minute.low:
            self._lows.pop()
        self._lows.append(minute)
        self._sums = list(map(int.__add__, self._sums, _sums_of(minute)))

    def _release(self) -> None:
        minute = self._held.popleft()
        if self._highs[0] is minute:
            self._highs.popleft()
        if self._lows[0] is minute:
            self._lows.popleft()
        self._sums = list(map(int.__sub__, self._sums, _sums_of(minute)))
        self.previous_close = minute.close


def _sums_of(kline: Kline) -> tuple[int, int, int, int, int]:
    return (
        kline.quantity,
        kline.second,
        kline.trade_count,
        kline.taker_buy_quantity,
        kline.taker_buy_second,
    )
