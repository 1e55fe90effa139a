"""The search for holes: reads the merged log of trades and tells what is missing.

It reads the raw topics, not a socket: what one connection missed and another delivered is no hole. Each hole goes to
the ledger at once as ``deferred``, so that nobody waits for it; filling it is another matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from structlog.stdlib import BoundLogger

from ingest.connection import Clocks
from ingest.control_records import ControlRecords
from ingest.core.heads import NumberedHead, number_decoder
from ingest.core.holes import Hole, IdTracker, Key, NewEpoch
from ingest.kafka_log import LogRecord, consumer, partitions_of
from ingest.metrics import Metrics
from ingest.publisher import Publisher
from schemas.control import Gap, GapStatus, Progress
from schemas.markets import Market
from schemas.topics import RawType, Topic


__all__ = ["NUMBERED_TYPES", "Repair"]

NUMBERED_TYPES: Final = (RawType.TRADE, RawType.AGG_TRADE)
"""Stream types whose ids are consecutive per symbol."""
NOT_BACKFILLED: Final = "not-backfilled"
_POLL_MS: Final = 500
_MOST_RECORDS: Final = 2_000


class _Followed:
    """One raw topic that is followed."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.market = Market(topic.market or "")
        self.raw_type = RawType(topic.type)
        self.decode: Callable[[bytes], NumberedHead] = number_decoder(self.raw_type)
        self._keys: dict[bytes, Key] = {}

    def key_of(self, record_key: bytes | None) -> Key:
        """Return the tracker's key of a record's symbol."""
        raw = record_key or b""
        key = self._keys.get(raw)
        if key is None:
            key = self._keys[raw] = (self.market, self.raw_type, raw.decode(errors="replace"))
        return key


class Repair:
    """Follows the ids of trades and aggregate trades in the log.

    Args:
        bootstrap_servers: brokers.
        group_id: under which it notes how far it has read.
        topics: raw topics to follow, of ``NUMBERED_TYPES``.
        publisher: where ledger and progress go.
        control: makes their records.
        progress_interval_s: how often progress is noted.
        metrics: counts.
        clocks: time.
        log: tells of holes.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        group_id: str,
        topics: Iterable[Topic],
        *,
        publisher: Publisher,
        control: ControlRecords,
        progress_interval_s: float,
        metrics: Metrics,
        clocks: Clocks,
        log: BoundLogger,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._group_id = group_id
        self._followed = {topic.name: _Followed(topic) for topic in topics}
        self._publisher = publisher
        self._control = control
        self._interval_ms = progress_interval_s * 1000
        self._metrics = metrics
        self._clocks = clocks
        self._log = log
        self._tracker = IdTracker()
        self._partitions = partitions_of(one.topic for one in self._followed.values())
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Read no further; :meth:`run` returns when progress is noted."""
        self._stopping.set()

    async def run(self, notes: Iterable[Progress]) -> None:
        """Follow the log until told to stop.

        Args:
            notes: the progress of earlier runs.
        """
        if not self._followed:
            await self._stopping.wait()
            return
        starts = self._restore(notes)
        topics = [one.topic for one in self._followed.values()]
        async with consumer(self._bootstrap_servers, topics, group_id=self._group_id) as reader:
            await self._seek(reader, starts)
            noted_ms = self._clocks.now_ms()
            while not self._stopping.is_set():
                batches = await reader.getmany(timeout_ms=_POLL_MS, max_records=_MOST_RECORDS)
                await self._follow(batches)
                if self._clocks.now_ms() - noted_ms >= self._interval_ms:
                    await self._note(reader)
                    noted_ms = self._clocks.now_ms()
            await self._note(reader)

    def _restore(self, notes: Iterable[Progress]) -> dict[TopicPartition, int]:
        """Go on from the notes; returns where each partition must be read from at the latest."""
        starts: dict[TopicPartition, int] = {}
        followed = {(str(one.market), str(one.raw_type)): name for name, one in self._followed.items()}
        for note in notes:
            name = followed.get((note.market, note.stream))
            if name is None:
                continue
            self._tracker.restore(note)
            partition = TopicPartition(name, note.partition)
            starts[partition] = min(note.offset + 1, starts.get(partition, note.offset + 1))
        return starts

    async def _seek(self, reader: Any, starts: Mapping[TopicPartition, int]) -> None:
        """Begin where the last run noted that it was, else behind the oldest note, else at the beginning."""
        for partition in self._partitions:
            committed = await reader.committed(partition)
            offset = committed if committed is not None else starts.get(partition)
            if offset is None:
                await reader.seek_to_beginning(partition)
            else:
                reader.seek(partition, offset)

    async def _follow(self, batches: Mapping[TopicPartition, list[LogRecord]]) -> None:
        holes: list[Gap] = []
        for partition, records in batches.items():
            followed = self._followed[partition.topic]
            holes += [gap for record in records if (gap := self._check(followed, record)) is not None]
            await asyncio.sleep(0)
        # In the ledger before any note of progress passes them.
        await asyncio.gather(*(self._publisher.deliver(self._control.gap(gap)) for gap in holes))

    def _check(self, followed: _Followed, record: LogRecord) -> Gap | None:
        try:
            head = followed.decode(record.value or b"")
        except msgspec.DecodeError:
            return None  # the processors set it aside
        key = followed.key_of(record.key)
        verdict = self._tracker.feed(key, head.record_id, head.time, record.partition, record.offset)
        if isinstance(verdict, Hole):
            self._metrics.holes.labels(*key[:2]).inc()
            self._log.warning(
                "hole", market=key[0], stream=key[1], symbol=key[2], first_id=verdict.first_id, last_id=verdict.last_id
            )
            return _deferred(key, verdict, self._clocks.wall_ns() // 1_000_000)
        if isinstance(verdict, NewEpoch):
            self._log.warning("ids went back", market=key[0], stream=key[1], symbol=key[2], epoch=verdict.epoch)
        return None

    async def _note(self, reader: Any) -> None:
        """Write down how far it is: first the symbols, then, once the broker has those, the position."""
        positions = {partition: await reader.position(partition) for partition in self._partitions}
        time_ms = self._clocks.wall_ns() // 1_000_000
        notes = [self._control.progress(progress, time_ms) for progress in self._tracker.changed()]
        await asyncio.gather(*(self._publisher.deliver(note) for note in notes))
        try:
            await reader.commit(positions)
        except KafkaError as error:
            # The notes are there; the next run reads a little more.
            self._log.warning("position not noted", reason=str(error))


def _deferred(key: Key, hole: Hole, time_ms: int) -> Gap:
    market, stream, symbol = key
    return Gap(
        market=market,
        stream=stream,
        symbol=symbol,
        epoch=hole.epoch,
        first_id=hole.first_id,
        last_id=hole.last_id,
        status=GapStatus.DEFERRED,
        reason=NOT_BACKFILLED,
        previous_time=hole.previous_time,
        next_time=hole.next_time,
        opened_time=time_ms,
        updated_time=time_ms,
    )
