"""Frames about an account: raw records, answers, and what ends the stream.

Events come in three envelopes: ``{"subscriptionId": 0, "event": {…}}`` over the WebSocket API, ``{"stream": …, "data":
{…}}`` where streams are combined, and bare. What becomes a record is the event alone, its bytes as they came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from ingest.core.endings import Ending
from ingest.core.outcomes import Item, Reason, Rejected, Reply, ShutdownNotice, StreamEnded, shortened
from ingest.core.records import ORIGIN_LIVE, Record, header
from ingest.core.replies import UNREADABLE
from ingest.core.secrecy import Redactor
from schemas.markets import Market
from schemas.topics import RawType, TopicTable, partition_of


__all__ = ["KNOWN_EVENTS", "AccountDecoder"]

_ORDER_EVENTS: Final = frozenset(
    {
        "executionReport",
        "listStatus",
        "ORDER_TRADE_UPDATE",
        "TRADE_LITE",
        "ALGO_UPDATE",
        "CONDITIONAL_ORDER_TRIGGER_REJECT",
        "STRATEGY_UPDATE",
        "GRID_UPDATE",
    }
)
KNOWN_EVENTS: Final = _ORDER_EVENTS | {
    "outboundAccountPosition",
    "balanceUpdate",
    "externalLockUpdate",
    "ACCOUNT_UPDATE",
    "MARGIN_CALL",
    "ACCOUNT_CONFIG_UPDATE",
}
"""Others are about the account too, whatever they are: they go where its balances go."""
_ENDS: Final = {
    "listenKeyExpired": StreamEnded(Ending.EXPIRED, "the listen key expired"),
    "eventStreamTerminated": StreamEnded(Ending.TERMINATED, "the venue ended the stream"),
}
_SHUTDOWN: Final = "serverShutdown"
_MOST_TYPES: Final = 100
"""Event types remembered: who invents some must not fill the memory."""


class _Frame(Struct, frozen=True):
    event: msgspec.Raw = msgspec.Raw(b"")
    data: msgspec.Raw = msgspec.Raw(b"")
    event_type: str | None = field(name="e", default=None)
    id: Any = None
    status: int | None = None
    result: msgspec.Raw = msgspec.Raw(b"")
    error: Any = None
    code: int | None = None
    msg: str | None = None


class _Head(Struct, frozen=True):
    event_type: str = field(name="e")
    event_time: int | str | None = field(name="E", default=None)

    @property
    def time(self) -> int | None:
        """The event time; one event of futures has been seen with a text there."""
        value = self.event_time
        if isinstance(value, str):
            return int(value) if value.isascii() and value.isdecimal() else None
        return value


_decode_frame: Final = msgspec.json.Decoder(_Frame).decode
_decode_head: Final = msgspec.json.Decoder(_Head).decode


class AccountDecoder:
    """Decodes the frames of one socket.

    Args:
        market: the socket's.
        account: label of the account that it is about.
        connection_id: goes into every record's headers.
        table: names the topics.
        redactor: knows the keys that the socket was opened with: nothing that repeats one becomes a record.
        max_record_bytes: longer payloads are set aside.
    """

    def __init__(
        self,
        market: Market,
        account: str,
        connection_id: str,
        table: TopicTable,
        *,
        redactor: Redactor,
        max_record_bytes: int,
    ) -> None:
        self._account = account
        self._key = account.encode()
        self._partition = partition_of(account)
        self._connection = header("connection_id", connection_id)
        self._orders = table.raw(market, RawType.ORDER_UPDATE).name
        self._others = table.raw(market, RawType.ACCOUNT_UPDATE).name
        self._redactor = redactor
        self._max_record_bytes = max_record_bytes
        self._seen: dict[str, object] = {}

    @property
    def seen(self) -> Mapping[str, object]:
        """The event types that came, in the order of their first events; since the last :meth:`watch`."""
        return self._seen

    def watch(self) -> None:
        """Take every event type for new again."""
        self._seen = {}

    def forget_targets(self) -> None:
        """Do nothing: where an account's records go does not change."""

    def decode(self, frame: bytes, receive_time_ns: int, sequence: int) -> list[Item]:
        """Return what a frame holds; never raises, whatever the bytes are.

        Args:
            frame: the bytes of one WebSocket message.
            receive_time_ns: when it was read.
            sequence: counts the frames of the connection.
        """
        try:
            outer = _decode_frame(frame)
        except UNREADABLE as error:
            return [self._rejected(_reason_of(error), str(error), frame)]
        if outer.event_type is not None:
            return [self._event(frame, receive_time_ns, sequence)]
        for payload in (outer.event, outer.data):
            if payload:
                return [self._event(bytes(payload), receive_time_ns, sequence)]
        reply = self._reply(outer)
        return [reply or self._rejected(Reason.UNKNOWN_EVENT, "neither an event nor a reply", frame)]

    def _event(self, payload: bytes, receive_time_ns: int, sequence: int) -> Item:
        try:
            head = _decode_head(payload)
        except UNREADABLE as error:
            return self._rejected(_reason_of(error), str(error), payload)
        event_type, event_time = head.event_type, head.time
        if event_type in _ENDS:
            return _ENDS[event_type]
        if event_type == _SHUTDOWN:
            return ShutdownNotice(event_time or receive_time_ns // 1_000_000)
        stream = shortened(event_type)
        if len(payload) > self._max_record_bytes:
            detail = f"{len(payload)} bytes, at most {self._max_record_bytes} allowed"
            return self._rejected(Reason.OVERSIZED, detail, payload, stream)
        if self._redactor.repeats(payload):
            return self._rejected(Reason.UNKNOWN_EVENT, "repeats a key of the account", payload, stream)
        if len(self._seen) < _MOST_TYPES:
            self._seen.setdefault(stream, self)
        headers = [
            header("receive_time_ns", receive_time_ns),
            self._connection,
            header("connection_sequence", sequence),
            header("stream", stream),
            ORIGIN_LIVE,
        ]
        timestamp_ms = receive_time_ns // 1_000_000 if event_time is None else event_time
        topic = self._orders if event_type in _ORDER_EVENTS else self._others
        return Record(topic, self._partition, self._key, payload, timestamp_ms, headers, event_time)

    def _reply(self, outer: _Frame) -> Reply | None:
        request_id = outer.id if isinstance(outer.id, int) else None
        code, message = outer.code, outer.msg
        if isinstance(outer.error, dict):
            code, message = outer.error.get("code"), outer.error.get("msg")
        if message is not None or outer.error is not None or code is not None:
            text = self._redactor.text(shortened(f"{message} (code {code})"))
            return Reply(request_id, text, outer.status or 400, code if isinstance(code, int) else None)
        if outer.status is not None and outer.status != 200:
            return Reply(request_id, f"status {outer.status}", outer.status)
        return Reply(request_id) if outer.result or outer.status is not None else None

    def _rejected(self, reason: Reason, detail: str, raw: bytes, stream: str | None = None) -> Rejected:
        detail = self._redactor.text(shortened(detail))
        return Rejected(reason, detail, self._redactor.content(raw), stream, self._account, self._others)


def _reason_of(error: Exception) -> Reason:
    if "missing required field" in str(error):
        return Reason.MISSING_FIELD
    return Reason.MISTYPED_FIELD if isinstance(error, msgspec.ValidationError) else Reason.MALFORMED_JSON
