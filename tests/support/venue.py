"""A stand-in for the venue: one port that speaks its protocol and does what a test tells it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from tests.support.venue_server import VenueServer


__all__ = ["FakeVenue", "History", "rest_trade", "trade_frame"]


def trade_frame(symbol: str, trade_id: int, time_ms: int, **changes: object) -> bytes:
    """Return a frame of a trade stream."""
    trade: dict[str, object] = {
        "e": "trade",
        "E": time_ms,
        "s": symbol,
        "t": trade_id,
        "p": "1.5",
        "q": "2",
        "T": time_ms,
    }
    data = {**trade, "m": True, "M": True, **changes}
    kept = {key: value for key, value in data.items() if value is not None}
    return json.dumps({"stream": f"{symbol.lower()}@trade", "data": kept}, separators=(",", ":")).encode()


class FakeVenue(VenueServer):
    """Acknowledges subscriptions and sends what it is told to.

    Args:
        time_ms: its clock, which stands still.
    """

    def __init__(self, time_ms: int = 1_700_000_000_000) -> None:
        super().__init__()
        self.time_ms = time_ms
        self.subscriptions: list[str] = []
        """Streams asked for, over all connections."""
        self.connection_count = 0
        self.requests: Counter[str] = Counter()
        """REST paths, and symbols of depth requests."""
        self.opening: Sequence[bytes] = ()
        """Frames sent after each acknowledgement."""
        self.acknowledges = True
        self.reply: Callable[[dict[str, Any]], str | None] | None = None
        """Makes the answer to a control message in place of the ordinary one."""
        self.depth: Callable[[str], tuple[int, str]] = _ordinary_depth
        """Status and body of the answer to a depth request."""
        self.depth_limits: dict[str, str] = {}
        """How many levels were asked for last, by symbol."""
        self._depth_released = asyncio.Event()
        self._depth_released.set()
        self._time_released = asyncio.Event()
        self._time_released.set()
        self.trades: Callable[[str, Mapping[str, str]], tuple[int, str]] = _no_trades
        """Status and body of the answer to a request for trades: which endpoint, and its parameters."""
        self.newest_ids: dict[str, int] | None = None
        """What it says of how far the trades of symbols go; None: it does not offer that."""
        self.symbols: list[dict[str, Any]] = [
            {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"}
        ]
        self._sockets: dict[web.WebSocketResponse, None] = {}
        self._subscribed: set[web.WebSocketResponse] = set()
        self._transports: dict[web.WebSocketResponse, asyncio.Transport] = {}

    def routes(self) -> Sequence[web.RouteDef]:
        """Return what is served."""
        return [
            web.get("/{market}/stream", self._stream),
            web.get("/usdm/{route}/stream", self._stream),
            web.get("/{api}/{version}/time", self._time),
            web.get("/{api}/{version}/depth", self._depth),
            web.get("/{api}/{version}/exchangeInfo", self._exchange_info),
            web.get("/{api}/{version}/ticker/24hr", self._day_tickers),
            web.get("/{api}/{version}/{endpoint:(trades|historicalTrades|aggTrades)}", self._trades),
        ]

    def sockets(self) -> Iterable[web.WebSocketResponse]:
        """Return the sockets that are open."""
        return self._sockets

    async def send(self, *frames: bytes) -> None:
        """Send frames to everybody who asked for any."""
        for socket in [one for one in self._sockets if one in self._subscribed]:
            for frame in frames:
                await socket.send_str(frame.decode(errors="surrogateescape"))

    def hold_depth(self) -> asyncio.Event:
        """Answer no depth request until the event is set."""
        self._depth_released = asyncio.Event()
        return self._depth_released

    def hold_time(self) -> asyncio.Event:
        """Tell no time until the event is set."""
        self._time_released = asyncio.Event()
        return self._time_released

    def cut(self) -> None:
        """Reset all connections without a word, as the venue does to readers that are too slow."""
        for transport in self._transports.values():
            transport.abort()

    async def drop_first(self) -> None:
        """Close the connection that was opened first."""
        await next(iter(self._sockets)).close(code=WSCloseCode.GOING_AWAY, message=b"dropped")

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        self.connection_count += 1
        self._sockets[socket] = None
        assert request.transport is not None
        self._transports[socket] = request.transport
        await self._tell()
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._control(socket, json.loads(message.data))
        finally:
            self._sockets.pop(socket, None)
            self._transports.pop(socket, None)
            self._subscribed.discard(socket)
            await self._tell()
        return socket

    async def _control(self, socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
        self.subscriptions += request["params"]
        self._subscribed.add(socket)
        answer = f'{{"result":null,"id":{request["id"]}}}' if self.reply is None else self.reply(request)
        if self.acknowledges and answer is not None:
            await socket.send_str(answer)
            for frame in self.opening:
                await socket.send_str(frame.decode())
        await self._tell()

    async def _time(self, _: web.Request) -> web.Response:
        self.requests["time"] += 1
        await self._tell()
        await self._time_released.wait()
        return web.json_response({"serverTime": self.time_ms})

    async def _depth(self, request: web.Request) -> web.Response:
        symbol = request.query["symbol"]
        self.requests[f"depth {symbol}"] += 1
        self.depth_limits[symbol] = request.query["limit"]
        status, body = self.depth(symbol)
        await self._tell()
        await self._depth_released.wait()
        return web.Response(status=status, text=body, content_type="application/json")

    async def _trades(self, request: web.Request) -> web.Response:
        endpoint = request.match_info["endpoint"]
        self.requests[f"{endpoint} {request.query['symbol']}"] += 1
        status, body = self.trades(endpoint, request.query)
        await self._tell()
        return web.Response(status=status, text=body, content_type="application/json")

    async def _day_tickers(self, request: web.Request) -> web.Response:
        self.requests["ticker/24hr"] += 1
        await self._tell()
        if self.newest_ids is None:
            raise web.HTTPNotFound
        names = json.loads(request.query.get("symbols", "null")) or list(self.newest_ids)
        known = {name: self.newest_ids.get(name, -1) for name in names}
        return web.json_response(
            [{"symbol": name, "lastId": last, "closeTime": self.time_ms} for name, last in known.items()]
        )

    async def _exchange_info(self, _: web.Request) -> web.Response:
        self.requests["exchangeInfo"] += 1
        return web.json_response({"rateLimits": [], "symbols": self.symbols})


def rest_trade(trade_id: int, time_ms: int) -> dict[str, Any]:
    """Return a trade as REST answers it, the same as :func:`trade_frame` makes."""
    return {
        "id": trade_id,
        "price": "1.5",
        "qty": "2",
        "quoteQty": "3.0",
        "time": time_ms,
        "isBuyerMaker": True,
        "isBestMatch": True,
    }


class History:
    """What the venue answers over REST: the trades from id 0 to a last one, at a millisecond each, without some.

    Args:
        last_id: of the newest.
        absent: ids that it does not have.
        start_ms: the time of id 0.
    """

    def __init__(self, last_id: int, absent: Sequence[int] = (), start_ms: int = 1_700_000_000_000) -> None:
        self._ids = [one for one in range(last_id + 1) if one not in absent]
        self._start_ms = start_ms
        self.refusal: tuple[int, str] | None = None
        """Answered in place of trades."""

    def __call__(self, endpoint: str, query: Mapping[str, str]) -> tuple[int, str]:
        if self.refusal is not None:
            return self.refusal
        limit, first = int(query["limit"]), int(query.get("fromId", 0))
        found = [one for one in self._ids if one >= first]
        found = found[-limit:] if endpoint == "trades" else found[:limit]
        return 200, json.dumps([rest_trade(one, self._start_ms + one) for one in found])


def _no_trades(endpoint: str, _: Mapping[str, str]) -> tuple[int, str]:
    return 503, f'{{"code":-1001,"msg":"{endpoint} is away"}}'


def _ordinary_depth(symbol: str) -> tuple[int, str]:
    return 200, '{"lastUpdateId":100,"bids":[["1.0","2"]],"asks":[["1.1","2"]]}'
