"""The simulated venue: all symbols of all markets on one clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Final

from sandbox.exchange.source import StreamEvent
from sandbox.simulation.agenda import Agenda, Output
from sandbox.simulation.assets import asset
from sandbox.simulation.catalogue import StreamCatalogue
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.feed import SEND_DELAY_US, SymbolFeed
from sandbox.simulation.flow import OrderFlow
from sandbox.simulation.instruments import Instrument, instrument
from sandbox.simulation.publishers.depth import DepthDiffs
from sandbox.simulation.publishers.periodic import PeriodicStream
from sandbox.simulation.symbol_market import SymbolMarket
from sandbox.simulation.trading import Trading
from sandbox.simulation.update_ids import SharedUpdateIds, SymbolUpdateIds, UpdateIds
from sandbox.simulation.value import AssetValue, PairValue
from schemas.markets import Market


__all__ = ["Venue"]

_DRAIN_US: Final = 2_500_000
"""How long streams speak after the last order: by then the slowest depth stream has told every change."""


class Venue:
    """Symbols, the orders that come for them, and the streams that tell of it."""

    def __init__(self, config: SimulationConfig) -> None:
        """Open all markets.

        Raises:
            ValueError: a symbol is not of its market's form.
        """
        self._config = config
        self._agenda = Agenda(config.start_ms * 1000)
        self._end_us = None if config.duration_s is None else self._agenda.now_us + round(config.duration_s * 1e6)
        self._values: dict[str, AssetValue] = {}
        self._publications: dict[tuple[Market, str], list[_Publication]] = {}
        self._demanded = False
        self._trading: dict[Market, dict[str, Trading]] = {}
        for market in sorted(config.symbols):
            symbols = config.symbols[market]
            shared = SharedUpdateIds(*self._first_shared_id(market)) if market.is_futures else None
            self._trading[market] = {symbol: self._list(instrument(market, symbol), shared) for symbol in symbols}
        self.markets: Mapping[Market, Mapping[str, SymbolMarket]] = {
            market: {symbol: trading.market for symbol, trading in symbols.items()}
            for market, symbols in self._trading.items()
        }
        """Symbols by market and name."""
        self.catalogue = StreamCatalogue(
            {market: list(symbols.values()) for market, symbols in self.markets.items()}, config
        )
        """All streams that can be wanted."""
        for symbols_trading in self._trading.values():
            for trading in symbols_trading.values():
                trading.open(self._agenda, self._end_us)
        self.ended = False
        """Whether everything has happened."""

    @property
    def now_us(self) -> int:
        """Simulated time, microseconds since the epoch, UTC."""
        return self._agenda.now_us

    def demand(self, wanted: frozenset[tuple[Market, str]]) -> None:
        """Produce these streams and no others from now on; unknown names stay silent. The market does not notice."""
        self._demanded = True
        for gone in sorted(self._publications.keys() - wanted):
            for publication in self._publications.pop(gone):
                publication.stop()
        for market, name in sorted(wanted - self._publications.keys()):
            made = [_Publication(market, name, each) for each in self.catalogue.make(market, name)]
            if made:
                self._publications[(market, name)] = made
            for publication in made:
                self._agenda.add(publication.first_us(self.now_us), publication)
        for symbols in self._trading.values():
            for trading in symbols.values():
                trading.feed.listen(wanted)

    def run(self) -> Iterator[StreamEvent]:
        """Yield what streams say, moving the clock; a second iterator goes on where the first was left."""
        if not self._demanded:
            self.demand(self._default_demand())
        self.catalogue.begin()
        for output in self._agenda.run(None if self._end_us is None else self._end_us + _DRAIN_US):
            yield from output
        self.ended = True

    def _default_demand(self) -> frozenset[tuple[Market, str]]:
        wanted: set[tuple[Market, str]] = set()
        for market, symbols in self.markets.items():
            there = self.catalogue.names(market)
            for kind in self._config.streams:
                names = [kind] if kind.startswith("!") else [f"{symbol.lower()}@{kind}" for symbol in symbols]
                wanted.update((market, name) for name in names if name in there)
        return frozenset(wanted)

    def _list(self, each: Instrument, shared: UpdateIds | None) -> Trading:
        """Make the market of one symbol; all its chance comes from generators of its own."""
        config = self._config
        rng = self._rng(f"{each.market} {each.symbol}")
        first_trade_id, first_update_id = rng.randrange(10**6, 5 * 10**9), rng.randrange(10**8, 6 * 10**10)
        market = SymbolMarket(
            each,
            PairValue(self._value(each.base_asset), self._value(each.quote_asset)),
            shared if shared is not None else SymbolUpdateIds(first_update_id),
            first_trade_id=first_trade_id,
            phase_ms=rng.randrange(1, 100),
            trades_kept=config.trades_kept,
            minutes_kept=config.minutes_kept,
            second_klines="1s" in config.kline_intervals(each.market),
        )
        flow = OrderFlow(
            each,
            market.engine,
            market.value,
            rng,
            activity=config.activity,
            depth_levels=config.depth_levels,
        )
        liquidations = self._rng(f"liquidations {each.market} {each.symbol}")
        return Trading(market, flow, SymbolFeed(market), liquidations, activity=config.activity)

    def _value(self, name: str) -> AssetValue:
        value = self._values.get(name)
        if value is None:
            known = asset(name)
            rng = self._rng(f"value {name}")
            value = AssetValue(rng, known.usd_price, known.daily_volatility, self._agenda.now_us)
            self._values[name] = value
        return value

    def _first_shared_id(self, market: Market) -> tuple[int, Random]:
        rng = self._rng(f"update ids {market}")
        return rng.randrange(10**12, 10**13), rng

    def _rng(self, purpose: str) -> Random:
        return Random(f"{self._config.seed} {purpose}")  # noqa: S311  (a simulation, no secret)


class _Publication:
    """A stream that speaks at its own pace, while it is wanted."""

    def __init__(self, market: Market, name: str, stream: PeriodicStream) -> None:
        self._market = market
        self._name = name
        self._stream = stream
        self._wanted = True

    def first_us(self, now_us: int) -> int:
        return self._stream.schedule.next_due_us(now_us)

    def stop(self) -> None:
        self._wanted = False
        if isinstance(self._stream, DepthDiffs):
            self._stream.close()

    def __call__(self, now_us: int, output: Output) -> int | None:
        if not self._wanted:
            return None
        due_us = now_us + SEND_DELAY_US
        for data in self._stream.frames(now_us, due_us // 1000):
            output.append(StreamEvent(due_us * 1000, self._market, self._name, data))
        return self._stream.schedule.next_due_us(now_us)
