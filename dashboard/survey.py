"""Looks at what is not read: how fast all topics grow, what groups have read of them, how old raw records arrive.

Asks the broker for the ends of all partitions, and reads, of raw topics that grew, the last record of one or two
partitions. What it may not ask for, or gets no answer to, is unknown, and nothing else fails by it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Final, NoReturn

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code

from dashboard.core.traffic import GroupLook
from dashboard.reader import Reader
from dashboard.sampling import Sampler
from schemas.kafka_access import Servers, aiokafka_access
from schemas.topics import Layer, Topic, TopicTable


__all__ = ["Survey", "groups_of"]

_LOOK_S: Final = 2.0
_GROUPS_EVERY: Final = 3
"""Looks between two at the groups."""
_LIMIT_S: Final = 60.0
"""A broker that was just started takes its time for the first answer."""
_FETCH_BYTES: Final = 64 * 1024
_UNTOLD: Final = (KafkaError, TimeoutError, OSError)
_ABSENT: Final = "Dead"
"""What Kafka calls a group that it does not know."""

_log = structlog.get_logger("dashboard.survey")


def groups_of(table: TopicTable) -> tuple[str, ...]:
    """Return the consumer groups of the services."""
    families = ("books", "trades", "private")
    return (*(f"{table.prefix}-processors-{family}" for family in families), f"{table.prefix}.ingest.repair")


class Survey:
    """Looks every two seconds.

    Args:
        bootstrap_servers: the broker.
        table: the topics that there may be.
        reader: takes what was seen.
        private: whether topics that tell of accounts are looked at.
    """

    def __init__(self, bootstrap_servers: Servers, table: TopicTable, reader: Reader, *, private: bool) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topics = {topic.name: topic for topic in table.topics(private=private)}
        self._groups = groups_of(table)
        self._reader = reader
        self._operations = reader.operations
        self._complained: set[tuple[str, type[Exception]]] = set()
        self._sampler = Sampler(reader, self._complain)

    async def run(self) -> NoReturn:
        """Look until cancelled; where the broker is away, wait for it."""
        while True:
            try:
                await self._survey()
            except _UNTOLD as error:
                self._complain("survey", error)
            await asyncio.sleep(_LOOK_S)

    async def _survey(self) -> NoReturn:
        consumer = AIOKafkaConsumer(
            **aiokafka_access(self._bootstrap_servers),
            client_id="binance-dashboard-survey",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            max_partition_fetch_bytes=_FETCH_BYTES,
        )
        admin = AIOKafkaAdminClient(
            **aiokafka_access(self._bootstrap_servers), client_id="binance-dashboard-survey", request_timeout_ms=5_000
        )
        try:
            await consumer.start()
            await admin.start()
            await self._look_for_ever(consumer, admin)
        finally:
            await consumer.stop()
            await admin.close()

    async def _look_for_ever(self, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient) -> NoReturn:
        existing = self._topics.keys() & await consumer.topics()
        topics = [self._topics[name] for name in sorted(existing)]
        partitions = [TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)]
        # All of them, so that the client knows their leaders: of others it would ask topic by topic.
        consumer.assign(partitions)
        consumer.pause(*partitions)
        looks = 0
        while True:
            async with asyncio.timeout(_LIMIT_S):
                ends = await consumer.end_offsets(partitions)
            grown = self._note_ends(ends)
            if looks % _GROUPS_EVERY == 0:
                self._operations.topics.note_groups([await self._group(admin, name) for name in self._groups])
            raw = [tp for tp in grown if _is_sampled(self._topics[tp.topic])]
            await self._sampler.sample(consumer, raw, ends, looks)
            looks += 1
            await asyncio.sleep(_LOOK_S)

    def _note_ends(self, ends: Mapping[TopicPartition, int]) -> list[TopicPartition]:
        """Note where the topics end; returns the partitions that grew."""
        at_s = self._reader.clock_s()
        by_topic: defaultdict[str, dict[int, int]] = defaultdict(dict)
        for tp, end in ends.items():
            by_topic[tp.topic][tp.partition] = end
        return [
            TopicPartition(topic, number)
            for topic, numbers in by_topic.items()
            for number in self._operations.topics.note_ends(topic, numbers, at_s)
        ]

    async def _group(self, admin: AIOKafkaAdminClient, name: str) -> GroupLook:
        try:
            async with asyncio.timeout(_LIMIT_S):
                (answer,) = await admin.describe_consumer_groups([name])
                ((code, _, state, _, _, members, *_),) = answer.groups
                if code:
                    raise for_code(code)(name)
                committed = await admin.list_consumer_group_offsets(name)
        except _UNTOLD as error:
            self._complain(f'group "{name}"', error)
            return GroupLook(name, "unknown", None, {})
        if state == _ABSENT:
            return GroupLook(name, "unknown", None, {})
        offsets = {(tp.topic, tp.partition): one.offset for tp, one in committed.items() if one.offset >= 0}
        return GroupLook(name, state.lower(), len(members), offsets)

    def _complain(self, about: str, error: Exception) -> None:
        """Say it once of each kind; it may be so for ever, and is shown."""
        if (about, type(error)) not in self._complained:
            self._complained.add((about, type(error)))
            _log.warning("the broker does not tell", about=about, reason=repr(error))


def _is_sampled(topic: Topic) -> bool:
    return topic.layer is Layer.RAW and not topic.private
