"""One client connection's protocol, without a socket: requests in, replies and changes of subscription out.

Source: binance-spot-api-docs, "WebSocket Streams for Binance", "Live Subscribing/Unsubscribing" (2026-07-21). The
nested form of errors and the silent acknowledgement of unknown streams are what clients have seen.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec

from sandbox.exchange.private.openings import Closing, Opening
from sandbox.exchange.rules import MarketRules


__all__ = ["Outcome", "Session", "StreamSession"]

_STREAM = re.compile(r"![A-Za-z]+[\w@]*|[^@!\s/]+@[\w@+:]+|tradingSession")
_TEXT_ID = re.compile(r"[A-Za-z0-9]{1,36}")
_METHOD_VALUE = re.compile(r'"method"\s*:\s*"(?:[^"\\]|\\.)*"')
_METHODS = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"
_INT64 = 1 << 63


class Outcome(msgspec.Struct, frozen=True):
    """What a client's frame leads to."""

    reply: str | None = None
    """To be sent as a text frame, never wrapped."""
    subscribed: tuple[str, ...] = ()
    """Streams that were not subscribed before."""
    unsubscribed: tuple[str, ...] = ()
    opened: tuple[Opening, ...] = ()
    """Feeds of accounts that begin, after the reply."""
    ended: tuple[Closing, ...] = ()
    """Feeds of accounts that end, before the reply."""
    closed: bool = False
    """A limit was exceeded: the connection is to be closed without a reply."""


_NOTHING = Outcome()
_CLOSED = Outcome(closed=True)


class Session(Protocol):
    """The protocol of one connection, without a socket."""

    combined: bool
    """Whether data frames are wrapped with their stream's name."""

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """What was subscribed to."""
        ...

    def open(self, streams: Iterable[str]) -> Outcome:
        """Begin, with what the URL names."""
        ...

    def receive_control(self, now_s: float) -> Outcome:
        """Take in a ping or pong frame."""
        ...

    def receive(self, text: str, now_s: float) -> Outcome:
        """Take in a request and return what to do."""
        ...

    def announcement(self, stream: str, payload: bytes) -> bytes:
        """Return the frame's text for something that nobody subscribed to."""
        ...

    def revoke(self, keys: Iterable[str]) -> Outcome:
        """Take note that API keys are good for nothing any more."""
        ...


