"""bytewax as its documentation shows it: a Kafka source and a step that maps; no recovery, so nothing is committed."""

from __future__ import annotations

import sys
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSource
from bytewax.connectors.stdio import StdOutSink
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main

from bench.work import Run, order_of


__all__ = ["main"]


def main(arguments: list[str]) -> None:
    """Measure once."""
    order = order_of(arguments)
    take = Run(order).take_one

    def apply(message: Any) -> None:
        take(message.key, message.value, message.offset, message.timestamp[1], message.partition)

    flow = Dataflow("bench")
    source = op.input("in", flow, KafkaSource([order.servers], [order.topic]))
    done = op.filter_map("apply", source, apply)
    op.output("out", done, StdOutSink())
    cli_main(flow)


if __name__ == "__main__":
    main(sys.argv[1:])
