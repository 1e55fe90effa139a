"""The service itself: ``binance-ingest run`` as it is, with a witness of the acknowledgements.

Nothing is taken out and nothing is set that an operator could not set; the witness costs some microseconds a batch.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
import typer

import ingest.service
from bench.sightings import Acknowledged, Sightings
from ingest.__main__ import app
from ingest.batches import PartitionQueue
from ingest.core.records import Record
from ingest.kafka_publisher import KafkaPublisher


__all__ = ["main"]


class Witness:
    """Notes when the records of one topic were acknowledged, and ends the process when they all are.

    Args:
        topic: which.
        count: how many.
    """

    def __init__(self, topic: str, count: int) -> None:
        self.topic = topic
        self._count = self._left = count
        self._began_cpu_ns = self._ended_cpu_ns = 0
        self._batches: list[Acknowledged] = []

    def began(self) -> None:
        """Take note of the first record."""
        self._began_cpu_ns = time.process_time_ns()

    def acknowledged(self, queue: PartitionQueue, count: int, offset: int) -> None:
        """Take note of a batch."""
        if queue.topic != self.topic:
            return
        self._batches.append(Acknowledged(queue.partition, offset, count, time.time_ns()))
        self._left -= count
        if self._left <= 0:
            self._ended_cpu_ns = time.process_time_ns()
            os.kill(os.getpid(), signal.SIGTERM)

    def sightings(self) -> Sightings:
        """Return what was seen."""
        cpu_ns = self._ended_cpu_ns - self._began_cpu_ns
        return Sightings(0, self._batches[-1].time_ns, cpu_ns, self._count, self._batches)


class WatchedPublisher(KafkaPublisher):
    """The publisher, with the witness beside it."""

    witness: ClassVar[Witness]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.publish = self._publish_first  # type: ignore[method-assign]

    def _publish_first(self, record: Record) -> None:
        """Publish, and watch for the first record of the topic; from then on nobody watches."""
        if record.topic == self.witness.topic and self.__dict__.pop("publish", None) is not None:
            self.witness.began()
        super().publish(record)

    def _acknowledge(self, queue: PartitionQueue, count: int, size: int, offset: int) -> None:
        self.witness.acknowledged(queue, count, offset)
        super()._acknowledge(queue, count, size, offset)


def main(
    topic: Annotated[str, typer.Option()],
    count: Annotated[int, typer.Option(help="Events to expect.")],
    core: Annotated[int, typer.Option(help="The core to stay on.")],
    out: Annotated[Path, typer.Option(help="Where to write what was seen.")],
) -> None:
    """Measure once; the service's own settings come from the environment."""
    os.sched_setaffinity(0, {core})
    witness = WatchedPublisher.witness = Witness(topic, count)
    ingest.service.KafkaPublisher = WatchedPublisher  # type: ignore[attr-defined]
    status = app(["run"], standalone_mode=False)
    out.write_bytes(msgspec.json.encode(witness.sightings()))
    sys.exit(status or 0)


if __name__ == "__main__":
    typer.run(main)
