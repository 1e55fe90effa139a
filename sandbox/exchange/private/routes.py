"""The private side over HTTP: signed requests, and ``/sandbox/accounts`` to steer it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec
from aiohttp import web

from sandbox.exchange.control import http_response
from sandbox.exchange.private.endpoints import PRIVATE_ENDPOINTS, RETIRED
from sandbox.exchange.private.keys import KeyKind
from sandbox.exchange.private.side import PrivateSide
from sandbox.exchange.source import RestReply, error_reply, json_reply
from sandbox.exchange.time_units import BAD_TIME_UNIT, answer_in_microseconds, asks_microseconds
from sandbox.exchange.unknown_keys import answer_with_unknown_key
from schemas.markets import Market


__all__ = ["PrivateRoutes"]

_OK, _BAD_REQUEST, _NOT_FOUND = 200, 400, 404
_WRITING = ("POST", "PUT", "DELETE")
_GONE = error_reply(410, -1016, "This service is no longer available.")


class Revocable(Protocol):
    """A connection that may hang on a key."""

    def revoke(self, keys: Iterable[str]) -> None:
        """Let go what hangs on API keys that are good for nothing any more."""
        ...


class _KeyWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: KeyKind | None = None


class PrivateRoutes:
    """Handlers.

    Args:
        side: What answers.
        connections: Returns those that are open.
        unknown_keys: Whether answers have a key that no documentation names.
    """

    def __init__(
        self, side: PrivateSide, connections: Callable[[], Sequence[Revocable]], *, unknown_keys: bool
    ) -> None:
        self._side = side
        self._connections = connections
        self._unknown_keys = unknown_keys

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application, behind all others."""
        return [
            *(web.route(method, path, self._ask) for method, path in PRIVATE_ENDPOINTS),
            *(web.route(method, path, self._gone) for path in RETIRED for method in _WRITING),
            web.get("/sandbox/accounts", self._list),
            web.get("/sandbox/accounts/books", self._books),
            web.post("/sandbox/accounts/{label}/keys", self._add_key),
            web.delete("/sandbox/accounts/{label}/keys", self._revoke),
            *(web.route(method, "/{path:.*}", self._nowhere) for method in _WRITING),
        ]

    async def _ask(self, request: web.Request) -> web.Response:
        route = request.method, request.path
        futures = PRIVATE_ENDPOINTS[route].market.is_futures
        microseconds = asks_microseconds(None if futures else request.headers.get("X-MBX-TIME-UNIT"))
        if microseconds is None:
            return http_response(BAD_TIME_UNIT)
        _, _, query = request.raw_path.partition("?")
        body = (await request.read()).decode(errors="replace")
        api_key = request.headers.get("X-MBX-APIKEY", "")
        reply = await self._side.service.rest(route, query, body, api_key, request.remote or "")
        if self._unknown_keys:
            reply = answer_with_unknown_key(reply)
        return http_response(answer_in_microseconds(reply) if microseconds else reply)

    async def _gone(self, _: web.Request) -> web.Response:
        return http_response(_GONE)

    async def _nowhere(self, request: web.Request) -> web.Response:
        return http_response(error_reply(404, -5000, f"Path {request.path}, Method {request.method} is invalid"))

    async def _list(self, _: web.Request) -> web.Response:
        return http_response(
            json_reply(
                [
                    {
                        "label": account.label,
                        "keys": [key.kind for key in account.keys],
                        "withdraws": account.spec.withdraws,
                        "trades": account.spec.trades,
                    }
                    for account in self._side.accounts
                ]
            )
        )

    async def _books(self, request: web.Request) -> web.Response:
        try:
            books = self._side.books(Market(request.query.get("market", "")))
        except ValueError:
            return _refused(_BAD_REQUEST, f"market is none of {', '.join(Market)}")
        return http_response(RestReply(_OK, msgspec.json.encode(books)))

    async def _add_key(self, request: web.Request) -> web.Response:
        label = request.match_info["label"]
        try:
            wish = msgspec.json.decode(await request.read() or b"{}", type=_KeyWish)
            self._side.add_key(label, wish.kind)
        except msgspec.DecodeError as error:
            return _refused(_BAD_REQUEST, f"not a key: {error}")
        except ValueError as error:
            return _refused(_NOT_FOUND, str(error))
        return await self._list(request)

    async def _revoke(self, request: web.Request) -> web.Response:
        label = request.match_info["label"]
        if self._side.accounts.labelled(label) is None:
            return _refused(_NOT_FOUND, f'there is no account "{label}"')
        keep = request.query.get("keep", "")
        if keep not in {"", "newest"}:
            return _refused(_BAD_REQUEST, f'keep: "{keep}" is not "newest"')
        gone = self._side.accounts.revoke(label, newest_too=not keep)
        for connection in self._connections():
            connection.revoke(gone)
        return await self._list(request)


def _refused(status: int, text: str) -> web.Response:
    return http_response(json_reply({"error": text}, status))
