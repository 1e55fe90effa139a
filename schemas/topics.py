"""The topic table: the only place that spells a topic name.

Producers, Faust topics, topic creation, manifests and documents derive from it. For every topic it says what the key
is, which fields are the *identity* of a record (two records of one identity are the same thing) and which its
*version* (of one identity, an older version is ignored).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec

from schemas.markets import Market


__all__ = [
    "CANDLE_INTERVALS",
    "PARTITIONS",
    "Cleanup",
    "ControlType",
    "DerivedType",
    "Layer",
    "RawType",
    "Topic",
    "TopicTable",
    "UnknownTopicError",
    "candle_type",
    "partition_of",
]

PARTITIONS: Final = 12
"""Equal for all topics, so that everything about a symbol is in partitions of one number."""

CANDLE_INTERVALS: Final[Mapping[str, int]] = {
    "1m": 60_000,
    "5m": 300_000,
    "15m": 900_000,
    "1h": 3_600_000,
    "4h": 14_400_000,
    "1d": 86_400_000,
}
"""Candle intervals that have a topic, and their length in ms."""

_DAY_MS: Final = 86_400_000
_KEEP: Final = -1
_PREFIX: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_NEVER: Final = (1 << 63) - 1


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


class UnknownTopicError(LookupError):
    """A topic name that the table does not hold."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)

    def __str__(self) -> str:
        return f'topic "{self.name}": not in the topic table'


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table."""

    name: str
    layer: Layer
    type: RawType | ControlType | DerivedType
    market: Market | None
    """None: control topics carry the market in the value."""
    key: str
    """What the key is, in words; always plain UTF-8."""
    identity: str
    version: str
    cleanup: Cleanup
    retention_ms: int | None
    """How long records stay, by their timestamps; None where compaction alone decides."""
    owner: str
    """The service that writes it."""
    schema: str | None
    """Name of the Avro schema (``schemas/avro/<schema>.avsc``); None: the value is not Avro."""
    about: str
    private: bool = False
    """Whether it tells of accounts: few should be able to read it (docs/security.md)."""
    partitions: int = PARTITIONS
    settings: tuple[tuple[str, str], ...] = ()
    """What else of Kafka's topic settings differs from the broker's."""

    @property
    def subject(self) -> str:
        """The registry's subject of the value (TopicNameStrategy)."""
        return f"{self.name}-value"

    def config(self, *, keep: bool = False) -> dict[str, str]:
        """Return Kafka's topic settings.

        Args:
            keep: keep every record for ever. Retention works on record timestamps, so where old recordings are
                replayed anything else deletes them at the next check.
        """
        config = {
            "cleanup.policy": str(self.cleanup),
            # Replayed and simulated events may lie in the future of the broker's clock; a refused record would
            # fail its whole batch (architecture §5).
            "message.timestamp.type": "CreateTime",
            "message.timestamp.after.max.ms": str(_NEVER),
            **dict(self.settings),
        }
        if keep and self.cleanup is not Cleanup.COMPACT:
            config["cleanup.policy"] = "compact" if "compact" in self.cleanup else "delete"
            config["retention.ms"] = str(_KEEP)
        elif self.retention_ms is not None:
            config["retention.ms"] = str(self.retention_ms)
        return config


class _Row(msgspec.Struct, frozen=True):
    key: str
    identity: str
    version: str
    about: str
    cleanup: Cleanup = Cleanup.DELETE
    retention_ms: int | None = 7 * _DAY_MS
    futures_only: bool = False
    schema: str | None = None
    owner: str | None = None
    private: bool = False
    settings: tuple[tuple[str, str], ...] = ()


