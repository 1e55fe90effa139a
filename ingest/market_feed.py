"""Everything about one market: its connections, its heartbeats, its snapshots."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
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
from ingest.core.rotation import Rotation, RotationLimits
from ingest.core.session import SessionLimits, StreamSession
from ingest.core.snapshots import SnapshotSchedule
from ingest.core.streams import Stream
from ingest.heartbeat_keeper import HeartbeatKeeper
from ingest.listener import Ended
from ingest.metrics import Metrics
from ingest.pipeline import Pipeline
from ingest.publisher import Publisher
from ingest.rest import RestClient
from ingest.sections import ConnectionSettings
from ingest.snapshotter import Snapshotter
from ingest.stream_watch import StreamWatch
from ingest.symbols import SymbolBook, learn
from ingest.venue_time import VenueTime
from schemas import control
from schemas.control import ConnectionEvent, Progress, SnapshotRequest
from schemas.markets import Market
from schemas.topics import RawType, TopicTable


__all__ = ["READY", "MarketFeed", "Shared"]

READY: Final = "live"
"""What a connection that lacks nothing says of itself."""

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
        self._live: dict[str, set[str]] = {plan.label: set() for plan in self._plans}
        """The live sockets of each connection."""
        self._events: Counter[str] = Counter()
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
        self._watch = StreamWatch(
            market, self._plans, partial(shared.symbol_book.status, market), metrics=shared.metrics, log=self._log
        )
        first = list(Market).index(market) / len(Market)
        self._connections = [
            self._new_connection(plan, (number + first) / len(self._plans)) for number, plan in enumerate(self._plans)
        ]

    @property
    def readiness(self) -> Mapping[str, str]:
        """Return of each connection what it still lacks, by label; :data:`READY`: nothing."""
        return {label: self._state(label) for label in self._live}

    def _state(self, label: str) -> str:
        if not self._live[label]:
            return "down"
        missing = self._watch.missing(label)
        return f"waiting for the first event of {missing} streams" if missing else READY

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

    def live_now(self, plan: ConnectionPlan, connection_id: str, *, complete: bool, succeeds: bool) -> None:
        """See to the snapshots of a connection's symbols; vouch for it, unless the venue refused some streams."""
        self._log.info("live", connection=plan.label, connection_id=connection_id, complete=complete)
        if not succeeds:  # beside another socket no diff is missing
            self._snapshotter.live({one.symbol for one in plan.streams if one.symbol and one.raw_type is RawType.DEPTH})
        if complete:
            self._live[plan.label].add(connection_id)
            self._shared.metrics.connection_live.labels(plan.label).set(1)
            self._keeper.live(plan.label, connection_id)

    def worked(
        self, plan: ConnectionPlan, connection_id: str, frame_count: int, byte_count: int, newest_event: int | None
    ) -> None:
        """Take note of frames that were handed over."""
        self._keeper.heartbeats.read(plan.label, newest_event, self._shared.clocks.now_ms(), connection_id)
        self._shared.metrics.frames.labels(plan.label).inc(frame_count)
        self._shared.metrics.frame_bytes.labels(plan.label).inc(byte_count)

    def busy(self, plan: ConnectionPlan, connection_id: str) -> None:
        """Take note that frames wait."""
        self._keeper.heartbeats.busy(plan.label, self._shared.clocks.now_ms(), connection_id)

    def delivered(self, plan: ConnectionPlan, names: Sequence[str]) -> None:
        """Take note of streams that speak."""
        self._watch.delivered(plan.label, names)

    def silent(self, plan: ConnectionPlan, names: Sequence[str]) -> None:
        """Say which streams do not, and why they likely do not."""
        self._watch.silent(plan.label, names)

    def refused(self, plan: ConnectionPlan, names: Sequence[str], error: str) -> None:
        """Count streams that the venue refuses; nobody vouches for their connection."""
        self._log.error("streams refused", connection=plan.label, streams=names, reason=error)
        self._shared.metrics.refused_streams.labels(plan.label).inc(len(names))

    def changed(self, plan: ConnectionPlan, connection_id: str, added: Sequence[str], removed: Sequence[str]) -> None:
        """Say that a socket carries other streams."""
        self._log.info("streams changed", connection_id=connection_id, added=len(added), removed=len(removed))

    def joined(self, plan: ConnectionPlan, connection_id: str, successor_id: str) -> bool:
        """Return whether a socket can go without a break in what is vouched for."""
        return self._keeper.heartbeats.joined(plan.label, connection_id, successor_id)

    def closed(self, plan: ConnectionPlan, ended: Ended) -> None:
        """Take note that a socket is gone: nobody vouches for its connection any more, unless its successor does."""
        self._shared.metrics.disconnects.labels(plan.label, ended.ending).inc()
        if ended.connection_id is None:
            return
        live = self._live[plan.label]
        live.discard(ended.connection_id)
        self._keeper.heartbeats.lost(plan.label, ended.connection_id)
        self._shared.metrics.connection_live.labels(plan.label).set(1 if live else 0)
        self._tell(plan, ended.connection_id, ended.url, ConnectionEvent.DISCONNECTED, ended.reason)

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

    def _new_connection(self, plan: ConnectionPlan, share: float) -> Connection:
        """Make a connection; the share, in [0, 1), sets its rotations apart from those of all others."""
        shared, limits = self._shared, self._shared.settings.connection
        session_limits = SessionLimits(
            control_messages=LIMITS[self._market].control_messages,
            acknowledge_ms=int(limits.acknowledge_limit_s * 1000),
            idle_ms=int(limits.idle_limit_s * 1000),
        )
        return Connection(
            plan,
            shared.settings.endpoint_of(self._market).streams[plan.route],
            Rotation(rotation_limits(limits, share)),
            limits,
            session=partial(
                StreamSession, limits=session_limits, deadline_ms=self._watch.deadline_ms, excused=self._watch.excused
            ),
            attempt=self._attempt,
            pipeline=self._pipeline_maker(plan),
            raw_types={topic.name: topic.type for topic in shared.table if isinstance(topic.type, RawType)},
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
            shared.settings.snapshots.levels,
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
        for connection in self._connections:
            connection.forget_targets()


def rotation_limits(settings: ConnectionSettings, share: float) -> RotationLimits:
    """Return when the sockets of a connection are replaced.

    Args:
        settings: say it in seconds.
        share: in [0, 1): how much of the stagger this connection is ahead.
    """
    rotate_after_ms = (settings.rotate_after_s - settings.rotate_stagger_s * share) * 1000
    return RotationLimits(
        rotate_after_ms=rotate_after_ms if settings.rotate_after_s else float("inf"),
        give_up_after_ms=settings.rotate_deadline_s * 1000,
        overlap_ms=settings.rotate_overlap_s * 1000,
    )
