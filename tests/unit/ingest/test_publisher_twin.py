"""The publisher in memory keeps the promises that the real one keeps."""

from __future__ import annotations

import pytest

from ingest.core.records import Record
from tests.support.fakes import RecordingPublisher
from tests.support.publisher_contract import PublisherContract, record_of


class MemoryBench:
    topic = "t"

    def __init__(self) -> None:
        self.publisher = RecordingPublisher(most=5_000)

    async def read(self, partition: int) -> list[Record]:
        return self.publisher.log[self.topic, partition]


class TestTwin(PublisherContract):
    @pytest.fixture
    async def bench(self) -> MemoryBench:
        return MemoryBench()


async def test_a_twin_whose_broker_is_away_acknowledges_nothing_until_it_is_back() -> None:
    publisher = RecordingPublisher()
    publisher.hold()
    publisher.publish(record_of("t", 1))

    assert await publisher.drain(0.05) == 1
    publisher.release()
    assert await publisher.drain(1) == 0
