"""A worker more than there are partitions, on a real broker: ready with nothing, and there when it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from processors.app import AppOptions, BatchApp
from processors.assignments import Assignments
from processors.batching import BatchConsumer, batch_of, unacknowledged
from processors.rebuild import KafkaLogs
from processors.restore import Restorer
from processors.units import UnitFactory
from schemas.codec import Codec
from schemas.topics import TopicTable
from tests.support.broker_io import Sent, create_topics, send
from tests.support.kafka import Broker
from tests.support.offline_registry import OfflineRegistry
from tests.support.polling import until
from tests.support.tiny_family import tiny_flow


pytestmark = pytest.mark.timeout(120)

_IDLE_S = 4.0
"""After so long without a fetch aiokafka leaves the group; in production it is 300."""


class Member:
    """A worker of the tiny family within this process."""

    def __init__(self, servers: str, table: TopicTable) -> None:
        self.values: list[bytes | None] = []
        codec, flow = Codec(table, OfflineRegistry()), tiny_flow(table)
        logs = KafkaLogs(servers, "tiny", fetch_bytes=65_536)
        self.assignments = Assignments([flow], UnitFactory(table, codec), Restorer(table, codec, logs), self._fail)
        options = AppOptions(
            group=f"{table.prefix}-tiny", bootstrap_servers=servers, session_timeout_s=6.0, commit_interval_s=0.1
        )
        self.app = BatchApp(options, self.assignments)
        self.app.conf.broker_max_poll_interval = _IDLE_S
        assert isinstance(self.app.consumer, BatchConsumer)
        self.assignments.attach(self.app.consumer)

        @self.app.agent(self.app.batches(flow.topic_names), name="tiny", concurrency=1)
        async def tiny(stream: object) -> None:
            async for event in unacknowledged(stream):  # type: ignore[arg-type]
                self.values += [record.value for record in batch_of(event).records]
                await stream.ack(event)  # type: ignore[attr-defined]

    async def _fail(self, error: BaseException) -> None:
        await self.app.crash(error)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Member]:
        await self.app.start()
        try:
            yield self
        finally:
            await self.stop()

    async def stop(self) -> None:
        await self.app.stop()
        await self.assignments.close()

    @property
    def settled(self) -> bool:
        return self.assignments.settled and not self.app.rebalancing

    @property
    def generation(self) -> int:
        """What the broker counts up whenever anybody joins or leaves; below 0 for who is no member."""
        consumer = self.app.consumer
        assert isinstance(consumer, BatchConsumer)
        return int(consumer._thread._ensure_consumer()._coordinator.generation)

    @property
    def partitions(self) -> set[int]:
        return {tp.partition for tp in self.app.consumer.assignment()}


async def until_true(condition: Callable[[], bool]) -> None:
    async def holds() -> bool:
        return condition()

    await until(holds, every_s=0.05)


async def test_a_worker_too_many_is_settled_stays_a_member_and_takes_over_when_another_leaves(
    kafka: Broker, topic_prefix: str
) -> None:
    servers, table = kafka.bootstrap_servers, TopicTable(topic_prefix)
    topics = [replace(topic, partitions=1) for topic in tiny_flow(table).topics]
    await create_topics(servers, topics)
    first, spare = Member(servers, table), Member(servers, table)
    async with first.running():
        await until_true(lambda: first.settled and first.partitions == {0})
        async with spare.running():
            await until_true(lambda: first.settled and spare.settled)
            generation = spare.generation

            assert first.partitions == {0}
            assert spare.partitions == set()
            assert first.generation == generation

            await asyncio.sleep(_IDLE_S + 2)

            assert (first.generation, spare.generation) == (generation, generation)
            assert spare.settled

            await first.stop()
            await send(servers, [Sent(topics[0].name, 0, b"1", b"S")])
            await until_true(lambda: spare.values == [b"1"])

            assert spare.settled
            assert spare.partitions == {0}
