"""quixstreams as its documentation shows it: a function applied to a topic of raw bytes."""

from __future__ import annotations

import sys
from typing import Any

from quixstreams import Application

from bench.work import Run, order_of


__all__ = ["main"]


def main(arguments: list[str]) -> None:
    """Measure once."""
    order = order_of(arguments)
    take = Run(order).take_one
    app = Application(
        broker_address=order.servers,
        consumer_group=f"bench-{order.out.stem}",
        auto_offset_reset="earliest",
        auto_create_topics=False,
        loglevel="WARNING",
    )

    def apply(value: bytes, key: bytes, timestamp_ms: int, _headers: Any) -> None:
        take(key, value, 0, timestamp_ms, 0)

    topic = app.topic(order.topic, key_deserializer="bytes", value_deserializer="bytes")
    app.dataframe(topic).update(apply, metadata=True)
    app.run()


if __name__ == "__main__":
    main(sys.argv[1:])