_OWNERS: Final[Mapping[Layer, str]] = {
    Layer.RAW: "ingest",
    Layer.CONTROL: "ingest",
    Layer.DERIVED: "processors",
}
_SYMBOL: Final = "symbol"
_ACCOUNT: Final = "account"
_PRIVATE_RAW: Final = frozenset(
    {RawType.ORDER_UPDATE, RawType.ACCOUNT_UPDATE, RawType.ORDER_SNAPSHOT, RawType.ACCOUNT_SNAPSHOT}
)
# What is replaced every few seconds is to be compacted within minutes, or a hundred times as much is kept as is of use.
_CHECKPOINTS: Final = (
    ("max.compaction.lag.ms", "1800000"),
    ("max.message.bytes", str(4 * 1024 * 1024)),
    ("min.cleanable.dirty.ratio", "0.2"),
    ("segment.bytes", str(32 * 1024 * 1024)),
    ("segment.ms", "600000"),
)
_RAW: Final[Mapping[RawType, _Row]] = {
    RawType.TRADE: _Row(_SYMBOL, "s, t", "-", "Each match, verbatim."),
    RawType.AGG_TRADE: _Row(_SYMBOL, "s, a", "-", "Fills of one taker order at one price, verbatim."),
    RawType.DEPTH: _Row(
        _SYMBOL,
        "s and coverage [U, u]; snapshots: s, lastUpdateId",
        "-",
        "Depth diffs as streamed and depth snapshots as answered by REST, of a symbol in one partition.",
    ),
    RawType.BOOK_TICKER: _Row(_SYMBOL, "s, u", "-", "Best bid and ask at each change, verbatim."),
    RawType.PARTIAL_DEPTH: _Row(_SYMBOL, "s, stream", "lastUpdateId, futures: u", "Top 5, 10 or 20 levels, verbatim."),
    RawType.MINI_TICKER: _Row(_SYMBOL, "s", "E", "Rolling 24 h statistics, short form, verbatim."),
    RawType.TICKER: _Row(_SYMBOL, "s", "E", "Rolling 24 h statistics, verbatim."),
    RawType.KLINE: _Row(_SYMBOL, "s, k.i, k.t", "k.L, k.x, E", "The venue's own candles, verbatim."),
    RawType.MARK_PRICE: _Row(_SYMBOL, "s", "E", "Mark price, index price and funding, verbatim.", futures_only=True),
    RawType.FORCE_ORDER: _Row(_SYMBOL, "s, o.T, o.S, o.q, o.p", "-", "Liquidations, verbatim.", futures_only=True),
    RawType.ORDER_UPDATE: _Row(
        _ACCOUNT,
        "spot: s, I; futures: o.s, o.i, o.x, o.X, o.t, T, o.z; algo orders: o.aid, o.X, o.ia, T",
        "-",
        "Events about an account's orders, order lists and fills, verbatim.",
        private=True,
    ),
    RawType.ACCOUNT_UPDATE: _Row(
        _ACCOUNT, "e, E", "-", "Events about an account's balances, positions and settings, verbatim.", private=True
    ),
    RawType.ORDER_SNAPSHOT: _Row(
        _ACCOUNT, "-", "-", "REST's answers about an account's orders and fills, verbatim.", private=True
    ),
    RawType.ACCOUNT_SNAPSHOT: _Row(
        _ACCOUNT, "-", "-", "REST's answers about an account's balances and positions, verbatim.", private=True
    ),
}
_CONTROL: Final[Mapping[ControlType, _Row]] = {
    ControlType.GAP: _Row(
        "market|stream|symbol|first id",
        "market, stream, symbol, first_id",
        "updated_time",
        "The ledger: every hole in a stream of ids, and what became of it.",
        Cleanup.COMPACT,
        None,
        schema="gap",
    ),
    ControlType.PROGRESS: _Row(
        "market|stream|symbol",
        "market, stream, symbol",
        "offset",
        "How far each stream is known: last id and its offset.",
        Cleanup.COMPACT,
        None,
        schema="progress",
    ),
    ControlType.HEARTBEAT: _Row(
        "market|stream|partition",
        "market, stream, partition",
        "vouched_until",
        "Up to which exchange time a raw partition is complete, and below which offset.",
        retention_ms=_DAY_MS,
        schema="heartbeat",
    ),
    ControlType.CONNECTION: _Row(
        "connection id",
        "connection_id, sequence",
        "-",
        "Connections opened and closed, and why.",
        schema="connection",
    ),
    ControlType.SNAPSHOT_REQUEST: _Row(
        "symbol",
        "market, symbol, after_update_id",
        "-",
        "A processor asks ingest for a depth snapshot.",
        retention_ms=_DAY_MS,
        schema="snapshot-request",
        owner="processors",
    ),
    ControlType.DEAD_LETTER: _Row(
        "as its source",
        "source_topic, source_partition, source_offset (headers)",
        "-",
        "Records that could not be read, as they came, with their origin and the reason in headers.",
        retention_ms=30 * _DAY_MS,
        owner="ingest, processors",
    ),
    ControlType.CHECKPOINT: _Row(
        "flow|partition",
        "flow, partition",
        "begun_time",
        "The last whole round of checkpoints: which records it is made of, and from where the log is read after it.",
        Cleanup.COMPACT,
        None,
        schema="checkpoint-round",
        owner="processors",
        settings=_CHECKPOINTS,
    ),
    ControlType.ACCOUNT_PROGRESS: _Row(
        "market|account",
        "market, account",
        "time",
        "How far each account's orders and trades are known: from there they are asked for after a restart.",
        Cleanup.COMPACT,
        None,
        schema="account-progress",
        private=True,
    ),
    ControlType.PRIVATE_DEAD_LETTER: _Row(
        "as its source",
        "source_topic, source_partition, source_offset (headers)",
        "-",
        "Dead letters about accounts: records that could not be read, and reports that no legal life of an order has.",
        retention_ms=30 * _DAY_MS,
        owner="ingest, processors",
        private=True,
    ),
}


