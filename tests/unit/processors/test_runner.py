"""A batch is done when its outputs are durable, and nothing is sent for a group that went on without this worker."""

from __future__ import annotations

import asyncio
from time import monotonic, time_ns

import pytest
from faust.types import TP

from processors.assignments import Assignments
from processors.batching import Batch, Membership
from processors.checkpoints import CheckpointWriter
from processors.core.records import Output, RawRecord as CoreRecord
from processors.errors import NotAMemberError, OutputError
from processors.outputs import Encoder, Produced
from processors.restore import Restorer
from processors.runner import FlowRunner
from processors.units import CAUGHT_UP_MS, UnitFactory
from schemas.codec import Codec
from schemas.markets import Market
from schemas.topics import DerivedType, RawType, TopicTable
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

    def checkpointing(self) -> FlowRunner:
        """Return a runner of the same flow that writes checkpoints whenever it is asked to."""
        flow = tiny_flow(TABLE, DerivedType.TRADE_CHECKPOINT)
        factory = UnitFactory(TABLE, CODEC, checkpoint_interval_ms=0)
        self.assignments = Assignments([flow], factory, Restorer(TABLE, CODEC, MemoryLogs()), self._fail)
        units = {("tiny", partition): factory.unit(flow, partition) for partition in range(2)}
        for unit in units.values():
            unit.restored = unit.ready = True
        self.assignments._units, self.assignments._owned = units, True
        writer = CheckpointWriter(TABLE, CODEC, self.publisher)
        return FlowRunner(
            flow, self.assignments, Encoder(TABLE, CODEC), self.publisher, lambda: self.membership, checkpoints=writer
        )

    def state(self, partition: int) -> TinyState:
        state = self.assignments.unit(FLOW, partition)._state
        assert isinstance(state, TinyState)
        return state


@pytest.fixture
async def harness() -> Harness:
    return Harness()


def batch(
    *values: bytes,
    topic: str = TRADES,
    headers: tuple[tuple[str, bytes], ...] = (),
    partition: int = 0,
    first: int = 0,
) -> Batch:
    records = [MemoryRecord(topic, partition, first + n, value, headers=headers) for n, value in enumerate(values)]
    return Batch(topic, partition, records, 1)


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

    harness.runner._outbox._publisher = MemoryPublisher(refuse)

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


async def test_a_tick_that_is_under_way_when_the_worker_is_told_to_stop_is_finished(harness: Harness) -> None:
    """Batches wait behind it, and a worker that stops waits for its batches."""
    record = CoreRecord(Market.SPOT, RawType.TRADE, 0, 0, 0, b"BTCUSDT", b"1", ())
    (output,) = TinyState().feed(record)
    assert isinstance(output, Output)
    harness.assignments.unit(FLOW, 0)._announced = [Produced(output, MemoryRecord(TRADES, 0, 0, b"1"))]
    allowed = harness.publisher.gate = asyncio.Event()
    tick = asyncio.create_task(harness.runner.tick(77))
    await asyncio.sleep(0.02)
    work = asyncio.create_task(harness.runner.process(batch(b"1")))
    tick.cancel()
    await asyncio.sleep(0.02)
    allowed.set()
    await asyncio.wait_for(work, 10)

    assert len(harness.publisher.published) == 2


async def test_a_worker_without_a_fresh_heartbeat_does_not_tick(harness: Harness) -> None:
    harness.membership = Membership(session_timeout_s=20)
    await harness.runner.tick(77)

    assert harness.state(0).ticks == []


async def test_a_checkpoint_holds_what_was_applied_and_whose_outputs_are_durable(harness: Harness) -> None:
    """It waits for its turn: while a batch is being published nothing is dumped."""
    runner = harness.checkpointing()
    allowed = asyncio.Event()
    harness.publisher.gate = allowed
    work = asyncio.create_task(runner.process(batch(b"1", b"2")))
    await asyncio.sleep(0)
    writing = asyncio.create_task(runner.checkpoint())
    await asyncio.sleep(0.02)

    assert harness.publisher.published == []

    allowed.set()
    await work
    await writing
    outputs, states, manifests = harness.publisher.published

    assert list(outputs) == [(DERIVED, 0)]
    assert list(states) == [("binance.spot.trade-checkpoint.v1", 0)]
    assert set(manifests) == {("binance.control.checkpoint", partition) for partition in range(2)}


