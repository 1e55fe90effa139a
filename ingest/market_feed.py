"""Everything about one market: its connections, its heartbeats, its snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from msgspec.structs import replace

from ingest.config import Settings
from ingest.connection_diary import ConnectionDiary
from ingest.connection_maker import ConnectionMaker
from ingest.connection_set import ConnectionSet
from ingest.core.carriers import carriers_of
from ingest.core.guard import VenueClock
from ingest.core.heartbeats import Heartbeats
from ingest.core.plan import ConnectionPlan, plan_connections
from ingest.core.replan import replan
from ingest.core.snapshots import SnapshotSchedule
from ingest.core.streams import Stream
from ingest.heartbeat_keeper import HeartbeatKeeper
from ingest.listener import Ended
from ingest.listings import Listings
from ingest.metric_series import ShownTypes, hide_connection, raw_types_of, show_connection
from ingest.rest import RestClient
from ingest.shared import Shared
from ingest.snapshotter import Snapshotter
from ingest.stream_watch import StreamWatch
from ingest.venue_time import VenueTime
from schemas.control import Progress, SnapshotRequest
from schemas.markets import Market
from schemas.rest import SymbolInfo
from schemas.topics import RawType


__all__ = ["READY", "MarketFeed"]

READY: Final = "live"
"""What a connection that lacks nothing says of itself."""

_SYMBOLS_S: Final = 10.0
"""How long COIN-M connections wait for the contract sizes, which their records shall carry."""


class MarketFeed:
    """Runs one market.

    Args:
        market: which.
        shared: what all markets use together.
        rest: the market's REST interface.
    """

    def __init__(self, market: Market, shared: Shared, rest: RestClient) -> None:
        clocks, settings = shared.clocks, shared.settings
        self._market = market
        self._shared = shared
        self._rest = rest
        self._log = shared.log.bind(market=market)
        self._wanted = settings.markets.present()[market]
        self._listings = Listings(
            self._wanted.wishes,
            ask=rest.exchange_info,
            learn=self._learn,
            changed=self._replan,
            refresh_s=settings.symbols_refresh_s,
            grace_s=settings.symbols_grace_s,
            clocks=clocks,
            log=self._log,
        )
        plans = plan_connections(self._streams(), settings.connection.streams_per_connection)
        self._live: dict[str, set[str]] = {plan.label: set() for plan in plans}
        """The live sockets of each connection."""
        for plan in plans:
            show_connection(shared.metrics, plan.label)
        self.interrupted: Callable[[], None] = lambda: None
        """Called when a connection is live whose streams may have been without one for a while."""
        self._diary = ConnectionDiary(market, shared.publisher, shared.control, clocks)
        self._asking: asyncio.Task[None] | None = None
        venue_clock = VenueClock(clocks.wall_ns() // 1_000_000, clocks.now_ms())
        self._venue = VenueTime(venue_clock, rest, clocks.now_ms, self._log)
        self._keeper = HeartbeatKeeper(
            market,
            Heartbeats(market, shared.ingest_id, carriers_of(plans), first_run=clocks.wall_ns() // 1_000_000),
            venue=self._venue,
            publisher=shared.publisher,
            control=shared.control,
            table=shared.table,
            metrics=shared.metrics,
            clocks=clocks,
        )
        self._snapshotter = self._new_snapshotter()
        self._watch = StreamWatch(
            market, plans, partial(shared.symbol_book.status, market), metrics=shared.metrics, log=self._log
        )
        self._connections = ConnectionSet(
            plans, ConnectionMaker(market, shared, venue=self._venue, watch=self._watch, listener=self, log=self._log)
        )
        self._shown_types = ShownTypes(shared.metrics, market, raw_types_of(market, self._wanted))
        self._take_note(self._streams())

    @property
    def readiness(self) -> Mapping[str, str]:
        """Return of each connection what it still lacks, by label; :data:`READY`: nothing."""
        states = {label: self._state(label) for label in self._live}
        if not self._listings.resolved:
            states[f"{self._market}-symbols"] = "waiting for the venue's list"
        return states

    def _state(self, label: str) -> str:
        if not self._live[label]:
            return "down"
        missing = self._watch.missing(label)
        return f"waiting for the first event of {missing} streams" if missing else READY

    async def prepare(self, notes: Iterable[Progress]) -> None:
        """Ask the venue for its time, and take note of earlier snapshots and of where the log ends."""
        await self._venue.ask()
        self._snapshotter.restore(notes)
        self._keeper.begin()
        if self._listings.resolved:
            self._snapshotter.forget_notes()

    async def run(self) -> None:
        """Do everything but the connections, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keeper.run())
            tasks.create_task(self._snapshotter.run())

    async def run_connections(self) -> None:
        """Keep the connections up until :meth:`stop`; returns when all that was read is handed over."""
        async with asyncio.TaskGroup() as tasks:
            self._asking = tasks.create_task(self._listings.run())
            if self._market is Market.COINM:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_SYMBOLS_S):
                        await self._listings.answered.wait()
            await self._connections.run()
            self._asking.cancel()

    def stop(self) -> None:
        """Stop reading."""
        if self._asking is not None:
            self._asking.cancel()
        self._connections.stop()

    def apply(self, settings: Settings) -> None:
        """Take other symbols and streams from now on; nothing else of the settings counts."""
        self._wanted = settings.markets.present()[self._market]
        self._listings.wish(self._wanted.wishes)
        self._replan()

    def request_snapshot(self, request: SnapshotRequest) -> None:
        """Take a reader's wish for a depth snapshot."""
        self._snapshotter.request(request)

    def notice_snapshot(self, note: Progress) -> None:
        """Take note of a depth snapshot that is new in the log, whoever took it."""
        self._snapshotter.notice(note)

    # What the connections tell

    def opened(self, plan: ConnectionPlan, connection_id: str, url: str) -> None:
        """Tell the readers that a connection is up."""
        self._diary.opened(plan, connection_id, url)

    def live_now(self, plan: ConnectionPlan, connection_id: str, *, complete: bool, succeeds: bool) -> None:
        """See to the snapshots of a connection's symbols; vouch for it, unless the venue refused some streams."""
        self._log.info("live", connection=plan.label, connection_id=connection_id, complete=complete)
        self._snapshotter.live(_depth_symbols(plan.streams))
        if not succeeds:
            self.interrupted()
        if complete and plan.label in self._live:
            self._live[plan.label].add(connection_id)
            self._shared.metrics.connection_live.labels(plan.label).set(1)
            self._keeper.live(plan.label, connection_id, plan.streams)

    def worked(
        self, plan: ConnectionPlan, connection_id: str, frame_count: int, byte_count: int, newest_event: int | None
    ) -> None:
        """Take note of frames that were handed over."""
        self._keeper.heartbeats.read(plan.label, newest_event, self._shared.clocks.now_ms(), connection_id)
        self._shared.metrics.frames.labels(plan.label).inc(frame_count)
        self._shared.metrics.frame_bytes.labels(plan.label).inc(byte_count)
        self._shown_types.hide_left()

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
        """Say that a socket carries other streams; see to their snapshots and vouch for them."""
        self._log.info("streams changed", connection_id=connection_id, added=len(added), removed=len(removed))
        names = set(added)
        streams = [stream for stream in plan.streams if stream.name in names]
        self._snapshotter.live(_depth_symbols(streams))
        self._keeper.changed(plan.label, streams, connection_id)

    def joined(self, plan: ConnectionPlan, connection_id: str, successor_id: str) -> bool:
        """Return whether a socket can go without a break in what is vouched for."""
        return self._keeper.heartbeats.joined(plan.label, connection_id, successor_id)

    def closed(self, plan: ConnectionPlan, ended: Ended) -> None:
        """Take note that a socket is gone: nobody vouches for its connection any more, unless its successor does."""
        self._shared.metrics.disconnects.labels(plan.label, ended.ending).inc()
        if ended.connection_id is None:
            return
        live = self._live.get(plan.label, set())
        live.discard(ended.connection_id)
        broken = self._keeper.heartbeats.lost(plan.label, ended.connection_id)
        if broken and live:
            self.interrupted()  # its successor took over, and does not join it
        if plan.label in self._live:
            self._shared.metrics.connection_live.labels(plan.label).set(1 if live else 0)
        self._diary.closed(plan, ended.connection_id, ended.url, ended.reason)

    # Parts

    def _new_snapshotter(self) -> Snapshotter:
        shared = self._shared
        return Snapshotter(
            self._market,
            SnapshotSchedule(
                _depth_symbols(self._streams()),
                shared.settings.snapshots.refresh_s * 1000,
                salt=shared.ingest_id,
            ),
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

    # Other streams

    def _learn(self, symbols: Sequence[SymbolInfo]) -> None:
        self._shared.symbol_book.learn(self._market, symbols)
        self._connections.forget_targets()

    def _streams(self) -> list[Stream]:
        """Return what is wanted now, as far as it is known."""
        settings = self._shared.settings
        return settings.process_shard.of(self._wanted.subscriptions(self._market, self._listings.symbols))

    def _replan(self) -> None:
        """Carry what is wanted now, and leave alone what is carried already."""
        streams = self._streams()
        self._show_types(streams)
        change = replan(self._connections.plans, streams, self._shared.settings.connection.streams_per_connection)
        if change.nothing:
            return
        self._log.info(
            "other streams wanted",
            stream_count=len(streams),
            changed=[one.plan.label for one in change.changed],
            opened=[plan.label for plan in change.opened],
            closed=[plan.label for plan in change.closed],
        )
        self._take_note(streams)
        self._keeper.replan(change.plans)
        self._snapshotter.follow(_depth_symbols(streams))
        if self._listings.resolved:
            self._snapshotter.forget_notes()
        for plan in change.closed:
            del self._live[plan.label]
            self._watch.expect(replace(plan, streams=()))
            hide_connection(self._shared.metrics, plan.label)
        for plan in change.opened:
            self._live[plan.label] = set()
            show_connection(self._shared.metrics, plan.label)
        for plan in (*(one.plan for one in change.changed), *change.opened):
            self._watch.expect(plan)
        self._connections.apply(change)
        self._connections.forget_targets()

    def _show_types(self, streams: Iterable[Stream]) -> None:
        types = {stream.raw_type for stream in streams}
        if not self._listings.resolved:
            types |= raw_types_of(self._market, self._wanted)  # those of patterns are still to come
        self._shown_types.take(types)

    def _take_note(self, streams: Iterable[Stream]) -> None:
        symbols = {stream.symbol for stream in streams if stream.symbol is not None}
        # Repair looks after symbols of all shards.
        followed = self._wanted.subscriptions(self._market, self._listings.symbols)
        self._shared.symbol_book.take(self._market, followed)
        self._shared.metrics.symbols.labels(self._market).set(len(symbols))


def _depth_symbols(streams: Iterable[Stream]) -> set[str]:
    return {stream.symbol for stream in streams if stream.symbol and stream.raw_type is RawType.DEPTH}
