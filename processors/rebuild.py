"""Reading stretches of the log without being a member of a group.

A unit that is behind the offset at which its stream goes on (because it is new here, or because somebody else had the
partition in between) reads what it lacks. All that a worker needs is read at once, not partition after partition: a
worker has a hundred of them, and each would wait for its own fetch.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from processors.batching import RawRecord
from processors.errors import BrokerUnavailableError, RebuildError
from processors.topic_ids import TopicIds
from schemas.kafka_access import Servers, aiokafka_access


__all__ = ["Bounds", "KafkaLogs", "LogReader", "Logs", "Piece", "Place", "Range"]

_POLL_MS = 500

Place = tuple[str, int]
"""A topic and a partition of it."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What of a partition exists: ``[begin, end)``."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Range:
    """A stretch of one partition of a topic, ``[begin, end)``, of which the beginning may be gone."""

    topic: str
    partition: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Records of one range, in order; none where compaction left nothing."""

    topic: str
    partition: int
    records: Sequence[RawRecord]
    position: int
    """Everything of the range below was given."""


class LogReader(Protocol):
    """Reads stretches of the log."""

    async def bounds(self, places: Collection[Place]) -> Mapping[Place, Bounds]:
        """Return what of each partition exists now.

        Raises:
            RebuildError: the broker does not tell.
        """

    async def topic_ids(self, topics: Collection[str]) -> Mapping[str, str]:
        """Return which topics these are: one that is made anew has another id. Some brokers give none.

        Raises:
            RebuildError: the broker does not tell.
        """

    def read(self, ranges: Sequence[Range]) -> AsyncIterator[Piece]:
        """Yield the records of ranges, at most one a partition: those of one in order, those of several as they come.

        Raises:
            RebuildError: the broker does not give them.
        """


class Logs(Protocol):
    """Opens the log for reading."""

    def open(self) -> AbstractAsyncContextManager[LogReader]:
        """Connect, and disconnect at the end."""


class KafkaLogs:
    """The log on a broker.

    Args:
        bootstrap_servers: the broker.
        client_id: shown in the broker's logs.
        fetch_bytes: how much to fetch of a partition at once.
        patience_s: how long a read may bring nothing before it counts as failed.
    """

    def __init__(
        self, bootstrap_servers: Servers, client_id: str, *, fetch_bytes: int, patience_s: float = 60.0
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._client_id = client_id
        self._fetch_bytes = fetch_bytes
        self._patience_s = patience_s
        self._topic_ids = TopicIds(bootstrap_servers, client_id)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[LogReader]:
        """Connect, and disconnect at the end."""
        consumer = AIOKafkaConsumer(
            **aiokafka_access(self._bootstrap_servers),
            client_id=self._client_id,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=self._fetch_bytes,
            fetch_max_wait_ms=100,
        )
        await consumer.start()
        try:
            yield _KafkaLogReader(consumer, self._patience_s, self._topic_ids)
        finally:
            await consumer.stop()


class _KafkaLogReader:
    def __init__(self, consumer: AIOKafkaConsumer, patience_s: float, topic_ids: TopicIds) -> None:
        self._consumer = consumer
        self._patience_s = patience_s
        self._topic_ids = topic_ids

    async def topic_ids(self, topics: Collection[str]) -> Mapping[str, str]:
        try:
            return await self._topic_ids.read(topics)
        except BrokerUnavailableError as error:
            raise RebuildError((), str(error)) from error

    async def bounds(self, places: Collection[Place]) -> Mapping[Place, Bounds]:
        tps = [TopicPartition(*place) for place in places]
        try:
            begins, ends = await self._consumer.beginning_offsets(tps), await self._consumer.end_offsets(tps)
        except KafkaError as error:
            raise RebuildError(_partitions(places), repr(error)) from error
        return {(tp.topic, tp.partition): Bounds(begins[tp], ends[tp]) for tp in tps}

    async def read(self, ranges: Sequence[Range]) -> AsyncIterator[Piece]:
        try:
            bounds = await self.bounds([(r.topic, r.partition) for r in ranges])
            wanted: dict[TopicPartition, int] = {}
            positions: dict[TopicPartition, int] = {}
            for r in ranges:
                tp, begin = TopicPartition(r.topic, r.partition), max(r.begin, bounds[r.topic, r.partition].begin)
                if begin < r.end:
                    wanted[tp], positions[tp] = r.end, begin
                else:
                    yield Piece(r.topic, r.partition, (), r.end)
            async for piece in self._read(wanted, positions):
                yield piece
        except KafkaError as error:
            raise RebuildError({r.partition for r in ranges}, repr(error)) from error

    async def _read(
        self, wanted: Mapping[TopicPartition, int], positions: dict[TopicPartition, int]
    ) -> AsyncIterator[Piece]:
        if not positions:
            return  # a consumer that is assigned nothing is slow to stop
        consumer, loop = self._consumer, asyncio.get_running_loop()
        consumer.assign(list(positions))
        for tp, position in positions.items():
            consumer.seek(tp, position)
        moved_at = loop.time()
        while positions:
            fetched = await consumer.getmany(*positions, timeout_ms=_POLL_MS)
            for tp in list(positions):
                end = wanted[tp]
                # Beyond the last record where compaction removed those after it.
                position = min(await consumer.position(tp), end)
                records = [record for record in fetched.get(tp, ()) if record.offset < end]
                if not records and position == positions[tp]:
                    continue
                yield Piece(tp.topic, tp.partition, records, position)
                positions[tp], moved_at = position, loop.time()
                if position == end:
                    del positions[tp]
                    consumer.pause(tp)  # a fetch that finds nothing here would hold the others up
            if loop.time() - moved_at > self._patience_s:
                (topic, partition), at = next(iter(positions.items()))
                reason = f'topic "{topic}": nothing came after offset {at} for {self._patience_s:g} s'
                raise RebuildError({partition}, reason)


def _partitions(places: Collection[Place]) -> set[int]:
    return {partition for _, partition in places}
