"""What is published while the producer is busy goes out together when it is idle, and membership is asked last."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest

from processors.batching import Membership
from processors.errors import NotAMemberError, OutputError
from processors.outbox import Outbox
from processors.publisher import Grouped, Record
from tests.support.memory_kafka import MemoryPublisher


class Harness:
    def __init__(self) -> None:
        self.membership = Membership(session_timeout_s=0.2)
        self.membership.confirm(monotonic() + 3_600)
        self.fails = False
        self.publisher = MemoryPublisher(self._before)
        self.outbox = Outbox(self.publisher, lambda: self.membership)

    def _before(self) -> None:
        if self.fails:
            raise OutputError("t", 0, "no leader")

    def publish(self, *values: bytes, partition: int = 0) -> asyncio.Task[None]:
        return asyncio.create_task(self.outbox.publish(records(*values, partition=partition)))

    @property
    def published(self) -> list[dict[int, list[bytes | None]]]:
        return [
            {partition: [record.value for record in group] for (_, partition), group in grouped.items()}
            for grouped in self.publisher.published
        ]


def records(*values: bytes, partition: int = 0) -> Grouped:
    return {("t", partition): [Record(b"k", value, 0) for value in values]}


@pytest.fixture
async def harness() -> Harness:
    return Harness()


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_comes_while_a_round_is_under_way_goes_out_together_after_it(harness: Harness) -> None:
    allowed = harness.publisher.gate = asyncio.Event()
    first = harness.publish(b"1")
    await turns()
    rest = [harness.publish(b"2"), harness.publish(b"3", partition=1), harness.publish(b"4")]
    await turns()

    assert not any(task.done() for task in (first, *rest))

    allowed.set()
    await asyncio.gather(first, *rest)

    assert harness.published == [{0: [b"1"]}, {0: [b"2", b"4"], 1: [b"3"]}]


async def test_a_round_that_fails_fails_for_all_whose_records_are_in_it(harness: Harness) -> None:
    allowed = harness.publisher.gate = asyncio.Event()
    first = harness.publish(b"1")
    await turns()
    harness.fails = True
    rest = [harness.publish(b"2"), harness.publish(b"3", partition=1)]
    allowed.set()
    results = await asyncio.gather(first, *rest, return_exceptions=True)

    assert [type(result) for result in results] == [type(None), OutputError, OutputError]
    assert harness.published == [{0: [b"1"]}]


async def test_a_worker_that_is_no_member_any_more_sends_nothing_of_what_was_gathered(harness: Harness) -> None:
    """It was one when the records came."""
    allowed = harness.publisher.gate = asyncio.Event()
    first = harness.publish(b"1")
    await turns()
    rest = [harness.publish(b"2"), harness.publish(b"3", partition=1)]
    await turns()
    harness.membership = Membership(session_timeout_s=0.2)
    harness.membership.confirm(monotonic() - 60)
    allowed.set()
    results = await asyncio.gather(first, *rest, return_exceptions=True)

    assert [type(result) for result in results] == [type(None), NotAMemberError, NotAMemberError]
    assert harness.published == [{0: [b"1"]}]
