"""Which streams there are, and what speaks on each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.feed import IMMEDIATE_STREAMS
from sandbox.simulation.intervals import DAY_MS
from sandbox.simulation.publishers.book_ticker import AllBookTickers
from sandbox.simulation.publishers.depth import DepthDiffs, PartialDepth, TopLevels
from sandbox.simulation.publishers.force_orders import ForceOrders
from sandbox.simulation.publishers.klines import FinalKlines, FormingKlines
from sandbox.simulation.publishers.mark_price import MarkPriceElement
from sandbox.simulation.publishers.periodic import Pace, PeriodicStream
from sandbox.simulation.publishers.tickers import (
    Element,
    ElementArray,
    ElementStream,
    MiniTicker,
    Ticker,
    WindowTicker,
)
from sandbox.simulation.roster import Markets, Roster
from sandbox.simulation.symbol_market import SymbolMarket
from schemas.markets import Market


__all__ = ["StreamCatalogue"]

_MS: Final = 1_000
_SECOND: Final = 1_000_000
_PARTIAL_LEVELS: Final = (5, 10, 20)
_WINDOWS_MS: Final = {"1h": 3_600_000, "4h": 4 * 3_600_000, "1d": DAY_MS}

_DEPTH_SPEEDS: Final[Mapping[Market, Mapping[str, int]]] = {
    Market.SPOT: {"": 1000, "@1000ms": 1000, "@100ms": 100},
    Market.USDM: {"": 250, "@250ms": 250, "@500ms": 500, "@100ms": 100},
    Market.COINM: {"": 250, "@250ms": 250, "@500ms": 500, "@100ms": 100},
}
"""Suffix of a depth stream and its period in milliseconds; plain is 1000 ms on spot and 250 ms on futures.

