"""Completeness of the log: finds what is missing in it, has it filled, and tells what became of it.

It reads the raw topics, not a socket: what one connection missed and another delivered is no hole. All processes that
repair are one consumer group, and whoever has a partition looks after its holes: of trades and aggregate trades by
asking the venue for them by id, of depth by asking for a snapshot of the symbol, from which the diffs go on.

The ledger is told first, then progress is noted, then the position is committed: whoever takes over reads again what
was not told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from msgspec import Struct
from structlog.stdlib import BoundLogger

from ingest.config import Settings
from ingest.connection import Clocks
from ingest.control_records import ControlRecords
from ingest.core.ledger import OpenHole
from ingest.core.log_partitions import DEPTH_SNAPSHOT, REPAIRED_TYPES, LogPartition, Read, log_partition
from ingest.core.young_holes import YoungHoles
from ingest.metrics import Metrics
from ingest.publisher import Publisher
from ingest.repair_books import BookMender
from ingest.repair_filler import Filler, HeadersOf
from ingest.repair_group import LeanRecord, group_member, take
from ingest.repair_ledger import LedgerWriter
from ingest.repair_rest import HoleRest
from ingest.repair_state import read_known, starts_of
from schemas.control import Progress
from schemas.markets import Market
from schemas.topics import RawType, Topic, TopicTable, partition_of


__all__ = ["Repair", "RepairParts", "new_repair"]

_MOST_RECORDS: Final = 10_000
_PAUSE_S: Final = 0.2
"""Between polls that brought little: holes are decided within 10 s, so there is no hurry, and large polls are cheap."""
_FEW_RECORDS: Final = 2_000
_LEAVE_S: Final = 5.0
"""Partitions that are taken away wait no longer than this for the last notes."""
_CAUGHT_UP: Final = 1_000
"""Records behind the end of a partition: farther back, the snapshot that is missing may be in what is to be read."""


class RepairParts(Struct, frozen=True):
    """What repair works with."""

    publisher: Publisher
    control: ControlRecords
    table: TopicTable
    rests: Mapping[Market, HoleRest]
    headers_of: HeadersOf
    metrics: Metrics
    clocks: Clocks
    log: BoundLogger


class Repair:
    """One member of those who repair.

    Args:
        bootstrap_servers: brokers.
        topics: raw topics to look after.
        ingest_id: names this process in headers.
        parts: what it works with.
        progress_interval_s: how often progress is noted.
        instance_id: makes the membership static; None: dynamic.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        topics: Iterable[Topic],
        ingest_id: str,
        parts: RepairParts,
        *,
        progress_interval_s: float,
        instance_id: str | None = None,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topics = {topic.name: topic for topic in topics}
        self._publisher = parts.publisher
        self._control = parts.control
        self._table = parts.table
        self._metrics = parts.metrics
        self._clocks = parts.clocks
        self._log = parts.log
        self._interval_ms = progress_interval_s * 1000
        self._instance_id = instance_id
        self._reader: Any = None
        self._partitions: dict[TopicPartition, LogPartition] = {}
        self._arriving: set[TopicPartition] = set()
        self._shrunk: dict[int, OpenHole] = {}
        """Holes of which some ids came late: to be told with the next note of progress."""
        self._young = YoungHoles()
        self._ledger = LedgerWriter(parts.publisher, parts.control, parts.metrics, parts.clocks, parts.log)
        self._ledger.settled = self._settled
        self._books = BookMender(parts.publisher, parts.control, parts.clocks, parts.log)
        self._generation = 0
        self._turn = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._fillers = {
            market: Filler(
                market,
                rest,
                f"{ingest_id}.{market}.repair",
                tell=self._ledger.tell,
                headers_of=parts.headers_of,
                publisher=parts.publisher,
                table=parts.table,
                clocks=parts.clocks,
                log=parts.log.bind(market=market),
            )
            for market, rest in parts.rests.items()
        }

    def stop(self) -> None:
        """Read no further; :meth:`run` returns when progress is noted."""
        self._stopping.set()

    async def run(self) -> None:
        """Look after the partitions that the group gives to this process, until told to stop."""
        if not self._topics:
            await self._stopping.wait()
            return
        fillers = [asyncio.ensure_future(filler.run()) for filler in self._fillers.values()]
        reading = asyncio.ensure_future(self._read())
        try:
            ended, _ = await asyncio.wait([*fillers, reading], return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()  # what broke is raised here
        finally:
            for task in (*fillers, reading):
                task.cancel()
            await asyncio.wait([*fillers, reading])

    async def _read(self) -> None:
        async with group_member(
            self._bootstrap_servers,
            f"{self._table.prefix}.ingest.repair",
            self._topics.values(),
            instance_id=self._instance_id,
            assigned=self._assigned,
            revoked=self._revoked,
        ) as reader:
            self._reader = reader
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
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_PAUSE_S):
                            await self._stopping.wait()
            await self._revoked(())

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
            self._generation += 1
            for partition in self._partitions.values():
                for hole in partition.holes():
                    hole.given_up = True
            self._partitions.clear()
            self._shrunk.clear()
            self._young.all()
            self._arriving.clear()
            self._tell_gauges()

    async def _enter(self) -> None:
        """Learn what is known of new partitions, and go on from there."""
        generation, arriving = self._generation, sorted(self._arriving)
        numbers = {one.partition for one in arriving}
        known = await read_known(self._bootstrap_servers, self._table, self._control, numbers, self._log)
        ends = await self._reader.end_offsets(arriving)
        notes = {one: self._notes_of(one, known.notes, ends[one]) for one in arriving}
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
            await self._ledger.tell_all(holes)
            self._offer(holes)
        self._log.info("repairing", partition_count=len(arriving), open_hole_count=len(holes))

    def _notes_of(self, one: TopicPartition, notes: Iterable[Progress], end: int) -> list[Progress]:
        topic = self._topics[one.topic]
        streams = {topic.type, DEPTH_SNAPSHOT} if topic.type == RawType.DEPTH else {topic.type}
        found = [
            note
            for note in notes
            if note.market == topic.market and note.partition == one.partition and note.stream in streams
        ]
        kept = [note for note in found if note.offset < end]
        if len(kept) < len(found):
            self._log.error(
                "progress beyond the end: the topic was made anew", topic=one.topic, partition=one.partition
            )
        return kept

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
            await self._open(self._young.due(self._clocks.now_ms()))
            self._books.ask(self._read_up_to)
        return sum(len(records) for records in batches.values())

    def _read_up_to(self, hole: OpenHole) -> int | None:
        """Return the next offset to read beside a hole; None: what mends it may be in what is still to be read."""
        place = self._place(hole)
        one = self._partitions.get(place)
        return one.next_offset if one is not None and self._lag(place) < _CAUGHT_UP else None

    async def _follow(self, partition: LogPartition, records: list[LeanRecord]) -> None:
        found = partition.read(records, self._wall_ms())
        if found.opened or found.touched or found.epochs or found.doubts:
            await self._act(found)

    async def _act(self, found: Read) -> None:
        for (market, stream, symbol), epoch in found.epochs:
            self._log.warning("ids went back", market=market, stream=stream, symbol=symbol, epoch=epoch.epoch)
        for (market, stream, symbol), doubt in found.doubts:
            self._log.warning(
                "id not believed until another bears it out",
                market=market, stream=stream, symbol=symbol, id=doubt.record_id, expected_id=doubt.expected,
            )  # fmt: skip
        # What a book lacks is told at once: it is not right before that comes. Trades can wait to be missed.
        at_once = {id(hole): hole for hole in found.opened if hole.key[1] is RawType.DEPTH}
        self._young.add((hole for hole in found.opened if id(hole) not in at_once), self._clocks.now_ms())
        touched = {id(hole): hole for hole in found.touched if id(hole) not in at_once and not self._young.holds(hole)}
        for hole in self._young.arrived():
            self._settled(hole)
        self._shrunk |= {name: hole for name, hole in touched.items() if not hole.settled}
        await self._ledger.tell_all(hole for name, hole in touched.items() if name not in self._shrunk)
        await self._open(list(at_once.values()))

    async def _open(self, holes: list[OpenHole]) -> None:
        """Tell of holes, and have them filled; before any note of progress passes them."""
        for hole in holes:
            (market, stream, symbol), ids = hole.key, hole.hole
            self._metrics.holes.labels(market, stream).inc()
            self._log.warning(
                "hole", market=market, stream=stream, symbol=symbol, first_id=ids.first_id, last_id=ids.last_id
            )
        await self._ledger.tell_all(holes)
        self._offer(hole for hole in holes if not hole.settled)

    def _offer(self, holes: Iterable[OpenHole]) -> None:
        for hole in holes:
            market, raw_type, _ = hole.key
            if raw_type is RawType.DEPTH:
                self._books.offer(hole)
            elif market in self._fillers:
                self._fillers[market].offer([hole])

    # What is told

    def _settled(self, hole: OpenHole) -> None:
        if (partition := self._partitions.get(self._place(hole))) is not None:
            partition.drop(hole)

    def _place(self, hole: OpenHole) -> TopicPartition:
        market, raw_type, symbol = hole.key
        return TopicPartition(self._table.raw(market, raw_type).name, partition_of(symbol))

    async def _note(self, *, leaving: bool = False) -> None:
        """Write down how far it is: first holes, then symbols, then, once the broker has those, the position."""
        await self._open(self._young.all())
        holes = (
            [hole for one in self._partitions.values() for hole in one.holes()] if leaving else self._shrunk.values()
        )
        await self._ledger.tell_all(list(holes))
        self._shrunk.clear()
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
        self._tell_gauges()

    def _tell_gauges(self) -> None:
        for topic in self._topics.values():
            places = [place for place in self._partitions if place.topic == topic.name]
            holes = [hole for place in places for hole in self._partitions[place].holes()]
            labels = (topic.market, topic.type)
            self._metrics.open_holes.labels(*labels).set(len(holes))
            self._metrics.missing_ids.labels(*labels).set(sum(hole.fates.missing_count for hole in holes))
        self._metrics.repair_lag.set(sum(map(self._lag, self._partitions)))

    def _lag(self, place: TopicPartition) -> int:
        """Return how many records of a partition are not read yet, as far as it is known."""
        end, at = self._reader.highwater(place), self._partitions[place].next_offset
        return max(0, end - at) if end is not None and at is not None else 0

    def _wall_ms(self) -> int:
        return self._clocks.wall_ns() // 1_000_000


def new_repair(settings: Settings, ingest_id: str, parts: RepairParts) -> Repair:
    """Return a member that looks after all types of the configured markets, whatever is subscribed to now."""
    topics = [parts.table.raw(market, raw_type) for market in settings.markets.present() for raw_type in REPAIRED_TYPES]
    return Repair(
        settings.kafka_bootstrap_servers,
        topics,
        ingest_id,
        parts,
        progress_interval_s=settings.repair.progress_interval_s,
        instance_id=settings.repair.group_instance_id,
    )
