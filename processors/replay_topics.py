"""A replay at the broker: the stretch that it is over, the topics that it writes, and the hash of what is in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code
from aiokafka.structs import OffsetAndMetadata

from processors.batching import RawRecord
from processors.core.canonical import RULES, DeadLetterHead, Digest, LastValues
from processors.core.replay_range import Bound, BoundKind, PartitionRange
from processors.errors import PrefixTakenError, RangeLostError, ReplayError
from schemas.codec import Codec
from schemas.kafka_access import Servers, aiokafka_access
from schemas.topics import Cleanup, ControlType, Layer, Topic


__all__ = ["Hashing", "TopicHash", "committed", "create", "delete", "require_kept", "resolve", "seed"]

_GROUP_LIMIT_S: Final = 30.0
_PAUSE_S: Final = 0.5
_POLL_MS: Final = 500


class TopicHash(msgspec.Struct, frozen=True):
    """What a replay left in one topic."""

    topic: str
    """Without the prefix: the same for every replay."""
    records: int
    rows: int
    """Identities that count."""
    hash: str


async def resolve(
    bootstrap_servers: Servers, topics: Sequence[Topic], begin: Bound, end: Bound
) -> list[PartitionRange]:
    """Return the offsets that two bounds stand for now, in every partition of these topics.

    A compacted topic is state, not a stretch: it is read whole. So are control topics where offsets are given: those
    are offsets of raw topics.
    """
    async with _consumer(bootstrap_servers) as consumer:
        partitions = {TopicPartition(topic.name, n): topic for topic in topics for n in range(topic.partitions)}
        first: dict[TopicPartition, int] = await consumer.beginning_offsets(list(partitions))
        last: dict[TopicPartition, int] = {}
        # Control topics first: what they speak of is in the raw topics already.
        for layer in Layer.CONTROL, Layer.RAW:
            last |= await consumer.end_offsets([tp for tp, topic in partitions.items() if topic.layer is layer])
        begins = await _at(consumer, begin, first, last)
        ends = await _at(consumer, end, first, last)
        offsets = BoundKind.OFFSET in {begin.kind, end.kind}
        ranges = []
        for tp, topic in partitions.items():
            if topic.cleanup is not Cleanup.DELETE or (offsets and topic.layer is Layer.CONTROL):
                ranges.append(PartitionRange(tp.topic, tp.partition, first[tp], last[tp]))
            else:
                ranges.append(PartitionRange(tp.topic, tp.partition, begins[tp], max(begins[tp], ends[tp])))
    return ranges


async def _at(
    consumer: Any, bound: Bound, first: Mapping[TopicPartition, int], last: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Return the offset that a bound stands for in each partition."""
    if bound.kind is BoundKind.EARLIEST:
        return dict(first)
    if bound.kind is BoundKind.LATEST:
        return dict(last)
    if bound.kind is BoundKind.OFFSET:
        return {tp: min(max(bound.value, first[tp]), last[tp]) for tp in first}
    found = await consumer.offsets_for_times(dict.fromkeys(first, bound.value))
    return {tp: last[tp] if found.get(tp) is None else found[tp].offset for tp in first}


async def require_kept(bootstrap_servers: Servers, ranges: Sequence[PartitionRange]) -> None:
    """Check that what a plan names is still, and already, in the log.

    Raises:
        RangeLostError: it is not.
    """
    async with _consumer(bootstrap_servers) as consumer:
        partitions = [TopicPartition(one.topic, one.partition) for one in ranges if one.end > one.begin]
        first, last = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        for one in ranges:
            tp = TopicPartition(one.topic, one.partition)
            if one.end > one.begin and not first[tp] <= one.begin <= one.end <= last[tp]:
                raise RangeLostError(one.topic, one.partition, (one.begin, one.end), (first[tp], last[tp]))


async def create(bootstrap_servers: Servers, topics: Iterable[Topic]) -> None:
    """Create the topics that a replay writes; they keep everything.

    Raises:
        PrefixTakenError: some exist.
        ReplayError: the broker does not create them.
    """
    wanted = [NewTopic(topic.name, topic.partitions, 1, topic_configs=topic.config(keep=True)) for topic in topics]
    async with _admin(bootstrap_servers) as admin:
        answer = await admin.create_topics(wanted)
    refused = {name: for_code(code) for name, code, *_ in answer.topic_errors if code}
    if refused:
        made = [topic.name for topic in wanted if topic.name not in refused]
        await delete(bootstrap_servers, made)
        if TopicAlreadyExistsError in refused.values():
            raise PrefixTakenError(sorted(name for name, why in refused.items() if why is TopicAlreadyExistsError))
        name, why = next(iter(refused.items()))
        msg = f'topic "{name}": cannot be created: {why.__name__}'
        raise ReplayError(msg)


async def delete(bootstrap_servers: Servers, names: Sequence[str]) -> None:
    """Delete topics, should they exist.

    Raises:
        ReplayError: the broker does not delete them.
    """
    if not names:
        return
    async with _admin(bootstrap_servers) as admin:
        answer = await admin.delete_topics(list(names))
    for name, code, *_ in answer.topic_error_codes:
        if code and (why := for_code(code)) is not UnknownTopicOrPartitionError:
            msg = f'topic "{name}": cannot be deleted: {why.__name__}; delete it by hand'
            raise ReplayError(msg)


