"""The ingest service in this process, beside a test that plays the venue and reads the topics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, ClassVar, Final

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


__all__ = ["VENUE", "Site", "create_topics", "new_site"]

VENUE: Final = 1_700_000_000_000
"""The venue's clock at the start of a test, ms since the epoch."""


def create_topics(bootstrap_servers: str, registry_url: str, prefix: str) -> None:
    """Set up a prefix: once for many tests, because a broker cannot bear any number of topics."""
    set_up(
        TopicTable(prefix),
        bootstrap_servers,
        registry_url,
        keep_everything=True,
        wait_limit_s=60,
        tell=lambda _: None,
        sleep=time.sleep,
    )


class Site:
    """Where one test's service runs: broker, registry, prefix, venue, and symbols that no other test has.

    Args:
        bootstrap_servers: the broker.
        registry_url: the schema registry.
        prefix: of all topics, which tests share.
        venue: the stand-in for Binance.
    """

    _count: ClassVar = count(1)

    def __init__(self, bootstrap_servers: str, registry_url: str, prefix: str, venue: FakeVenue) -> None:
        number = next(self._count)
        self.btc, self.eth = f"BTC{number:04}USDT", f"ETH{number:04}USDT"
        self.ingest_id = f"ingest-{number:04}"
        self.bootstrap_servers = bootstrap_servers
        self.registry_url = registry_url
        self.venue = venue
        self.table = TopicTable(prefix)
        self._registry = Registry(registry_url)
        self.codec = Codec(self.table, self._registry)

    def close(self) -> None:
        """Let go of the registry."""
        self._registry.close()

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
            "INGEST_INGEST_ID": self.ingest_id,
        }

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

    def trades(self) -> dict[str, Any]:
        """Return the setting of markets that takes the trades of both symbols."""
        return {"spot": {"symbols": [self.btc, self.eth], "streams": ["trade"]}}

    @asynccontextmanager
    async def running(self, settings: Settings, suffix: str = "") -> AsyncIterator[Service]:
        """Run the service; at the end it is told to stop and must do so in good order."""
        stop = asyncio.Event()
        service = Service(settings, f"{self.ingest_id}{suffix}", RealClocks(), structlog.get_logger())
        task = asyncio.create_task(service.run(stop))
        try:
            yield service
        finally:
            stop.set()
            await task

    async def read(self, topic: Topic) -> list[LogRecord]:
        """Return what is on a topic about this site's symbols and connections."""
        ours = (self.btc, self.eth, self.ingest_id)
        records = await read_to_end(self.bootstrap_servers, topic)
        return [record for record in records if any(_is_about(record, word) for word in ours)]

    async def decoded(self, topic: Topic) -> list[Any]:
        """Return the values of what is on a topic about this site's symbols and connections."""
        records = await self.read(topic)
        return [self.codec.decode(topic.name, one.partition, one.offset, one.value) for one in records]

    async def until(self, topic: Topic, condition: Callable[[list[LogRecord]], bool], timeout_s: float = 40) -> None:
        """Wait until something is true of a topic's records."""
        async with asyncio.timeout(timeout_s):
            while not condition(await self.read(topic)):  # noqa: ASYNC110 - nothing here could set an event
                await asyncio.sleep(0.2)


def _is_about(record: LogRecord, word: str) -> bool:
    connection_id = dict(record.headers).get("connection_id", b"")
    return word.encode() in b" ".join([record.key or b"", record.value or b"", connection_id])


@asynccontextmanager
async def new_site(bootstrap_servers: str, registry_url: str, prefix: str) -> AsyncIterator[Site]:
    """Start a venue, and return a site for it that is cleared up at the end."""
    async with FakeVenue(VENUE) as venue:
        site = Site(bootstrap_servers, registry_url, prefix, venue)
        try:
            yield site
        finally:
            site.close()
