"""Headers of records, in words: the one list that the documents are written from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec


__all__ = ["ANSWER_HEADERS", "DEAD_LETTER_HEADERS", "RAW_HEADERS", "HeaderRow"]


class HeaderRow(msgspec.Struct, frozen=True):
    """One header; its value is UTF-8 text, integers in decimal."""

    name: str
    about: str
    always: bool = False
    """Whether every such record has it."""
    integer: bool = False


RAW_HEADERS: Final[Sequence[HeaderRow]] = (
    HeaderRow(
        "receive_time_ns",
        "when ingest read the frame, before parsing it; ns since the epoch",
        always=True,
        integer=True,
    ),
    HeaderRow("connection_id", "which connection it came over", always=True),
    HeaderRow("connection_sequence", "counts the frames of that connection", always=True, integer=True),
    HeaderRow("array_index", "its place in the array, where the frame was an array", integer=True),
    HeaderRow("stream", "the stream's name; `rest:depth` on a depth snapshot", always=True),
    HeaderRow("origin", "`live`; `backfill` on a trade and `rest` on an answer that came over REST", always=True),
    HeaderRow("contract_size", "COIN-M `trade` and `agg-trade`: quote asset per contract, where exchangeInfo told it"),
    HeaderRow(
        "carries_trades",
        "`1` on `agg-trade` where no `trade` is subscribed: derived trades and candles are made of it",
    ),
)
ANSWER_HEADERS: Final[Sequence[HeaderRow]] = (
    HeaderRow("endpoint", "the path that answered, `/api/v3/openOrders`", always=True),
    HeaderRow("request", "the question's parameters as a query string, without key, time and signature", always=True),
    HeaderRow(
        "request_time",
        "a time that the venue's clock had surely reached when it was asked; ms",
        always=True,
        integer=True,
    ),
    HeaderRow(
        "after_offset",
        "everything that the streams told before the answer is below this offset of the update topic",
        always=True,
        integer=True,
    ),
    HeaderRow("cause", "why it was asked, `start`, `reconnect`, `key-expired`, `stream-ended`, `timer`", always=True),
)
"""What REST's answers about accounts have besides: raw `order-snapshot` and `account-snapshot`."""
DEAD_LETTER_HEADERS: Final[Sequence[HeaderRow]] = (
    HeaderRow("source_topic", "the topic it was read from, or meant for; empty: none", always=True),
    HeaderRow("source_partition", "its partition there; empty: it never was in Kafka", always=True),
    HeaderRow("source_offset", "its offset there; empty: it never was in Kafka", always=True),
    HeaderRow(
        "reason", "why it was set aside, in one word: `malformed-json`, `missing-field`, `oversized`", always=True
    ),
    HeaderRow("detail", "the same in words", always=True),
    HeaderRow("sha256", "of the whole original, in hex; the value may be cut", always=True),
    HeaderRow("length", "of the whole original; bytes", always=True, integer=True),
    HeaderRow("stream", "by ingest: the stream's name, where it is known"),
    HeaderRow("connection_id", "by ingest: which connection it came over"),
    HeaderRow("receive_time_ns", "by ingest: when it was read; ns since the epoch", integer=True),
)