async def test_a_partition_does_not_wait_for_the_acknowledgements_of_another(harness: Harness) -> None:
    allowed = harness.publisher.gate = asyncio.Event()
    work = [asyncio.create_task(harness.runner.process(batch(b"1", partition=p))) for p in range(2)]
    await asyncio.sleep(0)

    assert [harness.assignments.unit(FLOW, p).next_offset(TRADES) for p in range(2)] == [1, 1]

    allowed.set()
    await asyncio.gather(*work)

    assert sorted(place for grouped in harness.publisher.published for place in grouped) == [(DERIVED, 0), (DERIVED, 1)]


async def test_batches_of_a_partition_take_turns_in_the_order_in_which_they_came(harness: Harness) -> None:
    """Nothing of the second is applied before the first is durable."""
    allowed = harness.publisher.gate = asyncio.Event()
    work = [asyncio.create_task(harness.runner.process(batch(b"1", first=n))) for n in range(3)]
    await asyncio.sleep(0)
    unit = harness.assignments.unit(FLOW, 0)

    assert unit.next_offset(TRADES) == 1

    allowed.set()
    await asyncio.gather(*work)

    assert unit.next_offset(TRADES) == 3
    assert len(harness.publisher.published) == 3


async def test_after_a_batch_that_failed_nothing_of_its_partition_is_applied(harness: Harness) -> None:
    """The next batch, which waits for its turn, would be applied on top of what is missing."""

    def refuse() -> None:
        raise OutputError(DERIVED, 0, "no leader")

    harness.runner._outbox._publisher = MemoryPublisher(refuse)
    failing, following = (asyncio.create_task(harness.runner.process(batch(b"1", first=n))) for n in range(2))
    with pytest.raises(OutputError):
        await failing
    await asyncio.sleep(0.02)

    assert harness.assignments.unit(FLOW, 0).next_offset(TRADES) == 1
    assert not following.done()
    following.cancel()


async def test_a_partition_that_was_taken_away_while_another_had_its_turn_is_not_written_down(
    harness: Harness,
) -> None:
    """What was dumped of it waits, should it stay with this worker after all."""
    runner = harness.checkpointing()
    await runner.process(batch(b"1"))
    await runner.process(batch(b"1", partition=1))
    allowed = harness.publisher.gate = asyncio.Event()
    work = asyncio.create_task(runner.process(batch(b"2", partition=1, first=1)))
    await asyncio.sleep(0)
    writing = asyncio.create_task(runner.checkpoint())
    writing_again = asyncio.create_task(runner.checkpoint())
    await asyncio.sleep(0)
    harness.assignments._owned = False
    allowed.set()
    await asyncio.gather(work, writing, writing_again)

    assert [place for grouped in harness.publisher.published for place in grouped] == [
        (DERIVED, 0),
        (DERIVED, 1),
        (DERIVED, 1),
    ]

    harness.assignments._owned = True
    await runner.checkpoint()
    await runner.checkpoint()

    assert {place for grouped in harness.publisher.published for place in grouped} >= {
        ("binance.spot.trade-checkpoint.v1", 0),
        ("binance.spot.trade-checkpoint.v1", 1),
    }


async def test_a_worker_without_a_fresh_heartbeat_writes_no_checkpoints(harness: Harness) -> None:
    runner = harness.checkpointing()
    await runner.process(batch(b"1"))
    harness.membership = Membership(session_timeout_s=20)
    await runner.checkpoint()

    assert len(harness.publisher.published) == 1


async def test_a_receive_time_that_is_no_number_tells_nothing(harness: Harness) -> None:
    await harness.runner.process(batch(b"1", headers=(("receive_time_ns", b"soon"),)))

    assert not hasattr(harness.state(0), "lagging")
