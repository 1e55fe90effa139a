"""Everything about one market: its connections, its heartbeats, its snapshots."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import Final

from msgspec import Struct
from structlog.stdlib import BoundLogger

from ingest.config import Settings
from ingest.connection import Clocks, Connection
from ingest.control_records import ControlRecords
from ingest.core.frames import FrameDecoder
from ingest.core.guard import VenueClock
from ingest.core.heartbeats import Heartbeats, shards_of
from ingest.core.limits import LIMITS
from ingest.core.merged import SeenVersions
from ingest.core.pacing import Pacer
from ingest.core.plan import ConnectionPlan, plan_connections
from ingest.core.session import SessionLimits, StreamSession
from ingest.core.snapshots import SnapshotSchedule
from ingest.core.streams import Stream
from ingest.heartbeat_keeper import HeartbeatKeeper
from ingest.metrics import Metrics
from ingest.pipeline import Pipeline
from ingest.publisher import Publisher
from ingest.rest import RestClient
from ingest.snapshotter import Snapshotter
from ingest.symbols import SymbolBook, learn
from ingest.venue_time import VenueTime
from schemas import control
from schemas.control import ConnectionEvent, Progress, SnapshotRequest
from schemas.markets import Market
from schemas.topics import RawType, TopicTable


__all__ = ["MarketFeed", "Shared"]

_SYMBOLS_S: Final = 10.0
"""How long COIN-M connections wait for the contract sizes, which their records shall carry."""


class Shared(Struct, frozen=True):
    """What all markets of a process use together."""

    settings: Settings
    ingest_id: str
    table: TopicTable
    publisher: Publisher
    control: ControlRecords
    metrics: Metrics
    clocks: Clocks
    symbol_book: SymbolBook
    merged: SeenVersions
    attempts: Pacer
    """Connection attempts of this address."""
    log: BoundLogger


class MarketFeed:
    """Runs one market.

    Args:
        market: which.
        streams: what to take from it.
        shared: what all markets use together.
        rest: the market's REST interface.
    """

    def __init__(self, market: Market, streams: Iterable[Stream], shared: Shared, rest: RestClient) -> None:
        clocks, settings = shared.clocks, shared.settings
        self._market = market
        self._shared = shared
        self._rest = rest
        self._log = shared.log.bind(market=market)
        self._streams = tuple(streams)
        self._symbols = {stream.symbol for stream in self._streams if stream.symbol is not None}
        self._plans = plan_connections(self._streams, settings.connection.streams_per_connection)
        self._live: dict[str, bool] = {plan.label: False for plan in self._plans}
        self._events: Counter[str] = Counter()
        self._decoders: dict[str, FrameDecoder] = {}
        self._learning: asyncio.Task[None] | None = None
        venue_clock = VenueClock(clocks.wall_ns() // 1_000_000, clocks.now_ms())
        self._venue = VenueTime(venue_clock, rest, clocks.now_ms, self._log)
        self._keeper = HeartbeatKeeper(
            market,
            Heartbeats(market, shared.ingest_id, shards_of(self._plans)),
            venue=self._venue,
            publisher=shared.publisher,
            control=shared.control,
            table=shared.table,
            metrics=shared.metrics,
            clocks=clocks,
        )
        self._snapshotter = self._new_snapshotter()
        self._connections = [self._new_connection(plan) for plan in self._plans]

    @property
    def live(self) -> dict[str, bool]:
        """Return which connections are live, by label."""
        return dict(self._live)

    async def prepare(self, notes: Iterable[Progress]) -> None:
        """Ask the venue for its time, and take note of earlier snapshots."""
        await self._venue.ask()
        self._snapshotter.restore(notes)

    async def run(self) -> None:
        """Do everything but the connections, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keeper.run())
            tasks.create_task(self._snapshotter.run())

    async def run_connections(self) -> None:
        """Keep the connections up until :meth:`stop`; returns when all that was read is handed over."""
        async with asyncio.TaskGroup() as tasks:
            self._learning = tasks.create_task(self._learn_symbols())
            if self._market is Market.COINM:
                await asyncio.wait([self._learning], timeout=_SYMBOLS_S)
            async with asyncio.TaskGroup() as connections:
                for connection in self._connections:
                    connections.create_task(connection.run())
            self._learning.cancel()

    def stop(self) -> None:
        """Stop reading."""
        if self._learning is not None:
            self._learning.cancel()
        for connection in self._connections:
            connection.stop()

    def request_snapshot(self, request: SnapshotRequest) -> None:
        """Take a reader's wish for a depth snapshot."""
        self._snapshotter.request(request)

    # What the connections tell

    def opened(self, plan: ConnectionPlan, connection_id: str, url: str) -> None:
        """Tell the readers that a connection is up."""
        self._tell(plan, connection_id, url, ConnectionEvent.CONNECTED, None)

    def live_now(self, plan: ConnectionPlan, *, complete: bool) -> None:
        """See to the snapshots of a connection's symbols; vouch for it, unless the venue refused some streams."""
        self._log.info("live", connection=plan.label, complete=complete)
        self._snapshotter.live({one.symbol for one in plan.streams if one.symbol and one.raw_type is RawType.DEPTH})
        if complete:
            self._live[plan.label] = True
            self._shared.metrics.connection_live.labels(plan.label).set(1)
            self._keeper.live(plan.label)

    def worked(self, plan: ConnectionPlan, frame_count: int, byte_count: int, newest_event: int | None) -> None:
        """Take note of frames that were handed over."""
        self._keeper.heartbeats.read(plan.label, newest_event, self._shared.clocks.now_ms())
        self._shared.metrics.frames.labels(plan.label).inc(frame_count)
        self._shared.metrics.frame_bytes.labels(plan.label).inc(byte_count)

    def busy(self, plan: ConnectionPlan) -> None:
        """Take note that frames wait."""
        self._keeper.heartbeats.busy(plan.label, self._shared.clocks.now_ms())

    def refused(self, plan: ConnectionPlan, names: Sequence[str], error: str) -> None:
        """Count streams that the venue refuses; nobody vouches for their connection."""
        self._log.error("streams refused", connection=plan.label, streams=names, reason=error)
        self._shared.metrics.refused_streams.labels(plan.label).inc(len(names))

    def closed(self, plan: ConnectionPlan, connection_id: str | None, url: str, reason: str) -> None:
        """Take note that nobody vouches for a connection any more."""
        self._live[plan.label] = False
        self._keeper.heartbeats.lost(plan.label)
        self._shared.metrics.connection_live.labels(plan.label).set(0)
        self._shared.metrics.disconnects.labels(plan.label).inc()
        if connection_id is not None:
            self._tell(plan, connection_id, url, ConnectionEvent.DISCONNECTED, reason)

    def _tell(
        self, plan: ConnectionPlan, connection_id: str, url: str, event: ConnectionEvent, reason: str | None
    ) -> None:
        self._events[connection_id] += 1
        record = control.Connection(
            connection_id=connection_id,
            sequence=self._events[connection_id],
            market=self._market,
            event=event,
            time=self._shared.clocks.wall_ns() // 1_000_000,
            url=url,
            streams=[stream.name for stream in plan.streams],
            reason=reason,
        )
        if event is ConnectionEvent.DISCONNECTED:
            del self._events[connection_id]
        self._shared.publisher.publish(self._shared.control.connection(record))

    # Parts

    def _new_connection(self, plan: ConnectionPlan) -> Connection:
        shared, limits = self._shared, self._shared.settings.connection
        session_limits = SessionLimits(
            control_messages=LIMITS[self._market].control_messages,
            acknowledge_ms=int(limits.acknowledge_limit_s * 1000),
            idle_ms=int(limits.idle_limit_s * 1000),
        )
        return Connection(
            plan,
            shared.settings.endpoint_of(self._market).streams[plan.route],
            StreamSession([stream.name for stream in plan.streams], session_limits),
            limits,
            attempt=self._attempt,
            pipeline=self._pipeline_maker(plan),
            connection_ids=self._connection_ids(plan),
            publisher=shared.publisher,
            listener=self,
            clocks=shared.clocks,
            log=self._log.bind(connection=plan.label),
        )

    def _pipeline_maker(self, plan: ConnectionPlan) -> Callable[[str], Pipeline]:
        shared = self._shared

        def pipeline(connection_id: str) -> Pipeline:
            decoder = FrameDecoder(
                self._market,
                connection_id,
                shared.table,
                extra_headers=shared.symbol_book.extra_headers,
                merged=shared.merged,
                max_record_bytes=shared.settings.producer.max_record_bytes,
            )
            self._decoders[plan.label] = decoder
            return Pipeline(
                self._market,
                connection_id,
                decoder,
                publisher=shared.publisher,
                venue=self._venue,
                table=shared.table,
                metrics=shared.metrics,
                log=self._log.bind(connection=plan.label),
            )

        return pipeline

    def _connection_ids(self, plan: ConnectionPlan) -> Iterator[str]:
        return (f"{self._shared.ingest_id}.{plan.label}.{number}" for number in count(1))

    def _new_snapshotter(self) -> Snapshotter:
        shared = self._shared
        symbols = {stream.symbol for stream in self._streams if stream.symbol and stream.raw_type is RawType.DEPTH}
        return Snapshotter(
            self._market,
            SnapshotSchedule(symbols, shared.settings.snapshots.refresh_s * 1000),
            shared.settings.snapshots,
            rest=self._rest,
            venue=self._venue,
            publisher=shared.publisher,
            control=shared.control,
            table=shared.table,
            connection_id=f"{shared.ingest_id}.{self._market}.rest",
            metrics=shared.metrics,
            clocks=shared.clocks,
            log=self._log,
        )

    async def _attempt(self) -> None:
        now_ms = self._shared.clocks.now_ms
        while not self._shared.attempts.take(now_ms()):  # noqa: ASYNC110 - for a time, not for an event
            await asyncio.sleep(self._shared.attempts.wait_ms(now_ms()) / 1000)

    async def _learn_symbols(self) -> None:
        await learn(
            self._shared.symbol_book,
            self._market,
            self._symbols,
            rest=self._rest,
            random=self._shared.clocks.random,
            log=self._log,
        )
        for decoder in self._decoders.values():
            decoder.forget_targets()
