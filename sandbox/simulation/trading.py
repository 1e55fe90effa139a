"""The trading in one symbol, as activities of the agenda."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final, Protocol

from sandbox.simulation.agenda import Agenda, Output
from sandbox.simulation.engine import Execution
from sandbox.simulation.feed import SymbolFeed
from sandbox.simulation.flow import OrderFlow
from sandbox.simulation.liquidations import Liquidation
from sandbox.simulation.symbol_market import SymbolMarket
from sandbox.simulation.trade_log import Aggregate, Trade


__all__ = ["Owners", "Trading", "Witness"]

_ACTIONS_PER_LIQUIDATION: Final = 2_000


class Witness(Protocol):
    """Sees everything that is traded, whoever listens to the streams."""

    def saw_trades(self, market: SymbolMarket, trades: Sequence[Trade]) -> None:
        """Take note of the trades of one order."""
        ...

    def saw_aggregates(self, market: SymbolMarket, aggregates: Sequence[Aggregate]) -> None:
        """Take note of aggregate trades that are complete."""
        ...


class Owners(Protocol):
    """Those whose orders are in the book beside the crowd's."""

    def executed(
        self, market: SymbolMarket, execution: Execution, trades: Sequence[Trade], now_us: int, output: Output
    ) -> None:
        """Take account of what the engine did, after the public streams told it; one trade for each fill."""
        ...


class Trading:
    """The crowd acts on one symbol until the end; on futures some positions are closed by force."""

    def __init__(
        self,
        market: SymbolMarket,
        flow: OrderFlow,
        feed: SymbolFeed,
        rng: Random,
        *,
        activity: float,
        witness: Witness | None = None,
    ) -> None:
        self.market = market
        self.feed = feed
        self.owners: Owners | None = None
        """None as long as there is nobody but the crowd."""
        self._flow = flow
        self._rng = rng
        self._witness = witness
        self._closed = False
        self._liquidations_per_us = market.instrument.actions_per_s * activity / _ACTIONS_PER_LIQUIDATION / 1e6
        self._agenda: Agenda | None = None
        self._end_us: int | None = None
        self._settles_at_us = 0

    def open(self, agenda: Agenda, end_us: int | None) -> None:
        """Fill the book and begin to trade; no order comes after `end_us`."""
        self._agenda, self._end_us = agenda, end_us
        self._flow.open_market(agenda.now_us)
        self.market.open(agenda.now_us)
        agenda.add(agenda.now_us + self._flow.wait_us(), self._act, trading=True)
        if self.market.instrument.market.is_futures:
            agenda.add(agenda.now_us + self._liquidation_wait_us(), self._liquidate, trading=True)

    def execute(self, execution: Execution, now_us: int, output: Output) -> None:
        """Take account of anything that the symbol's engine has done, and let the streams tell it."""
        outcome = self.market.apply(execution, now_us)
        if self._witness is not None and outcome.trades:
            self._witness.saw_trades(self.market, outcome.trades)
            if outcome.aggregates:
                self._witness.saw_aggregates(self.market, outcome.aggregates)
        self.feed.tell(outcome, now_us, output)
        complete_us = self.market.aggregate_open_until_us()
        if complete_us is not None and complete_us != self._settles_at_us and self._agenda is not None:
            self._settles_at_us = complete_us
            self._agenda.add(complete_us, self._settle)
        if self.owners is not None:
            self.owners.executed(self.market, execution, outcome.trades, now_us, output)

    def close(self, now_us: int, output: Output) -> None:
        """Trade no more: nobody acts from now on, and what was open is told."""
        self._closed = True
        until_us = self.market.aggregate_open_until_us()
        if until_us is not None:
            self._tell_settled(until_us, now_us, output)

    def _act(self, now_us: int, output: Output) -> int | None:
        if self._closed or (self._end_us is not None and now_us >= self._end_us):
            return None
        execution = self._flow.act(now_us)
        if execution is not None:
            self.execute(execution, now_us, output)
        return now_us + self._flow.wait_us()

    def _liquidate(self, now_us: int, output: Output) -> int | None:
        if self._closed or (self._end_us is not None and now_us >= self._end_us):
            return None
        execution = self._flow.liquidate(now_us)
        if execution is not None and execution.fills:
            self.market.liquidations.add(Liquidation(execution, now_us))
            self.execute(execution, now_us, output)
        return now_us + self._liquidation_wait_us()

    def _liquidation_wait_us(self) -> int:
        return 1 + int(self._rng.expovariate(self._liquidations_per_us))

    def _settle(self, now_us: int, output: Output) -> None:
        """Tell the aggregate trade that time has completed, unless another trade has completed it before."""
        self._tell_settled(now_us, now_us, output)

    def _tell_settled(self, until_us: int, now_us: int, output: Output) -> None:
        complete = self.market.settle_aggregates(until_us)
        if complete:
            if self._witness is not None:
                self._witness.saw_aggregates(self.market, complete)
            self.feed.tell_aggregates(complete, now_us, output)
