"""Frames that carry no stream of ours: answers to control messages, the notice of an end, and strangers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ingest.core.outcomes import Reason, Rejected, Reply, ShutdownNotice, shortened
from schemas import wire


__all__ = ["UNREADABLE", "decode_any", "of_no_stream", "without_stream"]

# A document nested beyond the interpreter's patience is a RecursionError.
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises at bytes that are not what they should be."""

decode_any: Final = msgspec.json.Decoder().decode
_decode_shutdown: Final = msgspec.json.Decoder(wire.ServerShutdown).decode


def of_no_stream(name: str, data: msgspec.Raw, frame: bytes) -> Rejected | ShutdownNotice:
    """Return what a wrapped frame under an unknown stream name is."""
    return _shutdown(bytes(data)) or Rejected(
        Reason.UNKNOWN_EVENT, shortened(f'stream "{name}" is none of ours'), frame, shortened(name)
    )


def without_stream(frame: bytes) -> Rejected | Reply | ShutdownNotice:
    """Return what an unwrapped frame is: an answer, the notice of an end, or nothing known."""
    try:
        message = decode_any(frame)
    except UNREADABLE as error:
        return Rejected(Reason.MALFORMED_JSON, shortened(str(error)), frame)
    if not isinstance(message, dict):
        return Rejected(Reason.UNKNOWN_EVENT, "neither a stream's frame nor a reply", frame)
    if notice := _shutdown(frame):
        return notice
    return _reply(message) or Rejected(Reason.UNKNOWN_EVENT, "neither a stream's frame nor a reply", frame)


def _shutdown(payload: bytes) -> ShutdownNotice | None:
    try:
        event = _decode_shutdown(payload)
    except UNREADABLE:
        return None
    return ShutdownNotice(event.event_time) if event.event_type == "serverShutdown" else None


def _reply(message: Mapping[str, Any]) -> Reply | None:
    """Read an answer in either shape: errors come flat as documented, or nested under ``error`` as recorded."""
    request = message.get("id")
    request_id = request if isinstance(request, int) else None
    if "error" in message:
        return Reply(request_id, _error_text(message["error"]))
    if "code" in message and "msg" in message:
        return Reply(request_id, _error_text(message))
    if "result" in message and "id" in message:
        return Reply(request_id)
    return None


def _error_text(error: Any) -> str:
    if isinstance(error, dict) and "msg" in error:
        return shortened(f"{error['msg']} (code {error.get('code')})")
    return shortened(error)
