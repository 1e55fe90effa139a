"""Runs the workers over a stretch of the topics again, and says what came of it in a hash for each output.

The workers are those of every day, each a process of its own, in a consumer group of the replay's. They read the live
raw and control topics and write under a prefix of their own; nothing else is written.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

import msgspec

from processors.broker import require_topics
from processors.config import Settings
from processors.core.canonical import OUTSIDE, Digest, whole_hash
from processors.core.replay_range import Bound, BoundKind, PartitionRange, ReplayPlan, remaining
from processors.errors import RangeEmptyError, ReplayError
from processors.flows import Family, flows_of, outputs_of
from processors.jobs import ReplayJob
from processors.replay_topics import Hashing, TopicHash, committed, create, delete, require_kept, resolve, seed
from schemas.codec import Codec
from schemas.registry import Registry
from schemas.topics import Layer, Topic, TopicTable


__all__ = ["Replay", "Report", "Telling", "plan_of", "run_replay"]

_LOOK_S: Final = 0.5
_RESTART_LIMIT: Final = 100
"""Workers that somebody killed and that were started again; beyond it something is wrong with this machine."""


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What to replay, and how."""

    output_prefix: str | None = None
    """First part of the names of the topics that are written; None: one that nobody has."""
    workers: int = 1
    """Of each family."""
    keep: bool = False
    """Whether what was written stays."""
    rows: Path | None = None
    """Where to write the rows that the hashes are over, a file for each topic."""


class Report(msgspec.Struct, frozen=True):
    """What came of a replay."""

    hash: str
    """Over all topics."""
    topics: tuple[TopicHash, ...]
    records: int
    """Read."""
    seconds: float
    restarts: int
    """Workers that were killed and started again."""
    output_prefix: str


@dataclass(frozen=True)
class Telling:
    """Whom to tell how it goes."""

    event: Callable[[str], object]
    """Called with a sentence."""
    progress: Callable[[int, int], object]
    """Called with how many records are done, and of how many."""


async def plan_of(settings: Settings, families: Sequence[Family], begin: Bound, end: Bound) -> ReplayPlan:
    """Resolve a stretch to exact offsets.

    Raises:
        RangeEmptyError: no raw record lies in it.
        StartError: the broker does not answer, or topics are missing.
    """
    table = TopicTable(settings.topic_prefix)
    inputs = list({topic.name: topic for family in families for topic in _inputs(family, settings)}.values())
    await require_topics(settings.kafka, inputs, tell=lambda _: None, limit_s=settings.start_timeout_s)
    ranges = await resolve(settings.kafka, inputs, begin, end)
    if not any(one.end > one.begin for one in ranges if table[one.topic].layer is Layer.RAW):
        raise RangeEmptyError(settings.topic_prefix, _named(begin), _named(end))
    return ReplayPlan(
        prefix=settings.topic_prefix, markets=settings.markets, families=tuple(families), ranges=tuple(ranges)
    )


async def run_replay(plan: ReplayPlan, settings: Settings, replay: Replay, telling: Telling) -> Report:
    """Replay a plan and return what came of it. What was made for it is gone afterwards, also when it fails.

    Raises:
        ReplayError: it cannot be made, or did not come to its end.
        ProcessorsError: the broker does not do its part.
    """
    settings = settings.model_copy(update={"topic_prefix": plan.prefix, "markets": plan.markets})
    prefix = replay.output_prefix or f"{plan.prefix}-replay-{secrets.token_hex(4)}"
    if prefix == plan.prefix:
        msg = f'output prefix "{prefix}": is that of the live topics'
        raise ReplayError(msg)
    families = [Family(name) for name in plan.families]
    began_at, servers = monotonic(), settings.kafka
    await require_kept(servers, plan.ranges)
    table = TopicTable(prefix)
    outputs = [topic for family in families for topic in outputs_of(family, table, plan.markets)]
    written = list({topic.name: topic for topic in outputs}.values())
    await create(servers, written)
    try:
        with tempfile.TemporaryDirectory(prefix="binance-replay-") as directory:
            crew = _Crew(plan, prefix, settings, Path(directory), telling)
            await crew.run(families, replay.workers)
        telling.event("everything is read; reading what was written")
        hashes = await _hashes(settings, written, prefix, replay.rows)
    finally:
        if not replay.keep:
            await delete(servers, [topic.name for topic in written])
    return Report(
        whole_hash({one.topic: Digest(one.rows, int(one.hash, 16)) for one in hashes}),
        tuple(hashes),
        plan.record_count,
        round(monotonic() - began_at, 1),
        crew.restarts,
        prefix,
    )


