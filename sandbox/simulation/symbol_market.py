"""One symbol's market: its book, and all that the venue keeps account of when the book changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from sandbox.simulation.aggregation import Aggregator, OrderAggregator, WindowAggregator
from sandbox.simulation.engine import Execution, LevelChange, MatchingEngine, Side
from sandbox.simulation.instruments import Instrument
from sandbox.simulation.intervals import DAY_MS, MINUTE_MS
from sandbox.simulation.klines import KlineSeries
from sandbox.simulation.liquidations import LiquidationTape
from sandbox.simulation.news import News
from sandbox.simulation.rolling import RollingWindow
from sandbox.simulation.trade_log import Aggregate, AggregateLog, Trade, TradeLog
from sandbox.simulation.update_ids import UpdateIds
from sandbox.simulation.value import PairValue
from schemas.markets import Market


__all__ = ["DepthWindow", "Outcome", "SymbolMarket", "TopOfBook"]


class TopOfBook(Struct, frozen=True, gc=False):
    """Best prices and their quantities; an empty side is price and quantity 0."""

    bid_price: int
    bid_quantity: int
    ask_price: int
    ask_quantity: int


class Outcome(Struct, frozen=True, gc=False):
    """What one execution meant for the market."""

    trades: Sequence[Trade]
    aggregates: Sequence[Aggregate]
    """Aggregate trades that are complete now."""
    top: TopOfBook | None
    """The top of the book if it has changed."""


_NOTHING: Final = Outcome((), (), None)


class DepthWindow:
    """The level changes since it was last emptied, one per price, and the update ids that they cover."""

    __slots__ = ("asks", "bids", "changed_us", "final_id", "first_id")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget the changes."""
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.first_id = 0
        """Id of the first change; 0 when there is none."""
        self.final_id = 0
        self.changed_us = 0
        """When the last change was made."""


class SymbolMarket:
    """The state of one symbol; it changes through `apply` only."""

    def __init__(
        self,
        instrument: Instrument,
        value: PairValue,
        update_ids: UpdateIds,
        *,
        epoch: int = 0,
        listed_late: bool = False,
        first_trade_id: int,
        phase_ms: int,
        trades_kept: int,
        minutes_kept: int,
        second_klines: bool = False,
    ) -> None:
        self.instrument = instrument
        self.value = value
        self.epoch = epoch
        """How often the symbol's ids have begun anew."""
        self.listed_late = listed_late
        """Whether the symbol came while the venue ran."""
        self.phase_ms = phase_ms
        """Where the frames of this symbol lie between full tenths of a second: symbols do not speak in chorus."""
        self.engine = MatchingEngine()
        self.trades = TradeLog(first_trade_id, trades_kept)
        self.aggregates = AggregateLog(first_trade_id, trades_kept)
        self.minutes = KlineSeries(MINUTE_MS, minutes_kept)
        self.seconds = KlineSeries(1_000, minutes_kept) if second_klines else None
        self.last_trade: Trade | None = None
        self.day = RollingWindow(self.minutes, DAY_MS)
        self.book_news = News()
        """Of every change of the book; a trade is one too."""
        self.trade_news = News()
        self.liquidations = LiquidationTape()
        self.depth_windows: list[DepthWindow] = []
        """Windows of the depth streams in use; each stream empties its own."""
        self._aggregator: Aggregator = (
            OrderAggregator(first_trade_id) if instrument.market is Market.SPOT else WindowAggregator(first_trade_id)
        )
        self._update_ids = update_ids
        self.update_id = update_ids.advance(1)
        """Id of the last change of the book."""
        self.changed_us = 0
        """When the book last changed."""
        self.top = TopOfBook(0, 0, 0, 0)
        self.opened_us = 0
        """When trading began."""
        self.delisted_us: int | None = None
        """When trading ended; None while it goes on."""

    def open(self, now_us: int) -> None:
        """Take the book as it stands for the state at the opening."""
        self.opened_us = self.changed_us = now_us
        self.top = self._read_top()

    def apply(self, execution: Execution, now_us: int) -> Outcome:
        """Take account of what the engine did."""
        if not execution.changes:
            return _NOTHING
        top = self._record_changes(execution.changes, now_us)
        if self.book_news.waiting:
            self.book_news.tell(now_us)
        if not execution.fills:
            return Outcome((), (), top) if top is not None else _NOTHING
        trades = self._record_fills(execution, now_us // 1000)
        aggregates = self._aggregator.add(trades, now_us)
        for aggregate in aggregates:
            self.aggregates.append(aggregate)
        if self.trade_news.waiting:
            self.trade_news.tell(now_us)
        return Outcome(trades, aggregates, top)

    def last_price(self) -> int:
        """Return the last trade's price in ticks; before the first trade, the middle of the book."""
        if self.last_trade is not None:
            return self.last_trade.price
        return max(1, (self.top.bid_price + self.top.ask_price) // 2)

    def settle_aggregates(self, now_us: int) -> list[Aggregate]:
        """Return the aggregate trades that time has completed."""
        complete = self._aggregator.settle(now_us)
        for aggregate in complete:
            self.aggregates.append(aggregate)
        return complete

    def aggregate_open_until_us(self) -> int | None:
        """Return when the open aggregate trade becomes complete; None when there is none."""
        return self._aggregator.open_until_us()

    def _record_fills(self, execution: Execution, time_ms: int) -> list[Trade]:
        seller_takes = execution.order.side is Side.SELL
        second_quantity = self.instrument.second_quantity
        trade_id = self.trades.next_id
        trades = []
        for fill in execution.fills:
            trade = Trade(trade_id, fill.price, fill.quantity, time_ms, seller_takes)
            second = second_quantity(fill.price, fill.quantity)
            self.trades.append(trade)
            self.minutes.add(trade, second)
            if self.seconds is not None:
                self.seconds.add(trade, second)
            trades.append(trade)
            trade_id += 1
        self.last_trade = trades[-1]
        return trades

    def _record_changes(self, changes: list[LevelChange], now_us: int) -> TopOfBook | None:
        count = len(changes)
        first = self._update_ids.advance(count)
        self.update_id = final = first + count - 1
        self.changed_us = now_us
        for window in self.depth_windows:
            for change in changes:
                side = window.bids if change.side is Side.BUY else window.asks
                side[change.price] = change.quantity
            if not window.first_id:
                window.first_id = first
            window.final_id = final
            window.changed_us = now_us
        return self._new_top() if self._reach_top(changes) else None

    def _reach_top(self, changes: list[LevelChange]) -> bool:
        """Return whether a change is at the best price or better; all others leave the top as it is."""
        top = self.top
        for change in changes:
            if change.side is Side.BUY:
                if change.price >= top.bid_price:
                    return True
            elif change.price <= top.ask_price or not top.ask_price:
                return True
        return False

    def _new_top(self) -> TopOfBook | None:
        top = self._read_top()
        if top == self.top:
            return None
        self.top = top
        return top

    def _read_top(self) -> TopOfBook:
        bids, asks = self.engine.bids, self.engine.asks
        bid, ask = bids.best_price() or 0, asks.best_price() or 0
        return TopOfBook(bid, bids.quantity_at(bid), ask, asks.quantity_at(ask))
