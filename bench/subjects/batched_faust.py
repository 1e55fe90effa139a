"""Ours: the app, the transport and an agent of the processors, acknowledging each batch; no outputs, as the peers."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Collection, Mapping

import uvloop
from faust.types import TP, StreamT

from bench.work import Order, Run, order_of
from processors.app import AppOptions, BatchApp
from processors.batching import Batch, batch_of, unacknowledged


__all__ = ["main"]


class _Listener:
    """Holds nothing back.

    Args:
        run: begins when there are partitions.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def assigned(self, _generation: int, _starts: Mapping[TP, int]) -> Collection[TP]:
        """Take everything."""
        self._run.begin()
        return ()

    async def revoking(self) -> None:
        """Keep everything."""


async def _run(order: Order) -> None:
    run = Run(order)
    app = BatchApp(AppOptions(group=f"bench-{order.out.stem}", bootstrap_servers=order.servers), _Listener(run))

    @app.agent(app.batches((order.topic,)), name="bench", concurrency=1)
    async def bench(stream: StreamT[Batch]) -> None:
        take = run.take
        async for event in unacknowledged(stream):
            for record in batch_of(event).records:
                take(record.key or b"", record.value or b"", record.offset, record.timestamp, record.partition)
            await stream.ack(event)
            run.end_if_done()

    failed = asyncio.create_task(app.failed())
    starting = asyncio.create_task(app.start())
    await asyncio.wait({failed})
    starting.cancel()
    raise failed.result()


def main(arguments: list[str]) -> None:
    """Measure once."""
    order = order_of(arguments)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(_run(order))


if __name__ == "__main__":
    main(sys.argv[1:])
