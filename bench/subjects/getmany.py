"""The ceiling of consuming: bare aiokafka, ``getmany`` and a loop; no group, no commit, nobody else to serve."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from aiokafka import AIOKafkaConsumer

from bench.work import Order, Run, order_of


__all__ = ["main"]

_FETCH_BYTES = 1024 * 1024
"""As ours."""


async def _run(order: Order) -> None:
    run = Run(order)
    consumer = AIOKafkaConsumer(
        order.topic,
        bootstrap_servers=order.servers,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    await consumer.start()
    take = run.take
    run.begin()
    while True:
        for records in (await consumer.getmany(timeout_ms=1_000)).values():
            for record in records:
                take(record.key, record.value, record.offset, record.timestamp, record.partition)
        run.end_if_done()


def main(arguments: list[str]) -> None:
    """Measure once."""
    order = order_of(arguments)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(order))


if __name__ == "__main__":
    main(sys.argv[1:])
