"""The rows of the topic table: what each type of topic holds, for whom, by which key, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from schemas.topic_types import CANDLE_INTERVALS, Cleanup, ControlType, DerivedType, Layer, RawType, candle_type


__all__ = ["CONTROL_ROWS", "DERIVED_ROWS", "OWNERS", "RAW_ROWS", "Row"]

_DAY_MS: Final = 86_400_000


class Row(msgspec.Struct, frozen=True):
    """What a topic is like, whatever its prefix and market; fields as of :class:`~schemas.topics.Topic`."""

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


OWNERS: Final[Mapping[Layer, str]] = {
    Layer.RAW: "ingest",
    Layer.CONTROL: "ingest",
    Layer.DERIVED: "processors",
}
_SYMBOL: Final = "symbol"
_ACCOUNT: Final = "account"
# What is replaced every few seconds is to be compacted within minutes, or a hundred times as much is kept as is of use.
_CHECKPOINTS: Final = (
    ("max.compaction.lag.ms", "1800000"),
    ("max.message.bytes", str(4 * 1024 * 1024)),
    ("min.cleanable.dirty.ratio", "0.2"),
    ("segment.bytes", str(32 * 1024 * 1024)),
    ("segment.ms", "600000"),
)
RAW_ROWS: Final[Mapping[RawType, Row]] = {
    RawType.TRADE: Row(_SYMBOL, "s, t", "-", "Each match, verbatim."),
    RawType.AGG_TRADE: Row(_SYMBOL, "s, a", "-", "Fills of one taker order at one price, verbatim."),
    RawType.DEPTH: Row(
        _SYMBOL,
        "s and coverage [U, u]; snapshots: s, lastUpdateId",
        "-",
        "Depth diffs as streamed and depth snapshots as answered by REST, of a symbol in one partition.",
    ),
    RawType.BOOK_TICKER: Row(_SYMBOL, "s, u", "-", "Best bid and ask at each change, verbatim."),
    RawType.PARTIAL_DEPTH: Row(_SYMBOL, "s, stream", "lastUpdateId, futures: u", "Top 5, 10 or 20 levels, verbatim."),
    RawType.MINI_TICKER: Row(_SYMBOL, "s", "E", "Rolling 24 h statistics, short form, verbatim."),
    RawType.TICKER: Row(_SYMBOL, "s", "E", "Rolling 24 h statistics, verbatim."),
    RawType.KLINE: Row(_SYMBOL, "s, k.i, k.t", "k.L, k.x, E", "The venue's own candles, verbatim."),
    RawType.MARK_PRICE: Row(_SYMBOL, "s", "E", "Mark price, index price and funding, verbatim.", futures_only=True),
    RawType.FORCE_ORDER: Row(_SYMBOL, "s, o.T, o.S, o.q, o.p", "-", "Liquidations, verbatim.", futures_only=True),
    RawType.ORDER_UPDATE: Row(
        _ACCOUNT,
        "spot: s, I; futures: o.s, o.i, o.x, o.X, o.t, T, o.z; algo orders: o.aid, o.X, o.ia, T",
        "-",
        "Events about an account's orders, order lists and fills, verbatim.",
        private=True,
    ),
    RawType.ACCOUNT_UPDATE: Row(
        _ACCOUNT, "e, E", "-", "Events about an account's balances, positions and settings, verbatim.", private=True
    ),
    RawType.ORDER_SNAPSHOT: Row(
        _ACCOUNT, "-", "-", "REST's answers about an account's orders and fills, verbatim.", private=True
    ),
    RawType.ACCOUNT_SNAPSHOT: Row(
        _ACCOUNT, "-", "-", "REST's answers about an account's balances and positions, verbatim.", private=True
    ),
}
CONTROL_ROWS: Final[Mapping[ControlType, Row]] = {
    ControlType.GAP: Row(
        "market|stream|symbol|first id",
        "market, stream, symbol, first_id",
        "updated_time",
        "The ledger: every hole in a stream of ids, and what became of it.",
        Cleanup.COMPACT,
        None,
        schema="gap",
    ),
    ControlType.PROGRESS: Row(
        "market|stream|symbol",
        "market, stream, symbol",
        "offset",
        "How far each stream is known: last id and its offset.",
        Cleanup.COMPACT,
        None,
        schema="progress",
    ),
    ControlType.HEARTBEAT: Row(
        "market|stream|partition",
        "market, stream, partition",
        "vouched_until",
        "Up to which exchange time a raw partition is complete, and below which offset.",
        retention_ms=_DAY_MS,
        schema="heartbeat",
    ),
    ControlType.CONNECTION: Row(
        "connection id",
        "connection_id, sequence",
        "-",
        "Connections opened and closed, and why.",
        schema="connection",
    ),
    ControlType.SNAPSHOT_REQUEST: Row(
        "symbol",
        "market, symbol, after_update_id",
        "-",
        "A processor asks ingest for a depth snapshot.",
        retention_ms=_DAY_MS,
        schema="snapshot-request",
        owner="processors",
    ),
    ControlType.DEAD_LETTER: Row(
        "as its source",
        "source_topic, source_partition, source_offset (headers)",
        "-",
        "Records that could not be read, as they came, with their origin and the reason in headers.",
        retention_ms=30 * _DAY_MS,
        owner="ingest, processors",
    ),
    ControlType.CHECKPOINT: Row(
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
    ControlType.ACCOUNT_PROGRESS: Row(
        "market|account",
        "market, account",
        "time",
        "How far each account's orders and trades are known: from there they are asked for after a restart.",
        Cleanup.COMPACT,
        None,
        schema="account-progress",
        private=True,
    ),
    ControlType.PRIVATE_DEAD_LETTER: Row(
        "as its source",
        "source_topic, source_partition, source_offset (headers)",
        "-",
        "Dead letters about accounts: records that could not be read, and reports that no legal life of an order has.",
        retention_ms=30 * _DAY_MS,
        owner="ingest, processors",
        private=True,
    ),
}


def _checkpoints(of: str, key: str) -> Row:
    return Row(
        key,
        "key",
        "position",
        f"The whole state of {of}, for the worker that has the partition next; of no use to readers.",
        Cleanup.COMPACT,
        None,
        schema="checkpoint",
        settings=_CHECKPOINTS,
    )


def _state(key: str, identity: str, about: str, schema: str, *, futures_only: bool = False) -> Row:
    return Row(
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


_CANDLE: Final = Row(
    "symbol|open time",
    "symbol, open_time",
    "input_offset",
    "Candles: open, high, low, close, volumes, counts of one interval.",
    Cleanup.COMPACT_DELETE,
    90 * _DAY_MS,
    schema="candle",
)
DERIVED_ROWS: Final[Mapping[DerivedType, Row]] = {
    DerivedType.TRADE: Row(
        "symbol",
        "symbol, source, epoch, kind, trade_id",
        "-",
        "Each trade once, in id order, taker side spelled out; holes as records.",
        schema="trade",
    ),
    DerivedType.TOP_OF_BOOK: Row(
        "symbol",
        "symbol, update_id, state",
        "-",
        "Best bid and ask after each diff or snapshot that changed them, or the book's state.",
        schema="top-of-book",
    ),
    DerivedType.BOOK_SNAPSHOT: Row(
        "symbol",
        "symbol, snapshot_time",
        "-",
        "The top levels of a book at an interval of event time.",
        schema="book-snapshot",
    ),
    DerivedType.BOOK_VERIFICATION: Row(
        "symbol",
        "symbol",
        "input_offset",
        "How each book compared with the venue's last depth snapshot.",
        Cleanup.COMPACT,
        None,
        schema="book-verification",
    ),
    DerivedType.TRADE_FLOW: Row(
        "symbol",
        "symbol, source, window, open_time",
        "input_offset",
        "Volume, trades, taker buy and sell, VWAP and largest trade of 1 s, 10 s and 1 m; without trades none.",
        schema="trade-flow",
    ),
    DerivedType.ALERT: Row(
        "symbol",
        "symbol, kind, opened_time, status",
        "-",
        "Volume spikes, one-sided flow, crossed, locked and stale books: an alert opens once and closes once.",
        schema="alert",
    ),
    DerivedType.LIQUIDITY: Row(
        "symbol",
        "symbol, time",
        "-",
        "Depth near the mid price, imbalance, spread and slippage of a live book at an interval of event time.",
        schema="liquidity",
    ),
    DerivedType.TICKER: Row(
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
