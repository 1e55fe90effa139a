"""The loop of every agent: batches in, each acknowledged when it is done, no matter which is done first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from faust.types import EventT, StreamT

from processors.batching.batch import Batch, batch_of, unacknowledged


__all__ = ["process_batches"]


async def process_batches(stream: StreamT[Batch], process: Callable[[Batch], Awaitable[None]]) -> None:
    """Process the batches of a stream, and acknowledge each when it is done.

    None waits for the one before: what a batch waits for is the broker's acknowledgement of its outputs, and with
    the batches of all partitions in one queue each would wait for all others'. Processing begins in the order of the
    stream. How many there are at a time is bounded by :class:`~processors.batching.DeliveryLimits`.

    The first failure ends the others, and is raised.
    """
    try:
        async with asyncio.TaskGroup() as group:
            async for event in unacknowledged(stream):
                group.create_task(_process(stream, event, process))
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _process(stream: StreamT[Batch], event: EventT[Batch], process: Callable[[Batch], Awaitable[None]]) -> None:
    await process(batch_of(event))
    await stream.ack(event)