def _checkpoints(of: str, key: str) -> _Row:
    return _Row(
        key,
        "key",
        "position",
        f"The whole state of {of}, for the worker that has the partition next; of no use to readers.",
        Cleanup.COMPACT,
        None,
        schema="checkpoint",
        settings=_CHECKPOINTS,
    )


def _state(key: str, identity: str, about: str, schema: str, *, futures_only: bool = False) -> _Row:
    return _Row(
        key,
        identity,
        "input_offset, snapshot_offset",
        about,
        Cleanup.COMPACT,
        None,
        futures_only=futures_only,
        schema=schema,
        private=True,
    )


_CANDLE: Final = _Row(
    "symbol|open time",
    "symbol, open_time",
    "input_offset",
    "Candles: open, high, low, close, volumes, counts of one interval.",
    Cleanup.COMPACT_DELETE,
    90 * _DAY_MS,
    schema="candle",
)
_DERIVED: Final[Mapping[DerivedType, _Row]] = {
    DerivedType.TRADE: _Row(
        "symbol",
        "symbol, source, epoch, kind, trade_id",
        "-",
        "Each trade once, in id order, taker side spelled out; holes as records.",
        schema="trade",
    ),
    DerivedType.TOP_OF_BOOK: _Row(
        "symbol",
        "symbol, update_id, state",
        "-",
        "Best bid and ask after each diff or snapshot that changed them, or the book's state.",
        schema="top-of-book",
    ),
    DerivedType.BOOK_SNAPSHOT: _Row(
        "symbol",
        "symbol, snapshot_time",
        "-",
        "The top levels of a book at an interval of event time.",
        schema="book-snapshot",
    ),
    DerivedType.BOOK_VERIFICATION: _Row(
        "symbol",
        "symbol",
        "input_offset",
        "How each book compared with the venue's last depth snapshot.",
        Cleanup.COMPACT,
        None,
        schema="book-verification",
    ),
    DerivedType.TRADE_FLOW: _Row(
        "symbol",
        "symbol, source, window, open_time",
        "input_offset",
        "Volume, trades, taker buy and sell, VWAP and largest trade of 1 s, 10 s and 1 m; without trades none.",
        schema="trade-flow",
    ),
    DerivedType.ALERT: _Row(
        "symbol",
        "symbol, kind, opened_time, status",
        "-",
        "Volume spikes, one-sided flow, crossed, locked and stale books: an alert opens once and closes once.",
        schema="alert",
    ),
    DerivedType.LIQUIDITY: _Row(
        "symbol",
        "symbol, time",
        "-",
        "Depth near the mid price, imbalance, spread and slippage of a live book at an interval of event time.",
        schema="liquidity",
    ),
    DerivedType.TICKER: _Row(
        "symbol",
        "symbol",
        "event_time",
        "The last rolling 24 h statistics.",
        Cleanup.COMPACT,
        None,
        schema="ticker",
    ),
    **{candle_type(interval): _CANDLE for interval in CANDLE_INTERVALS},
    DerivedType.BOOK_CHECKPOINT: _checkpoints("a book", _SYMBOL),
    DerivedType.TRADE_CHECKPOINT: _checkpoints("a symbol's trades and candles", _SYMBOL),
    DerivedType.TICKER_CHECKPOINT: _checkpoints("a symbol's tickers", _SYMBOL),
    DerivedType.ORDER: _state(
        "account|symbol|order id",
        "account, symbol, kind, order_id",
        "Every order of an account, as it is now.",
        "order",
    ),
    DerivedType.BALANCE: _state("account|asset", "account, asset", "What an account has of each asset.", "balance"),
    DerivedType.POSITION: _state(
        "account|symbol|side",
        "account, symbol, position_side",
        "Every position of an account.",
        "position",
        futures_only=True,
    ),
    DerivedType.ACCOUNT_CHECKPOINT: msgspec.structs.replace(
        _checkpoints("a part of an account", "account|part"), private=True
    ),
}


