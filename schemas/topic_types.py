"""Which kinds of topics there are, and which types of records each kind has."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


__all__ = ["CANDLE_INTERVALS", "Cleanup", "ControlType", "DerivedType", "Layer", "RawType", "candle_type"]

CANDLE_INTERVALS: Final[Mapping[str, int]] = {
    "1m": 60_000,
    "5m": 300_000,
    "15m": 900_000,
    "1h": 3_600_000,
    "4h": 14_400_000,
    "1d": 86_400_000,
}
"""Candle intervals that have a topic, and their length in ms."""


class Layer(StrEnum):
    """What a topic holds: what Binance sent, what we say about the flow, or what we made of it."""

    RAW = "raw"
    CONTROL = "control"
    DERIVED = "derived"


class Cleanup(StrEnum):
    """Kafka's ``cleanup.policy``."""

    DELETE = "delete"
    COMPACT = "compact"
    COMPACT_DELETE = "compact,delete"


class RawType(StrEnum):
    """Types of raw records; each is a topic per market."""

    TRADE = "trade"
    AGG_TRADE = "agg-trade"
    DEPTH = "depth"
    """Diffs *and* snapshots of a symbol, in one partition: a book is a function of one log."""
    BOOK_TICKER = "book-ticker"
    PARTIAL_DEPTH = "partial-depth"
    MINI_TICKER = "mini-ticker"
    TICKER = "ticker"
    KLINE = "kline"
    MARK_PRICE = "mark-price"
    FORCE_ORDER = "force-order"
    ORDER_UPDATE = "order-update"
    """Private: events about an account's orders and fills."""
    ACCOUNT_UPDATE = "account-update"
    """Private: events about an account's balances, positions and settings."""
    ORDER_SNAPSHOT = "order-snapshot"
    """Private: REST's answers about orders and fills."""
    ACCOUNT_SNAPSHOT = "account-snapshot"
    """Private: REST's answers about balances and positions."""

    @property
    def private(self) -> bool:
        """Whether it is about one account; then the key is the account's label."""
        return self in _PRIVATE_RAW


class ControlType(StrEnum):
    """Types of control records; each is one topic for all markets."""

    GAP = "gap"
    PROGRESS = "progress"
    HEARTBEAT = "heartbeat"
    CONNECTION = "connection"
    SNAPSHOT_REQUEST = "snapshot-request"
    DEAD_LETTER = "dead-letter"
    CHECKPOINT = "checkpoint"
    ACCOUNT_PROGRESS = "account-progress"
    PRIVATE_DEAD_LETTER = "private-dead-letter"


class DerivedType(StrEnum):
    """Types of derived records; each is a topic per market."""

    TRADE = "trade"
    TOP_OF_BOOK = "top-of-book"
    BOOK_SNAPSHOT = "book-snapshot"
    BOOK_VERIFICATION = "book-verification"
    TRADE_FLOW = "trade-flow"
    ALERT = "alert"
    LIQUIDITY = "liquidity"
    TICKER = "ticker"
    CANDLE_1M = "candle-1m"
    CANDLE_5M = "candle-5m"
    CANDLE_15M = "candle-15m"
    CANDLE_1H = "candle-1h"
    CANDLE_4H = "candle-4h"
    CANDLE_1D = "candle-1d"
    BOOK_CHECKPOINT = "book-checkpoint"
    TRADE_CHECKPOINT = "trade-checkpoint"
    TICKER_CHECKPOINT = "ticker-checkpoint"
    ORDER = "order"
    BALANCE = "balance"
    POSITION = "position"
    ACCOUNT_CHECKPOINT = "account-checkpoint"


def candle_type(interval: str) -> DerivedType:
    """Return the derived type of candles of ``interval``.

    Raises:
        ValueError: no topic holds candles of this interval.
    """
    return DerivedType(f"candle-{interval}")


_PRIVATE_RAW: Final = frozenset(
    {RawType.ORDER_UPDATE, RawType.ACCOUNT_UPDATE, RawType.ORDER_SNAPSHOT, RawType.ACCOUNT_SNAPSHOT}
)
