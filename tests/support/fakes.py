"""Twins of ingest's edges that hold everything in memory."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import cycle

from ingest.core.heartbeats import Position
from ingest.core.records import Record


__all__ = ["FakeClocks", "RealClocks", "RecordingProcesses", "RecordingPublisher"]


class RecordingPublisher:
    """A publisher whose broker is a list, and acknowledges when the event loop comes round.

    Args:
        most: full with so many unacknowledged records.
    """

    def __init__(self, most: int = 1_000_000) -> None:
        self.log: defaultdict[tuple[str, int], list[Record]] = defaultdict(list)
        """What the broker has, per topic and partition."""
        self._most = most
        self._pending: list[Record] = []
        self._published: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._held = False
        self._changed = asyncio.Event()

    @property
    def records(self) -> list[Record]:
        """What the broker has, partition by partition."""
        return [record for partition in self.log.values() for record in partition]

    def of(self, topic: str) -> list[Record]:
        """Return what the broker has of a topic."""
        return [record for (name, _), records in self.log.items() if name == topic for record in records]

    @property
    def full(self) -> bool:
        return len(self._pending) >= self._most

    @property
    def unacknowledged(self) -> int:
        return len(self._pending)

    def publish(self, record: Record) -> None:
        self._published[record.topic, record.partition] += 1
        self._pending.append(record)
        asyncio.get_running_loop().call_soon(self._acknowledge)

    async def deliver(self, record: Record) -> int:
        partition = (record.topic, record.partition)
        self.publish(record)
        ticket = self._published[partition]
        await self._until(lambda: len(self.log[partition]) >= ticket)
        return ticket - 1

    async def room(self) -> None:
        await self._until(lambda: not self.full)

    def position(self, topic: str, partition: int) -> Position:
        acknowledged = len(self.log[topic, partition])
        return Position(self._published[topic, partition], acknowledged, acknowledged)

    async def drain(self, limit_s: float) -> int:
        if limit_s > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    await self._until(lambda: not self._pending)
        return len(self._pending)

    async def arrived(self, topic: str, count: int, timeout_s: float = 20) -> list[Record]:
        """Return what the broker has of a topic, once that is so many records."""
        async with asyncio.timeout(timeout_s):
            await self._until(lambda: len(self.of(topic)) >= count)
        return self.of(topic)

    def hold(self) -> None:
        """Acknowledge nothing from now on: the broker is away."""
        self._held = True

    def release(self) -> None:
        """Acknowledge everything: the broker is back."""
        self._held = False
        self._acknowledge()

    def _acknowledge(self) -> None:
        if self._held:
            return
        for record in self._pending:
            self.log[record.topic, record.partition].append(record)
        self._pending.clear()
        self._changed.set()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()


class RealClocks:
    """The machine's clocks, and no jitter."""

    def wall_ns(self) -> int:
        return time.time_ns()

    def now_ms(self) -> float:
        return time.monotonic() * 1000

    def random(self) -> float:
        return 0.99


class FakeClocks:
    """Clocks that stand still until they are moved.

    Args:
        wall_ms: the time since the epoch at which they start.
        chances: the random numbers, over and over.
    """

    def __init__(self, wall_ms: int = 1_700_000_000_000, chances: Iterable[float] = (0.0,)) -> None:
        self._start_ms = wall_ms
        self._passed_ms = 0.0
        self._chances: Iterator[float] = cycle(chances)

    def pass_ms(self, milliseconds: float) -> None:
        """Let time pass."""
        self._passed_ms += milliseconds

    def wall_ns(self) -> int:
        return int((self._start_ms + self._passed_ms) * 1_000_000)

    def now_ms(self) -> float:
        return self._passed_ms

    def random(self) -> float:
        return next(self._chances)


class RecordingProcesses:
    """The processes of a soak that write down what is done to them.

    Args:
        broker_fails: whether the broker does not start again.
    """

    def __init__(self, *, broker_fails: bool = False) -> None:
        self.calls: list[str] = []
        self._broker_fails = broker_fails

    def kill_ingest(self) -> None:
        self.calls.append("kill")

    def pause_ingest(self) -> None:
        self.calls.append("pause")

    def resume_ingest(self) -> None:
        self.calls.append("resume")

    def stop_broker(self) -> None:
        self.calls.append("stop broker")

    def start_broker(self) -> None:
        if self._broker_fails:
            raise RuntimeError("no broker")
        self.calls.append("start broker")
