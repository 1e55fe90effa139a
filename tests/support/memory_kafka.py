"""A log to rebuild from and a publisher, both in memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from processors.batching import RawRecord
from processors.errors import RebuildError
from processors.publisher import Grouped, Offsets
from processors.rebuild import Bounds, LogReader, Piece, Place, Range


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
    """Records by topic and partition, read in pieces of ``piece``, the partitions by turns."""

    def __init__(self, *, piece: int = 10) -> None:
        self.records: dict[tuple[str, int], list[RawRecord]] = {}
        self.read_ranges: list[list[Range]] = []
        self.begins: dict[tuple[str, int], int] = {}
        """Where partitions begin whose first records were deleted."""
        self.removed: set[tuple[str, int, int]] = set()
        self.ids: dict[str, str] = {}
        """Of topics; those of others are not told."""
        self.gate = asyncio.Event()
        self.gate.set()
        self.fails = False
        self._piece = piece

    def append(
        self, topic: str, partition: int, *values: bytes | None, key: bytes | None = b"BTCUSDT", timestamp: int = 0
    ) -> None:
        records = self.records.setdefault((topic, partition), [])
        for value in values:
            records.append(MemoryRecord(topic, partition, len(records), value, key, timestamp))

    def damage(self, topic: str, partition: int, offset: int, value: bytes) -> None:
        """Put another value in the place of a record's."""
        records = self.records[topic, partition]
        records[offset] = MemoryRecord(topic, partition, offset, value, records[offset].key)

    def compact(self, topic: str, partition: int) -> None:
        """Keep the last record of each key."""
        records = self.records.get((topic, partition), [])
        last = {record.key: record.offset for record in records}
        self.removed |= {(topic, partition, r.offset) for r in records if last[r.key] != r.offset}

    def open(self) -> _Reading:
        return _Reading(self)

    async def bounds(self, places: Collection[Place]) -> Mapping[Place, Bounds]:
        return {place: Bounds(self.begins.get(place, 0), len(self.records.get(place, []))) for place in places}

    async def topic_ids(self, topics: Collection[str]) -> Mapping[str, str]:
        return {name: self.ids[name] for name in topics if name in self.ids}

    async def read(self, ranges: Sequence[Range]) -> AsyncIterator[Piece]:
        if ranges:
            self.read_ranges.append(list(ranges))
        waiting = deque(replace(r, begin=max(r.begin, self.begins.get((r.topic, r.partition), 0))) for r in ranges)
        while waiting:
            await self.gate.wait()
            r = waiting.popleft()
            if self.fails:
                raise RebuildError({r.partition}, "the broker is away")
            end = min(r.begin + self._piece, r.end)
            records = [
                record
                for record in self.records.get((r.topic, r.partition), [])[r.begin : end]
                if (r.topic, r.partition, record.offset) not in self.removed
            ]
            yield Piece(r.topic, r.partition, records, max(end, r.begin))
            if end < r.end:
                waiting.append(replace(r, begin=end))


class _Reading:
    def __init__(self, logs: MemoryLogs) -> None:
        self._logs = logs

    async def __aenter__(self) -> LogReader:
        return self._logs

    async def __aexit__(self, *_: object) -> None:
        pass


class MemoryPublisher:
    """Keeps what it is given, in a log if it has one; ``before`` may raise."""

    def __init__(self, before: Callable[[], None] = lambda: None, logs: MemoryLogs | None = None) -> None:
        self.published: list[Grouped] = []
        self._before = before
        self._logs = MemoryLogs() if logs is None else logs
        self.gate = asyncio.Event()
        self.gate.set()

    async def publish(self, records: Grouped) -> Offsets:
        self._before()
        await self.gate.wait()
        self.published.append(records)
        offsets: Offsets = {}
        for (topic, partition), group in records.items():
            first = len(self._logs.records.get((topic, partition), []))
            for record in group:
                self._logs.append(topic, partition, record.value, key=record.key)
            offsets[topic, partition] = [range(first, first + len(group))]
        return offsets
