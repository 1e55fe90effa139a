"""All accounts of a venue: who is asked, and what becomes of the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from sandbox.exchange.source import RestReply, error_reply, json_reply
from sandbox.simulation.accounts.amounts import units_of
from sandbox.simulation.accounts.floor import Floor
from sandbox.simulation.accounts.futures_desk import FuturesDesk
from sandbox.simulation.accounts.ids import Ids
from sandbox.simulation.accounts.moment import Moment
from sandbox.simulation.accounts.spot_desk import SpotDesk
from sandbox.simulation.agenda import Activity, Output
from sandbox.simulation.rest.requests import RefusedError
from sandbox.simulation.symbol_market import SymbolMarket
from sandbox.simulation.trading import Owners, Trading
from schemas.markets import Market


__all__ = ["Desk", "VenueAccounts"]


class Desk(Protocol):
    """The accounts of one market."""

    def open(self, label: str, balances: Mapping[str, int], now_ms: int) -> None:
        """Let an account begin."""
        ...

    def knows(self, label: str) -> bool:
        """Return whether there is such an account."""
        ...

    def action(self, method: str, path: str) -> Callable[[str, Mapping[str, str], Moment], object] | None:
        """Return what does and answers a request; None where there is no such endpoint."""
        ...

    def transfer(self, label: str, asset: str, amount: str, moment: Moment) -> None:
        """Let an amount arrive, or leave."""
        ...

    def close_symbol(self, symbol: str, moment: Moment) -> None:
        """Let all orders of a symbol end that is traded no more."""
        ...

    def books(self) -> dict[str, Any]:
        """Return all accounts as they are kept."""
        ...


class VenueAccounts:
    """The desks of all markets; there is none before the first account of a market.

    What a request causes is kept in `told` until whoever runs the venue says it.
    """

    def __init__(
        self,
        trading: Callable[[Market, str], Trading | None],
        symbols: Callable[[Market], Iterable[SymbolMarket]],
        plan: Callable[[int, Activity], None],
    ) -> None:
        """Take how to find who trades a symbol, all symbols that are traded, and how to do something later."""
        self.told: Output = []
        self.open_ones = 0
        """How many accounts there are, each once for each of its markets."""
        self._plan = plan
        self._trading = trading
        self._symbols = symbols
        self._desks: dict[Market, Desk] = {}
        self._floors: dict[Market, Floor] = {}

    def owners(self, market: Market) -> Owners | None:
        """Return who is to hear what a market's engines do; None while there is nobody but the crowd."""
        return self._floors.get(market)

    def open(self, market: Market, label: str, balances: Mapping[str, str], now_ms: int) -> None:
        """Let an account begin with these amounts.

        Raises:
            ValueError: there is one of that label, or an amount is none.
        """
        desk = self._desk(market)
        if desk.knows(label):
            msg = f'account "{label}": is there on {market} already'
            raise ValueError(msg)
        opening = {asset: units_of(amount) for asset, amount in balances.items()}
        short = next((asset for asset, units in opening.items() if units < 0), None)
        if short is not None:
            msg = f'account "{label}": begins with less than nothing of {short}'
            raise ValueError(msg)
        desk.open(label, opening, now_ms)
        self.open_ones += 1

    def request(
        self, market: Market, label: str, method: str, path: str, params: Mapping[str, str], *, now_us: int
    ) -> RestReply:
        """Do what an account asks, and answer it."""
        desk = self._desks.get(market)
        if desk is None or not desk.knows(label):
            return error_reply(401, -2015, "Invalid API-key, IP, or permissions for action.")
        action = desk.action(method, path)
        if action is None:
            return error_reply(404, -5000, f"Path {path}, Method {method} is invalid")
        moment = Moment(market, now_us, self.told)
        try:
            answer = self._floors[market].perform(moment, lambda: action(label, params, moment))
        except RefusedError as refusal:
            return error_reply(refusal.status, refusal.code, refusal.message)
        return answer if isinstance(answer, RestReply) else json_reply(answer)

    def transfer(self, market: Market, label: str, asset: str, amount: str, now_us: int) -> None:
        """Let an amount arrive at an account; with a minus sign, leave it.

        Raises:
            ValueError: there is no such account, it is no amount, or more than there is.
        """
        desk = self._desks.get(market)
        if desk is None or not desk.knows(label):
            msg = f'account "{label}": is not there on {market}'
            raise ValueError(msg)
        desk.transfer(label, asset, amount, Moment(market, now_us, self.told))

    def close_symbol(self, market: Market, symbol: str, now_us: int, output: Output) -> None:
        """Let all orders of a symbol end that is traded no more."""
        desk = self._desks.get(market)
        if desk is not None:
            desk.close_symbol(symbol, Moment(market, now_us, output))

    def books(self, market: Market) -> dict[str, Any]:
        """Return all accounts of a market as they are kept here."""
        desk = self._desks.get(market)
        return {} if desk is None else desk.books()

    def _desk(self, market: Market) -> Desk:
        found = self._desks.get(market)
        if found is None:
            floor = Floor(market, lambda symbol: self._trading(market, symbol), Ids(market), self._plan)
            self._floors[market] = floor
            found = self._desks[market] = (
                SpotDesk(floor) if market is Market.SPOT else FuturesDesk(floor, lambda: self._symbols(market))
            )
            for each in self._symbols(market):
                trading = self._trading(market, each.instrument.symbol)
                if trading is not None:
                    trading.owners = floor
        return found
