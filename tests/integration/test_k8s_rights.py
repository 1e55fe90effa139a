"""With the rights that the component `strimzi` gives them, and no other, the services come up and do their work."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from k8s.access import principals
from processors.flows import Family
from sandbox.ports import free_port
from schemas.markets import Market
from schemas.registry import Registry as SchemaRegistry
from tests.conftest import Registry
from tests.support.deployment import Deployment
from tests.support.polling import until
from tests.support.processes import running_module
from tests.support.secure_kafka import SecureKafka


pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[SecureKafka]:
    with SecureKafka(tmp_path / "broker" / "data", rights=True) as kafka:
        yield kafka


async def answer(port: int, path: str) -> tuple[int, Any]:
    """Return what a service says; 0 while it does not answer."""
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}{path}") as said,
        ):
            return said.status, await said.json(content_type=None) if said.status == 200 else None
    except aiohttp.ClientConnectionError:
        return 0, None


async def test_every_service_is_ready_with_its_own_rights_alone(
    broker: SecureKafka, registry: Registry, topic_prefix: str, tmp_path: Path
) -> None:
    every_market = json.dumps(list(Market))
    logs = tmp_path / "logs"
    await asyncio.to_thread(logs.mkdir)
    with SchemaRegistry(registry.url) as client:
        site = Deployment(
            broker.bootstrap_servers,
            client,
            topic_prefix,
            logs,
            symbols={Market.SPOT: ["BTCUSDT"]},
            streams=["trade", "depth@100ms"],
        )
        access = await asyncio.to_thread(broker.allow, principals(site.table))
        ports = {family: free_port("127.0.0.1") for family in (*Family, "dashboard")}
        async with AsyncExitStack() as running:
            await running.enter_async_context(site.exchange())
            ingest = await running.enter_async_context(site.ingest("i1", **access["ingest"]))
            for family in Family:
                more = {"PROCESSORS_METRICS_PORT": str(ports[family]), "PROCESSORS_MARKETS": every_market}
                await running.enter_async_context(site.worker(family, **access[family], **more))
            of_dashboard = {
                **access["dashboard"],
                "SCHEMA_REGISTRY_URL": registry.url,
                "TOPIC_PREFIX": topic_prefix,
                "DASHBOARD_PORT": str(ports["dashboard"]),
            }
            await running.enter_async_context(
                running_module(logs / "dashboard.log", "dashboard", "serve", environment={**os.environ, **of_dashboard})
            )
            await until(lambda: site.is_subscribed(2), timeout_s=180)
            await site.ask("POST", "/sandbox/start")

            async def all_are_ready() -> bool:
                return await ingest.is_ready() and all(
                    [(await answer(port, "/ready"))[0] == 200 for port in ports.values()]
                )

            await until(all_are_ready, timeout_s=240)

            async def all_is_told() -> bool:
                """Whether the dashboard sees how old raw records arrive, and what every group is at."""
                _, document = await answer(ports["dashboard"], "/api/v1/operations")
                if document is None:
                    return False
                lags = {one["stream"]: one["lag_ms_p50"] for one in document["streams"] if one["market"] == "spot"}
                groups = {one["state"] for one in document["groups"]}
                return lags.get("trade") is not None and lags.get("depth") is not None and groups == {"stable"}

            await until(all_is_told, timeout_s=60)
    said = {log.name: log.read_text() for log in logs.glob("*.log")}
    assert len(said) == 6
    assert [name for name, text in said.items() if "authorization" in text.lower()] == []
