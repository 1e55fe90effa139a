"""The families: which flows a worker runs, what each reads and writes, and which core keeps its state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

import structlog

from processors import metrics
from processors.core.account_partition import RETENTION_MS, AccountPartition
from processors.core.book_partition import BookPartition
from processors.core.flow_alerts import AlertRules
from processors.core.liquidity import LiquidityPlan
from processors.core.records import DeadLetter, Output
from processors.core.tickers import TickerPartition
from processors.core.trade_partition import TradePartition
from processors.units import Flow
from schemas.control import Gap, Heartbeat
from schemas.markets import Market
from schemas.topics import CANDLE_INTERVALS, ControlType, DerivedType, RawType, Topic, TopicTable, candle_type


__all__ = ["Family", "flows_of", "outputs_of"]

_log = structlog.get_logger(__name__)

_EVERY_SECOND: Final = LiquidityPlan()
PRIVATE_TYPES: Final = (
    RawType.ORDER_UPDATE,
    RawType.ORDER_SNAPSHOT,
    RawType.ACCOUNT_UPDATE,
    RawType.ACCOUNT_SNAPSHOT,
)


class Family(StrEnum):
    """What one worker, and one consumer group, does. A crash in one stops no other."""

    BOOKS = "books"
    TRADES = "trades"
    """Trades, candles, trade flow and tickers."""
    PRIVATE = "private"
    """Orders, balances and positions of accounts."""


def flows_of(
    family: Family,
    table: TopicTable,
    markets: Sequence[Market],
    *,
    snapshot_levels: int,
    snapshot_interval_ms: int,
    liquidity: LiquidityPlan | None = _EVERY_SECOND,
    alert_rules: AlertRules | None = None,
    order_retention_ms: int = RETENTION_MS,
) -> tuple[Flow, ...]:
    """Return the flows of a family.

    Args:
        family: which.
        table: the topics.
        markets: those whose raw topics are read.
        snapshot_levels: levels of each side in book snapshots.
        snapshot_interval_ms: event time between book snapshots of a symbol.
        liquidity: how liquidity is measured; None: it is not.
        alert_rules: when alerts about trade flow open and close.
        order_retention_ms: for how long of event time orders that have ended are kept.
    """

    def raw(*types: RawType) -> list[Topic]:
        return [table.raw(market, of) for market in markets for of in types]

    heartbeat, gap = table.control(ControlType.HEARTBEAT), table.control(ControlType.GAP)
    if family is Family.BOOKS:
        books = Flow(
            "books",
            (*raw(RawType.DEPTH), heartbeat),
            lambda _: _Books(depth=snapshot_levels, interval_ms=snapshot_interval_ms, liquidity=liquidity),
            ticks=True,
            checkpoint=DerivedType.BOOK_CHECKPOINT,
        )
        return (books,)
    if family is Family.PRIVATE:
        accounts = Flow(
            "accounts",
            tuple(raw(*PRIVATE_TYPES)),
            lambda _: _Accounts(order_retention_ms),
            ticks=True,
            checkpoint=DerivedType.ACCOUNT_CHECKPOINT,
            lost_from_log=True,
            outlives_log=True,
        )
        return (accounts,)
    trades = Flow(
        "trades",
        (*raw(RawType.TRADE, RawType.AGG_TRADE), heartbeat, gap),
        lambda _: _Trades(alert_rules),
        checkpoint=DerivedType.TRADE_CHECKPOINT,
        lost_from_log=True,
    )
    tickers = Flow(
        "tickers",
        tuple(raw(RawType.TICKER, RawType.MINI_TICKER)),
        lambda _: _Tickers(),
        checkpoint=DerivedType.TICKER_CHECKPOINT,
        lost_from_log=True,
    )
    return trades, tickers


def outputs_of(family: Family, table: TopicTable, markets: Sequence[Market]) -> tuple[Topic, ...]:
    """Return the topics that a family writes."""
    if family is Family.BOOKS:
        derived = [DerivedType.TOP_OF_BOOK, DerivedType.BOOK_SNAPSHOT, DerivedType.BOOK_VERIFICATION]
        derived += [DerivedType.ALERT, DerivedType.LIQUIDITY, DerivedType.BOOK_CHECKPOINT]
        control = [ControlType.SNAPSHOT_REQUEST, ControlType.DEAD_LETTER, ControlType.CHECKPOINT]
    elif family is Family.PRIVATE:
        derived = [DerivedType.ORDER, DerivedType.BALANCE, DerivedType.POSITION, DerivedType.ACCOUNT_CHECKPOINT]
        control = [ControlType.PRIVATE_DEAD_LETTER, ControlType.CHECKPOINT]
    else:
        candles = [candle_type(interval) for interval in CANDLE_INTERVALS]
        derived = [DerivedType.TRADE, DerivedType.TRADE_FLOW, DerivedType.TICKER, *candles, DerivedType.ALERT]
        derived += [DerivedType.TRADE_CHECKPOINT, DerivedType.TICKER_CHECKPOINT]
        control = [ControlType.DEAD_LETTER, ControlType.CHECKPOINT]
    return (
        *(
            table.derived(market, of)
            for market in markets
            for of in derived
            if market.is_futures or of is not DerivedType.POSITION
        ),
        *(table.control(of) for of in control),
    )


class _Books(BookPartition):
    """Books as a :class:`~processors.units.PartitionState`."""

    def gap(self, _: Gap) -> Iterable[Output | DeadLetter]:
        return ()

    def tick(self, now_ms: int) -> list[Output | DeadLetter]:
        for market, verified in self.take_verifications():
            metrics.BOOK_VERIFICATIONS.labels(market, verified.result).inc()
            metrics.BOOK_LEVELS.labels(market, "equal").inc(verified.equal)
            metrics.BOOK_LEVELS.labels(market, "different").inc(verified.compared - verified.equal)
        for market, count in self.take_gaps().items():
            metrics.BOOK_GAPS.labels(market).inc(count)
        for (market, reason), count in self.take_requested().items():
            metrics.SNAPSHOT_REQUESTS.labels(market, reason).inc(count)
        return super().tick(now_ms)

    def lags(self, lagging: bool) -> None:
        self.requests_enabled = not lagging


class _Trades(TradePartition):
    """Trades and candles as a :class:`~processors.units.PartitionState`."""

    def tick(self, _: int) -> Iterable[Output | DeadLetter]:
        return ()

    def lags(self, _: bool) -> None:
        pass


class _Tickers(TickerPartition):
    """Tickers as a :class:`~processors.units.PartitionState`."""

    def heartbeat(self, _: Heartbeat) -> Iterable[Output | DeadLetter]:
        return ()

    def gap(self, _: Gap) -> Iterable[Output | DeadLetter]:
        return ()

    def tick(self, _: int) -> Iterable[Output | DeadLetter]:
        return ()

    def lags(self, _: bool) -> None:
        pass


class _Accounts(AccountPartition):
    """Accounts as a :class:`~processors.units.PartitionState`."""

    def heartbeat(self, _: Heartbeat) -> Iterable[Output | DeadLetter]:
        return ()

    def gap(self, _: Gap) -> Iterable[Output | DeadLetter]:
        return ()

    def tick(self, now_ms: int) -> Iterable[Output | DeadLetter]:
        del now_ms  # an order's retention is of event time
        for (market, name), count in self.take_unknown().items():
            metrics.UNKNOWN_EVENTS.labels(market).inc(count)
            _log.warning("events of an unknown type were passed over", market=market, type=name[:40], count=count)
        return ()

    def lags(self, _: bool) -> None:
        pass