class TopicTable:
    """All topics under one prefix.

    Iterating yields every topic in a stable order.

    Args:
        prefix: first part of every name; lower case, digits, hyphens, dots between parts.

    Raises:
        ValueError: the prefix would not give legal names.
    """

    def __init__(self, prefix: str = "binance") -> None:
        if not _PREFIX.fullmatch(prefix):
            msg = f'topic prefix "{prefix}": must be lower-case letters, digits and hyphens, with dots between parts'
            raise ValueError(msg)
        self.prefix = prefix
        self._topics = {topic.name: topic for topic in self._build()}

    def __iter__(self) -> Iterator[Topic]:
        return iter(self._topics.values())

    def __len__(self) -> int:
        return len(self._topics)

    def __getitem__(self, name: str) -> Topic:
        """Return the row of a topic name.

        Raises:
            UnknownTopicError: there is none.
        """
        try:
            return self._topics[name]
        except KeyError:
            raise UnknownTopicError(name) from None

    def raw(self, market: Market, raw_type: RawType) -> Topic:
        """Return the topic of raw records."""
        return self[f"{self.prefix}.{market}.raw.{raw_type}"]

    def control(self, control_type: ControlType) -> Topic:
        """Return a control topic."""
        return self[f"{self.prefix}.control.{control_type}"]

    def derived(self, market: Market, derived_type: DerivedType) -> Topic:
        """Return the topic of derived records."""
        return self[f"{self.prefix}.{market}.{derived_type}.v1"]

    def _build(self) -> Iterator[Topic]:
        for market in Market:
            for raw_type, row in _RAW.items():
                if market.is_futures or not row.futures_only:
                    name = f"{self.prefix}.{market}.raw.{raw_type}"
                    yield _topic(name, Layer.RAW, raw_type, market, row)
        for control_type, row in _CONTROL.items():
            yield _topic(f"{self.prefix}.control.{control_type}", Layer.CONTROL, control_type, None, row)
        for market in Market:
            for derived_type, row in _DERIVED.items():
                if market.is_futures or not row.futures_only:
                    name = f"{self.prefix}.{market}.{derived_type}.v1"
                    yield _topic(name, Layer.DERIVED, derived_type, market, row)


def _topic(name: str, layer: Layer, of: RawType | ControlType | DerivedType, market: Market | None, row: _Row) -> Topic:
    return Topic(
        name=name,
        layer=layer,
        type=of,
        market=market,
        key=row.key,
        identity=row.identity,
        version=row.version,
        cleanup=row.cleanup,
        retention_ms=row.retention_ms,
        owner=row.owner or _OWNERS[layer],
        schema=row.schema,
        about=row.about,
        private=row.private,
        settings=row.settings,
    )


@lru_cache(maxsize=65_536)
def partition_of(key: str, partitions: int = PARTITIONS) -> int:
    """Return the partition of a key, as Kafka's Java client chooses it.

    Murmur2 over the UTF-8 bytes, sign bit cleared, modulo the number of partitions (Kafka's
    ``BuiltInPartitioner.partitionForKey``). librdkafka's default differs: set ``partitioner=murmur2_random`` there.
    """
    return (_murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def _murmur2(data: bytes) -> int:
    """Return Kafka's murmur2 (seed 0x9747b28c) as an unsigned 32-bit number."""
    mask, multiplier = 0xFFFFFFFF, 0x5BD1E995
    length = len(data)
    value = (0x9747B28C ^ length) & mask
    whole = length & ~3
    for index in range(0, whole, 4):
        word = int.from_bytes(data[index : index + 4], "little") * multiplier & mask
        word = (word ^ word >> 24) * multiplier & mask
        value = (value * multiplier & mask) ^ word
    if tail := data[whole:]:
        value = (value ^ int.from_bytes(tail, "little")) * multiplier & mask
    value = (value ^ value >> 13) * multiplier & mask
    return value ^ value >> 15
