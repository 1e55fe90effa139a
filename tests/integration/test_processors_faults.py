"""What may happen to a worker at the worst moment, on a real broker: nothing is lost, and what repeats is counted.

The real families, killed some 50 times: `make soak ARGS="--scenario processors"`.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from sandbox.broker import EmbeddedKafka
from tests.support.broker_io import committed, read_all
from tests.support.failpoints import Failpoint
from tests.support.kafka import Broker
from tests.support.polling import until
from tests.support.tiny_pipeline import Pipeline, some_values


pytestmark = pytest.mark.timeout(180)

ROUNDS = int(os.environ.get("KILL_ROUNDS", "5"))
"""How often a worker is killed; the long form is `KILL_ROUNDS=50 make test PYTEST_ARGS="… -k killed_between"`."""

# Where, and how often at most it is passed first; None: anywhere, by a signal from outside.
DEATHS: Sequence[tuple[Failpoint | None, int]] = (
    (Failpoint.AFTER_OUTPUTS, 4),
    (Failpoint.AFTER_CHECKPOINT, 2),
    (Failpoint.BEFORE_COMMIT, 1),
    (None, 0),
    (Failpoint.AFTER_STATES, 2),
    (Failpoint.AFTER_COMMIT, 1),
    (Failpoint.BEFORE_STATES, 2),
)


@pytest.fixture
async def pipeline(kafka: Broker, topic_prefix: str, tmp_path: Path) -> Pipeline:
    pipeline = Pipeline(kafka.bootstrap_servers, topic_prefix, tmp_path)
    await pipeline.create()
    return pipeline


@pytest.mark.timeout(60 + 30 * ROUNDS)
async def test_a_worker_killed_between_outputs_checkpoints_and_offsets_loses_nothing(pipeline: Pipeline) -> None:
    """Each of its successors may write again what was beyond the committed offsets, and no more than that."""
    generator = random.Random(5)  # noqa: S311 - the same each time
    allowed = 0
    for number in range(ROUNDS):
        place, passes = DEATHS[number % len(DEATHS)]
        await pipeline.send(some_values(1_200))
        written = len(await read_all(pipeline.servers, pipeline.output.name))
        fuse = () if place is None else ("--die-at", f"{place}:{generator.randint(0, passes)}")
        async with pipeline.worker("--checkpoints", "--instance-id", "one", "--pause-s", "0.03", *fuse) as worker:
            if place is None:
                await pipeline.until_written(written + generator.randrange(1_000))
                worker.kill()
            assert await asyncio.wait_for(worker.wait(), 60) == -signal.SIGKILL, place
        allowed += await pipeline.written_beyond(await pipeline.positions())
    await pipeline.send(some_values(1_200))
    async with pipeline.worker("--checkpoints", "--instance-id", "one"):
        await pipeline.until_committed()

    found, repeated = await pipeline.outputs()

    assert found == pipeline.expected()
    assert repeated <= allowed


async def test_partitions_taken_away_in_mid_batch_are_handed_over_without_a_loss_or_a_repetition(
    pipeline: Pipeline,
) -> None:
    await pipeline.send(some_values(4_000))
    async with pipeline.worker("--pause-s", "0.05"):
        await pipeline.until_written(500)
        async with pipeline.worker("--pause-s", "0.05"):

            async def both_work() -> bool:
                return "restored" in pipeline.log(2)

            await until(both_work)
            await pipeline.send(some_values(1_000))
            await pipeline.until_committed()

    assert await pipeline.outputs() == (pipeline.expected(), 0)


async def test_poison_first_last_and_in_runs_of_a_hundred_is_set_aside_record_by_record(pipeline: Pipeline) -> None:
    run = [(2, b"poison-%d" % n) for n in range(100)]
    first = [(partition, b"first") for partition in range(12)]
    last = [(partition, b"last") for partition in range(12)]
    good = some_values(600)
    await pipeline.send([*first, *good, *run, *good, *run, *last])
    async with pipeline.worker():
        await pipeline.until_committed()

    assert await pipeline.outputs() == (pipeline.expected(), 0)
    letters = await pipeline.dead_letters()
    assert len(letters) == 24 + 200
    assert [s.value for s in letters if s.partition == 2] == [
        b"first", *(value for _, value in [*run, *run]), b"last"
    ]  # fmt: skip
    assert [s.value for s in letters if s.partition == 11] == [b"first", b"last"]
    offsets = [int(s.headers["source_offset"]) for s in letters if s.partition == 2]
    assert offsets == [0, *range(51, 151), *range(201, 301), 301]


async def test_behind_an_agent_slower_than_the_fetch_memory_is_bounded_and_no_partition_waits_for_another(
    pipeline: Pipeline,
) -> None:
    padding = b"0" * 2_000
    await pipeline.send([(0, padding + b"%d" % n) for n in range(30_000)])  # 60 MB
    async with pipeline.worker("--pause-s", "0.01") as worker:
        await pipeline.until_written(500)
        before_mb = _peak_mb(worker.pid)
        others = [(1 + n % 11, b"1") for n in range(2_200)]
        await pipeline.send(others)

        async def others_are_done() -> bool:
            positions = await pipeline.positions()
            return all(positions.get(partition) == 200 for partition in range(1, 12))

        await until(others_are_done)
        positions = await pipeline.positions()
        peak_mb = _peak_mb(worker.pid)

    assert 0 < positions[0] < 30_000
    assert peak_mb - before_mb < 20


def _peak_mb(pid: int) -> float:
    """Return the most memory that a process ever held."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1_000


