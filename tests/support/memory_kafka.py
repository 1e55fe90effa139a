"""A log to rebuild from and a publisher, both in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from processors.batching import RawRecord
from processors.errors import RebuildError
from processors.publisher import Grouped
from processors.rebuild import LogReader, Range


@dataclass(frozen=True)
class MemoryRecord:
    topic: str
    partition: int
    offset: int
    value: bytes | None
    key: bytes | None = b"BTCUSDT"
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


class MemoryLogs:
    """Records by topic and partition, read in pieces of ``piece``."""

    def __init__(self, *, piece: int = 10) -> None:
        self.records: dict[tuple[str, int], list[RawRecord]] = {}
        self.read_ranges: list[tuple[int, list[Range]]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.fails = False
        self._piece = piece

    def append(self, topic: str, partition: int, *values: bytes | None) -> None:
        records = self.records.setdefault((topic, partition), [])
        for value in values:
            records.append(MemoryRecord(topic, partition, len(records), value))

    def open(self) -> _Reading:
        return _Reading(self)

    async def read(self, partition: int, ranges: Sequence[Range]) -> AsyncIterator[Sequence[RawRecord]]:
        self.read_ranges.append((partition, list(ranges)))
        for wanted in ranges:
            records = self.records.get((wanted.topic, partition), [])[wanted.begin : wanted.end]
            for first in range(0, len(records), self._piece):
                await self.gate.wait()
                if self.fails:
                    raise RebuildError(partition, "the broker is away")
                yield records[first : first + self._piece]


class _Reading:
    def __init__(self, logs: MemoryLogs) -> None:
        self._logs = logs

    async def __aenter__(self) -> LogReader:
        return self._logs

    async def __aexit__(self, *_: object) -> None:
        pass


class MemoryPublisher:
    """Keeps what it is given; ``before`` may raise."""

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self.published: list[Grouped] = []
        self._before = before

    async def publish(self, records: Grouped) -> None:
        self._before()
        self.published.append(records)
