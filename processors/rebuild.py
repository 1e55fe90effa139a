"""Reading a stretch of the log without being a member of a group.

A unit that is behind the offset at which its stream goes on (because it is new here, or because somebody else had the
partition in between) reads what it lacks and applies it; the outputs were written by whoever read it first, and are
dropped. Then the stream goes on exactly at the committed offset.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from processors.batching import RawRecord
from processors.errors import RebuildError


__all__ = ["KafkaLogs", "LogReader", "Logs", "Range"]

_POLL_MS = 500


@dataclass(frozen=True, slots=True)
class Range:
    """Offsets of one partition of a topic: ``[begin, end)``."""

    topic: str
    begin: int
    end: int


class LogReader(Protocol):
    """Reads ranges of the log."""

    def read(self, partition: int, ranges: Sequence[Range]) -> AsyncIterator[Sequence[RawRecord]]:
        """Yield the records of the ranges, one topic after the other, each in order.

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

    def __init__(self, bootstrap_servers: str, client_id: str, *, fetch_bytes: int, patience_s: float = 60.0) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._client_id = client_id
        self._fetch_bytes = fetch_bytes
        self._patience_s = patience_s

    @asynccontextmanager
    async def open(self) -> AsyncIterator[LogReader]:
        """Connect, and disconnect at the end."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            client_id=self._client_id,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=self._fetch_bytes,
            fetch_max_wait_ms=100,
        )
        await consumer.start()
        try:
            yield _KafkaLogReader(consumer, self._patience_s)
        finally:
            await consumer.stop()


class _KafkaLogReader:
    def __init__(self, consumer: AIOKafkaConsumer, patience_s: float) -> None:
        self._consumer = consumer
        self._patience_s = patience_s

    async def read(self, partition: int, ranges: Sequence[Range]) -> AsyncIterator[Sequence[RawRecord]]:
        try:
            kept = await self._consumer.beginning_offsets([TopicPartition(r.topic, partition) for r in ranges])
            for wanted in ranges:
                tp = TopicPartition(wanted.topic, partition)
                begin = max(wanted.begin, kept[tp])
                if begin < wanted.end:
                    async for records in self._read_one(tp, begin, wanted.end):
                        yield records
        except KafkaError as error:
            raise RebuildError(partition, repr(error)) from error

    async def _read_one(self, tp: TopicPartition, begin: int, end: int) -> AsyncIterator[Sequence[RawRecord]]:
        consumer, loop = self._consumer, asyncio.get_running_loop()
        consumer.assign([tp])
        consumer.seek(tp, begin)
        position, moved_at = begin, loop.time()
        while position < end:
            for records in (await consumer.getmany(tp, timeout_ms=_POLL_MS)).values():
                if wanted := [record for record in records if record.offset < end]:
                    yield wanted
            # Beyond the last record where compaction removed those after it.
            now_at = await consumer.position(tp)
            if now_at > position:
                position, moved_at = now_at, loop.time()
            elif loop.time() - moved_at > self._patience_s:
                reason = f'topic "{tp.topic}": nothing came after offset {position} for {self._patience_s:g} s'
                raise RebuildError(tp.partition, reason)
