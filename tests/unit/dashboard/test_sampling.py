from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError

from dashboard.config import Settings
from dashboard.sampling import Sampler
from dashboard.service import reader_of


TRADES = TopicPartition("binance.spot.raw.trade", 3)
DEPTH = TopicPartition("binance.spot.raw.depth", 3)


class Log:
    """A consumer of a log; of some topics nobody may read."""

    def __init__(self, *closed: str) -> None:
        self.closed = closed
        self.at: dict[TopicPartition, int] = {}
        self.running: set[TopicPartition] = set()
        self.reads = 0

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.at[partition] = offset

    def resume(self, *partitions: TopicPartition) -> None:
        self.running.update(partitions)

    def pause(self, *partitions: TopicPartition) -> None:
        self.running.difference_update(partitions)

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int
    ) -> Mapping[TopicPartition, Sequence[ConsumerRecord]]:
        del timeout_ms
        self.reads += 1
        if refused := {tp.topic for tp in partitions} & set(self.closed):
            raise TopicAuthorizationFailedError(refused)
        return {tp: [_record(tp, self.at[tp])] for tp in partitions}


def _record(tp: TopicPartition, offset: int) -> ConsumerRecord:
    headers = (("origin", b"live"), ("receive_time_ns", b"1700000000250000000"))
    return ConsumerRecord(
        tp.topic, tp.partition, offset, 1_700_000_000_000, 0, None, b"{}", None, 0, 2, headers=headers
    )


@pytest.fixture
def reader() -> Any:
    return reader_of(Settings())


async def test_last_records_of_what_grew_tell_how_old_they_arrive(reader: Any) -> None:
    complaints: list[str] = []
    log = Log()

    await Sampler(reader, lambda about, _: complaints.append(about)).sample(log, [TRADES], {TRADES: 8}, 0)

    assert log.at == {TRADES: 7}
    assert reader.operations.arrival.percentiles(TRADES.topic, reader.clock_s())[0] == 250
    assert (complaints, log.running) == ([], set())


async def test_who_may_not_read_raw_topics_is_told_once_and_asks_no_more(reader: Any) -> None:
    """The look at the ends goes on, which an error out of here would end."""
    complaints: list[str] = []
    log = Log(DEPTH.topic)
    sampler = Sampler(reader, lambda about, _: complaints.append(about))

    for turn in range(3):
        await sampler.sample(log, [TRADES, DEPTH], {TRADES: 8, DEPTH: 4}, turn)

    assert (complaints, log.reads, log.running) == (["how old raw records arrive"], 1, set())
