"""Keys that no documentation names, in every payload: Binance adds some without notice, and a parser must not mind."""

from __future__ import annotations

import re

from sandbox.exchange.source import RestReply, StreamEvent


__all__ = ["answer_with_unknown_key", "event_with_unknown_key"]

_KEY = b'"zNew":{"E":"0","list":[1,null]}'
_LAST_BRACE = re.compile(rb"\}(?=\]?$)")
_BETWEEN = re.compile(rb"\},(?=\{)")


def event_with_unknown_key(event: StreamEvent) -> StreamEvent:
    """Return an event whose payload, of an array each element, has one key more."""
    return StreamEvent(event.due_ns, event.market, event.stream, _extended(event.data), event.account)


def answer_with_unknown_key(reply: RestReply) -> RestReply:
    """Return a REST answer whose object, of an array of objects each, has one key more."""
    return RestReply(reply.status, _extended(reply.body), reply.headers)


def _extended(data: bytes) -> bytes:
    if data.startswith(b"[{"):
        data = _BETWEEN.sub(b"," + _KEY + b"},", data)
    return _LAST_BRACE.sub(b"," + _KEY + b"}", data) if data not in {b"{}", b"[]"} else data
