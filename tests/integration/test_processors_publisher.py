"""The producer path on a real broker."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from processors.errors import OutputError
from processors.publisher import KafkaPublisher, Record
from processors.rebuild import Bounds, KafkaLogs, Piece, Range
from schemas.topics import ControlType, TopicTable
from tests.support.broker_io import Sent, create_topics, read_all, send
from tests.support.kafka import Broker


pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def publisher(kafka: Broker) -> AsyncIterator[KafkaPublisher]:
    publisher = KafkaPublisher(kafka.bootstrap_servers, "test", request_timeout_s=3)
    await publisher.start()
    yield publisher
    await publisher.stop()


@pytest.fixture
async def topic(kafka: Broker, topic_prefix: str) -> str:
    topic = TopicTable(topic_prefix).control(ControlType.DEAD_LETTER)
    await create_topics(kafka.bootstrap_servers, [topic])
    return topic.name


async def test_records_of_many_batches_arrive_in_order_with_key_time_and_headers(
    kafka: Broker, publisher: KafkaPublisher, topic: str
) -> None:
    records = [Record(b"k%d" % n, b"x" * 400, 1_000 + n, [("n", b"%d" % n)]) for n in range(4_000)]
    await publisher.publish({(topic, 3): records, (topic, 4): records[:1]})

    seen = await read_all(kafka.bootstrap_servers, topic)

    assert [(s.key, s.value, s.timestamp_ms, [*s.headers.items()]) for s in seen if s.partition == 3] == [
        (r.key, r.value, r.timestamp_ms, [(name, value.decode()) for name, value in r.headers]) for r in records
    ]
    assert [s.key for s in seen if s.partition == 4] == [b"k0"]


async def test_what_the_broker_does_not_take_is_an_error_that_names_the_place(
    publisher: KafkaPublisher, topic: str
) -> None:
    incompressible = os.urandom(3_000_000)

    with pytest.raises(OutputError, match=f'topic "{topic}", partition 0'):
        await publisher.publish({(topic, 0): [Record(None, incompressible, 0)], (topic, 1): [Record(None, b"", 0)]})


async def test_a_topic_that_does_not_exist_is_an_error(publisher: KafkaPublisher, topic_prefix: str) -> None:
    with pytest.raises(OutputError, match="nowhere"):
        await publisher.publish({(f"{topic_prefix}.nowhere", 0): [Record(None, b"", 0)]})


async def test_ranges_of_the_log_are_read_whole_and_without_a_group(kafka: Broker, topic: str) -> None:
    await send(kafka.bootstrap_servers, [Sent(topic, 2 + (n % 11 == 0), os.urandom(100)) for n in range(1_100)])
    logs = KafkaLogs(kafka.bootstrap_servers, "test", fetch_bytes=4_096)

    async with logs.open() as reader:
        bounds = await reader.bounds([(topic, 2), (topic, 3), (topic, 4)])
        pieces = [piece async for piece in reader.read([Range(topic, 2, 100, 900), Range(topic, 3, 5, 50)])]
        again = [piece async for piece in reader.read([Range(topic, 2, 990, 1_000), Range(topic, 4, 0, 0)])]

    assert bounds == {(topic, 2): Bounds(0, 1_000), (topic, 3): Bounds(0, 100), (topic, 4): Bounds(0, 0)}
    assert _offsets(pieces, 2) == list(range(100, 900))
    assert _offsets(pieces, 3) == list(range(5, 50))
    assert [piece.position for piece in pieces if piece.partition == 2][-1] == 900
    assert len(pieces) > 2
    assert _offsets(again, 2) == list(range(990, 1_000))
    assert [piece for piece in again if piece.partition == 4] == [Piece(topic, 4, (), 0)]


def _offsets(pieces: list[Piece], partition: int) -> list[int]:
    return [record.offset for piece in pieces if piece.partition == partition for record in piece.records]
