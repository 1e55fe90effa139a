"""One WebSocket connection: obeys its session, answers its pings, sends its own, ends when its time is over."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import structlog
from aiohttp import ClientConnectionError, WSCloseCode, WSMessage, WSMsgType, web
from aiohttp.abc import AbstractStreamWriter

from sandbox.exchange.connection_settings import ConnectionSettings, SlowReaders
from sandbox.exchange.fanout import Fanout, text_frame
from sandbox.exchange.keepalive import Keepalive
from sandbox.exchange.private.feeds import AccountFeeds, Feeding
from sandbox.exchange.private.openings import Opening
from sandbox.exchange.routes import StreamEndpoint
from sandbox.exchange.rules import MarketRules
from sandbox.exchange.session import Outcome, Session, StreamSession
from sandbox.exchange.time_units import payload_in_microseconds
from schemas.markets import Market


__all__ = ["Connection"]

_CLOSING_S = 1.0
_HIGH_WATER = 256 * 1024
"""Unsent bytes above which a client is waited for, where slow clients are."""
_RESET_AT_ONCE = struct.pack("ii", 1, 0)
_GONE_POLL_S = 0.05

_log = structlog.get_logger()


class Connection:
    """A client of the fan-out.

    Args:
        number: Its number among all connections of the server.
        endpoint: What it connected to.
        rules: Its market's rules.
        fanout: Where its subscriptions go.
        on_subscribed: Called after each new subscription.
        settings: How it is treated.
        microseconds: Whether it gets times in microseconds.
        session: Its protocol; None: that of streams.
        feeds: Where the feeds of accounts are.
        listen: Returns what the name of a stream opens, if it is a listen key.
    """

    def __init__(
        self,
        number: int,
        endpoint: StreamEndpoint,
        rules: MarketRules,
        *,
        fanout: Fanout,
        on_subscribed: Callable[[], None],
        settings: ConnectionSettings,
        microseconds: bool = False,
        session: Session | None = None,
        feeds: AccountFeeds | None = None,
        listen: Callable[[str], Opening | None] = lambda _: None,
    ) -> None:
        self.number = number
        self.endpoint = endpoint
        self.microseconds = microseconds
        self.frames_sent = 0
        """Data frames written or about to be."""
        self._rules = rules
        self._fanout = fanout
        self._on_subscribed = on_subscribed
        self._settings = settings
        self._session = session or StreamSession(rules, combined=endpoint.combined, flat_errors=settings.flat_errors)
        self._feeding = Feeding(self, endpoint.market, AccountFeeds() if feeds is None else feeds, listen)
        # Nothing is compressed; a request beyond the limit ends the connection. A client's goodbye is answered by
        # `_receive`, which a half-open connection does not do.
        self._socket = web.WebSocketResponse(
            timeout=_CLOSING_S, autoping=False, autoclose=False, compress=False, max_msg_size=rules.request_bytes
        )
        self._transport: asyncio.Transport | None = None
        self._writer: AbstractStreamWriter | None = None
        self._pending: list[bytes] = []
        self._half_open = False
        self._mute = False

    @property
    def market(self) -> Market:
        """The market that it is for."""
        return self.endpoint.market

    @property
    def combined(self) -> bool:
        """Whether frames are wrapped with their stream's name."""
        return self._session.combined

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The streams asked for, silent ones too."""
        return self._session.subscriptions

    @property
    def accounts(self) -> Sequence[str]:
        """The accounts whose events it gets."""
        return self._feeding.accounts

    @property
    def alive(self) -> bool:
        """Whether it sends and answers: neither ending nor half-open."""
        return not self._mute and self._transport is not None and not self._transport.is_closing()

    @property
    def half_open(self) -> bool:
        """Whether it stays open without a word."""
        return self._half_open

    @property
    def unsent_bytes(self) -> int:
        """What was written and the client has not taken."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def push(self, frame: bytes) -> bool:
        """Keep a WebSocket frame for the next flush; return False if the client is gone or hears nothing any more."""
        if not self.alive:
            return False
        if not self._pending:
            self._fanout.keeps(self)
        self._pending.append(frame)
        self.frames_sent += 1
        return True

    def flush(self) -> bool:
        """Write what was kept; return whether the server is to wait for the client."""
        pending, self._pending = self._pending, []
        transport = self._transport
        if not pending or transport is None or transport.is_closing() or self._mute:
            return False
        transport.write(b"".join(pending))
        unsent = transport.get_write_buffer_size()
        if self._settings.slow_readers is SlowReaders.WAIT:
            return unsent > _HIGH_WATER
        if unsent > self._settings.most_unsent_bytes:
            _log.warning("client reads too slowly, connection cut", connection=self.number, unsent_bytes=unsent)
            transport.abort()
        return False

    async def drain(self) -> None:
        """Wait until the client has taken most of what was written, or is gone."""
        if self._writer is not None:
            with suppress(ClientConnectionError, ConnectionError):
                await self._writer.drain()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Talk to the client until the connection ends."""
        loop = asyncio.get_running_loop()
        await self._socket.prepare(request)
        self._transport, self._writer = request.transport, request.writer
        if self._transport is not None:
            self._transport.set_write_buffer_limits(high=_HIGH_WATER)
        keepalive = Keepalive(self._rules, loop.time())
        pinging = asyncio.create_task(self._keep_alive(keepalive))
        ending = loop.call_later(self._rules.lifetime_s, self._end_of_life)
        try:
            if await self._obey(self._session.open(self.endpoint.streams)):
                await self._receive(keepalive)
        finally:
            pinging.cancel()
            ending.cancel()
            for stream in self._session.subscriptions:
                self._fanout.unsubscribe(self, self.endpoint.market, stream)
            self._feeding.end()
        return self._socket

    def announce(self, stream: str, payload: bytes) -> bool:
        """Send something that nobody subscribed to; return False if the client is gone."""
        if self.microseconds:
            payload = payload_in_microseconds(payload)
        return self.push(text_frame(self._session.announcement(stream, payload)))

    def revoke(self, keys: Iterable[str]) -> None:
        """Let go what hangs on API keys that are good for nothing any more."""
        outcome = self._session.revoke(keys)
        self._feeding.close(outcome.ended)
        if outcome.reply is not None:
            self.push(text_frame(outcome.reply.encode()))
        self.flush()

    async def close(self, code: WSCloseCode = WSCloseCode.GOING_AWAY) -> None:
        """Close the connection, by force if the client does not take part in it."""
        self.flush()
        self._mute = True
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(_CLOSING_S):
                await self._socket.close(code=code)
        self.cut()

    def cut(self) -> None:
        """End the connection without a goodbye."""
        if self._transport is not None:
            self._transport.abort()

    def reset(self) -> None:
        """End the connection by a TCP reset: what was sent and not yet read may be lost to the client."""
        if self._transport is not None and not self._transport.is_closing():
            raw: Any = self._transport.get_extra_info("socket")
            if raw is not None:
                with suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
        self.cut()

    def fall_silent(self) -> None:
        """Keep the socket open and send and answer nothing any more."""
        self.flush()
        self._half_open = self._mute = True

    def _end_of_life(self) -> None:
        _log.info("connection reached its age limit, cut", connection=self.number, market=self.endpoint.market)
        self.flush()
        self.cut()

    async def _receive(self, keepalive: Keepalive) -> None:
        while True:
            message: WSMessage = await self._socket.receive()
            if message.type in {WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR, WSMsgType.CLOSE}:
                if message.type is WSMsgType.CLOSE and not self._mute:
                    self._mute = True
                    await self._socket.close(code=WSCloseCode.OK, drain=False)
                await self._outlive()
                return
            if not self._half_open and not await self._take(message, keepalive):
                return

    async def _outlive(self) -> None:
        """Keep a half-open socket until the client gives it up: nobody here hears its goodbye."""
        while True:
            if not self._half_open or self._transport is None or self._transport.is_closing():
                return
            await asyncio.sleep(_GONE_POLL_S)

    async def _take(self, message: WSMessage, keepalive: Keepalive) -> bool:
        """Do what a client's frame asks for; return whether the connection goes on."""
        now_s = asyncio.get_running_loop().time()
        match message.type:
            case WSMsgType.TEXT:
                outcome = self._session.receive(message.data, now_s)
            case WSMsgType.BINARY:
                outcome = self._session.receive(message.data.decode(errors="replace"), now_s)
            case WSMsgType.PING:
                outcome = self._session.receive_control(now_s)
                await self._send(message.data, WSMsgType.PONG)
            case _:
                outcome = self._session.receive_control(now_s)
                keepalive.pong(bytes(message.data))
        return await self._obey(outcome)

    async def _obey(self, outcome: Outcome) -> bool:
        """Do what a frame leads to; return whether the connection goes on."""
        if outcome.closed:
            _log.warning("client exceeded a limit, connection closed", market=self.endpoint.market)
            await self.close(WSCloseCode.POLICY_VIOLATION)
            return False
        market = self.endpoint.market
        for stream in outcome.unsubscribed:
            self._fanout.unsubscribe(self, market, stream)
            self._feeding.end(stream)
        for stream in outcome.subscribed:
            if not self._feeding.listen(stream) and self.endpoint.carries(stream):
                self._fanout.subscribe(self, market, stream)
        self._feeding.close(outcome.ended)
        self._feeding.open(outcome.opened)
        if outcome.reply is not None and not await self._send(outcome.reply.encode(), WSMsgType.TEXT):
            return False
        if outcome.subscribed:
            self._on_subscribed()
        return True

    async def _keep_alive(self, keepalive: Keepalive) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(keepalive.next_s - loop.time())
            if self._half_open:
                return
            now_s = loop.time()
            if keepalive.expired(now_s):
                _log.warning("client answered no ping in time, connection closed", market=self.endpoint.market)
                await self.close(WSCloseCode.POLICY_VIOLATION)
                return
            payload = str(int(now_s * 1000)).encode()
            if keepalive.ping(now_s, payload) and not await self._send(payload, WSMsgType.PING):
                return

    async def _send(self, payload: bytes, kind: WSMsgType) -> bool:
        """Send a frame behind all that was pushed, waiting while the client is slow; return False if it is gone."""
        self.flush()
        try:
            await self._socket.send_frame(payload, kind)
        except (ClientConnectionError, ConnectionError):
            return False
        return True