async def seed(bootstrap_servers: Servers, group: str, ranges: Iterable[PartitionRange]) -> None:
    """Let a group begin where its stretch begins.

    Raises:
        ReplayError: the group still has members, of a replay that ended just now or is running.
    """
    offsets = {TopicPartition(one.topic, one.partition): OffsetAndMetadata(one.begin, "") for one in ranges}
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _GROUP_LIMIT_S
    async with _consumer(bootstrap_servers, group) as consumer:
        consumer.assign(list(offsets))
        while True:
            try:
                await consumer.commit(offsets)
            except KafkaError as error:
                if loop.time() > deadline:
                    msg = f'group "{group}": has members; is a replay of this prefix running?'
                    raise ReplayError(msg) from error
                await asyncio.sleep(_PAUSE_S)
            else:
                return


async def committed(bootstrap_servers: Servers, group: str) -> dict[tuple[str, int], int]:
    """Return how far a group has come."""
    async with _admin(bootstrap_servers) as admin:
        offsets = await admin.list_consumer_group_offsets(group)
    return {(tp.topic, tp.partition): meta.offset for tp, meta in offsets.items()}


class Hashing:
    """Hashes what a replay wrote.

    One partition of all topics is in memory at a time: identities never leave theirs.

    Args:
        bootstrap_servers: the broker.
        topics: those that were written.
        codec: decodes their values.
        whole: keep the rows that the hashes are over.
    """

    def __init__(self, bootstrap_servers: Servers, topics: Iterable[Topic], codec: Codec, *, whole: bool) -> None:
        self._written = {topic.name: topic for topic in topics}
        self.rows: dict[str, list[bytes]] = {name_of(topic): [] for topic in self._written.values()}
        """By the name of the topic, if they are wanted."""
        self._bootstrap_servers = bootstrap_servers
        self._codec = codec
        self._whole = whole

    async def run(self) -> list[TopicHash]:
        """Return the hash of each topic."""
        digests, records = dict.fromkeys(self._written, Digest()), dict.fromkeys(self._written, 0)
        async with _consumer(self._bootstrap_servers) as consumer:
            wanted = [TopicPartition(name, n) for name, topic in self._written.items() for n in range(topic.partitions)]
            # Without empty ones: a consumer that is assigned nothing does not stop for minutes.
            ends = {tp: end for tp, end in (await consumer.end_offsets(wanted)).items() if end}
            for partition in sorted({tp.partition for tp in ends}):
                of_it = {tp: end for tp, end in ends.items() if tp.partition == partition}
                for name, values in (await self._read(consumer, of_it)).items():
                    digests[name] += values.digest()
                    records[name] += values.records
                    if self._whole:
                        self.rows[name_of(self._written[name])] += values.rows()
        return [
            TopicHash(name_of(topic), records[name], digests[name].rows, digests[name].hex)
            for name, topic in self._written.items()
        ]

    async def _read(self, consumer: Any, ends: Mapping[TopicPartition, int]) -> dict[str, LastValues]:
        """Return what is in partitions of different topics."""
        found = {tp.topic: LastValues(RULES[str(self._written[tp.topic].type)], whole=self._whole) for tp in ends}
        consumer.assign(list(ends))
        for tp in ends:
            consumer.seek(tp, 0)
        left = dict(ends)
        while left:
            for tp, records in (await consumer.getmany(timeout_ms=_POLL_MS)).items():
                topic, values = self._written[tp.topic], found[tp.topic]
                for record in records:
                    if record.value is None and topic.cleanup is not Cleanup.DELETE:
                        values.bury(record.key)
                    else:
                        key = record.key if topic.cleanup is Cleanup.COMPACT else None
                        values.feed(self._value(topic, record), key)
                if records[-1].offset + 1 >= left[tp]:
                    del left[tp]
                await asyncio.sleep(0)
        return found

    def _value(self, topic: Topic, record: RawRecord) -> msgspec.Struct:
        if topic.type in {ControlType.DEAD_LETTER, ControlType.PRIVATE_DEAD_LETTER}:
            return _head_of(record)
        return self._codec.decode(topic.name, record.partition, record.offset, record.value)


def name_of(topic: Topic) -> str:
    """Return a topic's name without prefix and version: the same for every replay."""
    return f"{topic.market or topic.layer}.{topic.type}"


def _head_of(record: RawRecord) -> DeadLetterHead:
    headers = {name: value.decode() for name, value in record.headers}
    return DeadLetterHead(
        headers["source_topic"],
        int(headers["source_partition"]),
        int(headers["source_offset"]),
        headers["reason"],
        headers["sha256"],
    )


@asynccontextmanager
async def _consumer(bootstrap_servers: Servers, group: str | None = None) -> AsyncIterator[Any]:
    consumer = AIOKafkaConsumer(**aiokafka_access(bootstrap_servers), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def _admin(bootstrap_servers: Servers) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(**aiokafka_access(bootstrap_servers))
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()
