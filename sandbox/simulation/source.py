"""The simulated venue as a source for an exchange server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sandbox.exchange.source import RestReply, StreamEvent, error_reply
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.feed import SEND_DELAY_US
from sandbox.simulation.rest.requests import Request
from sandbox.simulation.rest.router import answer, whole_book
from sandbox.simulation.trading import Witness
from sandbox.simulation.venue import Venue
from schemas.markets import Market


__all__ = ["SimulatedSource"]


class SimulatedSource:
    """A `Source` of simulated markets, deterministic for a configuration.

    The market is computed up to the event that was yielded last; the clock is that of the last event passed.

    Symbols can be listed, delisted and wiped while it runs. That happens at the first full second after the event
    yielded last: equal configurations, demands and changes at equal events give equal bytes.
    """

    def __init__(self, config: SimulationConfig, witness: Witness | None = None) -> None:
        """Open the markets.

        Args:
            config: what is simulated.
            witness: sees every trade; `sandbox.simulation.truth.TruthLog` writes them down.

        Raises:
            ValueError: a symbol is not of its market's form.
        """
        self.config = config
        self.venue = Venue(config, witness)
        self._clock_ms = config.start_ms
        self._passed_ns = 0

    def streams(self, market: Market) -> frozenset[str]:
        """Return the names of all streams that can be produced; see `set_demand` for which of them are."""
        return self.venue.catalogue.names(market)

    def set_demand(self, streams: frozenset[tuple[Market, str]]) -> None:
        """Produce these streams and no others from now on.

        Until this is called, those of `SimulationConfig.streams` are produced, of all symbols. It changes what is
        told, never the market. A depth stream that comes late begins with its next whole period.
        """
        self.venue.demand(streams)

    def events(self) -> Iterator[StreamEvent]:
        """Yield what the streams say, in order of time, without end if the configuration has none.

        In a second in which no stream speaks, there is an event on a stream without a name, which nobody can want;
        where there are accounts, in a twentieth of a second.
        """
        yield from self._told()
        for output in self.venue.run():
            for event in output:
                yield event
                self._passed_ns = event.due_ns
            yield from self._told()
        self._clock_ms = max(self._clock_ms, (self.venue.now_us + SEND_DELAY_US) // 1000)

    def _told(self) -> Iterator[StreamEvent]:
        """Yield what accounts are told of their requests, those too that are made while it is told."""
        while told := self.venue.accounts.told:
            event = told.pop(0)
            yield event
            self._passed_ns = event.due_ns

    def clock_ms(self) -> int:
        """Return the venue's clock."""
        return max(self._clock_ms, self._passed_ns // 1_000_000)

    def advance_clock(self, to_ms: int) -> None:
        """Move the clock on to `to_ms`; never back."""
        self._clock_ms = max(self._clock_ms, to_ms)

    def rest(self, market: Market, path: str, params: Mapping[str, str]) -> RestReply:
        """Answer a GET request; see `sandbox.exchange.source.Source.rest`."""
        request = self._request(market, params)
        return answer(path, request) if request else error_reply(404, -5000, f"Path {path}, Method GET is invalid")

    def whole_book(self, market: Market, symbol: str) -> RestReply:
        """Return every level of a book, however deep; of a delisted symbol, how the streams left it."""
        request = self._request(market, {"symbol": symbol})
        return whole_book(request) if request else error_reply(400, -1121, "Invalid symbol.")

    def open_account(self, market: Market, label: str, balances: Mapping[str, str]) -> None:
        """Let an account exist on a market, with these free amounts by asset.

        Raises:
            ValueError: there is no such market, there is one of that label, or an amount is none.
        """
        if self.venue.symbols(market) is None:
            msg = f"market {market}: is not simulated; name a symbol of it at the start"
            raise ValueError(msg)
        self.venue.accounts.open(market, label, balances, self.venue.now_us // 1000)

    def account_request(
        self, market: Market, account: str, method: str, path: str, params: Mapping[str, str]
    ) -> RestReply:
        """Answer a request of an account; see `sandbox.exchange.source.KeepsAccounts`.

        It is done at the event yielded last: equal requests at equal events give equal bytes.
        """
        if self.venue.closed and method != "GET":
            return error_reply(400, -1013, "Market is closed.")
        return self.venue.accounts.request(market, account, method, path, params, now_us=self.venue.now_us)

    def account_books(self, market: Market) -> object:
        """Return every order, balance and position of every account as kept here; see `docs/exchange.md`."""
        return self.venue.accounts.books(market)

    def transfer(self, market: Market, account: str, asset: str, amount: str) -> None:
        """Let an amount arrive at an account from outside; with a minus sign, leave it.

        Raises:
            ValueError: there is no such account, it is no amount, or more than there is.
        """
        self.venue.accounts.transfer(market, account, asset, amount, self.venue.now_us)

    def list_symbol(self, market: Market, symbol: str) -> None:
        """Let a symbol begin to be traded, with the lowest ids; its streams can be wanted before.

        Raises:
            ValueError: there is no such market, the symbol is not of its form or is traded already.
        """
        self.venue.list_symbol(market, symbol)

    def delist(self, market: Market, symbol: str) -> None:
        """Let a symbol be traded no more; its streams tell what was, and fall silent.

        Raises:
            ValueError: it is not traded.
        """
        self.venue.delist(market, symbol)

    def wipe(self, market: Market, symbol: str | None = None) -> None:
        """Let history and book of a symbol, or of a whole market, vanish and all ids begin anew; times go on.

        Raises:
            ValueError: the symbol is not traded, or no symbol of the market is.
        """
        self.venue.wipe(market, symbol)

    def close_markets(self) -> None:
        """Let all trading end at the next full second; streams tell what was, then there are no more events.

        Raises:
            ValueError: it ends before that anyhow.
        """
        self.venue.close_markets()

    def _request(self, market: Market, params: Mapping[str, str]) -> Request | None:
        symbols = self.venue.symbols(market)
        if symbols is None:
            return None
        now_us = self.venue.now_us
        if self.venue.ended:
            now_us = max(now_us, self.clock_ms() * 1000 - SEND_DELAY_US)
        return Request(
            market=market, params=params, symbols=symbols, now_us=now_us, clock_ms=max(self.clock_ms(), now_us // 1000)
        )
