"""Depth snapshots of one market: asked for in time, put beside the diffs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Final

from structlog.stdlib import BoundLogger

from ingest.connection import Clocks
from ingest.control_records import ControlRecords
from ingest.core.budget import Importance
from ingest.core.differences import lost_changes
from ingest.core.log_partitions import DEPTH_SNAPSHOT
from ingest.core.replies import UNREADABLE
from ingest.core.snapshots import SnapshotOrigin, SnapshotSchedule, read_snapshot, snapshot_record
from ingest.errors import RestError, RestRefusedError, is_transient
from ingest.metrics import Metrics
from ingest.publisher import Publisher
from ingest.rest import RestClient
from ingest.sections import SnapshotSettings
from ingest.venue_time import VenueTime
from schemas.control import Progress, SnapshotRequest
from schemas.markets import Market
from schemas.topics import TopicTable, partition_of


__all__ = ["Snapshotter"]

_LONGEST_WAIT_S: Final = 60.0


class Snapshotter:
    """Keeps every symbol of a market supplied with depth snapshots.

    Args:
        market: which.
        schedule: decides who is next.
        settings: how many levels.
        rest: is asked.
        venue: the venue's time.
        publisher: where they go.
        control: makes the notes of progress.
        table: names the topics.
        connection_id: names the REST client in headers.
        metrics: counts.
        clocks: time and chance.
        log: bound to the market.
    """

    def __init__(
        self,
        market: Market,
        schedule: SnapshotSchedule,
        settings: SnapshotSettings,
        *,
        rest: RestClient,
        venue: VenueTime,
        publisher: Publisher,
        control: ControlRecords,
        table: TopicTable,
        connection_id: str,
        metrics: Metrics,
        clocks: Clocks,
        log: BoundLogger,
    ) -> None:
        self._market = market
        self._schedule = schedule
        self._settings = settings
        self._rest = rest
        self._venue = venue
        self._publisher = publisher
        self._control = control
        self._table = table
        self._connection_id = connection_id
        self._metrics = metrics
        self._clocks = clocks
        self._log = log
        self._wake = asyncio.Event()
        self._routine: dict[str, asyncio.Task[None]] = {}
        """Refreshes that wait for their turn or their answer."""
        self._sequence = 0
        self._notes: dict[str, Progress] = {}
        """Of symbols that were not followed in this run yet."""

    def restore(self, notes: Iterable[Progress]) -> None:
        """Take note of the snapshots that the log has already."""
        self._notes = {
            note.symbol: note for note in notes if note.market is self._market and note.stream == DEPTH_SNAPSHOT
        }
        for symbol in self._schedule.symbols:
            self._restore(symbol)

    def follow(self, symbols: Iterable[str]) -> None:
        """Take other symbols from now on."""
        for symbol in self._schedule.follow(symbols):
            self._restore(symbol)
        self._wake.set()

    def forget_notes(self) -> None:
        """Trust earlier snapshots no more: of a symbol that is taken only now, the diffs since are missing."""
        self._notes.clear()

    def _restore(self, symbol: str) -> None:
        """Use what the log holds of earlier runs."""
        if note := self._notes.pop(symbol, None):
            now_ms = self._clocks.now_ms()
            age_ms = self._venue.clock.now(now_ms) - note.last_time
            self._schedule.restore(symbol, note.last_id, note.offset, age_ms, now_ms)

    def notice(self, note: Progress) -> None:
        """Take note of a snapshot that is new in the log: where several processes take a symbol, one of them asks."""
        now_ms = self._clocks.now_ms()
        age_ms = self._venue.clock.now(now_ms) - note.last_time
        if self._schedule.noticed(note.symbol, note.last_id, note.offset, age_ms, now_ms):
            self._log.debug("another process took a snapshot", symbol=note.symbol)
            self._wake.set()

    def live(self, symbols: Iterable[str]) -> None:
        """Take note that the diffs of symbols flow."""
        self._schedule.live(symbols, self._clocks.now_ms())
        self._wake.set()

    def request(self, request: SnapshotRequest) -> None:
        """Take a reader's wish, and put into the ledger what it tells of."""
        if (gap := lost_changes(request)) is not None:
            self._publisher.publish(self._control.gap(gap))
            self._log.error(
                "a book was not as the venue's", symbol=gap.symbol, first_id=gap.first_id, last_id=gap.last_id
            )
        now_ms = self._clocks.now_ms()
        if self._schedule.request(request.symbol, request.after_update_id, request.input_offset, now_ms):
            self._log.info("snapshot requested", symbol=request.symbol, reason=request.reason)
            if (routine := self._routine.pop(request.symbol, None)) is not None:
                routine.cancel()  # it may wait long; the reader's wish comes first
            self._wake.set()

    async def run(self) -> None:
        """Take snapshots as they become due, until cancelled; one symbol's trouble holds up no other."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                for symbol, importance in self._schedule.due(self._clocks.now_ms()):
                    task = tasks.create_task(self._take(symbol, importance))
                    task.add_done_callback(partial(self._ended, symbol))
                    if importance is Importance.REFRESH:
                        self._routine[symbol] = task
                wait_s = min(_LONGEST_WAIT_S, self._schedule.wait_ms(self._clocks.now_ms()) / 1000)
                self._wake.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(0.005, wait_s)):
                        await self._wake.wait()

    def _levels_of(self, symbol: str) -> int:
        levels = 5000 if symbol in self._settings.deep_symbols else self._settings.levels
        return min(levels, 1000) if self._market.is_futures else levels

    def _ended(self, symbol: str, task: asyncio.Task[None]) -> None:
        """Take note that a request was given up; here, because one that was not begun yet cannot do it itself."""
        if task.cancelled():
            self._schedule.withdrawn(symbol, self._clocks.now_ms())
            self._wake.set()

    async def _take(self, symbol: str, importance: Importance) -> None:
        try:
            body = await self._rest.depth(symbol, self._levels_of(symbol), importance)
            receive_time_ns = self._clocks.wall_ns()
            snapshot = read_snapshot(body)
        except (RestError, *UNREADABLE) as error:
            self._failed(symbol, error)
            return
        finally:
            self._routine.pop(symbol, None)
        if snapshot.symbol not in {None, symbol}:
            self._failed(symbol, ValueError(f"it is of {snapshot.symbol}"))
            return
        if self._schedule.too_old(symbol, snapshot):
            self._failed(symbol, ValueError(f"it ends at {snapshot.last_update_id}, before what was asked for"))
            return
        await self._publisher.room()
        self._sequence += 1
        origin = SnapshotOrigin(self._connection_id, self._sequence, receive_time_ns)
        venue_now = self._venue.clock.now(self._clocks.now_ms())
        offset = await self._publisher.deliver(snapshot_record(self._table, self._market, symbol, snapshot, origin))
        self._schedule.succeeded(symbol, snapshot, offset, self._clocks.now_ms())
        self._metrics.snapshots.labels(self._market).inc()
        note = Progress(
            market=self._market,
            stream=DEPTH_SNAPSHOT,
            symbol=symbol,
            epoch=0,
            last_id=snapshot.last_update_id,
            last_time=snapshot.event_time or venue_now,
            partition=partition_of(symbol),
            offset=offset,
        )
        self._publisher.publish(self._control.progress(note, receive_time_ns // 1_000_000))
        self._wake.set()

    def _failed(self, symbol: str, error: Exception) -> None:
        retry_after_s = error.retry_after_s if isinstance(error, RestRefusedError) else None
        wait_s = self._schedule.failed(symbol, self._clocks.now_ms(), self._clocks.random(), retry_after_s)
        self._metrics.snapshot_failures.labels(self._market).inc()
        tell = self._log.warning if is_transient(error) else self._log.error
        tell("no depth snapshot", symbol=symbol, reason=str(error), next_attempt_s=round(wait_s, 1))
        self._wake.set()