class _Crew:
    """The workers of a replay."""

    def __init__(self, plan: ReplayPlan, prefix: str, settings: Settings, directory: Path, telling: Telling) -> None:
        self.restarts = 0
        self._plan = plan
        self._prefix = prefix
        self._settings = settings
        self._directory = directory
        self._telling = telling
        self._workers: dict[tuple[Family, int], asyncio.subprocess.Process] = {}

    async def run(self, families: Sequence[Family], count: int) -> None:
        """Run so many workers of each family until everything is read."""
        self._plan_file.write_bytes(msgspec.json.encode(self._plan))
        ranges = {family: self._ranges(family) for family in families}
        for family in families:
            await seed(self._settings.kafka, self._group(family), ranges[family].values())
        async with self._stopping():
            for family in families:
                for number in range(count):
                    await self._start(family, number)
            while left := sum([await self._left(family, ranges[family]) for family in families]):
                total = sum(one.end - one.begin for of in ranges.values() for one in of.values())
                self._telling.progress(total - left, total)
                await asyncio.sleep(_LOOK_S)
                await self._look_after()

    @property
    def _plan_file(self) -> Path:
        return self._directory / "plan.json"

    def _group(self, family: Family) -> str:
        return ReplayJob(self._plan, self._prefix).group(self._plan.prefix, family)

    def _ranges(self, family: Family) -> dict[tuple[str, int], PartitionRange]:
        return self._plan.of(topic.name for topic in _inputs(family, self._settings))

    async def _left(self, family: Family, ranges: dict[tuple[str, int], PartitionRange]) -> int:
        return remaining(ranges, await committed(self._settings.kafka, self._group(family)))

    async def _start(self, family: Family, number: int) -> None:
        with self._log(family, number).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "processors", "replay-worker", family, "--plan", str(self._plan_file)),
                *("--output-prefix", self._prefix),
                env={
                    **os.environ,
                    "KAFKA_BOOTSTRAP_SERVERS": self._settings.kafka_bootstrap_servers,
                    "SCHEMA_REGISTRY_URL": self._settings.schema_registry_url,
                    "TOPIC_PREFIX": self._plan.prefix,
                    "PROCESSORS_MARKETS": json.dumps(self._plan.markets),
                    "PROCESSORS_METRICS_PORT": "0",
                    # One that was killed comes back at once, not after its session.
                    "PROCESSORS_INSTANCE_ID": f"replay-{family}-{number}",
                },
                stdin=asyncio.subprocess.PIPE,  # it ends when this process does, however that happens
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for this process, which ends the others in order
            )
        self._workers[family, number] = process
        self._telling.event(f"worker {number} of {family} started, process {process.pid}")

    async def _look_after(self) -> None:
        """Start again who was killed.

        Raises:
            ReplayError: a worker ended by itself, or workers are killed all the time.
        """
        for (family, number), process in list(self._workers.items()):
            if process.returncode is None:
                continue
            if process.returncode >= 0:
                msg = f"worker {number} of {family} ended: {self._reason(family, number)}"
                raise ReplayError(msg)
            self.restarts += 1
            if self.restarts > _RESTART_LIMIT:
                msg = f"workers were killed {self.restarts} times, the last by signal {-process.returncode}"
                raise ReplayError(msg)
            self._telling.event(f"worker {number} of {family} was ended by signal {-process.returncode}")
            await self._start(family, number)

    def _log(self, family: Family, number: int) -> Path:
        return self._directory / f"{family}-{number}.log"

    def _reason(self, family: Family, number: int) -> str:
        """Return what a worker said last."""
        lines = self._log(family, number).read_text(errors="replace").splitlines()
        for line in reversed(lines):
            if line.startswith("{") and '"reason"' in line:
                return str(json.loads(line)["reason"])
        return lines[-1] if lines else "it said nothing"

    @asynccontextmanager
    async def _stopping(self) -> AsyncIterator[None]:
        """End all workers at the end."""
        try:
            yield
        finally:
            running = [process for process in self._workers.values() if process.returncode is None]
            for process in running:
                process.kill()  # what they did is committed, or not wanted any more
            for process in running:
                await process.wait()


async def _hashes(settings: Settings, written: Sequence[Topic], prefix: str, rows: Path | None) -> list[TopicHash]:
    """Return the hash of each topic that is compared."""
    compared = [topic for topic in written if str(topic.type) not in OUTSIDE]
    with Registry(settings.schema_registry_url) as registry:
        codec = Codec(TopicTable(prefix), registry)
        hashing = Hashing(settings.kafka, compared, codec, whole=rows is not None)
        hashes = await hashing.run()
    if rows is not None:
        for name, kept in hashing.rows.items():
            await asyncio.to_thread(_write, rows / f"{name}.jsonl", kept)
    return hashes


def _write(file: Path, rows: list[bytes]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"".join(row + b"\n" for row in sorted(rows)))


def _inputs(family: Family, settings: Settings) -> list[Topic]:
    flows = flows_of(
        family,
        TopicTable(settings.topic_prefix),
        settings.markets,
        snapshot_levels=settings.snapshot_levels,
        snapshot_interval_ms=settings.snapshot_interval_ms,
    )
    return [topic for flow in flows for topic in flow.topics]


def _named(bound: Bound) -> str:
    if bound.kind in {BoundKind.EARLIEST, BoundKind.LATEST}:
        return str(bound.kind)
    return f"offset:{bound.value}" if bound.kind is BoundKind.OFFSET else f"{bound.value} ms"
