"""The topics of the tiny family and its workers, for tests of what becomes of records when workers end."""

from __future__ import annotations

import asyncio
import os
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from schemas.codec import Codec
from schemas.derived import Trade
from schemas.markets import Market
from schemas.topics import ControlType, DerivedType, RawType, TopicTable
from tests.support.broker_io import Seen, Sent, committed, create_topics, read_all, send
from tests.support.offline_registry import OfflineRegistry
from tests.support.polling import until
from tests.support.processes import running_module
from tests.support.tiny_family import TinyState, tiny_flow


__all__ = ["Pipeline", "some_values"]


class Pipeline:
    """The topics of one test, and workers on them."""

    def __init__(self, servers: str, prefix: str, logs: Path) -> None:
        self.servers = servers
        self.table = TopicTable(prefix)
        self.codec = Codec(self.table, OfflineRegistry())
        self.input = self.table.raw(Market.SPOT, RawType.TRADE)
        self.output = self.table.derived(Market.SPOT, DerivedType.TRADE)
        self.dead_letter = self.table.control(ControlType.DEAD_LETTER)
        self._logs = logs
        self._sent: list[Sent] = []
        self._workers = 0

    async def create(self) -> None:
        checkpoints = self.table.derived(Market.SPOT, DerivedType.TRADE_CHECKPOINT)
        manifests = self.table.control(ControlType.CHECKPOINT)
        topics = [*tiny_flow(self.table).topics, self.output, self.dead_letter, checkpoints, manifests]
        await create_topics(self.servers, topics)

    async def send(self, values: Iterable[tuple[int, bytes]]) -> None:
        """Append values, each to a partition, whose number is the symbol as well."""
        records = [Sent(self.input.name, p, value, b"S%d" % p) for p, value in values]
        await send(self.servers, records)
        self._sent += records

    def expected(self) -> dict[tuple[int, int], int]:
        """What each record must become, by partition and offset: told by the same core, fed in order, once."""
        states: dict[int, TinyState] = defaultdict(TinyState)
        offsets: dict[int, int] = defaultdict(int)
        expected = {}
        for record in self._sent:
            offset = offsets[record.partition]
            offsets[record.partition] += 1
            value = b"1" if record.value.startswith(b"raise-once:") else record.value
            if value.isdigit():
                state = states[record.partition]
                state.sums["S"] += int(value)
                expected[record.partition, offset] = state.sums["S"]
        return expected

    async def outputs(self) -> tuple[dict[tuple[int, int], int], int]:
        """Return the outputs by identity, and how many came more than once.

        Raises:
            AssertionError: one identity with two values.
        """
        found: dict[tuple[int, int], int] = {}
        repeated = 0
        for seen in await read_all(self.servers, self.output.name):
            trade = self.codec.decode(self.output.name, seen.partition, seen.offset, seen.value)
            assert isinstance(trade, Trade)
            identity = seen.partition, trade.input_offset
            if identity in found:
                repeated += 1
                assert found[identity] == trade.trade_id
            found[identity] = trade.trade_id
        return found, repeated

    async def dead_letters(self) -> list[Seen]:
        return await read_all(self.servers, self.dead_letter.name)

    @asynccontextmanager
    async def worker(self, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
        self._workers += 1
        log = self._logs / f"worker-{self._workers}.log"
        wanted = "--bootstrap-servers", self.servers, "--prefix", self.table.prefix
        async with running_module(
            log, "tests.support.tiny_worker", *wanted, *options, environment=os.environ
        ) as process:
            yield process

    async def until_written(self, more_than: int) -> None:
        """Wait until there are more outputs than this, repeated ones included."""

        async def written() -> bool:
            return len(await read_all(self.servers, self.output.name)) > more_than

        await until(written)

    async def until_committed(self) -> None:
        """Wait until everything that was sent is committed."""
        ends: dict[int, int] = defaultdict(int)
        for record in self._sent:
            ends[record.partition] += 1

        async def done() -> bool:
            offsets = await committed(self.servers, f"{self.table.prefix}-tiny")
            return all(offsets.get((self.input.name, p)) == end for p, end in ends.items())

        await until(done)

    def log(self, number: int) -> str:
        """Return what a worker said, the first is number 1."""
        return (self._logs / f"worker-{number}.log").read_text(errors="replace")

    async def positions(self) -> dict[int, int]:
        """Return the committed offset of each partition that has one."""
        offsets = await committed(self.servers, f"{self.table.prefix}-tiny")
        return {partition: offset for (topic, partition), offset in offsets.items() if topic == self.input.name}

    async def written_beyond(self, positions: dict[int, int]) -> int:
        """Return how many inputs at or beyond positions have an output: what a successor writes again at most."""
        found, _ = await self.outputs()
        return sum(offset >= positions.get(partition, 0) for partition, offset in found)


def some_values(count: int, partitions: int = 12) -> list[tuple[int, bytes]]:
    generator = random.Random(7)  # noqa: S311 - the same each time
    return [(n % partitions, b"%d" % generator.randrange(1, 1_000)) for n in range(count)]
