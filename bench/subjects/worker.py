"""Ours, whole: ``binance-processors worker`` as it is, with a witness of the batches that it has finished.

Nothing is taken out and nothing is set that an operator could not set; the witness costs a microsecond a batch. A batch
is finished when its outputs are acknowledged by the broker.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Mapping
from typing import Final

from faust.types import TP

import processors.worker
from bench.work import Order, Outcome, end, order_of
from processors.assignments import Assignments
from processors.batching import Batch
from processors.config import Settings
from processors.flows import Family
from processors.logs import configure_logs
from processors.runner import FlowRunner


__all__ = ["main"]

_FAMILIES: Final = {"book": Family.BOOKS, "candles": Family.TRADES}


class _WatchedRunner(FlowRunner):
    """A runner that ends the process when the records of one topic are done."""

    order: Order
    events = 0
    began = (0.0, 0.0)

    async def process(self, batch: Batch) -> None:
        """Process a batch, and count it."""
        if batch.topic != self.order.topic:
            await super().process(batch)
            return
        await super().process(batch)
        _WatchedRunner.events += len(batch.records)
        if self.events >= self.order.count:
            seconds, cpu_s = time.monotonic() - self.began[0], time.process_time() - self.began[1]
            end(self.order.out, Outcome(seconds=seconds, cpu_s=cpu_s, events=self.events, duplicates=0, digest=""))


class _WatchedAssignments(Assignments):
    """Assignments that start the clock: what is fetched from now on counts."""

    def assigned(self, generation: int, starts: Mapping[TP, int]) -> Collection[TP]:
        """Note when, and go on."""
        _WatchedRunner.began = time.monotonic(), time.process_time()
        return super().assigned(generation, starts)


def main(arguments: list[str]) -> None:
    """Measure once; the worker's own settings come from the environment."""
    order = _WatchedRunner.order = order_of(arguments)
    processors.worker.Assignments = _WatchedAssignments  # type: ignore[attr-defined]
    processors.worker.FlowRunner = _WatchedRunner  # type: ignore[attr-defined]
    configure_logs()
    sys.exit(processors.worker.run(_FAMILIES[order.work], Settings()))


if __name__ == "__main__":
    main(sys.argv[1:])
