"""Runs `binance-processors replay` over a log and kills its workers while it goes on.

A worker is killed some moments after its family has committed something since the last kill: never before it has got
anywhere, and at no particular point of its work.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Final

import msgspec
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException

from sandbox.errors import ProcessDiedError, SandboxError
from sandbox.processes import ManagedProcess
from sandbox.verify.topics import admin_of


__all__ = ["FAMILIES", "Plan", "Replayed", "TopicHash", "Trial", "TrialTooLongError", "Trials"]

FAMILIES: Final = ("books", "trades")
_POLL_S: Final = 0.1
_LIMIT_S: Final = 900.0
_ADMIN_S: Final = 10.0
_LATEST_S: Final = 1.5
"""A worker is killed at most so long after its first commit."""
_STARTED: Final = re.compile(r"worker (\d+) of (\w+) started, process (\d+)")


class TrialTooLongError(SandboxError):
    """A replay did not end."""

    def __init__(self, name: str, log: Path, limit_s: float) -> None:
        super().__init__(name, log, limit_s)
        self.name = name
        self.log = log
        self.limit_s = limit_s

    def __str__(self) -> str:
        return f'replay "{self.name}" did not end within {self.limit_s:g} s; how far it came: {self.log}'


class Plan(msgspec.Struct, frozen=True):
    """One replay."""

    name: str
    workers: int = 1
    """Of each family."""
    kills: int = 0
    batch_records: int = 5_000


class TopicHash(msgspec.Struct, frozen=True):
    """What was written to one topic."""

    topic: str
    records: int
    rows: int
    hash: str


class Replayed(msgspec.Struct, frozen=True):
    """What `binance-processors replay --json` prints, as far as it is looked at."""

    hash: str
    topics: tuple[TopicHash, ...]
    records: int
    seconds: float
    restarts: int


class Trial(msgspec.Struct, frozen=True):
    """What came of a replay."""

    plan: Plan
    kills: int
    """Workers that were killed."""
    report: Replayed

    @property
    def written(self) -> int:
        """Records written to topics that are compared, repetitions included."""
        return sum(topic.records for topic in self.report.topics)


class Trials:
    """Replays one stretch of a log again and again.

    Args:
        stretch: the file with its offsets; written by the first replay.
        directory: receives logs.
        environment: where broker and registry are.
        chance: says whom to kill, and when.
        tell: receives a line about each kill.
    """

    def __init__(
        self,
        stretch: Path,
        directory: Path,
        environment: Mapping[str, str],
        *,
        chance: Random,
        tell: Callable[[str], None],
    ) -> None:
        self._stretch = stretch
        self._directory = directory
        self._environment = environment
        self._chance = chance
        self._tell = tell

    def run(self, plan: Plan) -> Trial:
        """Replay the stretch once.

        Raises:
            ProcessDiedError: the replay failed.
            TrialTooLongError: it did not end.
        """
        prefix = f"{self._environment['TOPIC_PREFIX']}-{plan.name}"
        servers = self._environment["KAFKA_BOOTSTRAP_SERVERS"]
        killers = [_Killer(family, prefix, servers, self._chance) for family in FAMILIES]
        with self._process(plan, prefix) as process:
            deadline_s = time.monotonic() + _LIMIT_S
            while process.running:
                if time.monotonic() > deadline_s:
                    raise TrialTooLongError(plan.name, process.log_file, _LIMIT_S)
                for killer in killers:
                    if sum(one.kills for one in killers) < plan.kills and killer.step(process, time.monotonic()):
                        self._tell(f"{plan.name}: SIGKILL to a worker of {killer.family}")
                time.sleep(_POLL_S)
            if process.returncode != 0:
                raise ProcessDiedError(process.name, process.log_file, process.log_tail(), process.returncode or 0)
        return Trial(plan, sum(killer.kills for killer in killers), _report(process.log_file))

    def _process(self, plan: Plan, prefix: str) -> ManagedProcess:
        options = ["--json", "--plan", str(self._stretch), "--workers", str(plan.workers), "--output-prefix", prefix]
        return ManagedProcess(
            f"replay {plan.name}",
            [sys.executable, "-P", "-m", "processors", "replay", *options],
            log_file=self._directory / f"replay-{plan.name}.log",
            env={
                **self._environment,
                "PROCESSORS_MARKETS": '["spot","usdm","coinm"]',
                "PROCESSORS_COMMIT_INTERVAL_S": "0.2",
                "PROCESSORS_CHECKPOINT_INTERVAL_S": "1",
                "PROCESSORS_BATCH_RECORDS": str(plan.batch_records),
            },
        )


class _Killer:
    """Kills workers of one family."""

    def __init__(self, family: str, prefix: str, bootstrap_servers: str, chance: Random) -> None:
        self.family = family
        self.kills = 0
        self._group = f"{prefix}-processors-{family}"
        self._bootstrap_servers = bootstrap_servers
        self._chance = chance
        self._position = 0
        self._due_s: float | None = None
        self._dead: set[int] = set()

    def step(self, process: ManagedProcess, now_s: float) -> bool:
        """Kill a worker if it is time; returns whether one was."""
        workers = self._workers(process.log_file)
        if not workers or self._dead & {*workers.values()}:
            return False  # not begun, or the last one that was killed is not replaced
        if self._due_s is None:
            if self._committed() > self._position:
                self._due_s = now_s + self._chance.uniform(0, _LATEST_S)
            return False
        if now_s < self._due_s:
            return False
        pid = self._chance.choice(sorted(workers.values()))
        self._due_s = None
        if not _is_worker(pid):
            return False
        self._position = self._committed()
        os.kill(pid, signal.SIGKILL)
        self._dead.add(pid)
        self.kills += 1
        return True

    def _workers(self, log: Path) -> dict[str, int]:
        """Return the process of each worker that was started last."""
        text = log.read_text(encoding="utf-8", errors="replace")
        return {number: int(pid) for number, family, pid in _STARTED.findall(text) if family == self.family}

    def _committed(self) -> int:
        """Return how many records the family has done."""
        wanted = [ConsumerGroupTopicPartitions(self._group)]
        try:
            answers = admin_of(self._bootstrap_servers).list_consumer_group_offsets(wanted, request_timeout=_ADMIN_S)
            found = answers[self._group].result()
        except KafkaException:
            return 0
        return sum(max(0, partition.offset) for partition in found.topic_partitions)


def _is_worker(pid: int) -> bool:
    """Whether a process is a worker of a replay: the number may be a stranger's by now."""
    try:
        return b"replay-worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _report(log: Path) -> Replayed:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return msgspec.json.decode(next(line for line in reversed(lines) if line.startswith("{")), type=Replayed)
