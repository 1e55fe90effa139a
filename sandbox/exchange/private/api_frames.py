"""Requests and replies of the WebSocket APIs as text. Pure.

Source: binance-spot-api-docs, "Public WebSocket API for Binance", "Request format" and "Response format" (2026-07-21).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from sandbox.exchange.source import RestReply, error_reply


__all__ = ["ApiRequest", "Unreadable", "parse_request", "reply_text"]

_OK = 200
_BAD_JSON = error_reply(400, -1135, "Invalid JSON Request")
_BAD_ID = error_reply(400, -1100, "Illegal characters found in parameter 'id'; an integer, a string or null is legal.")
_NO_METHOD = error_reply(400, -1102, "Mandatory parameter 'method' was not sent, was empty/null, or malformed.")
_BAD_PARAMS = error_reply(400, -1102, "Mandatory parameter 'params' was not sent, was empty/null, or malformed.")
_RETRY_AT = re.compile(r"\buntil (\d+)")

_encode = msgspec.json.Encoder().encode


class _Digits(str):
    """A number with a point, as it was written."""

    __slots__ = ()


class ApiRequest(msgspec.Struct, frozen=True):
    """A request that can be read."""

    id: int | str | None
    method: str
    params: Mapping[str, str]
    """Values as text, numbers as they were written; without nulls."""


class Unreadable(msgspec.Struct, frozen=True):
    """A request that cannot be read."""

    id: int | str | None
    refusal: RestReply


def parse_request(text: str) -> ApiRequest | Unreadable:
    """Return what a client's frame asks for."""
    try:
        value = json.loads(text, parse_float=_Digits)
    except (ValueError, RecursionError):
        return Unreadable(None, _BAD_JSON)
    if not isinstance(value, dict):
        return Unreadable(None, _BAD_JSON)
    number = value.get("id")
    if isinstance(number, bool | _Digits) or not (number is None or isinstance(number, int | str)):
        return Unreadable(None, _BAD_ID)
    method, params = value.get("method"), value.get("params") or {}
    if not isinstance(method, str) or not method:
        return Unreadable(number, _NO_METHOD)
    if not isinstance(params, dict):
        return Unreadable(number, _BAD_PARAMS)
    return ApiRequest(number, method, {name: _text(each) for name, each in params.items() if each is not None})


def reply_text(
    number: int | str | None, reply: RestReply, limits: Sequence[Mapping[str, Any]] | None, clock_ms: int
) -> str:
    """Return the text of a reply.

    Args:
        number: The request's id.
        reply: What a REST request would be answered.
        limits: What ``rateLimits`` tells; None: it is left out.
        clock_ms: The venue's clock.
    """
    answer: dict[str, Any] = {"id": number, "status": reply.status}
    if reply.status == _OK:
        answer["result"] = msgspec.Raw(reply.body)
    else:
        answer["error"] = _error(reply, clock_ms)
    if limits is not None:
        answer["rateLimits"] = limits
    return _encode(answer).decode()


def _error(reply: RestReply, clock_ms: int) -> object:
    if reply.status not in {418, 429} or b"-1003" not in reply.body:
        return msgspec.Raw(reply.body)
    error: dict[str, Any] = msgspec.json.decode(reply.body)
    until = _RETRY_AT.search(error["msg"])
    wait_ms = int(reply.headers.get("Retry-After", "60")) * 1_000
    return error | {"data": {"serverTime": clock_ms, "retryAfter": int(until[1]) if until else clock_ms + wait_ms}}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | list | dict):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return str(value)
