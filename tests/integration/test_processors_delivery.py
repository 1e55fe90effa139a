"""Batched delivery on a real broker: kills, poison, a core that raises, two workers."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from schemas.codec import Codec
from schemas.derived import Trade
from schemas.markets import Market
from schemas.topics import ControlType, DerivedType, RawType, TopicTable
from tests.support.broker_io import Seen, Sent, committed, create_topics, read_all, send
from tests.support.kafka import Broker
from tests.support.offline_registry import OfflineRegistry
from tests.support.polling import until
from tests.support.tiny_family import TinyState, tiny_flow


pytestmark = pytest.mark.timeout(180)


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
        await create_topics(self.servers, [*tiny_flow(self.table).topics, self.output, self.dead_letter])

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
        with (self._logs / f"worker-{self._workers}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "tests.support.tiny_worker"),
                *("--bootstrap-servers", self.servers, "--prefix", self.table.prefix, *options),
                stdout=log,
                stderr=log,
            )
            try:
                yield process
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()

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


@pytest.fixture
async def pipeline(kafka: Broker, topic_prefix: str, tmp_path: Path) -> Pipeline:
    pipeline = Pipeline(kafka.bootstrap_servers, topic_prefix, tmp_path)
    await pipeline.create()
    return pipeline


def some_values(count: int, partitions: int = 12) -> list[tuple[int, bytes]]:
    generator = random.Random(7)  # noqa: S311 - the same each time
    return [(n % partitions, b"%d" % generator.randrange(1, 1_000)) for n in range(count)]


async def test_everything_comes_out_once_and_the_worker_stops_with_status_0(pipeline: Pipeline) -> None:
    await pipeline.send(some_values(5_000))
    async with pipeline.worker() as worker:
        await pipeline.until_committed()
        worker.send_signal(signal.SIGTERM)

        assert await asyncio.wait_for(worker.wait(), 15) == 0

    assert await pipeline.outputs() == (pipeline.expected(), 0)


async def test_a_worker_killed_at_random_points_loses_nothing_and_its_state_comes_back(pipeline: Pipeline) -> None:
    await pipeline.send(some_values(6_000))
    for kill in range(4):
        async with pipeline.worker("--pause-s", "0.02", "--instance-id", "one") as worker:
            before = len(await read_all(pipeline.servers, pipeline.output.name))
            await pipeline.until_written(before + 100 * kill)
            worker.kill()
    async with pipeline.worker("--instance-id", "one"):
        await pipeline.until_committed()

    found, repeated = await pipeline.outputs()

    assert found == pipeline.expected()
    # In flight at a kill: two batches of 50 of each partition, and what was done since the last commit.
    assert repeated < 4 * 12 * 200


async def test_poison_in_the_middle_goes_to_the_dead_letters_and_nothing_else_is_disturbed(pipeline: Pipeline) -> None:
    await pipeline.send([*some_values(600), (3, b"poison"), (4, b"\x00\xff"), *some_values(600)])
    async with pipeline.worker():
        await pipeline.until_committed()

    assert await pipeline.outputs() == (pipeline.expected(), 0)
    letters = await pipeline.dead_letters()
    assert [(s.partition, s.key, s.value) for s in letters] == [(3, b"S3", b"poison"), (4, b"S4", b"\x00\xff")]
    assert {
        name: letters[0].headers[name]
        for name in ("source_topic", "source_partition", "source_offset", "reason", "length")
    } == {
        "source_topic": pipeline.input.name,
        "source_partition": "3",
        "source_offset": "50",
        "reason": "bad-number",
        "length": "6",
    }


async def test_a_core_that_raises_ends_the_worker_and_the_next_one_loses_nothing(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    marker = f"raise-once:{tmp_path / 'raised'}".encode()
    await pipeline.send([*some_values(2_000), (5, marker), *some_values(2_000)])
    async with pipeline.worker("--instance-id", "one") as worker:
        assert await asyncio.wait_for(worker.wait(), 60) == 1
    async with pipeline.worker("--instance-id", "one"):
        await pipeline.until_committed()

    found, _ = await pipeline.outputs()

    assert found == pipeline.expected()


async def test_when_one_of_two_workers_is_killed_the_other_takes_over_its_state(pipeline: Pipeline) -> None:
    await pipeline.send(some_values(6_000))
    async with pipeline.worker("--pause-s", "0.02"), pipeline.worker("--pause-s", "0.02") as other:
        await pipeline.until_written(1_500)
        other.kill()
        await pipeline.send(some_values(1_000))
        await pipeline.until_committed()

    found, _ = await pipeline.outputs()

    assert found == pipeline.expected()


async def test_a_worker_stopped_for_longer_than_its_session_sends_nothing_more(pipeline: Pipeline) -> None:
    await pipeline.send(some_values(6_000))
    async with pipeline.worker("--pause-s", "0.02") as sleeper:
        await pipeline.until_written(1_000)
        sleeper.send_signal(signal.SIGSTOP)
        async with pipeline.worker():
            await pipeline.until_committed()
            written = len(await read_all(pipeline.servers, pipeline.output.name))
            sleeper.send_signal(signal.SIGCONT)
            await asyncio.sleep(3)

            assert len(await read_all(pipeline.servers, pipeline.output.name)) == written

            await pipeline.send(some_values(600))
            await pipeline.until_committed()

    found, _ = await pipeline.outputs()

    assert found == pipeline.expected()
