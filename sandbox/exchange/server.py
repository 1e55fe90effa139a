"""The exchange server: one port, streams and REST of all markets, and a small API to steer it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from time import time_ns
from types import TracebackType
from typing import Self

import structlog
from aiohttp import web

from sandbox.exchange.connection import Connection
from sandbox.exchange.control import ControlApi, http_response
from sandbox.exchange.fanout import Fanout
from sandbox.exchange.faults.board import FaultBoard
from sandbox.exchange.faults.journal import FaultJournal
from sandbox.exchange.faults.orders import Orders
from sandbox.exchange.faults.scenario import Scheduled
from sandbox.exchange.limits import Attempts, whole_seconds
from sandbox.exchange.private.routes import PrivateRoutes
from sandbox.exchange.private.side import PrivateSide
from sandbox.exchange.pump import Pump, PumpState
from sandbox.exchange.recorder import SentRecorder
from sandbox.exchange.rest import ENDPOINTS
from sandbox.exchange.rest_service import RestService
from sandbox.exchange.routes import StreamClass, StreamEndpoint, stream_endpoint
from sandbox.exchange.scales import Scales
from sandbox.exchange.settings import ExchangeSettings, StartMode
from sandbox.exchange.source import DemandDriven, Source, error_reply
from sandbox.exchange.time_units import BAD_TIME_UNIT, answer_in_microseconds, asks_microseconds
from sandbox.exchange.unknown_keys import answer_with_unknown_key, event_with_unknown_key
from sandbox.ports import require_free
from schemas.markets import Market


__all__ = ["ExchangeServer", "ExchangeSettings", "StartMode"]

_log = structlog.get_logger()


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
        JournalExistsError: The directory for the journal of faults is used.
        FaultError: The scenario has faults that the source cannot show.
        ValueError: On entering: the source cannot keep the accounts.
    """

    def __init__(self, source: Source, settings: ExchangeSettings, event_count: int | None = None) -> None:
        self._source = source
        self._settings = settings
        self._event_count = event_count
        self._fanout = Fanout()
        if settings.unknown_keys:
            self._fanout.alter = event_with_unknown_key
        self._connections: dict[int, Connection] = {}
        self._connection_count = 0
        self._recorder: SentRecorder | None = None
        self._journal: FaultJournal | None = None
        self._quiet_timer: asyncio.TimerHandle | None = None
        self._rules = settings.rules_in_force()
        self._attempts = {
            market: Attempts(rules.attempts, rules.attempts_window_s) for market, rules in self._rules.items()
        }

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
        if settings.truth is not None:
            self._journal = FaultJournal(settings.truth)
        self._loop = asyncio.get_running_loop()
        on_sent = self._recorder.sent if self._recorder else None
        self._pump = Pump(self._source, self._fanout, settings.speed, self._loop.time, on_sent)
        orders = Orders(_wall_ms, self._venue_ms, self._journal)
        self._board = FaultBoard(
            orders,
            self._source,
            self._fanout,
            connections=self._open_connections,
            venue_ms=self._venue_ms,
            clock=self._loop.time,
        )
        self._schedule(settings.scenario)
        scales = Scales(settings.weight_limits, self._loop.time, settings.time_factor)
        self._rest = RestService(
            self._source,
            self._board.requests,
            self._venue_ms,
            scales,
            limits=settings.weight_limits,
            listener=self._recorder,
        )
        self._private = PrivateSide(
            self._source,
            settings.private,
            pace=settings.pace,
            fanout=self._fanout,
            scales=scales,
            faults=self._board.requests,
            venue_ms=self._venue_ms,
            on_opened=self._on_subscribed,
        )
        self._board.expire_keys = self._private.expire
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
        self._board.requests.close()
        self._private.close()
        await asyncio.gather(*(connection.close() for connection in self._open_connections()))
        await asyncio.gather(self._pumping, return_exceptions=True)
        await self._runner.cleanup()
        if self._recorder is not None:
            self._recorder.close(self._pump.position_ns)
        if self._journal is not None:
            self._journal.close()

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
        return {
            "state": self._pump.state,
            "clock_ms": self._venue_ms(),
            "frames_sent": self._fanout.sent_count,
            "events_total": self._event_count,
            "connections": len(self._connections),
            "subscriptions": self._fanout.subscription_count + len(self._private.feeds),
        }

    def _schedule(self, scenario: Sequence[Scheduled]) -> None:
        for scheduled in scenario:
            self._board.check(scheduled.fault)
        for scheduled in scenario:
            order = self._board.orders.add(scheduled.fault, scheduled.at_s)
            self._pump.call_after(scheduled.at_s, partial(self._board.begin_scheduled, order))

    async def _run_pump(self) -> None:
        await self._pump.run()
        self._board.tap.release()
        for order in self._board.orders.waiting():
            _log.warning(
                "the source ended before a fault's time came", id=order.number, fault=order.name, at=order.at_s
            )
        _log.info("source ended", frames_sent=self._fanout.sent_count, clock_ms=self._source.clock_ms())

    def _venue_ms(self) -> int:
        self._pump.sync_clock()
        return self._source.clock_ms()

    def _open_connections(self) -> list[Connection]:
        return list(self._connections.values())

    def _application(self) -> web.Application:
        application = web.Application()
        control = ControlApi(self, self._board, self._source, self._open_connections)
        application.router.add_routes(control.routes())
        for path in ENDPOINTS:
            application.router.add_get(path, self._handle_rest)
        private = PrivateRoutes(self._private, self._open_connections, unknown_keys=self._settings.unknown_keys)
        application.router.add_routes(private.routes())
        application.router.add_get("/{path:.*}", self._handle_stream)
        return application

    async def _handle_rest(self, request: web.Request) -> web.Response:
        api_key = request.headers.get("X-MBX-APIKEY", "")
        market = ENDPOINTS[request.path].market
        microseconds = asks_microseconds(None if market.is_futures else request.headers.get("X-MBX-TIME-UNIT"))
        if microseconds is None:
            return http_response(BAD_TIME_UNIT)
        reply = await self._rest.answer(request.path, request.query, api_key, request.remote or "")
        if self._settings.unknown_keys:
            reply = answer_with_unknown_key(reply)
        return http_response(answer_in_microseconds(reply) if microseconds else reply)

    async def _handle_stream(self, request: web.Request) -> web.StreamResponse:
        endpoint = stream_endpoint(request.path, request.query.get("streams", ""), request.query.items())
        if endpoint is None or request.headers.get("Upgrade", "").lower() != "websocket":
            return http_response(error_reply(404, -5000, f"Path {request.path}, Method GET is invalid"))
        market = endpoint.market
        microseconds = asks_microseconds(None if market.is_futures else request.query.get("timeUnit"))
        if microseconds is None:
            return http_response(BAD_TIME_UNIT)
        wait_s = self._attempts[market].attempt(request.remote or "", self._loop.time())
        if wait_s:
            _log.warning("too many connection attempts, handshake refused", address=request.remote, market=market)
            text = "Too many connections or connection attempts; please try again later."
            return http_response(error_reply(429, -1034, text), {"Retry-After": str(whole_seconds(wait_s))})
        self._connection_count += 1
        connection = self._connection(self._connection_count, endpoint, request, microseconds=microseconds)
        self._connections[connection.number] = connection
        try:
            return await connection.serve(request)
        finally:
            del self._connections[connection.number]
            self._board.tap.forget(connection.number)

    def _connection(
        self, number: int, endpoint: StreamEndpoint, request: web.Request, *, microseconds: bool
    ) -> Connection:
        rules = self._rules[endpoint.market]
        session = None
        if endpoint.stream_class is StreamClass.API:
            session = self._private.session(
                endpoint,
                rules,
                address=request.remote or "",
                microseconds=microseconds,
                tells_limits=request.query.get("returnRateLimits") != "false",
            )
        return Connection(
            number,
            endpoint,
            rules,
            fanout=self._fanout,
            on_subscribed=self._on_subscribed,
            settings=self._settings.connections,
            microseconds=microseconds,
            session=session,
            feeds=self._private.feeds,
            listen=self._private.listening(endpoint),
        )

    def _on_subscribed(self) -> None:
        if isinstance(self._source, DemandDriven):
            self._source.set_demand(
                frozenset((market, stream) for market in Market for stream in self._fanout.subscribed_streams(market))
            )
        if self._settings.start is StartMode.AUTO and self._pump.state is PumpState.WAITING:
            self._cancel_quiet_timer()
            if all(self._source.streams(market) <= self._fanout.subscribed_streams(market) for market in Market):
                self._pump.start()
            else:
                self._quiet_timer = self._loop.call_later(self._settings.start_quiet_s, self._pump.start)

    def _cancel_quiet_timer(self) -> None:
        if self._quiet_timer is not None:
            self._quiet_timer.cancel()
            self._quiet_timer = None


def _wall_ms() -> int:
    return time_ns() // 1_000_000
