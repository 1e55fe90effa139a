"""Completeness of the log: finds what is missing in it, has it filled, and tells what became of it.

It reads the raw topics, not a socket: what one connection missed and another delivered is no hole. All processes that
repair are one consumer group, and whoever has a partition looks after its holes: of trades and aggregate trades by
asking the venue for them by id, of depth by asking for a snapshot of the symbol, from which the diffs go on.

The ledger is told first, then progress is noted, then the position is committed: whoever takes over reads again what
was not told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from ingest.config import Settings
from ingest.core.backoff import backoff
from ingest.core.ledger import OpenHole
from ingest.core.log_partitions import REPAIRED_TYPES, LogPartition, log_partition
from ingest.producers import UNREACHABLE, reason_of
from ingest.repair_group import LeanRecord, group_member, take
from ingest.repair_holdings import HeldEnds, Holdings
from ingest.repair_holes import HoleDesk, RepairParts
from ingest.repair_state import notes_of, read_known, starts_of
from ingest.repair_tails import TailChecker
from schemas.kafka_access import Servers
from schemas.markets import Market
from schemas.topics import RawType, Topic, partition_of


__all__ = ["Repair", "new_repair"]

_MOST_RECORDS: Final = 10_000
_PAUSE_S: Final = 0.2
"""Between polls that brought little: holes are decided within 10 s, so there is no hurry, and large polls are cheap."""
_FEW_RECORDS: Final = 2_000
_LEAVE_S: Final = 5.0
"""Partitions that are taken away wait no longer than this for the last notes."""
_LONGEST_ABSENCE_S: Final = 10.0
"""With the broker away, it is tried again after no longer than this."""
_CAUGHT_UP: Final = 1_000
"""Records behind the end of a partition: farther back, the snapshot that is missing may be in what is to be read."""


class Repair:
    """One member of those who repair.

    Args:
        bootstrap_servers: brokers.
        topics: raw topics to look after.
        ingest_id: names this process in headers.
        parts: what it works with.
        progress_interval_s: how often progress is noted.
        tail_check_s: how often the ends of the log are held against the venue's newest ids; 0: never.
        instance_id: makes the membership static; None: dynamic.
    """

    def __init__(
        self,
        bootstrap_servers: Servers,
        topics: Iterable[Topic],
        ingest_id: str,
        parts: RepairParts,
        *,
        progress_interval_s: float,
        tail_check_s: float = 0,
        instance_id: str | None = None,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topics = {topic.name: topic for topic in topics}
        self._publisher = parts.publisher
        self._control = parts.control
        self._table = parts.table
        self._clocks = parts.clocks
        self._log = parts.log
        self._interval_ms = progress_interval_s * 1000
        self._instance_id = instance_id
        self._reader: Any = None
        self._holdings = Holdings(parts.table, parts.follows, parts.metrics)
        self._partitions = self._holdings.partitions
        self._arriving: set[TopicPartition] = set()
        self._desk = HoleDesk(ingest_id, parts, self._holdings.drop)
        self._generation = 0
        self._turn = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._checkers = {
            market: TailChecker(
                market,
                rest,
                HeldEnds(self._holdings, self._desk, self._turn, parts.clocks),
                interval_s=tail_check_s,
                metrics=parts.metrics,
                clocks=parts.clocks,
                log=parts.log.bind(market=market),
            )
            for market, rest in parts.rests.items()
            if tail_check_s
        }

    def stop(self) -> None:
        """Read no further; :meth:`run` returns when progress is noted."""
        self._stopping.set()

    async def run(self) -> None:
        """Look after the partitions that the group gives to this process, until told to stop."""
        if not self._topics:
            await self._stopping.wait()
            return
        working = [asyncio.ensure_future(filler.run()) for filler in self._desk.fillers.values()]
        working += [asyncio.ensure_future(checker.run()) for checker in self._checkers.values()]
        reading = asyncio.ensure_future(self._read())
        try:
            ended, _ = await asyncio.wait([*working, reading], return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()  # what broke is raised here
        finally:
            for task in (*working, reading):
                task.cancel()
            await asyncio.wait([*working, reading])

    async def _read(self) -> None:
        """Read until told to stop; whatever the broker does, this process goes on and comes back to the group."""
        delays = backoff(self._clocks.random, ceiling_s=_LONGEST_ABSENCE_S)
        while not self._stopping.is_set():
            try:
                await self._read_as_member()
            except UNREACHABLE as error:
                delay_s = next(delays)
                self._log.warning("log cannot be read", reason=reason_of(error), next_attempt_s=round(delay_s, 1))
                self._let_go()
                await self._wait_s(delay_s)

    async def _read_as_member(self) -> None:
        async with group_member(
            self._bootstrap_servers,
            f"{self._table.prefix}.ingest.repair",
            self._topics.values(),
            instance_id=self._instance_id,
            assigned=self._assigned,
            revoked=self._revoked,
        ) as reader:
            self._reader = self._holdings.reader = reader
            noted_ms = self._clocks.now_ms()
            while not self._stopping.is_set():
                if self._arriving:
                    await self._enter()
                count = await self._poll()
                if self._clocks.now_ms() - noted_ms >= self._interval_ms:
                    async with self._turn:
                        await self._note()
                    noted_ms = self._clocks.now_ms()
                if count < _FEW_RECORDS:
                    await self._wait_s(_PAUSE_S)
            await self._revoked(())

    async def _wait_s(self, seconds: float) -> None:
        """Wait, but no longer than until told to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    # Partitions come and go

    def _assigned(self, reader: Any, partitions: Iterable[TopicPartition]) -> None:
        """Take note of new partitions; they are not read before what is known of them is."""
        self._generation += 1
        self._arriving = set(partitions)
        reader.pause(*self._arriving)

    async def _revoked(self, _: Iterable[TopicPartition]) -> None:
        """Note how far all partitions are, and let go of them; those that stay come back at once."""
        async with self._turn:
            try:
                async with asyncio.timeout(_LEAVE_S):
                    await self._note(leaving=True)
            except TimeoutError:
                self._log.warning("progress not noted in time: the next to repair reads a little more")
            self._let_go()

    def _let_go(self) -> None:
        """Leave all partitions to whoever has them next."""
        self._generation += 1
        self._desk.let_go(hole for partition in self._partitions.values() for hole in partition.holes())
        self._partitions.clear()
        self._arriving.clear()
        self._holdings.tell_gauges(self._topics.values())

    async def _enter(self) -> None:
        """Learn what is known of new partitions, and go on from there."""
        generation, arriving = self._generation, sorted(self._arriving)
        numbers = {one.partition for one in arriving}
        known = await read_known(self._bootstrap_servers, self._table, self._control, numbers, self._log)
        ends = await self._reader.end_offsets(arriving)
        notes = {one: notes_of(self._topics[one.topic], one, known.notes, ends[one], self._log) for one in arriving}
        starts = await starts_of(self._reader, arriving, notes)
        async with self._turn:
            if generation != self._generation:
                return
            self._arriving.clear()
            for one in arriving:
                topic = self._topics[one.topic]
                partition = log_partition(Market(topic.market or ""), RawType(topic.type), one.partition)
                gaps = [gap for gap in known.gaps if partition_of(gap.symbol) == one.partition]
                partition.restore(notes[one], gaps)
                self._partitions[one] = partition
                if (start := starts[one]) is not None:
                    self._reader.seek(one, start)
            self._reader.resume(*arriving)
            holes = [hole for one in arriving for hole in self._partitions[one].holes()]
            await self._desk.inherit(holes)
        for market in self._checkers:
            self.hurry(market)
        self._log.info("repairing", partition_count=len(arriving), open_hole_count=len(holes))

    # Reading

    async def _poll(self) -> int:
        """Read what there is; returns how many records that was."""
        generation = self._generation
        batches = await take(self._reader, _MOST_RECORDS)
        async with self._turn:
            if generation != self._generation:
                return 0  # they are read again, by whoever has the partitions now
            for one, records in batches.items():
                if (partition := self._partitions.get(one)) is not None:
                    await self._follow(partition, records)
                    await asyncio.sleep(0)
            await self._desk.open_due()
            self._desk.books.ask(self._read_up_to)
        return sum(len(records) for records in batches.values())

    def _read_up_to(self, hole: OpenHole) -> int | None:
        """Return the next offset to read beside a hole; None: what mends it may be in what is still to be read."""
        place = self._holdings.place(hole.key)
        one = self._partitions.get(place)
        return one.next_offset if one is not None and self._holdings.lag(place) < _CAUGHT_UP else None

    async def _follow(self, partition: LogPartition, records: list[LeanRecord]) -> None:
        found = partition.read(records, self._wall_ms())
        if found.opened or found.touched or found.epochs or found.doubts:
            await self._desk.take(found)

    # Where the log ends

    def hurry(self, market: Market) -> None:
        """Hold the ends of a market's log against the venue's newest ids soon: its streams were interrupted."""
        if market in self._checkers:
            self._checkers[market].hurry()

    # What is told

    async def _note(self, *, leaving: bool = False) -> None:
        """Write down how far it is: first holes, then symbols, then, once the broker has those, the position."""
        await self._desk.note(hole for one in self._partitions.values() if leaving for hole in one.holes())
        time_ms = self._wall_ms()
        notes = [self._control.progress(note, time_ms) for one in self._partitions.values() for note in one.moved()]
        await asyncio.gather(*(self._publisher.deliver(note) for note in notes))
        offsets = {place: one.next_offset for place, one in self._partitions.items() if one.next_offset is not None}
        if offsets:
            try:
                await self._reader.commit(offsets)
            except KafkaError as error:
                # The notes are there; whoever reads on reads a little more.
                self._log.warning("position not noted", reason=str(error) or type(error).__name__)
        self._holdings.tell_gauges(self._topics.values())

    def _wall_ms(self) -> int:
        return self._clocks.wall_ns() // 1_000_000


def new_repair(settings: Settings, ingest_id: str, parts: RepairParts) -> Repair:
    """Return a member that looks after all types of the configured markets, whatever is subscribed to now."""
    topics = [parts.table.raw(market, raw_type) for market in settings.markets.present() for raw_type in REPAIRED_TYPES]
    return Repair(
        settings.kafka,
        topics,
        ingest_id,
        parts,
        progress_interval_s=settings.repair.progress_interval_s,
        tail_check_s=settings.repair.tail_check_s,
        instance_id=settings.repair.group_instance_id,
    )
