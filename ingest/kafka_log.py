"""Reading topics without a consumer group: what is there, and where it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from schemas.kafka_access import Servers, aiokafka_access
from schemas.topics import Topic


__all__ = ["LogRecord", "consumer", "end_offsets", "follow", "partitions_of", "read_latest", "read_to_end"]

_POLL_MS: Final = 500


class LogRecord(Protocol):
    """A record as a consumer gives it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


def partitions_of(topics: Iterable[Topic]) -> list[TopicPartition]:
    """Return every partition of these topics."""
    return [TopicPartition(topic.name, partition) for topic in topics for partition in range(topic.partitions)]


@asynccontextmanager
async def consumer(
    bootstrap_servers: Servers, topics: Iterable[Topic], *, group_id: str | None = None
) -> AsyncIterator[Any]:
    """Yield a consumer to which every partition of these topics is assigned, from the beginning.

    Args:
        bootstrap_servers: brokers.
        topics: what to read.
        group_id: under which offsets are committed; membership is not used.
    """
    reader = AIOKafkaConsumer(
        **aiokafka_access(bootstrap_servers),
        group_id=group_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=1024 * 1024,
    )
    try:
        await reader.start()
        reader.assign(partitions_of(topics))
        yield reader
    finally:
        await reader.stop()


async def end_offsets(bootstrap_servers: Servers, topics: Iterable[Topic]) -> dict[TopicPartition, int]:
    """Return the offset after the last record of every partition."""
    wanted = list(topics)
    if not wanted:
        return {}
    async with consumer(bootstrap_servers, wanted) as reader:
        ends: dict[TopicPartition, int] = await reader.end_offsets(partitions_of(wanted))
        return ends


async def read_to_end(bootstrap_servers: Servers, topic: Topic) -> list[LogRecord]:
    """Return every record of a topic, up to where it ended when this began."""
    records: list[LogRecord] = []
    async with consumer(bootstrap_servers, [topic]) as reader:
        ends: dict[TopicPartition, int] = await reader.end_offsets(partitions_of([topic]))
        left = {partition for partition, end in ends.items() if end > 0}
        await reader.seek_to_beginning(*ends)
        while left:
            batches = await reader.getmany(timeout_ms=_POLL_MS)
            for batch in batches.values():
                records.extend(batch)
            # By position, not by the last record: compaction may have taken that one.
            left = {partition for partition in left if await reader.position(partition) < ends[partition]}
    return records


async def read_latest(bootstrap_servers: Servers, topic: Topic, partitions: Iterable[int]) -> list[LogRecord]:
    """Return the last record of each key in some partitions, in their order, up to where they ended when this began.

    Memory is bounded by the keys, however long ago the topic was compacted.
    """
    wanted = [TopicPartition(topic.name, partition) for partition in partitions]
    latest: dict[tuple[int, bytes | None], LogRecord] = {}
    async with consumer(bootstrap_servers, [topic]) as reader:
        reader.assign(wanted)
        await reader.seek_to_beginning(*wanted)
        ends: dict[TopicPartition, int] = await reader.end_offsets(wanted)
        left = {partition for partition, end in ends.items() if end > 0}
        while left:
            batches = await reader.getmany(timeout_ms=_POLL_MS)
            for partition, batch in batches.items():
                latest.update(((partition.partition, record.key), record) for record in batch)
            left = {partition for partition in left if await reader.position(partition) < ends[partition]}
    return sorted(latest.values(), key=lambda record: (record.partition, record.offset))


async def follow(bootstrap_servers: Servers, topic: Topic, *, from_end: bool = False) -> AsyncIterator[LogRecord]:
    """Yield every record of a topic, and go on for ever.

    Args:
        bootstrap_servers: brokers.
        topic: which.
        from_end: begin with what comes from now on; otherwise with the topic's beginning.
    """
    async with consumer(bootstrap_servers, [topic]) as reader:
        await (reader.seek_to_end if from_end else reader.seek_to_beginning)(*partitions_of([topic]))
        while True:
            batches = await reader.getmany(timeout_ms=_POLL_MS)
            for batch in batches.values():
                for record in batch:
                    yield record
