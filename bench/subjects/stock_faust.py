"""Stock Faust as its documentation shows it: an agent over the events of a topic of raw bytes."""

from __future__ import annotations

import sys
from typing import Any

import faust
from faust.types import StreamT

from bench.work import Order, Run, order_of


__all__ = ["main"]


def _app(order: Order) -> faust.App:
    run = Run(order)
    app = faust.App(
        f"bench-{order.out.stem}",
        broker=f"kafka://{order.servers}",
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        autodiscover=False,
    )

    @app.agent(app.topic(order.topic, key_serializer="raw", value_serializer="raw"), name="bench")
    async def bench(stream: StreamT[bytes]) -> None:
        take = run.take_one
        async for event in stream.events():
            message = event.message
            take(message.key, message.value, message.offset, round(message.timestamp * 1000), message.partition)

    @app.on_partitions_assigned.connect
    async def begin(*_: Any, **__: Any) -> None:
        run.begin()

    return app


def main(arguments: list[str]) -> None:
    """Measure once."""
    order = order_of(arguments)
    faust.Worker(_app(order), loglevel="WARNING", loop=None).execute_from_commandline()


if __name__ == "__main__":
    main(sys.argv[1:])
