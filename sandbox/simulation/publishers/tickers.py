"""``<symbol>@miniTicker``, ``<symbol>@ticker``, spot's ``<symbol>@ticker_<window>``, and the arrays of all symbols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sandbox.simulation.intervals import DAY_MS, MINUTE_MS
from sandbox.simulation.klines import Kline
from sandbox.simulation.news import News
from sandbox.simulation.publishers.periodic import Schedule
from sandbox.simulation.rolling import RollingWindow
from sandbox.simulation.roster import Markets
from sandbox.simulation.statistics import figures, second_volume
from sandbox.simulation.symbol_market import SymbolMarket
from schemas.markets import Market


__all__ = ["Element", "ElementArray", "ElementStream", "MiniTicker", "Ticker", "WindowTicker"]


_MINUTE_US = MINUTE_MS * 1000


class Element(Protocol):
    """A payload about one symbol that is sent alone or as a part of an array."""

    @property
    def news(self) -> News | None:
        """What tells of changes within a minute; None: it is always new."""
        ...

    def version(self, now_ms: int) -> tuple[int, ...] | None:
        """Return what changes when there is something new to tell; None when there is nothing at all."""
        ...

    def text(self, now_ms: int, event_time_ms: int) -> str:
        """Write it.

        Raises:
            LookupError: there is nothing to tell.
        """
        ...


class ElementStream:
    """One element, when it is new."""

    def __init__(self, element: Element, schedule: Schedule) -> None:
        self._element = element
        self._schedule = schedule
        self._told: tuple[int, ...] | None = None

    @property
    def schedule(self) -> Schedule:
        """As the market's documentation says of the stream."""
        return self._schedule

    @property
    def news(self) -> News | None:
        """That of the element."""
        return self._element.news

    def renewed_us(self, now_us: int) -> int | None:
        """Return the next full minute, when windows move on."""
        return (now_us // _MINUTE_US + 1) * _MINUTE_US

    def frames(self, now_us: int, event_time_ms: int) -> list[bytes]:
        """Return the element if it is new."""
        now_ms = now_us // 1000
        version = self._element.version(now_ms)
        if version is None or version == self._told:
            return []
        self._told = version
        return [self._element.text(now_ms, event_time_ms).encode()]


class ElementArray:
    """Elements of all symbols in an array, those that are new, in the order in which their books last changed."""

    def __init__(
        self,
        markets: Markets,
        make: Callable[[SymbolMarket], Element],
        schedule: Schedule,
    ) -> None:
        self._markets = markets
        self._make = make
        self._schedule = schedule
        self._elements: dict[SymbolMarket, Element] = {}
        self._told: dict[SymbolMarket, tuple[int, ...]] = {}

    @property
    def schedule(self) -> Schedule:
        """As the market's documentation says of the array."""
        return self._schedule

    @property
    def news(self) -> News | None:
        """None: it looks at every point."""
        return None

    def renewed_us(self, now_us: int) -> int | None:
        """Return None: it looks at every point."""
        return None

    def frames(self, now_us: int, event_time_ms: int) -> list[bytes]:
        """Return the array, none when no element is new."""
        now_ms = now_us // 1000
        new = []
        for index, market in enumerate(self._markets()):
            element = self._elements.get(market)
            if element is None:
                element = self._elements[market] = self._make(market)
            version = element.version(now_ms)
            if version is not None and version != self._told.get(market):
                self._told[market] = version
                new.append((market.changed_us, index, element))
        if not new:
            return []
        texts = [element.text(now_ms, event_time_ms) for _, _, element in sorted(new, key=lambda each: each[:2])]
        return [f"[{','.join(texts)}]".encode()]


class MiniTicker:
    """``24hrMiniTicker``."""

    def __init__(self, market: SymbolMarket) -> None:
        self._market = market
        each = market.instrument
        futures = each.market.is_futures
        self._pair = f'"ps":"{each.pair}",' if futures else ""
        self._tail = f',"st":{each.futures_type}}}' if futures else "}"

    @property
    def news(self) -> News | None:
        """That of trades."""
        return self._market.trade_news

    def version(self, now_ms: int) -> tuple[int, ...] | None:
        """Return the last trade and the window's minute."""
        last = self._market.last_trade
        return None if last is None else (last.trade_id, self._market.day.open_ms(now_ms))

    def text(self, now_ms: int, event_time_ms: int) -> str:
        """Write it; the market has traded."""
        each, window = self._market.instrument, _at(self._market.day, now_ms)
        price = each.price.text
        return (
            f'{{"e":"24hrMiniTicker","E":{event_time_ms},"s":"{each.symbol}",{self._pair}'
            f'"c":"{price(window.close)}","o":"{price(window.open)}","h":"{price(window.high)}",'
            f'"l":"{price(window.low)}","v":"{each.quantity.text(window.quantity)}",'
            f'"q":"{second_volume(each, window)}"{self._tail}'
        )


class Ticker:
    """``24hrTicker``."""

    def __init__(self, market: SymbolMarket) -> None:
        self._market = market

    @property
    def news(self) -> News | None:
        """That of trades, on spot of the book."""
        market = self._market
        return market.book_news if market.instrument.market is Market.SPOT else market.trade_news

    def version(self, now_ms: int) -> tuple[int, ...] | None:
        """Return the last trade and the window's minute, on spot the book too."""
        market = self._market
        if market.last_trade is None:
            return None
        book = market.update_id if market.instrument.market is Market.SPOT else 0
        return market.last_trade.trade_id, market.day.open_ms(now_ms), book

    def text(self, now_ms: int, event_time_ms: int) -> str:
        """Write it; the market has traded."""
        market = self._market
        each, window, last = market.instrument, _at(market.day, now_ms), market.last_trade
        f = figures(each, window)
        price, quantity = each.price.text, each.quantity.text
        if each.market is Market.SPOT:
            top = market.top
            before = market.day.previous_close
            pair, tail, opens = "", "}", now_ms - DAY_MS
            previous = f'"x":"{price(window.open if before is None else before)}",'
            quotes = (
                f'"b":"{price(top.bid_price)}","B":"{quantity(top.bid_quantity)}",'
                f'"a":"{price(top.ask_price)}","A":"{quantity(top.ask_quantity)}",'
            )
        else:
            pair, tail, opens = f'"ps":"{each.pair}",', f',"st":{each.futures_type}}}', window.open_ms
            previous = quotes = ""
        return (
            f'{{"e":"24hrTicker","E":{event_time_ms},"s":"{each.symbol}",{pair}'
            f'"p":"{f.price_change}","P":"{f.price_change_percent}","w":"{f.weighted_average}",{previous}'
            f'"c":"{f.last}","Q":"{quantity(last.quantity if last else 0)}",{quotes}'
            f'"o":"{f.open}","h":"{f.high}","l":"{f.low}","v":"{f.volume}","q":"{f.second_volume}",'
            f'"O":{opens},"C":{now_ms},"F":{window.first_trade_id},"L":{window.last_trade_id},'
            f'"n":{window.trade_count}{tail}'
        )


class WindowTicker:
    """Spot's ``1hTicker``, ``4hTicker``, ``1dTicker``."""

    def __init__(self, market: SymbolMarket, name: str, length_ms: int) -> None:
        self._market = market
        self._name = name
        self._window = RollingWindow(market.minutes, length_ms)

    @property
    def news(self) -> News | None:
        """That of trades."""
        return self._market.trade_news

    def version(self, now_ms: int) -> tuple[int, ...] | None:
        """Return the last trade and the window's minute."""
        last = self._market.last_trade
        return None if last is None else (last.trade_id, self._window.open_ms(now_ms))

    def text(self, now_ms: int, event_time_ms: int) -> str:
        """Write it; the market has traded."""
        each, window = self._market.instrument, _at(self._window, now_ms)
        f = figures(each, window)
        return (
            f'{{"e":"{self._name}Ticker","E":{event_time_ms},"s":"{each.symbol}",'
            f'"p":"{f.price_change}","P":"{f.price_change_percent}","o":"{f.open}","h":"{f.high}","l":"{f.low}",'
            f'"c":"{f.last}","w":"{f.weighted_average}","v":"{f.volume}","q":"{f.second_volume}",'
            f'"O":{window.open_ms},"C":{now_ms},"F":{window.first_trade_id},"L":{window.last_trade_id},'
            f'"n":{window.trade_count}}}'
        )


def _at(window: RollingWindow, now_ms: int) -> Kline:
    found = window.at(now_ms)
    if found is None:
        msg = "ticker of a symbol that has not traded"
        raise LookupError(msg)
    return found
