"""Batches do not wait for each other, and each is acknowledged only when it is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types import StreamT

from processors.batching import Batch, process_batches


class Stream:
    """What of a Faust stream the loop uses."""

    def __init__(self, *batches: Batch) -> None:
        self.acknowledged: list[int] = []
        self._batches = batches

    def noack(self) -> Stream:
        return self

    async def events(self) -> AsyncIterator[Any]:
        for batch in self._batches:
            yield SimpleNamespace(value=batch)
        await asyncio.Event().wait()

    async def ack(self, event: Any) -> None:
        self.acknowledged.append(event.value.partition)

    @property
    def typed(self) -> StreamT[Batch]:
        return cast("StreamT[Batch]", self)


def batch(partition: int) -> Batch:
    return Batch("t", partition, [], 1)


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_batch_is_acknowledged_when_it_is_done_though_an_earlier_one_is_not() -> None:
    stream = Stream(batch(0), batch(1))
    begun: list[int] = []
    allowed = [asyncio.Event(), asyncio.Event()]

    async def process(one: Batch) -> None:
        begun.append(one.partition)
        await allowed[one.partition].wait()

    work = asyncio.create_task(process_batches(stream.typed, process))
    await turns()

    assert (begun, stream.acknowledged) == ([0, 1], [])

    allowed[1].set()
    await turns()

    assert stream.acknowledged == [1]

    allowed[0].set()
    await turns()

    assert stream.acknowledged == [1, 0]
    work.cancel()


async def test_the_first_failure_ends_all_and_is_raised_as_it_is() -> None:
    stream = Stream(batch(0), batch(1))

    async def process(one: Batch) -> None:
        if one.partition == 1:
            raise LookupError("partition 1")
        await asyncio.Event().wait()

    with pytest.raises(LookupError, match="partition 1"):
        await process_batches(stream.typed, process)

    assert stream.acknowledged == []


async def test_who_is_cancelled_cancels_what_is_under_way() -> None:
    stream = Stream(batch(0))
    ended: list[int] = []

    async def process(one: Batch) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(one.partition)

    work = asyncio.create_task(process_batches(stream.typed, process))
    await turns()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work

    assert (ended, stream.acknowledged) == ([0], [])
