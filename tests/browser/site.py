"""Everything behind the pages, as it is deployed: exchange, ingest, workers; read services are started on it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from sandbox.ports import free_port
from schemas.codec import Codec
from schemas.markets import Market
from schemas.registry import Registry
from tests.support.deployment import Deployment
from tests.support.polling import until
from tests.support.processes import running_module


__all__ = ["SYMBOLS", "ReadService", "Site", "running_site"]

SYMBOLS = {Market.SPOT: ("BTCUSDT", "ETHUSDT"), Market.USDM: ("BTCUSDT",)}
STREAMS = ("trade", "depth@100ms", "ticker")
_START_LIMIT_S = 300
"""For what takes seconds on a machine that has nothing else to do."""


class ReadService:
    """A read service that may be stopped and come back at its address.

    Args:
        port: of its own.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.address = f"http://127.0.0.1:{port}"

    async def get(self, path: str) -> Any:
        """Return an answer."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.address}{path}") as answer:
            return await answer.json(content_type=None)

    async def is_ready(self) -> bool:
        """Whether what it answers is of the present."""
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.address}/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientConnectionError:
            return False


class Site:
    """A running pipeline.

    Args:
        deployment: topics, exchange, ingest.
        registry: the client of the schema registry.
        directory: for logs.
    """

    def __init__(self, deployment: Deployment, registry: Registry, directory: Path) -> None:
        self.deployment = deployment
        self.codec = Codec(deployment.table, registry)
        self.workers: list[asyncio.subprocess.Process] = []
        self._registry_url = registry.url
        self._directory = directory

    @asynccontextmanager
    async def read_service(self, port: int = 0, **more: str) -> AsyncIterator[ReadService]:
        """Run a read service until it is ready; at the end it is stopped.

        Args:
            port: of its own; 0: any that is free.
            more: of its environment.
        """
        service = ReadService(port or free_port("127.0.0.1"))
        environment = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": self.deployment.broker,
            "SCHEMA_REGISTRY_URL": self._registry_url,
            "TOPIC_PREFIX": self.deployment.table.prefix,
            "DASHBOARD_STOP_TIMEOUT_S": "1",
            **more,
        }
        command = "dashboard", "serve", "--port", str(service.port)
        log = self._directory / f"dashboard-{service.port}.log"
        async with running_module(log, *command, environment=environment) as process:
            await until(service.is_ready, _START_LIMIT_S)
            yield service
            process.terminate()
            assert await process.wait() == 0, log.read_text()


@asynccontextmanager
async def running_site(broker: str, registry_url: str, prefix: str, directory: Path) -> AsyncIterator[Site]:
    """Run exchange, ingest and workers, and wait until every book is live."""
    async with AsyncExitStack() as stack:
        registry = stack.enter_context(Registry(registry_url))
        deployment = Deployment(broker, registry, prefix, directory, symbols=SYMBOLS, streams=STREAMS)
        site = Site(deployment, registry, directory)
        await stack.enter_async_context(deployment.exchange())
        for family in ("books", "trades"):
            # Long: a test halts the workers for a while, and they are to go on where they were.
            worker = deployment.worker(family, PROCESSORS_SESSION_TIMEOUT_S="60", PROCESSORS_REQUEST_TIMEOUT_S="60")
            site.workers.append(await stack.enter_async_context(worker))
        ingest = await stack.enter_async_context(deployment.ingest("one"))

        async def subscribed() -> bool:
            return await deployment.is_subscribed(deployment.stream_count)

        await until(subscribed, _START_LIMIT_S)
        await deployment.ask("POST", "/sandbox/start")
        await until(ingest.is_ready, _START_LIMIT_S)
        yield site
