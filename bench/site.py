"""The place of a measurement: a real broker and registry on one core, what is measured alone on the other."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaProducer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # re-exported without saying so
from msgspec import Struct

from ingest.setup import set_up
from sandbox.broker import EmbeddedKafka
from sandbox.embedded import start_together
from sandbox.processes import ManagedProcess
from sandbox.registry import EmbeddedRegistry
from schemas.topics import TopicTable


__all__ = ["ROOT", "Cores", "Site", "producer_to", "running_site"]

ROOT: Final = Path(__file__).parents[1]
_HEAP_MB: Final = 1024
_SET_UP_S: Final = 60.0


class Cores(Struct, frozen=True):
    """Who runs where; on a machine with one core, all on that."""

    measured: int
    others: int

    @classmethod
    def of_this_machine(cls) -> Cores:
        """Return the two cores to use."""
        allowed = sorted(os.sched_getaffinity(0))
        return cls(allowed[-1], allowed[0])


class Site:
    """Broker, registry and a folder.

    Args:
        broker: the broker.
        registry: the registry.
        folder: for logs and for what measured processes write down.
        cores: who runs where.
    """

    def __init__(self, broker: EmbeddedKafka, registry: EmbeddedRegistry, folder: Path, cores: Cores) -> None:
        self.broker = broker
        self.registry = registry
        self.folder = folder
        self.cores = cores
        self._admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})

    def create(self, *names: str, partitions: int) -> None:
        """Create topics."""
        made = self._admin.create_topics([NewTopic(name, partitions, 1) for name in names])
        for future in made.values():
            future.result(_SET_UP_S)

    def set_up(self, prefix: str) -> TopicTable:
        """Create every topic and schema of a prefix."""
        table = TopicTable(prefix)
        set_up(
            table,
            self.broker.bootstrap_servers,
            self.registry.url,
            keep_everything=True,
            wait_limit_s=_SET_UP_S,
            tell=lambda _: None,
            sleep=time.sleep,
        )
        return table

    def environment(self, table: TopicTable, sandbox_url: str, **more: str) -> dict[str, str]:
        """Return what an ingest process of a prefix needs."""
        return {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap_servers,
            "SCHEMA_REGISTRY_URL": self.registry.url,
            "TOPIC_PREFIX": table.prefix,
            "INGEST_ENDPOINT": "sandbox",
            "INGEST_ALLOW_PLAINTEXT": "true",
            "INGEST_SANDBOX_URL": sandbox_url,
            "INGEST_HTTP__PORT": "0",
            "INGEST_WAIT_LIMIT_S": "60",
            **more,
        }

    def process(
        self,
        name: str,
        arguments: Sequence[str | Path],
        *,
        env: dict[str, str] | None = None,
        program: Path | None = None,
    ) -> ManagedProcess:
        """Return a Python process, not started yet, whose output goes to a log of that name."""
        argv = [str(program or sys.executable), *map(str, arguments)]
        return ManagedProcess(name, argv, log_file=self.folder / f"{name}.log", env=env, cwd=ROOT)


@contextmanager
def running_site(*, pinned: bool = True) -> Iterator[Site]:
    """Yield a site; if pinned, this process and all that it starts move to the core of the others."""
    # It warns of each attempt to reach a topic that is being made; what fails in the end is raised.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    cores = Cores.of_this_machine()
    before = os.sched_getaffinity(0)
    if pinned:
        os.sched_setaffinity(0, {cores.others})
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            folder = Path(name)
            broker = EmbeddedKafka(folder / "kafka", port=0, heap_mb=_HEAP_MB)
            registry = EmbeddedRegistry(folder / "registry", port=0)
            try:
                start_together(broker, registry)
                yield Site(broker, registry, folder, cores)
            finally:
                registry.stop()
                broker.stop()
    finally:
        os.sched_setaffinity(0, before)


@asynccontextmanager
async def producer_to(site: Site) -> AsyncIterator[AIOKafkaProducer]:
    """Connect a producer that writes logs as fast as it can."""
    producer = AIOKafkaProducer(
        bootstrap_servers=site.broker.bootstrap_servers, linger_ms=5, max_batch_size=512 * 1024, compression_type="lz4"
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()
