"""The exchange server: one port, streams and REST of all markets, and a small API to steer it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import structlog
from aiohttp import web

from sandbox.exchange.connection import Connection
from sandbox.exchange.fanout import Fanout
from sandbox.exchange.pump import Pump, PumpState
from sandbox.exchange.recorder import SentRecorder
from sandbox.exchange.rest import ENDPOINTS, UsedWeight, check
from sandbox.exchange.routes import stream_endpoint
from sandbox.exchange.rules import RULES, MarketRules
from sandbox.exchange.source import DemandDriven, RestReply, Source, error_reply, json_reply
from sandbox.ports import require_free
from schemas.markets import Market


__all__ = ["ExchangeServer", "ExchangeSettings", "StartMode"]

_log = structlog.get_logger()


class StartMode(StrEnum):
    """What lets the first event go."""

    AUTO = "auto"
    """Somebody subscribed to every stream of the source, or to some and to no further one for three seconds."""
    NOW = "now"
    """Nothing: it goes at once."""
    MANUAL = "manual"
    """``POST /sandbox/start``."""


class ExchangeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the server serves."""

    host: str = "127.0.0.1"
    port: int = 9443
    """0: any free one."""
    speed: float | None = 1
    """How many times as fast as in the source; None: as fast as the clients take it."""
    start: StartMode = StartMode.AUTO
    start_quiet_s: float = 3
    """Automatic start: how long no further stream is subscribed to."""
    record: Path | None = None
    """A directory for a recording of what is sent."""
    rules: Mapping[Market, MarketRules] = msgspec.field(default_factory=lambda: RULES)
    flat_errors: bool = False
    """Error replies as documented instead of as seen, see `StreamSession`."""


