"""One WebSocket connection: obeys its session, answers its pings, sends its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog
from aiohttp import ClientConnectionError, WSCloseCode, WSMsgType, web

from sandbox.exchange.fanout import Fanout
from sandbox.exchange.keepalive import Keepalive
from sandbox.exchange.routes import StreamEndpoint
from sandbox.exchange.rules import MarketRules
from sandbox.exchange.session import Outcome, StreamSession


__all__ = ["Connection"]

_CLOSING_S = 1.0

_log = structlog.get_logger()


class Connection:
    """A client of the fan-out.

    Args:
        endpoint: What it connected to.
        rules: Its market's rules.
        fanout: Where its subscriptions go.
        on_subscribed: Called after each new subscription.
        flat_errors: The form of error replies, see `StreamSession`.
    """

    def __init__(
        self,
        endpoint: StreamEndpoint,
        rules: MarketRules,
        fanout: Fanout,
        on_subscribed: Callable[[], None],
        *,
        flat_errors: bool,
    ) -> None:
        self._endpoint = endpoint
        self._rules = rules
        self._fanout = fanout
        self._on_subscribed = on_subscribed
        self._session = StreamSession(rules, combined=endpoint.combined, flat_errors=flat_errors)
        # Nothing is compressed; a request beyond the limit ends the connection.
        self._socket = web.WebSocketResponse(
            timeout=_CLOSING_S, autoping=False, compress=False, max_msg_size=rules.request_bytes
        )
        self._transport: asyncio.Transport | None = None

    @property
    def combined(self) -> bool:
        """Whether frames are wrapped with their stream's name."""
        return self._session.combined

    async def send(self, frame: bytes) -> bool:
        """Send a text frame, waiting while the client is slow; return False if it is gone."""
        return await self._send(frame, WSMsgType.TEXT)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Talk to the client until the connection ends."""
        loop = asyncio.get_running_loop()
        await self._socket.prepare(request)
        self._transport = request.transport
        keepalive = Keepalive(self._rules, loop.time())
        pinging = asyncio.create_task(self._keep_alive(keepalive))
        try:
            if await self._obey(self._session.open(self._endpoint.streams)):
                await self._receive(keepalive)
        finally:
            pinging.cancel()
            for stream in self._session.subscriptions:
                self._fanout.unsubscribe(self, self._endpoint.market, stream)
        return self._socket

    async def close(self, code: WSCloseCode = WSCloseCode.GOING_AWAY) -> None:
        """Close the connection, by force if the client does not take part in it."""
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(_CLOSING_S):
                await self._socket.close(code=code)
        if self._transport is not None:
            self._transport.abort()

    async def _receive(self, keepalive: Keepalive) -> None:
        loop = asyncio.get_running_loop()
        async for message in self._socket:
            match message.type:
                case WSMsgType.TEXT:
                    outcome = self._session.receive(message.data, loop.time())
                case WSMsgType.BINARY:
                    outcome = self._session.receive(message.data.decode(errors="replace"), loop.time())
                case WSMsgType.PING:
                    outcome = self._session.receive_control(loop.time())
                    await self._send(message.data, WSMsgType.PONG)
                case WSMsgType.PONG:
                    outcome = self._session.receive_control(loop.time())
                    keepalive.pong(bytes(message.data))
                case _:
                    return
            if not await self._obey(outcome):
                return

    async def _obey(self, outcome: Outcome) -> bool:
        """Do what a frame leads to; return whether the connection goes on."""
        if outcome.closed:
            _log.warning("client exceeded a limit, connection closed", market=self._endpoint.market)
            await self.close(WSCloseCode.POLICY_VIOLATION)
            return False
        market = self._endpoint.market
        for stream in outcome.unsubscribed:
            self._fanout.unsubscribe(self, market, stream)
        for stream in outcome.subscribed:
            if self._endpoint.carries(stream):
                self._fanout.subscribe(self, market, stream)
        if outcome.reply is not None and not await self.send(outcome.reply.encode()):
            return False
        if outcome.subscribed:
            self._on_subscribed()
        return True

    async def _keep_alive(self, keepalive: Keepalive) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(keepalive.next_s - loop.time())
            now_s = loop.time()
            if keepalive.expired(now_s):
                _log.warning("client answered no ping in time, connection closed", market=self._endpoint.market)
                await self.close(WSCloseCode.POLICY_VIOLATION)
                return
            payload = str(int(now_s * 1000)).encode()
            if keepalive.ping(now_s, payload) and not await self._send(payload, WSMsgType.PING):
                return

    async def _send(self, payload: bytes, kind: WSMsgType) -> bool:
        try:
            await self._socket.send_frame(payload, kind)
        except (ClientConnectionError, ConnectionError):
            return False
        return True
