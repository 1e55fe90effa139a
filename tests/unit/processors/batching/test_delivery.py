"""Faust with batched delivery, on a log in memory: what agents see and what is committed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from faust.types import TP

from processors.batching import Batch, DeliveryLimits
from tests.support import polling
from tests.support.fake_kafka import FakeApp, FakeLog


A0, A1, B0 = TP("a", 0), TP("a", 1), TP("b", 0)


@asynccontextmanager
async def running(app: FakeApp) -> AsyncIterator[FakeApp]:
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


async def until(condition: Callable[[], bool]) -> None:
    async def holds() -> bool:
        return condition()

    await polling.until(holds, timeout_s=20, every_s=0.005)


def collecting_app(
    log: FakeLog,
    assignment: Collection[TP],
    work: Callable[[Batch], Awaitable[None]] | None = None,
    **kwargs: Any,
) -> tuple[FakeApp, list[Batch]]:
    app = FakeApp(log, assignment, **kwargs)
    seen: list[Batch] = []

    @app.agent(app.batches(*{tp.topic for tp in assignment}), name="collect", concurrency=1)
    async def collect(stream: Any) -> None:
        async for event in stream.noack().events():
            if work is not None:
                await work(event.value)
            seen.append(event.value)
            await stream.ack(event)

    return app, seen


def offsets(batches: Collection[Batch], tp: TP) -> list[int]:
    return [r.offset for b in batches if TP(b.topic, b.partition) == tp for r in b.records]


async def test_a_fetch_arrives_as_batches_of_bounded_size_in_order() -> None:
    log = FakeLog()
    log.fill("a", 0, 1_234)
    app, seen = collecting_app(log, [A0], limits=DeliveryLimits(batch_records=200))
    async with running(app):
        await until(lambda: log.committed.get(A0) == 1_234)

    assert offsets(seen, A0) == list(range(1_234))
    assert max(len(b.records) for b in seen) == 200


async def test_one_agent_reads_several_topics_and_partitions() -> None:
    log = FakeLog()
    for tp in (A0, A1, B0):
        log.fill(tp.topic, tp.partition, 700)
    app, seen = collecting_app(log, [A0, A1, B0])
    async with running(app):
        await until(lambda: log.committed == {A0: 700, A1: 700, B0: 700})

    for tp in (A0, A1, B0):
        assert offsets(seen, tp) == list(range(700))


@pytest.mark.parametrize("committed", [None, 0, 1, 100])
async def test_when_the_agent_raises_the_batch_and_all_after_it_stay_uncommitted(committed: int | None) -> None:
    log = FakeLog()
    begin = committed or 0
    log.fill("a", 0, begin + 270)
    log.append("a", 0, b"poison")
    log.fill("a", 0, 200)
    if committed is not None:
        log.committed[A0] = committed

    async def work(batch: Batch) -> None:
        if any(record.value == b"poison" for record in batch.records):
            raise RuntimeError("broken")

    app, seen = collecting_app(log, [A0], work, limits=DeliveryLimits(batch_records=50))
    await app.start()
    await until(app._crashed.is_set)
    await app.stop()

    assert offsets(seen, A0) == list(range(begin, begin + 250))
    assert log.committed.get(A0, begin) <= begin + 250
    assert isinstance(app.crash_reason, RuntimeError)


async def test_acknowledging_out_of_order_commits_nothing_before_the_first_is_done() -> None:
    log = FakeLog()
    log.fill("a", 0, 300)
    app = FakeApp(log, [A0], limits=DeliveryLimits(batch_records=100, batches_in_flight=3))
    events: list[Any] = []

    @app.agent(app.batches("a"), name="hoard", concurrency=1)
    async def hoard(stream: Any) -> None:
        async for event in stream.noack().events():
            events.append(event)  # noqa: PERF401 - it does not end

    async with running(app):
        await until(lambda: len(events) == 3)
        events[1].ack()
        events[2].ack()
        await asyncio.sleep(0.1)

        assert log.committed == {}

        events[0].ack()
        await until(lambda: log.committed == {A0: 300})


async def test_a_slow_agent_holds_back_only_as_much_as_the_limit_says() -> None:
    log = FakeLog()
    log.fill("a", 0, 5_000)
    go = asyncio.Event()

    async def work(_: Batch) -> None:
        await go.wait()

    app, seen = collecting_app(log, [A0], work, limits=DeliveryLimits(batches_in_flight=2))
    async with running(app):
        await until(lambda: app.fake_consumer.positions.in_flight(A0) == 2)
        await asyncio.sleep(0.1)

        assert app.fake_consumer.at[A0] == 1_000

        go.set()
        await until(lambda: log.committed.get(A0) == 5_000)

    assert offsets(seen, A0) == list(range(5_000))


async def test_a_partition_that_ends_somewhere_is_fetched_until_there_and_the_others_go_on() -> None:
    log = FakeLog()
    log.fill("a", 0, 5_000)
    log.fill("a", 1, 5_000)
    app, seen = collecting_app(log, [A0, A1], limits=DeliveryLimits(batch_records=200, ends={A0: 700}))
    async with running(app):
        await until(lambda: log.committed.get(A1) == 5_000 and log.committed.get(A0, 0) >= 700)
        await asyncio.sleep(0.1)

    delivered = offsets(seen, A0)
    assert delivered == list(range(len(delivered)))
    assert 700 <= len(delivered) < 5_000


async def test_what_was_acknowledged_is_committed_before_partitions_are_taken_away() -> None:
    """Faust as shipped forgets it, and every rebalance repeats it."""
    log = FakeLog()
    log.fill("a", 0, 100)
    app, seen = collecting_app(log, [A0])
    app.conf.broker_commit_interval = 60.0
    async with running(app):
        app.fake_consumer.commit_interval = 60.0
        await until(lambda: len(seen) == 1)
        await app.fake_consumer.rebalance({A0})
        log.fill("a", 0, 50)
        await until(lambda: len(seen) == 2)

    assert offsets(seen, A0) == list(range(150))


async def test_a_batch_in_flight_when_partitions_are_taken_away_is_finished_and_committed() -> None:
    log = FakeLog()
    log.fill("a", 0, 100)
    go, begun = asyncio.Event(), asyncio.Event()

    async def work(_: Batch) -> None:
        begun.set()
        await go.wait()

    app, seen = collecting_app(log, [A0], work)
    async with running(app):
        await begun.wait()
        rebalance = asyncio.create_task(app.fake_consumer.rebalance({A1}))
        await asyncio.sleep(0.05)

        assert not rebalance.done()

        go.set()
        await rebalance

        assert log.committed == {A0: 100}

    assert offsets(seen, A0) == list(range(100))


async def test_random_rebalances_lose_nothing() -> None:
    log = FakeLog()
    for tp in (A0, A1, B0):
        log.fill(tp.topic, tp.partition, 3_000)

    async def work(_: Batch) -> None:
        await asyncio.sleep(0.002)

    app, seen = collecting_app(log, [A0, A1, B0], work, limits=DeliveryLimits(batch_records=40))
    async with running(app):
        for turn in range(10):
            await asyncio.sleep(0.03)
            await app.fake_consumer.rebalance({A0, B0} if turn % 3 else {A0, A1, B0})
            for tp, committed in log.committed.items():
                assert set(range(committed)) <= set(offsets(seen, tp))
        await app.fake_consumer.rebalance({A0, A1, B0})
        await until(lambda: log.committed == {A0: 3_000, A1: 3_000, B0: 3_000})

    for tp in (A0, A1, B0):
        assert set(offsets(seen, tp)) == set(range(3_000))


async def test_a_fetch_that_outlasts_a_rebalance_skips_nothing() -> None:
    """It returns what came after the partitions were sought anew, and moves their positions."""
    log = FakeLog()
    log.fill("a", 0, 100)
    app, seen = collecting_app(log, [A0])
    async with running(app):
        await until(lambda: log.committed == {A0: 100})
        consumer, records_come = app.fake_consumer, asyncio.Event()
        consumer.records_come = records_come
        await until(lambda: consumer.fetch_waits)
        await consumer.rebalance({A0})
        await asyncio.sleep(0.05)  # for the seek, if nothing keeps it
        log.fill("a", 0, 50)
        records_come.set()
        await until(lambda: log.committed == {A0: 150})

    assert offsets(seen, A0) == list(range(150))


class Holding:
    """Holds what it is told to hold."""

    def __init__(self, held: Collection[TP]) -> None:
        self.held = held
        self.starts: list[dict[TP, int]] = []
        self.generation = -1

    def assigned(self, generation: int, starts: Mapping[TP, int]) -> Collection[TP]:
        self.generation = generation
        self.starts.append(dict(starts))
        return self.held

    async def revoking(self) -> None:
        pass


async def test_held_partitions_deliver_nothing_until_released_while_others_go_on() -> None:
    log = FakeLog()
    log.fill("a", 0, 10)
    log.fill("a", 1, 10)
    log.committed[A1] = 4
    listener = Holding([A0])
    app, seen = collecting_app(log, [A0, A1], listener=listener)
    async with running(app):
        await until(lambda: log.committed.get(A1) == 10)
        await asyncio.sleep(0.05)

        assert offsets(seen, A0) == []
        assert listener.starts == [{A0: 0, A1: 4}]

        app.fake_consumer.release([A0], listener.generation - 1)
        await asyncio.sleep(0.05)

        assert offsets(seen, A0) == []

        app.fake_consumer.release([A0], listener.generation)
        await until(lambda: log.committed.get(A0) == 10)


async def test_a_member_that_gets_no_partition_says_so_and_works_once_it_gets_one() -> None:
    """Faust seeks nothing then, so the seek cannot be what tells the listener."""
    log = FakeLog()
    log.fill("a", 0, 10)
    listener = Holding([])
    app, seen = collecting_app(log, [A0], listener=listener)
    app.fake_assignment = set()
    async with running(app):
        await until(lambda: listener.starts == [{}] and not app.rebalancing)
        await app.fake_consumer.rebalance({A0})
        await until(lambda: log.committed == {A0: 10})

    assert listener.starts == [{}, {A0: 0}]
    assert offsets(seen, A0) == list(range(10))


async def test_a_member_that_loses_its_last_partition_says_so_and_may_get_it_back() -> None:
    log = FakeLog()
    log.fill("a", 0, 10)
    listener = Holding([])
    app, seen = collecting_app(log, [A0], listener=listener)
    async with running(app):
        await until(lambda: log.committed == {A0: 10})
        await app.fake_consumer.rebalance(set())
        await until(lambda: not app.rebalancing)

        assert listener.starts == [{A0: 0}, {}]
        assert listener.generation == app.consumer_generation_id

        log.fill("a", 0, 10)
        await app.fake_consumer.rebalance({A0})
        await until(lambda: log.committed == {A0: 20})

    assert offsets(seen, A0) == list(range(20))


async def test_a_seek_that_outlasts_its_assignment_does_not_undo_that_nothing_is_assigned() -> None:
    log = FakeLog()
    log.fill("a", 0, 10)
    listener = Holding([])
    app, _ = collecting_app(log, [A0], listener=listener)
    async with running(app):
        await until(lambda: log.committed == {A0: 10})
        consumer, seek_may_end = app.fake_consumer, asyncio.Event()
        consumer.seek_may_end = seek_may_end
        seek = asyncio.create_task(consumer.perform_seek())
        await until(lambda: consumer.seek_waits)
        await consumer.rebalance(set())
        seek_may_end.set()
        await seek

        assert listener.starts[-1] == {}
        assert list(consumer.positions.assigned()) == []


async def test_a_member_without_partitions_is_kept_in_the_group_and_one_whose_agent_is_stuck_is_not() -> None:
    log = FakeLog()
    log.fill("a", 0, 2_000)
    go = asyncio.Event()

    async def work(_: Batch) -> None:
        await go.wait()

    app, _ = collecting_app(log, [A0], work, limits=DeliveryLimits(batches_in_flight=1))
    async with running(app):
        consumer = app.fake_consumer
        consumer._poll_timeout_s = 0.01
        await until(lambda: consumer.positions.in_flight(A0) == 1)
        await asyncio.sleep(0.1)

        assert consumer.kept_alive == 0

        go.set()
        await until(lambda: log.committed == {A0: 2_000})
        await consumer.rebalance(set())
        await until(lambda: consumer.kept_alive > 2)


async def test_records_deleted_before_they_were_read_are_passed_over_and_offsets_go_on() -> None:
    log = FakeLog()
    for offset in (40, 41, 50):
        log.append("a", 0, b"", offset=offset)
    log.committed[A0] = 7
    log.earliest[A0] = 40
    listener = Holding([])
    app, seen = collecting_app(log, [A0], listener=listener)
    async with running(app):
        await until(lambda: log.committed[A0] == 51)

    assert listener.starts == [{A0: 40}]
    assert offsets(seen, A0) == [40, 41, 50]


async def test_a_log_that_was_replaced_is_read_from_its_start() -> None:
    log = FakeLog()
    log.fill("a", 0, 5)
    log.committed[A0] = 1_000
    app, seen = collecting_app(log, [A0])
    async with running(app):
        await until(lambda: len(seen) == 1)

    assert offsets(seen, A0) == list(range(5))
