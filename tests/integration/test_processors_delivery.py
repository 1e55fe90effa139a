"""Batched delivery on a real broker: kills, poison, a core that raises, two workers."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.support.broker_io import read_all
from tests.support.kafka import Broker
from tests.support.tiny_pipeline import Pipeline, some_values


pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def pipeline(kafka: Broker, topic_prefix: str, tmp_path: Path) -> Pipeline:
    pipeline = Pipeline(kafka.bootstrap_servers, topic_prefix, tmp_path)
    await pipeline.create()
    return pipeline


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
