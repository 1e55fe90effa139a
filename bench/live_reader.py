"""Reads topics while they are written, and says how long what it read took to come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from confluent_kafka import Consumer, Message, TopicPartition

from bench.results import Row
from schemas.topics import PARTITIONS


__all__ = ["LiveReader", "Times", "received_ns_of", "timed"]

_QUIET_S: Final = 3.0
_DRAIN_S: Final = 60.0

Times = tuple[int, int]
"""When ingest received what a record comes of, and when the record was at hand; nanoseconds since the epoch."""


class LiveReader:
    """Reads records that are not committed yet, and knows when each was at hand.

    Args:
        servers: Kafka.
        topics: their names.
        take: takes each record, with the moment since when it is at hand.
    """

    def __init__(self, servers: str, topics: Iterable[str], take: Callable[[Message, int], None]) -> None:
        self._take = take
        self._consumer = Consumer(
            {"bootstrap.servers": servers, "group.id": "none", "enable.auto.commit": False, "log_level": 0,
             "isolation.level": "read_uncommitted", "auto.offset.reset": "earliest", "fetch.wait.max.ms": 5}
        )  # fmt: skip
        self._consumer.assign([TopicPartition(name, number, 0) for name in topics for number in range(PARTITIONS)])

    def read(self, until_s: float) -> None:
        """Read until a moment of the monotonic clock."""
        while time.monotonic() < until_s:
            self._take_all()

    def drain(self) -> None:
        """Read until nothing came for a while."""
        limit_s = time.monotonic() + _DRAIN_S
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < _QUIET_S and time.monotonic() < limit_s:
            if self._take_all():
                quiet_since = time.monotonic()

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()

    def _take_all(self) -> int:
        messages = self._consumer.consume(1_000, timeout=0.01)
        at_ns = time.time_ns()
        for message in messages:
            if error := message.error():
                raise RuntimeError(str(error))
            self._take(message, at_ns)
        return len(messages)


def received_ns_of(message: Message) -> int:
    """Return when ingest received what a raw record holds."""
    return int(dict(message.headers() or ()).get("receive_time_ns") or 0)


def timed(name: str, times: Sequence[Times]) -> Row:
    """Return a row of how long records took."""
    latencies = sorted((at_ns - received_ns) / 1e6 for received_ns, at_ns in times)
    return Row(name=name, p50_ms=_quantile(latencies, 0.50), p99_ms=_quantile(latencies, 0.99), events=len(latencies))


def _quantile(ordered: list[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None