class ExchangeServer:
    """Serves a source until it is closed.

    An asynchronous context manager: inside, the port is open.

    Args:
        source: The market data.
        settings: How to serve it.
        event_count: How many events the source yields in all, where it is known.

    Raises:
        PortTakenError: On entering: somebody else listens on the port.
        EvidenceExistsError: The directory to record into is used.
    """

    def __init__(self, source: Source, settings: ExchangeSettings, event_count: int | None = None) -> None:
        self._source = source
        self._settings = settings
        self._event_count = event_count
        self._fanout = Fanout()
        self._connections: set[Connection] = set()
        self._weight = UsedWeight()
        self._recorder: SentRecorder | None = None
        self._all_streams = {market: source.streams(market) for market in Market}
        self._quiet_timer: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return self._port

    @property
    def url(self) -> str:
        """The address of the server, without a path."""
        return f"http://{self._settings.host}:{self._port}"

    async def __aenter__(self) -> Self:
        settings = self._settings
        if settings.port:
            require_free("exchange", settings.host, settings.port)
        if settings.record is not None:
            self._recorder = SentRecorder(settings.record)
        self._loop = asyncio.get_running_loop()
        on_sent = self._recorder.sent if self._recorder else None
        self._pump = Pump(self._source, self._fanout, settings.speed, self._loop.time, on_sent)
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=2)
        try:
            await self._runner.setup()
            await web.TCPSite(self._runner, settings.host, settings.port).start()
        except BaseException:
            await self._runner.cleanup()
            raise
        self._port = int(self._runner.addresses[0][1])
        self._pumping = asyncio.create_task(self._run_pump())
        if settings.start is StartMode.NOW:
            self._pump.start()
        _log.info("exchange listening", host=settings.host, port=self._port, speed=settings.speed or "max")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._cancel_quiet_timer()
        self._pump.stop()
        self._pumping.cancel()
        await asyncio.gather(*(connection.close() for connection in self._connections))
        await asyncio.gather(self._pumping, return_exceptions=True)
        await self._runner.cleanup()
        if self._recorder is not None:
            self._recorder.close(self._pump.position_ns)

    async def wait_ended(self) -> None:
        """Wait until the last event was sent, or the server was told to send no more."""
        await self._pump.wait_ended()

    async def wait_failed(self) -> None:
        """Wait for ever, unless the source fails: then raise what it raised."""
        await self._pumping
        await asyncio.Event().wait()

    def start(self) -> None:
        """Let the first event go."""
        self._cancel_quiet_timer()
        self._pump.start()

    def stop(self) -> None:
        """Send no more events; connections and REST stay."""
        self._cancel_quiet_timer()
        self._pump.stop()

    def status(self) -> dict[str, object]:
        """Return the state, as ``GET /sandbox/status`` shows it."""
        self._pump.sync_clock()
        return {
            "state": self._pump.state,
            "clock_ms": self._source.clock_ms(),
            "frames_sent": self._fanout.sent_count,
            "events_total": self._event_count,
            "connections": len(self._connections),
            "subscriptions": self._fanout.subscription_count,
        }

    async def _run_pump(self) -> None:
        await self._pump.run()
        _log.info("source ended", frames_sent=self._fanout.sent_count, clock_ms=self._source.clock_ms())

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/sandbox/status", self._handle_status)
        application.router.add_post("/sandbox/start", self._handle_start)
        application.router.add_post("/sandbox/stop", self._handle_stop)
        for path in ENDPOINTS:
            application.router.add_get(path, self._handle_rest)
        application.router.add_get("/{path:.*}", self._handle_stream)
        return application

    async def _handle_status(self, _: web.Request) -> web.Response:
        return _response(json_reply(self.status()))

    async def _handle_start(self, _: web.Request) -> web.Response:
        self.start()
        await asyncio.sleep(0)
        return _response(json_reply(self.status()))

    async def _handle_stop(self, _: web.Request) -> web.Response:
        self.stop()
        await asyncio.sleep(0)
        return _response(json_reply(self.status()))

    async def _handle_rest(self, request: web.Request) -> web.Response:
        endpoint = ENDPOINTS[request.path]
        params = check(endpoint, request.query, request.headers.get("X-MBX-APIKEY", ""))
        weighed = {"limit": str(endpoint.default_limit)} if isinstance(params, RestReply) else params
        used = self._weight.add(endpoint.market, endpoint.weight(weighed), self._loop.time())
        reply = params if isinstance(params, RestReply) else self._answer(endpoint.market, request.path, params)
        return _response(reply, {"X-MBX-USED-WEIGHT-1M": str(used)})

    def _answer(self, market: Market, path: str, params: dict[str, str]) -> RestReply:
        self._pump.sync_clock()
        if path.endswith("/ping"):
            return json_reply({})
        if path.endswith("/time"):
            return json_reply({"serverTime": self._source.clock_ms()})
        reply = self._source.rest(market, path, params)
        if self._recorder is not None and reply.status == 200 and path.endswith("/depth"):
            self._recorder.answered_depth(market, params["symbol"], reply.body)
        return reply

    async def _handle_stream(self, request: web.Request) -> web.StreamResponse:
        endpoint = stream_endpoint(request.path, request.query.get("streams", ""))
        if endpoint is None or request.headers.get("Upgrade", "").lower() != "websocket":
            return _response(error_reply(404, -5000, f"Path {request.path}, Method GET is invalid"))
        rules = self._settings.rules[endpoint.market]
        connection = Connection(
            endpoint, rules, self._fanout, self._on_subscribed, flat_errors=self._settings.flat_errors
        )
        self._connections.add(connection)
        try:
            return await connection.serve(request)
        finally:
            self._connections.discard(connection)

    def _on_subscribed(self) -> None:
        subscribed = {market: self._fanout.subscribed_streams(market) for market in Market}
        if isinstance(self._source, DemandDriven):
            wanted = {
                (market, stream) for market in Market for stream in subscribed[market] & self._all_streams[market]
            }
            if wanted:
                self._source.set_demand(frozenset(wanted))
        if self._settings.start is StartMode.AUTO and self._pump.state is PumpState.WAITING:
            self._cancel_quiet_timer()
            if all(self._all_streams[market] <= subscribed[market] for market in Market):
                self._pump.start()
            else:
                self._quiet_timer = self._loop.call_later(self._settings.start_quiet_s, self._pump.start)

    def _cancel_quiet_timer(self) -> None:
        if self._quiet_timer is not None:
            self._quiet_timer.cancel()
            self._quiet_timer = None


def _response(reply: RestReply, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        status=reply.status,
        body=reply.body,
        headers={**reply.headers, **(headers or {})},
        content_type="application/json",
        charset="utf-8",
    )
