"""The one place where orders of accounts meet the matching engine.

What the engine does, `sandbox.simulation.trading` tells the public streams first; then it comes here, whoever has
caused it, and the clerk of the account hears of it. What prices set off waits until all fills of an execution are told:
the engine had made them all before anybody heard of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol, TypeVar

from msgspec import Struct

from sandbox.simulation.accounts.ids import Ids
from sandbox.simulation.accounts.moment import Moment
from sandbox.simulation.accounts.orders import AccountOrder, Prevention
from sandbox.simulation.accounts.sight import Sight
from sandbox.simulation.agenda import Activity, Output
from sandbox.simulation.engine import Execution, Order
from sandbox.simulation.symbol_market import SymbolMarket
from sandbox.simulation.trade_log import Trade
from sandbox.simulation.trading import Trading
from schemas.markets import Market


__all__ = ["Clerk", "End", "Floor", "Match"]

_Result = TypeVar("_Result")


class End(StrEnum):
    """Why an order expires."""

    IOC = "ioc"
    FOK = "fok"
    POST_ONLY = "post-only"
    LIQUIDITY = "liquidity"
    SELF_TRADE = "self-trade"
    SIBLING = "sibling"
    REDUCE_ONLY = "reduce-only"
    REJECTED = "rejected"
    EXCHANGE = "exchange"
    TIME = "time"


class Match(Struct, frozen=True):
    """One trade from the side of one of its two orders."""

    trade: Trade
    maker: bool


class Clerk(Protocol):
    """Keeps the books of all accounts of a market and tells them what happens."""

    def filled(self, order: AccountOrder, match: Match, moment: Moment) -> None:
        """Take account of a trade."""
        ...

    def expired(self, order: AccountOrder, end: End, moment: Moment) -> None:
        """Let an order that is no longer in the engine be over."""
        ...

    def settle(self, moment: Moment) -> None:
        """Do what has become due by trades, all of which have been told."""
        ...

    def price_moved(self, market: SymbolMarket, moment: Moment) -> None:
        """Look for what the last trade sets off."""
        ...


class Floor:
    """The matching engines of one market, for accounts."""

    def __init__(
        self,
        market: Market,
        trading: Callable[[str], Trading | None],
        ids: Ids,
        plan: Callable[[int, Activity], None],
    ) -> None:
        """Take how to find who trades a symbol, and how to do something later."""
        self.market = market
        self._plan = plan
        self.ids = ids
        self.sight = Sight(self.open_market)
        """What an order would meet."""
        self._trading = trading
        self._clerk: Clerk | None = None
        self._standing: dict[tuple[str, int], AccountOrder] = {}
        """Orders that the engines know, by symbol and the engine's number."""
        self._moved: dict[str, SymbolMarket] = {}
        self._moment: Moment | None = None

    def employ(self, clerk: Clerk) -> None:
        """Take who is told."""
        self._clerk = clerk

    @property
    def clerk(self) -> Clerk:
        """Who is told."""
        assert self._clerk is not None  # noqa: S101 - employed by the desk that makes the floor
        return self._clerk

    def open_market(self, symbol: str) -> SymbolMarket | None:
        """Return a symbol's market while it is traded."""
        trading = self._trading(symbol)
        return None if trading is None else trading.market

    def perform(self, moment: Moment, action: Callable[[], _Result]) -> _Result:
        """Do something that may trade, and all that follows from it."""
        self._moment = moment
        try:
            result = action()
            self._settle(moment)
        finally:
            self._moment = None
        return result

    def later(self, due_ms: int, action: Callable[[Moment], None]) -> None:
        """Do something at a time, and all that follows from it."""

        def act(now_us: int, output: Output) -> None:
            moment = Moment(self.market, now_us, output)
            self.perform(moment, lambda: action(moment))

        self._plan(due_ms * 1000, act)

    # From clerks

    def work(self, order: AccountOrder, moment: Moment) -> None:
        """Let an order trade, and stand in the book if it is of that kind."""
        terms, wanted = order.terms, order.remaining
        if terms.time_in_force == "FOK" and self.sight.available(order.account, terms, wanted) < wanted:
            self.clerk.expired(order, End.FOK, moment)
            return
        if order.terms.post_only and self.sight.would_match(order.terms):
            self.clerk.expired(order, End.POST_ONLY, moment)
            return
        while (met := self._rival(order)) is not None:
            rival, ahead = met
            if order.terms.prevention == "EXPIRE_MAKER":
                self._prevent(rival, order, moment)
                continue
            if ahead:
                self._match(order, ahead, moment, rests=False)
            counter = self._prevention(order, rival)
            if order.terms.prevention == "EXPIRE_BOTH":
                self._prevent(rival, order, moment)
            order.prevention, order.prevented = counter, counter.quantity
            self.clerk.expired(order, End.SELF_TRADE, moment)
            return
        self._match(order, order.remaining, moment, rests=order.terms.rests)
        if order.open and order.engine_id is None:
            end = End.LIQUIDITY if order.terms.limit is None else End.IOC
            self.clerk.expired(order, end, moment)

    def withdraw(self, order: AccountOrder, moment: Moment) -> None:
        """Take an order out of the book; nothing happens if it does not stand there."""
        if order.engine_id is None:
            return
        symbol = order.terms.instrument.symbol
        engine_id, order.engine_id = order.engine_id, None
        self._standing.pop((symbol, engine_id), None)
        trading = self._trading(symbol)
        execution = trading.market.engine.cancel(engine_id) if trading is not None else None
        if trading is not None and execution is not None:
            trading.execute(execution, moment.now_us, moment.output)

    def shrink(self, order: AccountOrder, quantity: int, moment: Moment) -> None:
        """Let a standing order be smaller and keep its place in the line."""
        trading = self._trading(order.terms.instrument.symbol)
        if trading is None or order.engine_id is None:
            return
        execution = trading.market.engine.reduce(order.engine_id, quantity)
        if execution is not None:
            trading.execute(execution, moment.now_us, moment.output)

    def forget(self, symbol: str) -> None:
        """Let orders of a symbol stand nowhere: its engine is gone."""
        for key in [key for key in self._standing if key[0] == symbol]:
            self._standing.pop(key).engine_id = None

    # From the market

    def executed(
        self, market: SymbolMarket, execution: Execution, trades: Sequence[Trade], now_us: int, output: Output
    ) -> None:
        """See `sandbox.simulation.trading.Owners`."""
        if not trades:
            return
        current = self._moment
        moment = Moment(self.market, now_us, output) if current is None else current
        symbol = market.instrument.symbol
        taker = execution.order
        for fill, trade in zip(execution.fills, trades, strict=True):
            if fill.maker.owner:
                self._tell_fill(symbol, fill.maker, Match(trade, maker=True), moment)
            if taker.owner:
                self._tell_fill(symbol, taker, Match(trade, maker=False), moment)
        self._moved[symbol] = market
        if current is None:
            self.perform(moment, _nothing)

    def _tell_fill(self, symbol: str, order: Order, match: Match, moment: Moment) -> None:
        mine = self._standing[symbol, order.order_id]
        if match.maker and not order.remaining:
            del self._standing[symbol, order.order_id]
            mine.engine_id = None
        self.clerk.filled(mine, match, moment)

    def _settle(self, moment: Moment) -> None:
        self.clerk.settle(moment)
        while self._moved:
            market = self._moved.pop(next(iter(self._moved)))
            self.clerk.price_moved(market, moment)
            self.clerk.settle(moment)

    def _match(self, order: AccountOrder, quantity: int, moment: Moment, *, rests: bool) -> None:
        terms = order.terms
        symbol = terms.instrument.symbol
        trading = self._trading(symbol)
        if trading is None:
            return
        engine = trading.market.engine
        if rests and terms.price:
            execution = engine.place(terms.side, terms.price, quantity, order.account)
        else:
            execution = engine.take(terms.side, quantity, terms.limit, order.account)
        engine_id = execution.order.order_id
        self._standing[symbol, engine_id] = order
        order.engine_id = engine_id if engine.resting(engine_id) is not None else None
        trading.execute(execution, moment.now_us, moment.output)
        if order.engine_id is None:
            self._standing.pop((symbol, engine_id), None)

    def _opposite(self, order: AccountOrder) -> Sequence[Order]:
        trading = self._trading(order.terms.instrument.symbol)
        if trading is None:
            return ()
        book = trading.market.engine.side(order.terms.side.opposite)
        found = []
        left = order.remaining
        for each in book.until(order.terms.limit):
            found.append(each)
            if each.owner != order.account:
                left -= each.remaining
                if left <= 0:
                    break
        return found

    def _rival(self, order: AccountOrder) -> tuple[AccountOrder, int] | None:
        """Return the first order of the same account that it would meet, and how much it would trade before."""
        if order.terms.prevention == "NONE":
            return None
        ahead = 0
        for each in self._opposite(order):
            if each.owner == order.account and ahead < order.remaining:
                return self._standing[order.terms.instrument.symbol, each.order_id], ahead
            ahead += each.remaining
        return None

    def _prevent(self, rival: AccountOrder, order: AccountOrder, moment: Moment) -> None:
        """Let a standing order expire that would trade with another of its account."""
        rival.prevention = self._prevention(rival, order)
        rival.prevented = rival.prevention.quantity
        self.withdraw(rival, moment)
        self.clerk.expired(rival, End.SELF_TRADE, moment)

    def _prevention(self, order: AccountOrder, counter: AccountOrder) -> Prevention:
        maker = counter if counter.engine_id is not None else order
        quantity = min(order.remaining, counter.remaining)
        group = sum(order.account.encode())
        return Prevention(self.ids.prevention(), quantity, maker.terms.price, counter.order_id, group)


def _nothing() -> None:
    """Do nothing."""