async def test_a_worker_that_is_told_to_stop_under_load_commits_what_is_durable_and_ends_with_status_0(
    pipeline: Pipeline,
) -> None:
    await pipeline.send(some_values(6_000))
    async with pipeline.worker("--pause-s", "0.02", "--checkpoints") as worker:
        await pipeline.until_written(1_000)
        worker.send_signal(signal.SIGTERM)

        assert await asyncio.wait_for(worker.wait(), 20) == 0

    positions = await pipeline.positions()
    found, _ = await pipeline.outputs()
    assert 1_000 < sum(positions.values()) <= 6_000  # what was fetched is finished
    assert {(p, o) for p, end in positions.items() for o in range(end)} == found.keys()

    async with pipeline.worker("--checkpoints"):
        await pipeline.until_committed()
    assert await pipeline.outputs() == (pipeline.expected(), 0)


async def test_a_worker_stopped_in_mid_batch_beyond_its_session_sends_nothing_of_it_afterwards(
    pipeline: Pipeline,
) -> None:
    await pipeline.send(some_values(3_000))
    async with pipeline.worker("--pause-s", "0.1", "--session-timeout-s", "3") as sleeper:
        await pipeline.until_written(500)
        os.kill(sleeper.pid, signal.SIGSTOP)
        async with pipeline.worker("--session-timeout-s", "3"):
            await pipeline.until_committed()
            written = await read_all(pipeline.servers, pipeline.output.name)
            os.kill(sleeper.pid, signal.SIGCONT)

            # It has batches waiting, and may send nothing of them.
            assert await asyncio.wait_for(sleeper.wait(), 30) == 1

            await pipeline.send(some_values(600))
            await pipeline.until_committed()
            later = await read_all(pipeline.servers, pipeline.output.name)

    found, _ = await pipeline.outputs()
    assert "NotAMemberError" in pipeline.log(1)
    assert found == pipeline.expected()
    assert len(later) == len(written) + 600


async def test_over_a_restart_of_the_broker_under_load_nothing_is_lost(topic_prefix: str, tmp_path: Path) -> None:
    """A worker may give up meanwhile; whoever supervises it starts another, and so does this test."""
    with EmbeddedKafka(tmp_path / "kafka", port=0) as broker:
        pipeline = Pipeline(broker.bootstrap_servers, topic_prefix, tmp_path)
        await pipeline.create()
        await pipeline.send(some_values(4_000))
        supervised = asyncio.create_task(_supervise(pipeline))
        await pipeline.until_written(800)
        await asyncio.to_thread(broker.stop, 60)
        await asyncio.to_thread(broker.start, 60)
        await pipeline.send(some_values(1_000))
        await pipeline.until_committed()
        supervised.cancel()
        await asyncio.wait([supervised])

        found, _ = await pipeline.outputs()

        assert found == pipeline.expected()
        assert sum((await committed(broker.bootstrap_servers, f"{topic_prefix}-tiny")).values()) == 5_000


async def _supervise(pipeline: Pipeline) -> None:
    """Run a worker after another until cancelled."""
    while True:
        async with pipeline.worker("--pause-s", "0.02", "--checkpoints", "--instance-id", "one") as worker:
            await worker.wait()