class _RequestError(Exception):
    """A request that is answered with an error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


class StreamSession:
    """The state of one connection.

    Args:
        rules: The market's rules.
        combined: Whether frames are wrapped, as on ``/stream``; the client may change it.
        flat_errors: Whether errors come as the documentation prints them, ``{"code":2,"msg":"…"}``, or as clients
            see them, ``{"error":{"code":2,"msg":"…"},"id":3}``.
    """

    def __init__(self, rules: MarketRules, *, combined: bool, flat_errors: bool = False) -> None:
        self.combined = combined
        """Whether data frames are wrapped with their stream's name."""
        self._rules = rules
        self._flat_errors = flat_errors
        self._subscriptions: dict[str, None] = {}
        self._received_s: deque[float] = deque(maxlen=rules.messages_per_second)

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The streams subscribed to, in the order in which they were asked for."""
        return tuple(self._subscriptions)

    def open(self, streams: Iterable[str]) -> Outcome:
        """Subscribe to the streams named in the URL."""
        return self._subscribe(list(streams), None)

    def announcement(self, stream: str, payload: bytes) -> bytes:
        """Return the text of a frame that nobody subscribed to."""
        return b'{"stream":"%b","data":%b}' % (stream.encode(), payload) if self.combined else payload

    def revoke(self, keys: Iterable[str]) -> Outcome:
        """Do nothing: what hangs on a listen key does not hang on an API key."""
        return _NOTHING

    def receive_control(self, now_s: float) -> Outcome:
        """Take in a ping or pong frame: they count like requests."""
        return _CLOSED if self._too_fast(now_s) else _NOTHING

    def receive(self, text: str, now_s: float) -> Outcome:
        """Take in a request and return what to do.

        Args:
            text: The text frame.
            now_s: A monotonic clock, seconds.
        """
        if self._too_fast(now_s):
            return _CLOSED
        request_id: object = None
        try:
            request = _parse(text)
            request_id = self._checked_id(request)
            return self._obey(request, text, request_id)
        except _RequestError as error:
            return Outcome(self._error(error, request_id))

    def _too_fast(self, now_s: float) -> bool:
        received = self._received_s
        too_fast = len(received) == received.maxlen and now_s - received[0] < 1
        received.append(now_s)
        return too_fast

    def _checked_id(self, request: dict[str, Any]) -> int | str | None:
        request_id: object = request.get("id", ...)
        if isinstance(request_id, int) and not isinstance(request_id, bool):
            lowest = -_INT64 if self._rules.takes_text_ids else 0
            if lowest <= request_id < 2 * _INT64:
                return request_id
        elif self._rules.takes_text_ids and request_id is None:
            return None
        elif self._rules.takes_text_ids and isinstance(request_id, str) and _TEXT_ID.fullmatch(request_id):
            return request_id
        raise _RequestError(2, "Invalid request: request ID must be an unsigned integer")

    def _obey(self, request: dict[str, Any], text: str, request_id: object) -> Outcome:
        handlers: dict[object, Callable[[list[Any], object], Outcome]] = {
            "SUBSCRIBE": self._subscribe_request,
            "UNSUBSCRIBE": self._unsubscribe_request,
            "LIST_SUBSCRIPTIONS": self._list_request,
            "SET_PROPERTY": self._set_property_request,
            "GET_PROPERTY": self._get_property_request,
        }
        if "method" not in request:
            message = f"Invalid request: missing field `method` at line 1 column {len(text.rstrip())}"
            raise _RequestError(2, message)
        method = request["method"]
        handler = handlers.get(method) if isinstance(method, str) else None
        if handler is None:
            value = _METHOD_VALUE.search(text)
            column = value.end() if value else len(text.rstrip())
            message = f"unknown variant {method}, expected one of {_METHODS} at line 1 column {column}"
            raise _RequestError(2, f"Invalid request: {message}")
        params = request.get("params", [])
        if not isinstance(params, list):
            raise _RequestError(2, "Invalid request: params must be an array")
        return handler(params, request_id)

    def _subscribe_request(self, params: list[Any], request_id: object) -> Outcome:
        return self._subscribe(_stream_names(params), _success(None, request_id))

    def _subscribe(self, streams: list[str], reply: str | None) -> Outcome:
        new = tuple(stream for stream in dict.fromkeys(streams) if stream not in self._subscriptions)
        if len(self._subscriptions) + len(new) > self._rules.streams_per_connection:
            return _CLOSED
        self._subscriptions.update(dict.fromkeys(new))
        return Outcome(reply, subscribed=new)

    def _unsubscribe_request(self, params: list[Any], request_id: object) -> Outcome:
        gone = tuple(stream for stream in dict.fromkeys(_stream_names(params)) if stream in self._subscriptions)
        for stream in gone:
            del self._subscriptions[stream]
        return Outcome(_success(None, request_id), unsubscribed=gone)

    def _list_request(self, params: list[Any], request_id: object) -> Outcome:
        _expect_at_most(0, params)
        return Outcome(_success(list(self._subscriptions), request_id))

    def _set_property_request(self, params: list[Any], request_id: object) -> Outcome:
        _expect_at_most(2, params)
        _require_combined(params)
        if len(params) < 2 or not isinstance(params[1], bool):
            raise _RequestError(1, "Invalid value type: expected Boolean")
        self.combined = params[1]
        return Outcome(_success(None, request_id))

    def _get_property_request(self, params: list[Any], request_id: object) -> Outcome:
        _expect_at_most(1, params)
        _require_combined(params)
        return Outcome(_success(self.combined, request_id))

    def _error(self, error: _RequestError, request_id: object) -> str:
        if not self._flat_errors:
            return _dump({"error": {"code": error.code, "msg": error.text}, "id": request_id})
        # The spot documentation prints an id with code 0 alone.
        with_id = {"id": request_id} if error.code == 0 and self._rules.takes_text_ids else {}
        return _dump({"code": error.code, "msg": error.text} | with_id)


def _parse(text: str) -> dict[str, Any]:
    try:
        request = json.loads(text)
    except json.JSONDecodeError as error:
        message = f"Invalid JSON: expected value at line {error.lineno} column {error.colno}"
        raise _RequestError(3, message) from error
    except (ValueError, RecursionError) as error:  # an integer of thousands of digits, nesting without end
        raise _RequestError(3, "Invalid JSON: expected value at line 1 column 1") from error
    if not isinstance(request, dict):
        raise _RequestError(2, f"Invalid request: missing field `method` at line 1 column {len(text.rstrip())}")
    return request


def _stream_names(params: list[Any]) -> list[str]:
    for stream in params:
        if not isinstance(stream, str) or not _STREAM.fullmatch(stream):
            raise _RequestError(2, "Invalid request: invalid stream")
    return params


def _expect_at_most(count: int, params: list[Any]) -> None:
    if len(params) > count:
        raise _RequestError(2, "Invalid request: too many parameters")


def _require_combined(params: list[Any]) -> None:
    if not params or not isinstance(params[0], str):
        raise _RequestError(2, "Invalid request: property name must be a string")
    if params[0] != "combined":
        raise _RequestError(0, "Unknown property")


def _success(result: object, request_id: object) -> str:
    return _dump({"result": result, "id": request_id})


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
