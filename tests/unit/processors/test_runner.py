"""A batch is done when its outputs are durable, and nothing is sent for a group that went on without this worker."""

from __future__ import annotations

import asyncio
from time import monotonic, time_ns

import pytest
from faust.types import TP

from processors.assignments import Assignments
from processors.batching import Batch, Membership
from processors.errors import NotAMemberError, OutputError
from processors.outputs import Encoder
from processors.restore import Restorer
from processors.runner import FlowRunner
from processors.units import CAUGHT_UP_MS, UnitFactory
from schemas.codec import Codec
from schemas.topics import TopicTable
from tests.support.memory_kafka import MemoryLogs, MemoryPublisher, MemoryRecord
from tests.support.offline_registry import OfflineRegistry
from tests.support.tiny_family import TinyState, tiny_flow


TABLE = TopicTable()
CODEC = Codec(TABLE, OfflineRegistry())
FLOW = tiny_flow(TABLE)
BEATS, TRADES = FLOW.topic_names
DERIVED = "binance.spot.trade.v1"


class Harness:
    def __init__(self) -> None:
        self.membership = Membership(session_timeout_s=0.4)
        self.membership.confirm(monotonic() + 3_600)
        self.publisher = MemoryPublisher()
        self.assignments = Assignments(
            [FLOW], UnitFactory(TABLE, CODEC), Restorer(TABLE, CODEC, MemoryLogs()), self._fail
        )
        self.assignments.assigned(1, {TP(name, p): 0 for name in FLOW.topic_names for p in range(2)})
        self.runner = FlowRunner(FLOW, self.assignments, Encoder(TABLE, CODEC), self.publisher, lambda: self.membership)

    async def _fail(self, error: BaseException) -> None:
        raise error

    def state(self, partition: int) -> TinyState:
        state = self.assignments.unit(FLOW, partition)._state
        assert isinstance(state, TinyState)
        return state


@pytest.fixture
async def harness() -> Harness:
    return Harness()


def batch(*values: bytes, topic: str = TRADES, headers: tuple[tuple[str, bytes], ...] = ()) -> Batch:
    records = [MemoryRecord(topic, 0, offset, value, headers=headers) for offset, value in enumerate(values)]
    return Batch(topic, 0, records, 1)


async def test_the_outputs_of_a_batch_are_published_together_with_what_is_set_aside(harness: Harness) -> None:
    await harness.runner.process(batch(b"1", b"poison", b"2"))

    (grouped,) = harness.publisher.published
    assert {place: len(records) for place, records in grouped.items()} == {
        (DERIVED, 0): 2,
        ("binance.control.dead-letter", 0): 1,
    }


async def test_a_control_record_that_cannot_be_decoded_is_set_aside(harness: Harness) -> None:
    await harness.runner.process(batch(b"\x07 nonsense", topic=BEATS))

    (grouped,) = harness.publisher.published
    ((place, (letter,)),) = grouped.items()
    assert place == ("binance.control.dead-letter", 0)
    assert dict(letter.headers)["reason"] == b"undecodable"


async def test_when_the_broker_does_not_take_the_outputs_the_batch_is_not_done(harness: Harness) -> None:
    def refuse() -> None:
        raise OutputError(DERIVED, 0, "no leader")

    harness.runner._publisher = MemoryPublisher(refuse)

    with pytest.raises(OutputError):
        await harness.runner.process(batch(b"1"))


async def test_a_worker_without_a_fresh_heartbeat_sends_nothing(harness: Harness) -> None:
    harness.membership = Membership(session_timeout_s=0.2)
    harness.membership.confirm(monotonic() - 60)

    with pytest.raises(NotAMemberError, match="may belong to another worker"):
        await harness.runner.process(batch(b"1"))

    assert harness.publisher.published == []


async def test_a_worker_whose_next_heartbeat_succeeds_goes_on(harness: Harness) -> None:
    harness.membership = Membership(session_timeout_s=20)
    harness.membership.confirm(monotonic() - 60)
    work = asyncio.create_task(harness.runner.process(batch(b"1")))
    await asyncio.sleep(0.02)

    assert harness.publisher.published == []

    harness.membership.confirm(monotonic())
    await work

    assert len(harness.publisher.published) == 1


@pytest.mark.parametrize(("age_s", "lagging"), [(0, False), (4, False), (6, True), (86_400, True)])
async def test_a_state_is_told_when_what_it_reads_is_old(harness: Harness, age_s: int, lagging: bool) -> None:
    received = str(time_ns() - age_s * 1_000_000_000).encode()
    await harness.runner.process(batch(b"1", headers=(("receive_time_ns", received),)))

    assert harness.state(0).lagging is lagging


async def test_a_state_whose_old_records_came_to_an_end_is_told_that_it_has_caught_up(harness: Harness) -> None:
    await harness.runner.process(batch(b"1", headers=(("receive_time_ns", b"1"),)))
    lagging = []
    for now_ms in (10_000, 10_000 + CAUGHT_UP_MS - 1, 10_000 + CAUGHT_UP_MS):
        await harness.runner.tick(now_ms)
        lagging.append(harness.state(0).lagging)

    assert lagging == [True, True, False]


async def test_ticks_reach_every_partition(harness: Harness) -> None:
    await harness.runner.tick(77)

    assert [harness.state(p).ticks for p in range(2)] == [[77], [77]]


async def test_a_worker_without_a_fresh_heartbeat_does_not_tick(harness: Harness) -> None:
    harness.membership = Membership(session_timeout_s=20)
    await harness.runner.tick(77)

    assert harness.state(0).ticks == []


async def test_a_receive_time_that_is_no_number_tells_nothing(harness: Harness) -> None:
    await harness.runner.process(batch(b"1", headers=(("receive_time_ns", b"soon"),)))

    assert not hasattr(harness.state(0), "lagging")
