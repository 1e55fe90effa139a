"""The workers of one family, seen from outside: what they say in their metrics, and what the kernel says of them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, TopicPartition

from bench.probe import is_ready
from bench.site import Site
from sandbox.ports import free_port
from sandbox.processes import ManagedProcess
from schemas.topics import PARTITIONS, TopicTable


__all__ = ["Worker", "Workers", "now_s"]

_READY_S: Final = 180.0
_LOOK_S: Final = 0.1
_SAMPLE: Final = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_TICKS: Final = os.sysconf("SC_CLK_TCK")


def now_s() -> float:
    """Return the time as the workers log it, in seconds since the epoch."""
    return time.time_ns() / 1e9


class Worker:
    """One worker process.

    Args:
        process: it, started.
        port: where it serves its metrics.
    """

    def __init__(self, process: ManagedProcess, port: int) -> None:
        self.process = process
        self.port = port

    @property
    def cpu_s(self) -> float:
        """CPU time of the process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def resident_mib(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024

    def metrics(self) -> dict[tuple[str, str], float]:
        """Return its metrics, by name and labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        return {(name, labels or ""): float(value) for name, labels, value in _SAMPLE.findall(text)}

    def logged_at(self, event: str) -> float:
        """Return when it first logged an event, as seconds since the epoch.

        Raises:
            LookupError: it did not.
        """
        for line in self._logged():
            if line["event"] == event:
                return datetime.fromisoformat(line["timestamp"]).timestamp()
        msg = f'{self.process.name}: never logged "{event}"'
        raise LookupError(msg)

    def _logged(self) -> Iterator[dict[str, Any]]:
        for line in self.process.log_file.read_text().splitlines():
            if line.startswith("{"):
                yield json.loads(line)


class Workers:
    """The workers of one family under one prefix.

    Members are dynamic, as they are without ``PROCESSORS_INSTANCE_ID``: one that stops leaves the group at once.

    Args:
        site: the broker and the registry.
        table: the topics.
        family: ``books`` or ``trades``; also the name of the flow that is watched.
        session_timeout_s: after which the broker gives the partitions of a killed one to others.
    """

    def __init__(self, site: Site, table: TopicTable, family: str, session_timeout_s: float) -> None:
        self._site = site
        self._prefix = table.prefix
        self._family = family
        self._session_timeout_s = session_timeout_s
        self._started = 0
        self.running: list[Worker] = []

    def start(self) -> Worker:
        """Start one more."""
        self._started += 1
        port = free_port("127.0.0.1")
        environment = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": self._site.broker.bootstrap_servers,
            "SCHEMA_REGISTRY_URL": self._site.registry.url,
            "TOPIC_PREFIX": self._prefix,
            "PROCESSORS_MARKETS": '["spot"]',
            "PROCESSORS_METRICS_PORT": str(port),
            "PROCESSORS_SESSION_TIMEOUT_S": str(self._session_timeout_s),
        }
        name = f"{self._prefix}-{self._family}-{self._started}"
        process = self._site.process(name, ["-m", "processors", "worker", self._family], env=environment)
        process.start()
        self.running.append(worker := Worker(process, port))
        return worker

    async def start_many(self, count: int) -> None:
        """Start so many, and wait until they share the partitions."""
        for _ in range(count):
            self.start()
        await self.settled()

    async def stop(self, worker: Worker) -> None:
        """Ask one to end by SIGTERM."""
        self.running.remove(worker)
        await asyncio.to_thread(worker.process.stop, 30)

    def kill(self, worker: Worker) -> None:
        """Kill one by SIGKILL."""
        self.running.remove(worker)
        worker.process.kill()

    def kill_all(self) -> None:
        """Kill all."""
        for worker in [*self.running]:
            self.kill(worker)

    async def settled(self) -> float:
        """Wait until all partitions go on, shared by all; return when that was seen, as seconds since the epoch."""
        await self._until(self._is_settled, "the partitions are not shared and restored")
        return now_s()

    async def applied(self, topic: str, count: int) -> None:
        """Wait until all together have applied so many records of a topic, repeated ones among them."""
        sample = ("processors_records_total", f'topic="{topic}"')

        def all_applied() -> bool:
            return sum(worker.metrics().get(sample, 0.0) for worker in self.running) >= count

        await self._until(all_applied, f"{count} records of {topic} are not applied")

    async def caught_up(self, topic: str) -> None:
        """Wait until the group has committed a topic to its end: then all that comes of it is durable.

        Lag, as the workers tell it, is what they know of: of what was written since their last fetch they know nothing.
        """
        consumer = Consumer(
            {
                "bootstrap.servers": self._site.broker.bootstrap_servers,
                "group.id": f"{self._prefix}-processors-{self._family}",
                "enable.auto.commit": False,
            }
        )
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]

        def committed() -> bool:
            done = {one.partition: one.offset for one in consumer.committed(partitions, timeout=_READY_S)}
            ends = {one.partition: consumer.get_watermark_offsets(one, timeout=_READY_S)[1] for one in partitions}
            return all(done[number] >= end for number, end in ends.items() if end)

        try:
            await self._until(committed, f"{topic} is not applied to its end")
        finally:
            consumer.close()

    @property
    def cpu_s(self) -> float:
        """CPU time of all that run."""
        return sum(worker.cpu_s for worker in self.running)

    @property
    def resident_mib(self) -> Sequence[float]:
        """Resident memory of each that runs."""
        return [worker.resident_mib for worker in self.running]

    def _is_settled(self) -> bool:
        total = 0.0
        for worker in self.running:
            said = worker.metrics()
            running, restoring = (
                said.get(("processors_partitions", f'flow="{self._family}",state="{state}"'), 0.0)
                for state in ("running", "restoring")
            )
            if restoring or not is_ready(worker.port):  # with more workers than fit, some have nothing
                return False
            total += running
        return total == PARTITIONS

    async def _until(self, fulfilled: Callable[[], bool], what: str) -> None:
        def asked() -> bool:
            try:
                return fulfilled()
            except OSError:  # it does not serve its metrics yet
                return False

        deadline = time.monotonic() + _READY_S
        while not await asyncio.to_thread(asked):
            for worker in self.running:
                worker.process.check_running()
            if time.monotonic() > deadline:
                msg = f"{self._prefix}, {self._family}: {what} after {_READY_S:g} s"
                raise TimeoutError(msg)
            await asyncio.sleep(_LOOK_S)
