"""What a frame can turn out to be."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from ingest.core.endings import Ending
from ingest.core.records import Record


__all__ = ["Item", "Reason", "Rejected", "Reply", "ShutdownNotice", "Signal", "StreamEnded", "shortened"]

_DETAIL_CHARACTERS = 200


class Reason(StrEnum):
    """Why something was set aside."""

    MALFORMED_JSON = "malformed-json"
    UNKNOWN_EVENT = "unknown-event"
    """Neither a stream of ours nor a reply, or another event type than the stream's."""
    MISSING_FIELD = "missing-field"
    MISTYPED_FIELD = "mistyped-field"
    OVERSIZED = "oversized"
    """Larger than a record may be."""
    REFUSED = "refused"
    """The broker refuses the record, alone and twice."""


class Rejected(Struct, frozen=True):
    """Something that cannot become a raw record."""

    reason: Reason
    detail: str
    raw: bytes
    """The frame, or the element of its array."""
    stream: str | None = None
    symbol: str | None = None
    source_topic: str | None = None
    """Where it would have gone, as far as known."""


class Reply(Struct, frozen=True):
    """The venue's answer to a control message."""

    id: int | None
    """None: the venue could not tell which request it was."""
    error: str | None = None
    """None: success."""
    status: int = 200
    """Of the WebSocket API, as of HTTP."""
    code: int | None = None
    """The venue's, of an error."""


class ShutdownNotice(Struct, frozen=True):
    """The server is about to close the connection (spot; the lead time is unspecified)."""

    event_time: int


class StreamEnded(Struct, frozen=True):
    """Nothing about the account comes over this socket any more."""

    ending: Ending
    reason: str


Signal = Reply | ShutdownNotice | StreamEnded
"""What is about the connection itself."""
Item = Record | Rejected | Signal


def shortened(value: object) -> str:
    """Return a value as text that fits a header and a line of the log."""
    text = str(value)
    return text if len(text) <= _DETAIL_CHARACTERS else f"{text[:_DETAIL_CHARACTERS]}…"
