"""The records of the venue's answers about accounts: verbatim, with what readers must know to apply them in time."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from ingest.core.account_endpoints import Asked
from ingest.core.records import Record, header
from schemas.control import ReconcileCause
from schemas.markets import Market
from schemas.topics import TopicTable, partition_of


__all__ = ["AnswerOrigin", "SignedAnswer", "answer_record"]

_ORIGIN: Final = ("origin", b"rest")


class SignedAnswer(Struct, frozen=True):
    """The venue's answer to a signed question."""

    path: str
    """With the version: ``/api/v3/openOrders``."""
    request: str
    """The question's parameters as a query string, without time and signature."""
    request_time: int
    """A time that the venue's clock had surely reached when it was asked: what happened before is in the answer."""
    body: bytes
    receive_time_ns: int
    received_ms: float
    """By the monotonic clock."""


class AnswerOrigin(Struct, frozen=True):
    """Where an answer came from, and why it was asked for."""

    connection_id: str
    """Of the REST client: ``<ingest id>.<market>.<account>.rest``."""
    sequence: int
    """Counts its answers."""
    cause: ReconcileCause
    after_offset: int
    """All that the streams told before the answer was made is below this offset of the update topic."""


def answer_record(
    table: TopicTable, market: Market, account: str, *, asked: Asked, answer: SignedAnswer, origin: AnswerOrigin
) -> Record:
    """Return the raw record of an answer, in the account's partition."""
    return Record(
        table.raw(market, asked.raw_type).name,
        partition_of(account),
        account.encode(),
        answer.body,
        answer.receive_time_ns // 1_000_000,
        [
            header("receive_time_ns", answer.receive_time_ns),
            header("connection_id", origin.connection_id),
            header("connection_sequence", origin.sequence),
            header("stream", f"rest:{answer.path.rsplit('/', 1)[-1]}"),
            _ORIGIN,
            header("endpoint", answer.path),
            header("request", answer.request),
            header("request_time", answer.request_time),
            header("after_offset", origin.after_offset),
            header("cause", origin.cause),
        ],
    )
