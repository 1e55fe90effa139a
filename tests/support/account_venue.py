"""A stand-in for the private side of the venue: listen keys, the WebSocket API, and sockets that a test plays with."""

from __future__ import annotations

import hmac
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

from aiohttp import WSMsgType, web

from tests.support.venue_server import VenueServer


__all__ = ["AccountVenue"]


class AccountVenue(VenueServer):
    """One account that the venue knows by its API key, or by several.

    Args:
        secrets: of each API key that is taken; signatures are checked with it. A key without one signs by itself.
    """

    def __init__(self, secrets: dict[str, str | None]) -> None:
        super().__init__()
        self.secrets = secrets
        self.time_ms = 1_700_000_000_000
        self.requests: Counter[str] = Counter()
        """REST requests by method and last part of the path, and those of the WebSocket API by name."""
        self.keys_used: list[str] = []
        """API keys, in the order of what they were used for."""
        self.queries: list[str] = []
        """Of the user streams of futures."""
        self.may_withdraw: bool | None = False
        """None: the venue does not tell."""
        self.refusals: dict[str, list[tuple[int, int]]] = {}
        """Status and code of the next answers, by what is asked for; then it is answered."""
        self.listen_key = 1
        """The number of the listen key that is alive."""
        self.listen_key_lives = True
        self._wrapping: set[web.WebSocketResponse] = set()
        """Sockets of the WebSocket API."""
        self._logged_on: set[web.WebSocketResponse] = set()
        self._sockets: dict[web.WebSocketResponse, bool] = {}
        """All that are open, and whether events go there."""

    @property
    def listen_key_text(self) -> str:
        """The listen key that is alive."""
        return f"canary-listen-key-{self.listen_key}"

    @property
    def open_count(self) -> int:
        """How many sockets are open."""
        return len(self._sockets)

    @property
    def subscribed_count(self) -> int:
        """How many of them get events."""
        return sum(self._sockets.values())

    def routes(self) -> Sequence[web.RouteDef]:
        """Return what is served."""
        return [
            web.get("/{api}/{version}/time", self._time),
            web.get("/sapi/v1/account/apiRestrictions", self._restrictions),
            web.get("/{api}/{version}/account", self._account),
            web.post("/{api}/{version}/listenKey", self._listen_key),
            web.put("/{api}/{version}/listenKey", self._listen_key),
            web.get("/spot/ws-api/v3", self._websocket_api),
            web.get("/usdm/private/ws", self._user_stream),
            web.get("/coinm/ws/{key}", self._user_stream),
        ]

    def sockets(self) -> Iterable[web.WebSocketResponse]:
        """Return the sockets that are open."""
        return self._sockets

    async def send(self, event: dict[str, Any], *, first_only: bool = False) -> None:
        """Send an event to every subscribed socket, in the envelope of its market."""
        sockets = [socket for socket, subscribed in self._sockets.items() if subscribed]
        for socket in sockets[:1] if first_only else sockets:
            wrapped = {"subscriptionId": 0, "event": event} if socket in self._wrapping else event
            await socket.send_str(json.dumps(wrapped, separators=(",", ":")))

    async def expire_listen_key(self) -> None:
        """Let the listen key die: its sockets stay open, and are silent after they are told."""
        self.listen_key_lives = False
        await self.send({"e": "listenKeyExpired", "E": self.time_ms, "listenKey": self.listen_key_text})
        for socket in self._sockets:
            self._sockets[socket] = False

    def _asked(self, what: str) -> tuple[int, int] | None:
        self.requests[what] += 1
        refusals = self.refusals.get(what)
        return refusals.pop(0) if refusals else None

    def _knows(self, api_key: str, payload: str, signature: str) -> bool:
        secret = self.secrets.get(api_key)
        if api_key not in self.secrets:
            return False
        return secret is None or hmac.new(secret.encode(), payload.encode(), sha256).hexdigest() == signature

    async def _time(self, _: web.Request) -> web.Response:
        self._asked("GET time")
        return web.json_response({"serverTime": self.time_ms})

    async def _restrictions(self, request: web.Request) -> web.Response:
        refusal = self._asked("GET apiRestrictions")
        payload, _, signature = request.query_string.rpartition("&signature=")
        if refusal or not self._knows(request.headers["X-MBX-APIKEY"], payload, signature):
            return _refused(*(refusal or (401, -2015)))
        if self.may_withdraw is None:
            raise web.HTTPNotFound
        return web.json_response({"ipRestrict": True, "enableWithdrawals": self.may_withdraw, "enableReading": True})

    async def _account(self, request: web.Request) -> web.Response:
        payload, _, signature = request.query_string.rpartition("&signature=")
        if not self._knows(request.headers["X-MBX-APIKEY"], payload, signature):
            return _refused(401, -2015)
        return web.json_response({"balances": []})

    async def _listen_key(self, request: web.Request) -> web.Response:
        refusal = self._asked(f"{request.method} listenKey")
        api_key = request.headers["X-MBX-APIKEY"]
        self.keys_used.append(api_key)
        await self._tell()
        if api_key not in self.secrets:
            return _refused(401, -2015)
        if refusal:
            return _refused(*refusal)
        if not self.listen_key_lives:
            if request.method == "PUT":
                return _refused(400, -1125)
            self.listen_key += 1
            self.listen_key_lives = True
        return web.json_response({"listenKey": self.listen_key_text})

    async def _user_stream(self, request: web.Request) -> web.WebSocketResponse:
        self.queries.append(request.query_string)
        key = request.match_info.get("key") or request.query.get("listenKey")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets[socket] = key == self.listen_key_text
        return await self._hold(socket)

    async def _websocket_api(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._wrapping.add(socket)
        self._sockets[socket] = False
        return await self._hold(socket)

    async def _hold(self, socket: web.WebSocketResponse) -> web.WebSocketResponse:
        await self._tell()
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await socket.send_json(self._answer(socket, json.loads(message.data)))
                    await self._tell()
        finally:
            self._sockets.pop(socket, None)
            await self._tell()
        return socket

    def _answer(self, socket: web.WebSocketResponse, request: dict[str, Any]) -> dict[str, Any]:
        method, params = request["method"], dict(request["params"])
        refusal = self._asked(method)
        if params and refusal is None:
            signature = params.pop("signature")
            payload = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
            self.keys_used.append(params["apiKey"])
            if not self._knows(params["apiKey"], payload, signature):
                refusal = (401, -2015)
        if refusal is not None:
            status, code = refusal
            return {"id": request["id"], "status": status, "error": {"code": code, "msg": f"no to {params}"}}
        if method == "session.logon":
            self._logged_on.add(socket)
            return {"id": request["id"], "status": 200, "result": {"apiKey": params["apiKey"]}}
        if method == "userDataStream.subscribe" and socket not in self._logged_on:
            return {"id": request["id"], "status": 400, "error": {"code": -1193, "msg": "not logged on"}}
        self._sockets[socket] = True
        return {"id": request["id"], "status": 200, "result": {"subscriptionId": 0}}


def _refused(status: int, code: int) -> web.Response:
    return web.json_response({"code": code, "msg": "no"}, status=status)
