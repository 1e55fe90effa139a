"""The simulated venue: all symbols of all markets on one clock, and what changes among them while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Final

from sandbox.exchange.source import StreamEvent
from sandbox.simulation.accounts.venue_accounts import VenueAccounts
from sandbox.simulation.agenda import Agenda, Output
from sandbox.simulation.catalogue import StreamCatalogue
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.instruments import Instrument, instrument
from sandbox.simulation.listing import Listings
from sandbox.simulation.publication import Publication
from sandbox.simulation.roster import Roster
from sandbox.simulation.symbol_market import SymbolMarket
from sandbox.simulation.trading import Trading, Witness
from schemas.markets import Market


__all__ = ["SILENCE", "Venue"]

SILENCE: Final = ""
"""The name of the stream on which nothing is said: an event on it marks a second in which no stream spoke."""

_SECOND_US: Final = 1_000_000
_ATTENTIVE_US: Final = 50_000
"""The same where there are accounts: so much later at most is what they ask done and told."""
_DRAIN_US: Final = 2_500_000
"""How long streams speak after the last order: by then the slowest depth stream has told every change."""

_Key = tuple[Market, str]


class Venue:
    """Symbols, the orders that come for them, and the streams that tell of it.

    Symbols come, go and are wiped at full seconds of the venue's time, so that it does not matter exactly when in
    the second before it was asked for.
    """

    def __init__(self, config: SimulationConfig, witness: Witness | None = None) -> None:
        """Open all markets.

        Raises:
            ValueError: a symbol is not of its market's form.
        """
        self._config = config
        self._agenda = Agenda(config.start_ms * 1000)
        self._end_us = None if config.duration_s is None else self._agenda.now_us + round(config.duration_s * 1e6)
        self._listings = Listings(config, witness)
        self._publications: dict[_Key, list[Publication]] = {}
        self._wanted: frozenset[_Key] | None = None
        """None while nobody has said: then what the configuration names."""
        self._trading: dict[_Key, Trading] = {}
        self._rosters: dict[Market, Roster] = {}
        self.accounts = VenueAccounts(
            lambda market, symbol: self._trading.get((market, symbol)),
            lambda market: [each.market for key, each in self._trading.items() if key[0] is market],
            lambda due_us, activity: self._agenda.add(due_us, activity, trading=True),
        )
        """Those who trade beside the crowd."""
        for market in sorted(config.symbols):
            self._rosters[market] = Roster()
            for symbol in config.symbols[market]:
                self._take_in(self._listings.at_opening(instrument(market, symbol)))
        self.catalogue = StreamCatalogue(self._rosters, config)
        """All streams that can be wanted."""
        for trading in self._trading.values():
            trading.open(self._agenda, self._end_us)
        self._agenda.add(self.now_us + _SECOND_US, self._let_time_pass)
        self._expected = dict.fromkeys(self._trading, True)
        """Which symbols are traded once everything that is planned has been done."""
        self.ended = False
        """Whether everything has happened."""

    @property
    def closed(self) -> bool:
        """Whether no order is taken any more."""
        return self.ended or (self._end_us is not None and self.now_us >= self._end_us)

    @property
    def now_us(self) -> int:
        """Simulated time, microseconds since the epoch, UTC."""
        return self._agenda.now_us

    def symbols(self, market: Market) -> Mapping[str, SymbolMarket] | None:
        """Return the symbols of a market by name, delisted ones too; None where there is no such market."""
        roster = self._rosters.get(market)
        return None if roster is None else roster.symbols

    def demand(self, wanted: frozenset[_Key]) -> None:
        """Produce these streams and no others from now on; unknown names stay silent. The market does not notice."""
        self._wanted = wanted
        self._publish(wanted)
        for trading in self._trading.values():
            trading.feed.listen(wanted)

    def run(self) -> Iterator[Output]:
        """Yield what streams say, moving the clock, in lists that are used again afterwards."""
        if self._wanted is None:
            self._renew_default_demand()
        yield from self._agenda.run(None if self._end_us is None else self._end_us + _DRAIN_US)
        self.ended = True

    def _let_time_pass(self, now_us: int, output: Output) -> int:
        """Say that nothing is said, so that whoever runs the venue can do something else meanwhile."""
        wait_us = _ATTENTIVE_US if self.accounts.open_ones else _SECOND_US
        if now_us - self._agenda.spoke_us >= wait_us:
            output.append(StreamEvent(now_us * 1000, Market.SPOT, SILENCE, b""))
        return now_us + wait_us

    # Changes while the venue runs

    def list_symbol(self, market: Market, symbol: str) -> None:
        """Let a symbol begin to be traded at the next full second.

        Raises:
            ValueError: there is no such market, the symbol is not of its form or is traded already.
        """
        if market not in self._rosters:
            msg = f"market {market}: is not simulated; name a symbol of it at the start"
            raise ValueError(msg)
        each = instrument(market, symbol)
        if self._expected.get((market, symbol)):
            msg = f'symbol "{symbol}": is traded on {market} already'
            raise ValueError(msg)
        self._plan(partial(self._list, each))
        self._expected[market, symbol] = True

    def delist(self, market: Market, symbol: str) -> None:
        """Let a symbol be traded no more from the next full second on; its streams tell what was, and fall silent.

        Raises:
            ValueError: it is not traded.
        """
        self._require(market, symbol)
        self._plan(partial(self._delist, (market, symbol)))
        self._expected[market, symbol] = False

    def wipe(self, market: Market, symbol: str | None = None) -> None:
        """Let the history and the book of a symbol, or of all, vanish at the next full second, as a testnet's do.

        Trading goes on in a new book; ids of trades, aggregate trades and updates begin at the lowest number.

        Raises:
            ValueError: the symbol is not traded, or no symbol of the market is.
        """
        if symbol is not None:
            self._require(market, symbol)
        elif not any(self._expected[key] for key in self._expected if key[0] is market):
            msg = f"market {market}: no symbol of it is traded"
            raise ValueError(msg)
        self._plan(partial(self._wipe, market, symbol))

    def close_markets(self) -> None:
        """Let all trading end at the next full second; streams tell what was, then everything has happened.

        Raises:
            ValueError: it ends before that anyhow.
        """
        self._end_us = self._plan(self._close_markets)

    def _require(self, market: Market, symbol: str) -> None:
        if not self._expected.get((market, symbol)):
            msg = f'symbol "{symbol}": is not traded on {market}'
            raise ValueError(msg)

    def _plan(self, change: Callable[[int, Output], None]) -> int:
        due_us = (self.now_us // _SECOND_US + 1) * _SECOND_US
        if self.ended or (self._end_us is not None and due_us >= self._end_us):
            msg = "the simulated market closes before the next full second"
            raise ValueError(msg)
        self._agenda.add(due_us, change, trading=True)
        return due_us

    def _close_markets(self, now_us: int, output: Output) -> None:
        for trading in self._trading.values():
            trading.close(now_us, output)
        self._agenda.until_us = now_us + _DRAIN_US

    def _list(self, each: Instrument, now_us: int, output: Output) -> None:
        self._open(self._listings.later(each))

    def _delist(self, key: _Key, now_us: int, output: Output) -> None:
        trading = self._trading.pop(key)
        trading.close(now_us, output)
        self.accounts.close_symbol(*key, now_us, output)
        trading.market.delisted_us = now_us
        self._rosters[key[0]].refresh()
        self._agenda.add(now_us + _DRAIN_US, partial(self._silence, trading.market))

    def _silence(self, market: SymbolMarket, now_us: int, output: Output) -> None:
        each = market.instrument
        if (each.market, each.symbol) in self._trading:  # listed again meanwhile
            return
        self._stop(self.catalogue.names_of(market))
        self.catalogue.remove_symbol(market)

    def _wipe(self, market: Market, symbol: str | None, now_us: int, output: Output) -> None:
        if symbol is None:
            self._listings.wipe_shared_ids(market)
        for key, trading in list(self._trading.items()):
            if key[0] is market and symbol in {None, key[1]}:
                trading.close(now_us, output)
                self.accounts.close_symbol(*key, now_us, output)
                each = trading.market.instrument
                self._open(self._listings.later(each) if symbol is None else self._listings.wiped(each))

    def _open(self, trading: Trading) -> None:
        """Begin to trade a symbol, in the place of an earlier one of its name."""
        self._take_in(trading)
        trading.open(self._agenda, self._end_us)
        self._stop(self.catalogue.names_of(trading.market))
        self.catalogue.add_symbol(trading.market)
        if self._wanted is None:
            self._renew_default_demand()
        else:
            self._publish(self._wanted)
            trading.feed.listen(self._wanted)

    def _take_in(self, trading: Trading) -> None:
        each = trading.market.instrument
        trading.owners = self.accounts.owners(each.market)
        self._trading[each.market, each.symbol] = trading
        self._rosters[each.market].put(trading.market)

    # Streams

    def _publish(self, wanted: frozenset[_Key]) -> None:
        self._stop(sorted(self._publications.keys() - wanted))
        for key in sorted(wanted - self._publications.keys()):
            made = [Publication(*key, each, self._agenda) for each in self.catalogue.make(*key, self.now_us)]
            if made:
                self._publications[key] = made

    def _stop(self, keys: Iterable[_Key]) -> None:
        for key in keys:
            for publication in self._publications.pop(key, ()):
                publication.stop()

    def _renew_default_demand(self) -> None:
        wanted: set[_Key] = set()
        for market, roster in self._rosters.items():
            there = self.catalogue.names(market)
            for kind in self._config.streams:
                names = [kind] if kind.startswith("!") else [f"{symbol.lower()}@{kind}" for symbol in roster.symbols]
                wanted.update((market, name) for name in names if name in there)
        self.demand(frozenset(wanted))
        self._wanted = None
