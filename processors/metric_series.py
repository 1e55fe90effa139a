"""Series that are there from the start, at zero, and those that are counted when somebody asks for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Final

from processors import metrics
from processors.core.book_partition import BookPartition, BookStatus
from processors.flows import Family
from processors.states import Cause
from processors.units import Flow, PartitionState
from schemas.control import SnapshotReason
from schemas.derived import BookState, VerificationResult
from schemas.markets import Market
from schemas.topics import Topic


__all__ = ["show_at_zero", "show_books", "show_lag"]

_DEAD_LETTER_REASONS: Final = (
    "malformed-json", "missing-field", "mistyped-field", "bad-number", "implausible-time", "does-not-fit", "oversized",
)  # fmt: skip
_DIFFERENCES: Final = ("order", "fill", "balance", "position")
_LEFT_MS: Final = 24 * 3_600_000
"""A book that is not right and of which nothing came for so long is of a symbol that was left or delisted: nobody can
mend it, and its state is kept all the same, in case that the symbol comes back. An outage of a day has long told itself
by other alerts, and books that are right stay counted however quiet they are."""


def show_at_zero(family: Family, flows: Sequence[Flow], outputs: Iterable[Topic], markets: Sequence[Market]) -> None:
    """Make every series whose labels are known beforehand."""
    for flow in flows:
        _show_flow(flow)
    for topic in outputs:
        metrics.OUTPUTS.labels(topic.name)
    if family is Family.BOOKS:
        _show_books(markets)
    elif family is Family.PRIVATE:
        for market in markets:
            metrics.UNKNOWN_EVENTS.labels(market)
            for what in _DIFFERENCES:
                metrics.ACCOUNT_DIFFERENCES.labels(market, what)
                metrics.ACCOUNT_DIFFERENCES.labels(market, f"unknown-{what}")


def show_lag(topics: Iterable[str], lag: Mapping[str, int]) -> None:
    """Tell the lag of each topic; what is not assigned lags not."""
    for topic in topics:
        metrics.LAG.labels(topic).set(lag.get(topic, 0))


def show_books(states: Iterable[PartitionState], markets: Sequence[Market], now_ms: int) -> None:
    """Tell how many books are in which state; those that were left a day ago are forgotten.

    Args:
        states: of all partitions.
        markets: whose books are told.
        now_ms: the time, since the epoch.
    """
    counts = Counter(
        (status.market, status.state)
        for state in states
        if isinstance(state, BookPartition)
        for status in state.statuses()
        if not _is_left(status, now_ms)
    )
    for market, state in product(markets, BookState):
        metrics.BOOKS.labels(market, state).set(counts[market, state])


def _is_left(status: BookStatus, now_ms: int) -> bool:
    last = max(status.event_time or 0, status.said_time)
    return status.state is not BookState.LIVE and now_ms - last > _LEFT_MS


def _show_flow(flow: Flow) -> None:
    for topic in flow.topics:
        metrics.RECORDS.labels(topic.name)
        metrics.LAG.labels(topic.name)
        metrics.EVENT_AGE.labels(topic.name)
        for reason in _DEAD_LETTER_REASONS:
            metrics.DEAD_LETTERS.labels(topic.name, reason)
    metrics.BATCH_SECONDS.labels(flow.name)
    for state in ("running", "restoring"):
        metrics.PARTITIONS.labels(flow.name, state)
    for source in ("checkpoint", "log", "kept"):
        metrics.RESTORE_SECONDS.labels(flow.name, source)
    for cause in (*Cause, "replaced"):
        metrics.CHECKPOINTS_LOST.labels(flow.name, cause)
    metrics.CHECKPOINT_AGE.labels(flow.name)
    metrics.CHECKPOINT_BYTES.labels(flow.name)
    metrics.CHECKPOINT_ROUND_SECONDS.labels(flow.name)


def _show_books(markets: Iterable[Market]) -> None:
    for market in markets:
        metrics.BOOK_GAPS.labels(market)
        for state in BookState:
            metrics.BOOKS.labels(market, state)
        for result in VerificationResult:
            metrics.BOOK_VERIFICATIONS.labels(market, result)
        for level_result in ("equal", "different"):
            metrics.BOOK_LEVELS.labels(market, level_result)
        for reason in SnapshotReason:
            metrics.SNAPSHOT_REQUESTS.labels(market, reason)
