"""The publisher against a real broker: the contract, and what happens when things break."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, OutOfOrderSequenceNumber

from ingest.core.dead_letters import refused_letter
from ingest.core.records import Record
from ingest.errors import KafkaUnavailableError, RecordRefusedError
from ingest.kafka_publisher import KafkaPublisher
from ingest.publisher import Delivery
from ingest.sections import ProducerSettings
from sandbox.broker import EmbeddedKafka
from schemas.topics import ControlType, TopicTable
from tests.support.kafka import Broker
from tests.support.publisher_contract import PublisherContract, record_of


class KafkaBench:
    """A running publisher, its topic, and a look at the log."""

    def __init__(self, bootstrap_servers: str, prefix: str, **limits: object) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.table = TopicTable(prefix)
        self.topic = f"{prefix}.anything"
        self.deliveries: list[Delivery] = []
        settings = ProducerSettings.model_validate({"buffer_bytes": 1024 * 1024, **limits})
        self.publisher = KafkaPublisher(
            bootstrap_servers,
            "test",
            settings,
            letter=lambda record, reason: refused_letter(self.table, record, reason, 1_700_000_000_000),
            random=random.random,
            log=structlog.get_logger(),
            delivered=self.deliveries.append,
        )

    @property
    def letters(self) -> str:
        return self.table.control(ControlType.DEAD_LETTER).name

    async def create_topics(self, **config: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(self.topic, 3, 1, topic_configs=config), NewTopic(self.letters, 12, 1)])
        finally:
            await admin.close()

    async def read(self, partition: int, topic: str | None = None) -> list[Record]:
        where = TopicPartition(topic or self.topic, partition)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap_servers, auto_offset_reset="earliest")
        await consumer.start()
        try:
            consumer.assign([where])
            end = (await consumer.end_offsets([where]))[where]
            await consumer.seek_to_beginning(where)
            found: list[Record] = []
            while await consumer.position(where) < end:
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    found += [
                        Record(one.topic, one.partition, one.key, one.value, one.timestamp, list(one.headers))
                        for one in batch
                    ]
            return found
        finally:
            await consumer.stop()

    async def numbers(self, partition: int) -> list[int]:
        return [int(record.value.partition(b".")[0]) for record in await self.read(partition)]


@asynccontextmanager
async def publishing(bench: KafkaBench) -> AsyncIterator[KafkaBench]:
    await bench.publisher.start(60)
    running = asyncio.create_task(bench.publisher.run())
    try:
        yield bench
    finally:
        running.cancel()
        await asyncio.wait([running])
        await bench.publisher.stop()


class TestKafkaPublisher(PublisherContract):
    @pytest.fixture
    async def bench(self, kafka: Broker, topic_prefix: str) -> AsyncIterator[KafkaBench]:
        bench = KafkaBench(kafka.bootstrap_servers, topic_prefix)
        await bench.create_topics()
        async with publishing(bench):
            yield bench


async def test_a_broker_that_is_not_there_is_waited_for_and_then_told() -> None:
    bench = KafkaBench("127.0.0.1:1", "nobody")

    with pytest.raises(KafkaUnavailableError, match="is KAFKA_BOOTSTRAP_SERVERS right"):
        await bench.publisher.start(0.5)


async def test_a_delivery_is_told_once_the_broker_has_the_records_and_where(kafka: Broker, topic_prefix: str) -> None:
    bench = KafkaBench(kafka.bootstrap_servers, topic_prefix)
    await bench.create_topics()
    records = [record_of(bench.topic, number, partition) for partition in (0, 1) for number in range(50)]

    async with publishing(bench):
        for record in records:
            bench.publisher.publish(record)
        assert bench.deliveries == []
        assert await bench.publisher.drain(30) == 0

    for partition in (0, 1):
        told = [one for one in bench.deliveries if one.partition == partition]
        assert sum(one.record_count for one in told) == 50
        assert [one.offset for one in told] == [sum(one.record_count for one in told[:n]) for n in range(len(told))]
        assert all(one.topic == bench.topic and one.byte_count > 0 and one.seconds >= 0 for one in told)


async def test_records_of_earlier_runs_do_not_count_but_their_offsets_do(kafka: Broker, topic_prefix: str) -> None:
    first = KafkaBench(kafka.bootstrap_servers, topic_prefix)
    await first.create_topics()
    async with publishing(first):
        await first.publisher.deliver(record_of(first.topic, 1))

    second = KafkaBench(kafka.bootstrap_servers, topic_prefix)
    second.publisher.learn(second.topic, 0, 1)
    async with publishing(second):
        assert second.publisher.position(second.topic, 0).next_offset == 1
        assert await second.publisher.deliver(record_of(second.topic, 2)) == 1


async def test_a_record_that_the_broker_refuses_goes_to_the_dead_letters_and_the_partition_goes_on(
    kafka: Broker, topic_prefix: str
) -> None:
    bench = KafkaBench(kafka.bootstrap_servers, topic_prefix)
    # The guard keeps such records out; here it is the broker alone that refuses an event time of tomorrow.
    await bench.create_topics(**{"message.timestamp.after.max.ms": "3600000", "message.timestamp.type": "CreateTime"})
    bad = Record(bench.topic, 0, b"BTCUSDT", b"bad", 4_000_000_000_000, [("stream", b"btcusdt@trade")])
    async with publishing(bench):
        for number in range(20):
            bench.publisher.publish(record_of(bench.topic, number))
        refused = asyncio.create_task(bench.publisher.deliver(bad))
        await asyncio.sleep(0)
        for number in range(20, 40):
            bench.publisher.publish(record_of(bench.topic, number))

        with pytest.raises(RecordRefusedError):
            await refused
        assert await bench.publisher.drain(30) == 0

    assert await bench.numbers(0) == list(range(40))
    (letter,) = [one for partition in range(12) for one in await bench.read(partition, bench.letters)]
    assert (letter.key, letter.value) == (b"BTCUSDT", b"bad")
    assert dict(letter.headers)["reason"] == b"refused"


async def test_a_refused_record_that_nobody_waits_for_any_more_holds_up_nothing(
    kafka: Broker, topic_prefix: str
) -> None:
    bench = KafkaBench(kafka.bootstrap_servers, topic_prefix)
    await bench.create_topics(**{"message.timestamp.after.max.ms": "3600000", "message.timestamp.type": "CreateTime"})
    bad = Record(bench.topic, 0, b"BTCUSDT", b"bad", 4_000_000_000_000, [])
    async with publishing(bench):
        waiting = asyncio.create_task(bench.publisher.deliver(bad))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        bench.publisher.publish(record_of(bench.topic, 0))
        assert await bench.publisher.drain(30) == 0

    assert await bench.numbers(0) == [0]


async def test_poisoned_sequence_numbers_are_overcome_by_a_new_producer(
    kafka: Broker, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = KafkaBench(kafka.bootstrap_servers, topic_prefix)
    await bench.create_topics()
    async with publishing(bench):
        await bench.publisher.deliver(record_of(bench.topic, 0))
        _skip_a_sequence_number(bench.publisher, bench.topic)
        for number in range(1, 500):
            bench.publisher.publish(record_of(bench.topic, number))
        assert await bench.publisher.drain(30) == 0

    assert bench.publisher.failures == 1
    assert await bench.numbers(0) == list(range(500))


def _skip_a_sequence_number(publisher: KafkaPublisher, topic: str) -> None:
    """Do to the producer what a batch does that failed for good."""
    producer = publisher._producer
    assert producer is not None
    manager = producer._txn_manager
    manager.increment_sequence_number(TopicPartition(topic, 0), 5)


@pytest.mark.parametrize("error", [OutOfOrderSequenceNumber(), KafkaError("anything")])
async def test_whatever_fails_a_batch_all_of_it_is_sent_again_in_order(
    kafka: Broker, topic_prefix: str, monkeypatch: pytest.MonkeyPatch, error: KafkaError
) -> None:
    bench = KafkaBench(kafka.bootstrap_servers, topic_prefix, batch_bytes=16_384)
    await bench.create_topics()
    original = AIOKafkaProducer.send_batch
    calls = 0

    async def fail_the_third(self: AIOKafkaProducer, *args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise error
        return await original(self, *args, **kwargs)

    monkeypatch.setattr(AIOKafkaProducer, "send_batch", fail_the_third)
    async with publishing(bench):
        for number in range(5_000):
            bench.publisher.publish(record_of(bench.topic, number, partition=number % 3))
        assert await bench.publisher.drain(30) == 0

    for partition in range(3):
        assert await bench.numbers(partition) == list(range(partition, 5_000, 3))


@pytest.mark.timeout(240)
async def test_a_broker_that_is_killed_and_comes_back_loses_nothing_and_keeps_the_order(
    tmp_path: Path, topic_prefix: str
) -> None:
    with EmbeddedKafka(tmp_path / "kafka", port=0) as broker:
        bench = KafkaBench(broker.bootstrap_servers, topic_prefix, buffer_bytes=8 * 1024 * 1024)
        await bench.create_topics()
        async with publishing(bench):
            published = 0

            async def publish_until(done: Callable[[], bool]) -> None:
                nonlocal published
                while not done():
                    for _ in range(10):
                        bench.publisher.publish(record_of(bench.topic, published, partition=published % 3))
                        published += 1
                    await asyncio.sleep(0.005)

            await publish_until(lambda: bench.publisher.acknowledged > 300)
            await asyncio.to_thread(broker.kill)
            before = published
            await publish_until(lambda: published > before + 1_000)
            assert bench.publisher.unacknowledged > 900
            restarting = asyncio.create_task(asyncio.to_thread(broker.start))
            await publish_until(restarting.done)
            assert await bench.publisher.drain(60) == 0

        for partition in range(3):
            seen = await bench.numbers(partition)
            assert list(dict.fromkeys(seen)) == list(range(partition, published, 3))
            assert seen == sorted(seen)


@pytest.mark.timeout(240)
async def test_with_the_broker_away_drain_says_how_many_are_left_and_stop_is_quick(
    tmp_path: Path, topic_prefix: str
) -> None:
    with EmbeddedKafka(tmp_path / "kafka", port=0) as broker:
        bench = KafkaBench(broker.bootstrap_servers, topic_prefix)
        await bench.create_topics()
        async with publishing(bench):
            await bench.publisher.deliver(record_of(bench.topic, 0))
            await asyncio.to_thread(broker.kill)
            for number in range(1, 43):
                bench.publisher.publish(record_of(bench.topic, number))

            assert await bench.publisher.drain(1) == 42
            stopping = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - stopping < 5
