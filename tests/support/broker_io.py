"""Topics, records in and records out, for tests on a real broker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError

from schemas.topics import Topic


@dataclass(frozen=True)
class Sent:
    """A record to put on a topic."""

    topic: str
    partition: int
    value: bytes
    key: bytes | None = None
    timestamp_ms: int = 1_700_000_000_000
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True)
class Seen:
    """A record found on a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, str]
    timestamp_ms: int


async def create_topics(bootstrap_servers: str, topics: Iterable[Topic]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics(
            [NewTopic(topic.name, topic.partitions, 1, topic_configs=topic.config(keep=True)) for topic in topics]
        )
    finally:
        await admin.close()


async def topic_names(bootstrap_servers: str) -> list[str]:
    """Return the names of all topics."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        return list(await admin.list_topics())
    finally:
        await admin.close()


async def delete_topics(bootstrap_servers: str, prefix: str) -> None:
    """Delete every topic under a prefix: each partition keeps files mapped, and a broker may map only so many."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        if names := [name for name in await admin.list_topics() if name.startswith(prefix)]:
            await admin.delete_topics(names)
    finally:
        await admin.close()


async def send(bootstrap_servers: str, records: Iterable[Sent]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, linger_ms=5, enable_idempotence=True)
    await producer.start()
    try:
        futures = [
            await producer.send(
                r.topic,
                r.value,
                key=r.key,
                partition=r.partition,
                timestamp_ms=r.timestamp_ms,
                headers=list(r.headers),
            )
            for r in records
        ]
        for future in futures:
            await future
    finally:
        await producer.stop()


async def read_all(bootstrap_servers: str, topic: str) -> list[Seen]:
    """Return everything on a topic now, partition by partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()
        tps = [TopicPartition(topic, p) for p in sorted(await _partitions(consumer, topic))]
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        seen: list[Seen] = []
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                seen += [
                    Seen(
                        tp.partition,
                        r.offset,
                        r.key,
                        r.value,
                        {name: value.decode() for name, value in r.headers},
                        r.timestamp,
                    )
                    for r in records
                ]
        return sorted(seen, key=lambda s: (s.partition, s.offset))
    finally:
        await consumer.stop()


async def committed(bootstrap_servers: str, group: str) -> dict[tuple[str, int], int]:
    """Return what a group committed: nothing, too, while a young broker still makes the topic that would hold it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        try:
            offsets = await admin.list_consumer_group_offsets(group)
        except GroupCoordinatorNotAvailableError:
            return {}  # the broker's first group: the topic of its offsets is being made
        return {(tp.topic, tp.partition): meta.offset for tp, meta in offsets.items()}
    except GroupCoordinatorNotAvailableError:
        return {}
    finally:
        await admin.close()


async def existing_topics(bootstrap_servers: str) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        return sorted(await admin.list_topics())
    finally:
        await admin.close()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client.set_topics([topic])
    return set(consumer.partitions_for_topic(topic) or ())
