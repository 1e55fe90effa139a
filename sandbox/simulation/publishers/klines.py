"""``<symbol>@kline_<interval>``: the kline as it forms, and once when it is final."""

from __future__ import annotations

from sandbox.simulation.instruments import Instrument
from sandbox.simulation.intervals import interval_end
from sandbox.simulation.klines import Kline, RollUp
from sandbox.simulation.news import News
from sandbox.simulation.publishers.periodic import Schedule
from sandbox.simulation.symbol_market import SymbolMarket


__all__ = ["FinalKlines", "FormingKlines", "IntervalEnds"]


class IntervalEnds:
    """The ends of an interval, which for months are not at a constant distance."""

    def __init__(self, interval: str) -> None:
        self._interval = interval

    def next_due_us(self, now_us: int) -> int:
        """Return the first end after a time."""
        return interval_end(self._interval, now_us // 1000) * 1000


class FormingKlines:
    """Frames with ``x`` false: at the start of an interval, and when there were trades.

    As in the recordings: an interval without trades has one frame near its beginning, flat at the last price, and its
    final one; before a symbol's first trade there is nothing.
    """

    def __init__(self, market: SymbolMarket, interval: str, schedule: Schedule) -> None:
        self._market = market
        self._interval = interval
        self._schedule = schedule
        self._roll_up = _roll_up(market, interval)
        self._told = (-1, -1)

    @property
    def schedule(self) -> Schedule:
        """Every 2 s on spot (1 s for ``1s``), every 250 ms on futures."""
        return self._schedule

    @property
    def news(self) -> News | None:
        """That of trades."""
        return self._market.trade_news

    def renewed_us(self, now_us: int) -> int | None:
        """Return the start of the next interval."""
        return interval_end(self._interval, now_us // 1000) * 1000

    def frames(self, now_us: int, event_time_ms: int) -> list[bytes]:
        """Return the kline so far if it is new."""
        kline = self._roll_up.forming(now_us // 1000)
        if kline is None or (kline.open_ms, kline.last_trade_id) == self._told:
            return []
        self._told = (kline.open_ms, kline.last_trade_id)
        text = kline_text(self._market.instrument, kline, self._interval, event_time_ms, final=False)
        return [text.encode()]


class FinalKlines:
    """Frames with ``x`` true: exactly one at the end of each interval."""

    def __init__(self, market: SymbolMarket, interval: str) -> None:
        self._market = market
        self._interval = interval
        self._roll_up = _roll_up(market, interval)
        self._schedule = IntervalEnds(interval)

    @property
    def schedule(self) -> Schedule:
        """At the end of each interval."""
        return self._schedule

    @property
    def news(self) -> News | None:
        """None: each end has its kline."""
        return None

    def renewed_us(self, now_us: int) -> int | None:
        """Return None: each end has its kline."""
        return None

    def frames(self, now_us: int, event_time_ms: int) -> list[bytes]:
        """Return the kline that has just ended."""
        kline = self._roll_up.finished(now_us // 1000)
        if kline is None:
            return []
        return [kline_text(self._market.instrument, kline, self._interval, event_time_ms, final=True).encode()]


def _roll_up(market: SymbolMarket, interval: str) -> RollUp:
    series = market.seconds if interval == "1s" and market.seconds is not None else market.minutes
    return RollUp(series, interval)


def kline_text(each: Instrument, kline: Kline, interval: str, event_time_ms: int, *, final: bool) -> str:
    """Write a kline as streams do."""
    price, quantity, second = each.price.text, each.quantity.text, each.second.text
    return (
        f'{{"e":"kline","E":{event_time_ms},"s":"{each.symbol}","k":{{'
        f'"t":{kline.open_ms},"T":{interval_end(interval, kline.open_ms) - 1},"s":"{each.symbol}","i":"{interval}",'
        f'"f":{kline.first_trade_id},"L":{kline.last_trade_id},'
        f'"o":"{price(kline.open)}","c":"{price(kline.close)}","h":"{price(kline.high)}","l":"{price(kline.low)}",'
        f'"v":"{quantity(kline.quantity)}","n":{kline.trade_count},"x":{"true" if final else "false"},'
        f'"q":"{second(kline.second)}","V":"{quantity(kline.taker_buy_quantity)}",'
        f'"Q":"{second(kline.taker_buy_second)}","B":"0"}}}}'
    )
