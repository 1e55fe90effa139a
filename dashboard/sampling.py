"""Reads, of raw topics that grew, the last record of one or two partitions: how old do records arrive?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError

from dashboard.reader import Reader


__all__ = ["Sampler", "Sampling"]

_SAMPLED: Final = 2
"""Partitions of a raw topic that one look reads a record of, at most."""
_SAMPLE_MS: Final = 2_000


class Sampling(Protocol):
    """What is wanted of a consumer that all partitions are assigned to, and paused."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from there."""

    def resume(self, *partitions: TopicPartition) -> None:
        """Read these too."""

    def pause(self, *partitions: TopicPartition) -> None:
        """Read these no more."""

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int
    ) -> Mapping[TopicPartition, Sequence[ConsumerRecord]]:
        """Return what has come."""
        ...


class Sampler:
    """Samples until it is told that it may not.

    Args:
        reader: takes what was seen.
        complain: told what the broker refuses.
    """

    def __init__(self, reader: Reader, complain: Callable[[str, Exception], object]) -> None:
        self._reader = reader
        self._complain = complain
        self._refused = False

    async def sample(
        self, consumer: Sampling, grown: Sequence[TopicPartition], ends: Mapping[TopicPartition, int], turn: int
    ) -> None:
        """Read the last record of some partitions, another time of others.

        Args:
            consumer: reads them.
            grown: partitions that have records since the last look.
            ends: where they end.
            turn: counts the looks.
        """
        by_topic: defaultdict[str, list[TopicPartition]] = defaultdict(list)
        for tp in grown:
            by_topic[tp.topic].append(tp)
        wanted = {one[(turn + n) % len(one)] for one in by_topic.values() for n in range(_SAMPLED)}
        if self._refused or not wanted:
            return
        for tp in wanted:
            consumer.seek(tp, ends[tp] - 1)
        consumer.resume(*wanted)
        try:
            await self._read(consumer, wanted)
        except TopicAuthorizationFailedError as error:
            # It stays so until somebody grants it, and asking again would fail the rest of the look each time.
            self._refused = True
            self._complain("how old raw records arrive", error)
        finally:
            consumer.pause(*wanted)

    async def _read(self, consumer: Sampling, wanted: set[TopicPartition]) -> None:
        deadline = self._reader.clock_s() + _SAMPLE_MS / 1000
        left = set(wanted)
        while left and self._reader.clock_s() < deadline:
            for tp, records in (await consumer.getmany(*left, timeout_ms=_SAMPLE_MS // 10)).items():
                left.discard(tp)
                self._note_arrival(records[-1])

    def _note_arrival(self, record: ConsumerRecord) -> None:
        headers = dict(record.headers)
        received = headers.get("receive_time_ns")
        if received is None or headers.get("origin") != b"live":
            return
        with suppress(ValueError):
            received_ms = int(received) // 1_000_000
            # A record without an event time is stamped with that of its arrival: it tells nothing.
            if received_ms != record.timestamp:
                arrival = self._reader.operations.arrival
                arrival.note(record.topic, record.timestamp, received_ms, self._reader.clock_s())
