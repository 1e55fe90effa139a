"""The API that steers the exchange, ``/sandbox/…``: state, faults, connections, whole books."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec
from aiohttp import web

from sandbox.exchange.connection import Connection
from sandbox.exchange.faults.board import FaultBoard
from sandbox.exchange.faults.model import FaultError
from sandbox.exchange.faults.parsing import parse_fault
from sandbox.exchange.rest import ENDPOINTS
from sandbox.exchange.source import Closable, KnowsBooks, RestReply, Source, json_reply
from schemas.markets import Market


__all__ = ["ControlApi", "Controlled", "http_response"]

_BAD_REQUEST, _NOT_FOUND = 400, 404
_LISTEN_KEY = re.compile(r"[A-Za-z0-9]{64}")
"""Who has one can listen: it is shown to nobody."""


class Controlled(Protocol):
    """The server as its control API sees it."""

    def start(self) -> None:
        """Let the first event go."""
        ...

    def stop(self) -> None:
        """Send no more events; connections and REST stay."""
        ...

    def status(self) -> dict[str, object]:
        """Return the state."""
        ...


class ControlApi:
    """Handlers of the control API.

    Args:
        server: What is started, stopped and asked for its state.
        board: Where faults are ordered.
        source: Whose whole books are told.
        connections: Returns those that are open.
    """

    def __init__(
        self, server: Controlled, board: FaultBoard, source: Source, connections: Callable[[], list[Connection]]
    ) -> None:
        self._server = server
        self._board = board
        self._source = source
        self._connections = connections

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        return [
            web.get("/sandbox/status", self._status),
            web.post("/sandbox/start", self._start),
            web.post("/sandbox/stop", self._stop),
            web.post("/sandbox/close", self._close),
            web.get("/sandbox/connections", self._list_connections),
            web.get("/sandbox/book", self._book),
            web.get("/sandbox/faults", self._list_faults),
            web.post("/sandbox/faults", self._order_fault),
            web.delete("/sandbox/faults/{id}", self._end_fault),
        ]

    async def _status(self, _: web.Request) -> web.Response:
        return http_response(json_reply(self._server.status()))

    async def _start(self, _: web.Request) -> web.Response:
        self._server.start()
        await asyncio.sleep(0)
        return http_response(json_reply(self._server.status()))

    async def _stop(self, _: web.Request) -> web.Response:
        self._server.stop()
        await asyncio.sleep(0)
        return http_response(json_reply(self._server.status()))

    async def _close(self, _: web.Request) -> web.Response:
        if not isinstance(self._source, Closable):
            return _refused(_BAD_REQUEST, "this source ends by itself; only a simulated market can be closed")
        try:
            self._source.close_markets()
        except ValueError as error:
            return _refused(_BAD_REQUEST, str(error))
        return http_response(json_reply(self._server.status()))

    async def _list_connections(self, _: web.Request) -> web.Response:
        return http_response(json_reply([_about(connection) for connection in self._connections()]))

    async def _list_faults(self, _: web.Request) -> web.Response:
        return http_response(json_reply(self._board.orders.describe()))

    async def _order_fault(self, request: web.Request) -> web.Response:
        try:
            order = self._board.order(parse_fault(msgspec.json.decode(await request.read())))
        except msgspec.DecodeError as error:
            return _refused(_BAD_REQUEST, f"not JSON: {error}")
        except FaultError as error:
            return _refused(_BAD_REQUEST, str(error))
        return http_response(json_reply({"id": order.number}))

    async def _end_fault(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]
        if not number.isdecimal() or not self._board.end(int(number)):
            return _refused(_NOT_FOUND, f'there is no fault of the id "{number}"')
        return http_response(json_reply({"id": int(number)}))

    async def _book(self, request: web.Request) -> web.Response:
        symbol = request.query.get("symbol", "").upper()
        try:
            market = Market(request.query.get("market", ""))
        except ValueError:
            return _refused(_BAD_REQUEST, f"market is none of {', '.join(Market)}")
        if isinstance(self._source, KnowsBooks):
            return http_response(self._source.whole_book(market, symbol))
        path, endpoint = next(
            (path, endpoint)
            for path, endpoint in ENDPOINTS.items()
            if endpoint.market is market and path.endswith("/depth")
        )
        return http_response(self._source.rest(market, path, {"symbol": symbol, "limit": str(endpoint.max_limit)}))


def http_response(reply: RestReply, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an answer as HTTP."""
    return web.Response(
        status=reply.status,
        body=reply.body,
        headers={**reply.headers, **(headers or {})},
        content_type="text/html" if reply.body.startswith(b"<") else "application/json",
        charset="utf-8",
    )


def _refused(status: int, text: str) -> web.Response:
    return http_response(json_reply({"error": text}, status))


def _about(connection: Connection) -> dict[str, Any]:
    return {
        "id": connection.number,
        "market": connection.market,
        "class": connection.endpoint.stream_class,
        "combined": connection.combined,
        "half_open": connection.half_open,
        "streams": [each for each in connection.subscriptions if not _LISTEN_KEY.fullmatch(each)],
        "accounts": connection.accounts,
        "frames_sent": connection.frames_sent,
        "unsent_bytes": connection.unsent_bytes,
    }
