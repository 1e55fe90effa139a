"""The ingest service in this process, beside a test that plays the venue and reads the topics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog

from ingest.config import Settings
from ingest.kafka_log import LogRecord, read_to_end
from ingest.service import Service
from ingest.setup import set_up
from schemas.codec import Codec
from schemas.registry import Registry
from schemas.topics import Topic, TopicTable
from tests.support.fakes import RealClocks
from tests.support.venue import FakeVenue


__all__ = ["Site"]


class Site:
    """Where a service runs: broker, registry, prefix and venue.

    Args:
        bootstrap_servers: the broker.
        registry_url: the schema registry.
        prefix: of all topics.
        venue: the stand-in for Binance.
    """

    def __init__(self, bootstrap_servers: str, registry_url: str, prefix: str, venue: FakeVenue) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.registry_url = registry_url
        self.venue = venue
        self.table = TopicTable(prefix)
        self.codec = Codec(self.table, Registry(registry_url))

    @property
    def environment(self) -> dict[str, str]:
        """What a process of its own needs."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "SCHEMA_REGISTRY_URL": self.registry_url,
            "TOPIC_PREFIX": self.table.prefix,
            "INGEST_ENDPOINT": "sandbox",
            "INGEST_ALLOW_PLAINTEXT": "true",
            "INGEST_SANDBOX_URL": self.venue.url,
            "INGEST_HTTP__PORT": "0",
        }

    async def set_up(self) -> None:
        """Create the topics and register the schemas."""
        await asyncio.to_thread(
            set_up,
            self.table,
            self.bootstrap_servers,
            self.registry_url,
            keep_everything=True,
            wait_limit_s=60,
            tell=lambda _: None,
            sleep=lambda _: None,
        )

    def settings(self, markets: Mapping[str, Any], **more: Any) -> Settings:
        """Return settings for this site."""
        return Settings(
            kafka_bootstrap_servers=self.bootstrap_servers,
            schema_registry_url=self.registry_url,
            topic_prefix=self.table.prefix,
            endpoint="sandbox",  # type: ignore[arg-type]  # pydantic converts
            allow_plaintext=True,
            sandbox_url=self.venue.url,
            markets=dict(markets),  # type: ignore[arg-type]
            **{"http": {"enabled": False}, "repair": {"progress_interval_s": 0.2}, **more},
        )

    @asynccontextmanager
    async def running(self, settings: Settings, ingest_id: str = "i1") -> AsyncIterator[Service]:
        """Run the service; at the end it is told to stop and must do so in good order."""
        stop = asyncio.Event()
        service = Service(settings, ingest_id, RealClocks(), structlog.get_logger())
        task = asyncio.create_task(service.run(stop))
        try:
            yield service
        finally:
            stop.set()
            await task

    async def read(self, topic: Topic) -> list[LogRecord]:
        """Return everything on a topic."""
        return await read_to_end(self.bootstrap_servers, topic)

    async def decoded(self, topic: Topic) -> list[Any]:
        """Return the values of everything on a topic."""
        records = await self.read(topic)
        return [self.codec.decode(topic.name, one.partition, one.offset, one.value) for one in records]

    async def until(self, topic: Topic, condition: Callable[[list[LogRecord]], bool], timeout_s: float = 40) -> None:
        """Wait until something is true of a topic's records."""
        async with asyncio.timeout(timeout_s):
            while not condition(await self.read(topic)):  # noqa: ASYNC110 - nothing here could set an event
                await asyncio.sleep(0.2)
