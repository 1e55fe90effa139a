"""What every publisher promises: one suite for the twin in memory and for the one that writes to Kafka."""

from __future__ import annotations

import asyncio
from typing import Protocol

from ingest.core.heartbeats import Position
from ingest.core.records import Record
from ingest.publisher import Publisher


__all__ = ["Bench", "PublisherContract", "record_of"]


class Bench(Protocol):
    """A publisher and a look at what its broker has."""

    publisher: Publisher
    topic: str

    async def read(self, partition: int) -> list[Record]:
        """Return what the broker has of a partition."""
        ...


def record_of(topic: str, number: int, partition: int = 0, size: int = 10) -> Record:
    """Return a record that can be told from others by its number."""
    return Record(
        topic,
        partition,
        b"key-%d" % number,
        b"%d" % number + b"." * size,
        1_700_000_000_000 + number,
        [("receive_time_ns", b"%d" % number), ("origin", b"live")],
    )


class PublisherContract:
    """Inherit, and give a fixture `bench`."""

    async def test_what_is_handed_over_is_in_the_log_as_it_was(self, bench: Bench) -> None:
        record = record_of(bench.topic, 1)

        bench.publisher.publish(record)
        assert await bench.publisher.drain(30) == 0

        assert await bench.read(0) == [record]

    async def test_the_order_within_a_partition_is_kept(self, bench: Bench) -> None:
        for number in range(3_000):
            bench.publisher.publish(record_of(bench.topic, number, partition=number % 3))
            if number % 500 == 0:
                await asyncio.sleep(0.01)
        await bench.publisher.drain(30)

        for partition in range(3):
            expected = [record_of(bench.topic, number, partition) for number in range(partition, 3_000, 3)]
            assert await bench.read(partition) == expected

    async def test_deliver_waits_for_the_broker_and_tells_the_offset(self, bench: Bench) -> None:
        for number in range(5):
            bench.publisher.publish(record_of(bench.topic, number))

        offset = await bench.publisher.deliver(record_of(bench.topic, 5))
        bench.publisher.publish(record_of(bench.topic, 6))

        assert offset == 5
        assert (await bench.read(0))[5] == record_of(bench.topic, 5)

    async def test_several_deliveries_of_one_partition_each_tell_their_own_offset(self, bench: Bench) -> None:
        records = [record_of(bench.topic, number) for number in range(20)]

        offsets = await asyncio.gather(*(bench.publisher.deliver(record) for record in records))

        assert offsets == list(range(20))

    async def test_the_position_counts_what_was_handed_over_and_what_the_broker_has(self, bench: Bench) -> None:
        before = bench.publisher.position(bench.topic, 1)
        assert (before.published, before.acknowledged) == (0, 0)

        for number in range(7):
            bench.publisher.publish(record_of(bench.topic, number, partition=1))
        assert bench.publisher.position(bench.topic, 1).published == 7
        await bench.publisher.drain(30)

        assert bench.publisher.position(bench.topic, 1) == Position(7, 7, 7)

    async def test_what_the_broker_has_not_is_counted(self, bench: Bench) -> None:
        for number in range(9):
            bench.publisher.publish(record_of(bench.topic, number))
        assert bench.publisher.unacknowledged == 9

        assert await bench.publisher.drain(0) == 9
        assert await bench.publisher.drain(30) == 0
        assert bench.publisher.unacknowledged == 0

    async def test_who_waits_for_room_can_go_on_once_the_broker_has_taken_enough(self, bench: Bench) -> None:
        number = 0
        while not bench.publisher.full:
            bench.publisher.publish(record_of(bench.topic, number, partition=number % 3, size=5_000))
            number += 1

        await bench.publisher.room()
        bench.publisher.publish(record_of(bench.topic, number))

        assert await bench.publisher.drain(30) == 0

    async def test_room_is_there_at_once_while_it_is_not_full(self, bench: Bench) -> None:
        async with asyncio.timeout(1):
            await bench.publisher.room()
