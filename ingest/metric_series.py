"""Series that are there from the start, at zero: a rate begins with the first event, and an alert sees what is missing.

Every label that the settings or the code know beforehand is here. What only the venue knows (connections of symbols
that a pattern finds) is added where it becomes known, by :func:`show_connection`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Final

from ingest.config import Settings
from ingest.core.budget import Importance
from ingest.core.endings import Ending
from ingest.core.fates import Outcome
from ingest.core.outcomes import Reason
from ingest.core.streams import stream_types
from ingest.core.windows import pool_of
from ingest.metrics import Metrics
from ingest.sections import MarketSettings
from schemas.control import ReconcileCause
from schemas.markets import Market
from schemas.topics import ControlType, Layer, RawType, Topic, TopicTable


__all__ = ["ShownTypes", "hide_connection", "raw_types_of", "show_at_zero", "show_connection"]

_WITH_IDS: Final = (RawType.TRADE, RawType.AGG_TRADE, RawType.DEPTH)
"""The types of which holes are found."""
_OF_ACCOUNTS: Final = (RawType.ORDER_UPDATE, RawType.ACCOUNT_UPDATE)
_PRIVATE: Final = frozenset({ControlType.ACCOUNT_PROGRESS, ControlType.PRIVATE_DEAD_LETTER})
_READ_ONLY: Final = frozenset({ControlType.SNAPSHOT_REQUEST, ControlType.CHECKPOINT})
_REST_OUTCOMES: Final = ("ok", "refused", "unreachable", "slow-down", "banned")


def show_at_zero(metrics: Metrics, settings: Settings, table: TopicTable, *, streaming: bool = True) -> None:
    """Make every series whose labels are known from the settings.

    Args:
        metrics: whose.
        settings: name markets, stream types and accounts.
        table: names the topics.
        streaming: whether this process takes streams; what it does not take must not look as if it were silent.
    """
    for market, wanted in settings.markets.present().items():
        _show_market(metrics, market, raw_types_of(market, wanted) if streaming else ())
    for market, account in _accounts(settings) if streaming else ():
        _show_account(metrics, market, account)
    for pool in {pool_of(market) for market in (*settings.markets.present(), *settings.account_markets)}:
        for importance in Importance:
            metrics.rest_waits.labels(pool, importance.name.lower())
            metrics.rest_queue.labels(pool, importance.name.lower())
        for outcome in _REST_OUTCOMES:
            metrics.rest_requests.labels(pool, outcome)
        for of_pool in (metrics.rest_used_weight, metrics.rest_allowed_weight, metrics.rest_paused_until):
            of_pool.labels(pool)
    for topic in _topics_of(settings, table):
        metrics.delivered_records.labels(topic.name)
        metrics.delivered_bytes.labels(topic.name)
    metrics.buffer_limit_bytes.set(settings.producer.buffer_bytes)


def show_connection(metrics: Metrics, label: str) -> None:
    """Make every series of a connection."""
    for of_connection in (
        metrics.frames,
        metrics.frame_bytes,
        metrics.connection_live,
        metrics.silent_streams,
        metrics.refused_streams,
    ):
        of_connection.labels(label)
    for ending in Ending:
        metrics.disconnects.labels(label, ending)


def hide_connection(metrics: Metrics, label: str) -> None:
    """Tell no longer how a connection is that is wanted no more; what was counted of it stays."""
    metrics.connection_live.remove(label)
    metrics.silent_streams.remove(label)


class ShownTypes:
    """The stream types of one market of which the last event is told.

    Of a type that is taken no more, nothing is told: its silence is no outage.

    Args:
        metrics: whose.
        market: which.
        types: those that are told already.
    """

    def __init__(self, metrics: Metrics, market: Market, types: Iterable[RawType]) -> None:
        self._metrics = metrics
        self._market = market
        self._shown = set(types)
        self._left: set[RawType] = set()

    def take(self, types: Iterable[RawType]) -> None:
        """Tell the last event of these types from now on, and of no other."""
        now = set(types)
        self._left = (self._left | self._shown) - now
        self._shown = now
        for raw_type in now:
            self._metrics.last_event.labels(self._market, raw_type)
        self.hide_left()

    def hide_left(self) -> None:
        """Tell nothing of what was left; to be called after events, some of which were read before it was left."""
        for raw_type in self._left:
            self._metrics.last_event.remove(self._market, raw_type)


def raw_types_of(market: Market, wanted: MarketSettings) -> set[RawType]:
    """Return the stream types that a market's settings ask for, whatever the symbols are."""
    texts = {*wanted.all_market_streams, *(text for texts in wanted.symbol_streams.values() for text in texts)}
    texts |= {text for symbol in wanted.wishes.symbols for text in wanted.types_of(symbol)}
    return {stream_types(market)[text].raw_type for text in texts}


def _show_market(metrics: Metrics, market: Market, types: Iterable[RawType]) -> None:
    for raw_type in types:
        metrics.records.labels(market, raw_type)
        metrics.last_event.labels(market, raw_type)
    for reason in Reason:
        metrics.dead_letters.labels(market, reason)
    for raw_type in _WITH_IDS:
        for of_stream in (metrics.holes, metrics.open_holes, metrics.missing_ids, metrics.tail_holes):
            of_stream.labels(market, raw_type)
        for outcome in Outcome:
            if outcome is not Outcome.MISSING:
                metrics.hole_ids.labels(market, raw_type, outcome.name.lower())
    for fate in ("done", "failed"):
        metrics.tail_checks.labels(market, fate)
    for of_market in (
        metrics.event_times_replaced,
        metrics.event_lag,
        metrics.overlap_duplicates,
        metrics.snapshots,
        metrics.snapshot_failures,
        metrics.heartbeats,
        metrics.symbols,
    ):
        of_market.labels(market)


def _show_account(metrics: Metrics, market: Market, account: str) -> None:
    for reason in Reason:
        metrics.dead_letters.labels(market, reason)
    for raw_type in _OF_ACCOUNTS:
        metrics.account_events.labels(market, account, raw_type)
    for cause, outcome in product(ReconcileCause, ("done", "failed")):
        metrics.reconciliations.labels(market, account, cause, outcome)
    for of_account in (
        metrics.reconciliation_answers,
        metrics.reconciliation_seconds,
        metrics.reconciled_time,
        metrics.account_last_event,
        metrics.listen_key_expiries,
        metrics.account_key_refused,
        metrics.account_key_replacements,
    ):
        of_account.labels(market, account)


def _accounts(settings: Settings) -> list[tuple[Market, str]]:
    return [(market, label) for label, one in settings.own_accounts.items() for market in one.markets]


def _topics_of(settings: Settings, table: TopicTable) -> list[Topic]:
    """Return the topics that this process may write."""
    private = bool(settings.account_markets)
    public = {
        table.raw(market, raw_type).name
        for market, wanted in settings.markets.present().items()
        for raw_type in raw_types_of(market, wanted)
    }
    return [
        topic
        for topic in table
        if topic.name in public
        or (topic.layer is Layer.RAW and topic.private and topic.market in settings.account_markets)
        or (
            isinstance(topic.type, ControlType)
            and topic.type not in _READ_ONLY
            and (private or topic.type not in _PRIVATE)
        )
    ]
