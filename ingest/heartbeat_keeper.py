"""The heartbeats of one market, sent in time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from ingest.connection import Clocks
from ingest.control_records import ControlRecords
from ingest.core.carriers import carriers_of
from ingest.core.heartbeats import Heartbeats, Position, Shard
from ingest.core.plan import ConnectionPlan
from ingest.core.streams import Stream
from ingest.metrics import Metrics
from ingest.publisher import Publisher
from ingest.venue_time import VenueTime
from schemas.markets import Market
from schemas.topics import RawType, TopicTable


__all__ = ["HeartbeatKeeper"]

_LOOK_S: Final = 0.1
_INTERVAL_MS: Final = 1_000
_FRESH_MS: Final = 2_500
"""An older answer to the question for the venue's time is not used."""


class HeartbeatKeeper:
    """Vouches once a second for what is acknowledged.

    Args:
        market: which.
        heartbeats: decides what can be vouched for.
        venue: asked for its time when connections are silent, new, or ahead of it.
        publisher: says how far the log is, and takes the heartbeats.
        control: makes their records.
        table: names the raw topics.
        metrics: counts.
        clocks: time.
    """

    def __init__(
        self,
        market: Market,
        heartbeats: Heartbeats,
        *,
        venue: VenueTime,
        publisher: Publisher,
        control: ControlRecords,
        table: TopicTable,
        metrics: Metrics,
        clocks: Clocks,
    ) -> None:
        self.heartbeats = heartbeats
        self._market = market
        self._venue = venue
        self._publisher = publisher
        self._control = control
        self._table = table
        self._count = metrics.heartbeats.labels(market)
        self._clocks = clocks
        self._wake = asyncio.Event()
        self._server_time: int | None = None
        self._asked_ms = -_INTERVAL_MS * 10.0

    def begin(self) -> None:
        """Take note of where the log ends and of the venue's time, before anything is subscribed to."""
        now_ms = self._clocks.now_ms()
        self.heartbeats.suppose_time(self._venue.clock.told(now_ms), now_ms)
        self.heartbeats.begin(self._position)

    def replan(self, plans: Iterable[ConnectionPlan]) -> None:
        """Take other streams, before the messages that subscribe to them are sent."""
        self.heartbeats.replan(carriers_of(plans), self._position)

    def changed(self, label: str, streams: Iterable[Stream], socket: str = "") -> None:
        """Take note that a live socket carries more streams now."""
        self.heartbeats.acknowledged(label, _types_and_symbols(streams), self._clocks.now_ms(), socket)

    def live(self, label: str, socket: str, streams: Iterable[Stream]) -> None:
        """Take note that a socket is acknowledged; it is vouched for as soon as the venue has told its time."""
        self.heartbeats.live(label, self._clocks.now_ms(), socket, _types_and_symbols(streams))
        self._asked_ms = -_INTERVAL_MS * 10.0
        self._wake.set()

    async def run(self) -> None:
        """Send heartbeats until cancelled."""
        marked_ms = self._clocks.now_ms()
        async with asyncio.TaskGroup() as tasks:
            while True:
                now_ms = self._clocks.now_ms()
                if self.heartbeats.wants_time(now_ms) and now_ms - self._asked_ms >= _INTERVAL_MS:
                    self._asked_ms = now_ms
                    self.heartbeats.asks_time(now_ms)
                    tasks.create_task(self._ask(now_ms))
                if now_ms - marked_ms >= _INTERVAL_MS:
                    marked_ms = now_ms
                    self._mark(now_ms)
                self._send()
                self._wake.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await self._wake.wait()

    async def _ask(self, asked_ms: float) -> None:
        server_time = await self._venue.ask()
        if server_time is None:
            return
        now_ms = self._clocks.now_ms()
        self._server_time = server_time
        self.heartbeats.told_time(server_time, asked_ms, now_ms)
        self._mark(now_ms)
        self._wake.set()

    def _mark(self, now_ms: float) -> None:
        fresh = now_ms - self._asked_ms <= _FRESH_MS
        self.heartbeats.mark(now_ms, self._server_time if fresh else None, self._position)

    def _send(self) -> None:
        time_ms = self._clocks.wall_ns() // 1_000_000
        for heartbeat in self.heartbeats.due(self._position):
            self._publisher.publish(self._control.heartbeat(heartbeat, time_ms))
            self._count.inc()

    def _position(self, shard: Shard) -> Position:
        raw_type, partition = shard
        return self._publisher.position(self._table.raw(self._market, raw_type).name, partition)


def _types_and_symbols(streams: Iterable[Stream]) -> set[tuple[RawType, str]]:
    return {(stream.raw_type, stream.symbol) for stream in streams if stream.symbol is not None}