Source: binance-spot-api-docs, "Web Socket Streams for Binance" (2026-07-21); derivatives documentation, "Websocket
Market Streams" (2026-05-28).
"""
_KLINE_MS: Final = {Market.SPOT: 2_000, Market.USDM: 250, Market.COINM: 250}
_TICKER_MS: Final = {Market.SPOT: 1_000, Market.USDM: 2_000, Market.COINM: 500}

Factory = Callable[[int], Sequence[PeriodicStream]]
"""Makes, at a time, what speaks on a stream."""


class StreamCatalogue:
    """All streams by market and name; those with a pace are made when somebody wants them."""

    def __init__(self, rosters: Mapping[Market, Roster], config: SimulationConfig) -> None:
        self._config = config
        self._factories: dict[tuple[Market, str], Factory] = {}
        self._names: dict[Market, frozenset[str]] = {}
        if Market.SPOT in rosters:
            self._add_spot_arrays(rosters[Market.SPOT].trading)
        futures = [roster for market, roster in rosters.items() if market.is_futures]

        def both() -> Sequence[SymbolMarket]:
            return [each for roster in futures for each in roster.trading()]

        for market, roster in rosters.items():
            if market.is_futures:
                self._add_futures_arrays(market, roster.trading, both)
            for each in roster.trading():
                self.add_symbol(each)

    def names(self, market: Market) -> frozenset[str]:
        """Return the names of a market's streams."""
        names = self._names.get(market)
        if names is None:
            names = frozenset(name for each, name in self._factories if each is market)
            self._names[market] = names
        return names

    def names_of(self, symbol: SymbolMarket) -> Iterable[tuple[Market, str]]:
        """Return the streams of one symbol."""
        market, prefix = symbol.instrument.market, f"{symbol.instrument.stream_prefix}@"
        return [key for key in self._factories if key[0] is market and key[1].startswith(prefix)]

    def make(self, market: Market, name: str, now_us: int) -> Sequence[PeriodicStream]:
        """Make what speaks on a stream at its own pace: nothing for immediate ones and unknown names."""
        factory = self._factories.get((market, name))
        return factory(now_us) if factory is not None else ()

    def remove_symbol(self, symbol: SymbolMarket) -> None:
        """Know the streams of a symbol no more."""
        for key in self.names_of(symbol):
            del self._factories[key]
        self._names.clear()

    def _add(self, market: Market, name: str, factory: Factory) -> None:
        self._factories[(market, name)] = factory
        self._names.clear()

    def add_symbol(self, symbol: SymbolMarket) -> None:
        """Know the streams of a symbol; they take the place of those of an earlier symbol of its name."""
        each = symbol.instrument
        market, prefix = each.market, each.stream_prefix
        for kind in IMMEDIATE_STREAMS:
            self._add(market, f"{prefix}@{kind}", lambda _: ())
        top = TopLevels(symbol, max(_PARTIAL_LEVELS))
        for suffix, period_ms in _DEPTH_SPEEDS[market].items():
            pace = self._pace(symbol, period_ms)
            self._add(market, f"{prefix}@depth{suffix}", partial(self._diffs, symbol, pace))
            for levels in _PARTIAL_LEVELS:
                name = f"{prefix}@depth{levels}{suffix}"
                self._add(market, name, partial(self._partial, symbol, levels, pace, top))
        for interval in self._config.kline_intervals(market):
            self._add(market, f"{prefix}@kline_{interval}", partial(self._klines, symbol, interval))
        pace = self._pace(symbol, _TICKER_MS[market])
        self._add_element(symbol, "miniTicker", partial(MiniTicker, symbol), pace)
        self._add_element(symbol, "ticker", partial(Ticker, symbol), pace)
        if market is Market.SPOT:
            for name, length_ms in _WINDOWS_MS.items():
                make = partial(WindowTicker, symbol, name, length_ms)
                self._add_element(symbol, f"ticker_{name}", make, pace)
        else:
            self._add_element(symbol, "markPrice", partial(MarkPriceElement, symbol), Pace(3 * _SECOND))
            self._add_element(symbol, "markPrice@1s", partial(MarkPriceElement, symbol), Pace(_SECOND))
            news = symbol.liquidations.news
            self._add(market, f"{prefix}@forceOrder", lambda _: (ForceOrders(lambda: (symbol,), news),))

    def _add_element(self, symbol: SymbolMarket, kind: str, make: Callable[[], Element], pace: Pace) -> None:
        each = symbol.instrument
        self._add(each.market, f"{each.stream_prefix}@{kind}", lambda _: (ElementStream(make(), pace),))

    def _add_spot_arrays(self, symbols: Markets) -> None:
        # `!ticker@arr` and `!bookTicker` no longer exist on spot.
        self._add_array(Market.SPOT, "!miniTicker@arr", symbols, MiniTicker, Pace(_SECOND))
        for name, length_ms in _WINDOWS_MS.items():

            def make(symbol: SymbolMarket, name: str = name, length_ms: int = length_ms) -> Element:
                return WindowTicker(symbol, name, length_ms)

            self._add_array(Market.SPOT, f"!ticker_{name}@arr", symbols, make, Pace(_SECOND))

    def _add_futures_arrays(self, market: Market, symbols: Markets, both: Markets) -> None:
        # Since 2026-06-30 all but the mark prices carry USD-M and COIN-M together, on both hosts.
        self._add_array(market, "!miniTicker@arr", both, MiniTicker, Pace(_SECOND))
        self._add_array(market, "!ticker@arr", both, Ticker, Pace(_SECOND))
        self._add_array(market, "!markPrice@arr", symbols, MarkPriceElement, Pace(3 * _SECOND))
        self._add_array(market, "!markPrice@arr@1s", symbols, MarkPriceElement, Pace(_SECOND))
        self._add(market, "!bookTicker", lambda _: (AllBookTickers(both),))
        self._add(market, "!forceOrder@arr", lambda _: (ForceOrders(both),))

    def _add_array(
        self,
        market: Market,
        name: str,
        symbols: Markets,
        make: Callable[[SymbolMarket], Element],
        pace: Pace,
    ) -> None:
        self._add(market, name, lambda _: (ElementArray(symbols, make, pace),))

    @staticmethod
    def _pace(symbol: SymbolMarket, period_ms: int) -> Pace:
        return Pace(period_ms * _MS, symbol.phase_ms * _MS)

    @staticmethod
    def _diffs(symbol: SymbolMarket, pace: Pace, now_us: int) -> Sequence[PeriodicStream]:
        return (DepthDiffs(symbol, pace, from_opening=now_us == symbol.opened_us),)

    @staticmethod
    def _partial(
        symbol: SymbolMarket, levels: int, pace: Pace, top: TopLevels, now_us: int
    ) -> Sequence[PeriodicStream]:
        return (PartialDepth(symbol, levels, pace, top),)

    def _klines(self, symbol: SymbolMarket, interval: str, now_us: int) -> Sequence[PeriodicStream]:
        period_ms = 1_000 if interval == "1s" else _KLINE_MS[symbol.instrument.market]
        pace = self._pace(symbol, period_ms)
        return FormingKlines(symbol, interval, pace), FinalKlines(symbol, interval)
