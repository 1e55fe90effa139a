"""The services beside a broker that wants TLS, and a certificate or a password."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from sandbox.ports import free_port
from schemas.markets import Market
from schemas.registry import Registry as SchemaRegistry
from schemas.topics import DerivedType
from tests.conftest import Registry
from tests.support.deployment import Deployment
from tests.support.polling import until
from tests.support.processes import running_module
from tests.support.project import ROOT
from tests.support.secure_kafka import PASSWORD, SecureKafka


pytestmark = [pytest.mark.integration, pytest.mark.timeout(360)]


COMMANDS = [("ingest", "setup", "--wait", "0"), ("processors", "worker", "trades"), ("dashboard", "serve")]
AT_ONCE = {
    "PROCESSORS_START_TIMEOUT_S": "0",
    "PROCESSORS_METRICS_PORT": "0",
    "DASHBOARD_START_TIMEOUT_S": "0",
    "DASHBOARD_PORT": "0",
}
"""Nothing is waited for."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    with SecureKafka(tmp_path_factory.mktemp("secure") / "data") as kafka:
        kafka.add_user()
        yield kafka


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@asynccontextmanager
async def dashboard(log: Path, **environment: str) -> AsyncIterator[str]:
    """Run the read service; yields its address."""
    port = str(free_port("127.0.0.1"))
    async with running_module(
        log, "dashboard", "serve", environment={**os.environ, **environment, "DASHBOARD_PORT": port}
    ):
        yield f"http://127.0.0.1:{port}"


async def is_ready(address: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{address}/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientConnectionError:
        return False


@pytest.mark.parametrize("way", ["by_certificate", "by_password"])
async def test_from_the_exchange_to_the_book_with_nothing_in_plain_text(
    way: str, broker: SecureKafka, registry: Registry, topic_prefix: str, tmp_path: Path
) -> None:
    access: dict[str, str] = getattr(broker, way)
    shared = {**access, "SCHEMA_REGISTRY_URL": registry.url, "TOPIC_PREFIX": topic_prefix}
    set_up = await asyncio.to_thread(run, "ingest", "setup", **shared)
    assert set_up.returncode == 0, set_up.stdout + set_up.stderr
    with SchemaRegistry(registry.url) as client:
        symbols = {Market.SPOT: ["BTCUSDT"]}
        site = Deployment(
            broker.bootstrap_servers, client, topic_prefix, tmp_path, symbols=symbols, streams=["trade", "depth@100ms"]
        )
        books, trades = (site.table.derived(Market.SPOT, one) for one in (DerivedType.TOP_OF_BOOK, DerivedType.TRADE))
        async with AsyncExitStack() as running:
            await running.enter_async_context(site.exchange())
            await running.enter_async_context(site.ingest("i1", **access))
            for family in ("books", "trades"):
                await running.enter_async_context(site.worker(family, **access))
            page = await running.enter_async_context(dashboard(tmp_path / "dashboard.log", **shared))
            await until(lambda: site.is_subscribed(2), timeout_s=150)
            await site.ask("POST", "/sandbox/start")

            async def told() -> bool:
                return any(top.state == "live" for top in await site.decoded(books)) and bool(
                    await site.decoded(trades)
                )

            await until(told, timeout_s=100)
            await until(lambda: is_ready(page))
    assert PASSWORD not in "".join(log.read_text() for log in tmp_path.glob("*.log"))  # noqa: ASYNC240 - after all


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
@pytest.mark.parametrize(
    ("setting", "value"), [("KAFKA_SASL_PASSWORD", "canary-wrong"), ("KAFKA_SSL_CA_FILE", "/missing/ca.crt")]
)
def test_what_is_refused_is_told_and_not_shown(
    setting: str, value: str, command: tuple[str, ...], broker: SecureKafka, registry: Registry
) -> None:
    wrong = {**broker.by_password, **AT_ONCE, "SCHEMA_REGISTRY_URL": registry.url, setting: value}

    ended = run(*command, **wrong)

    said = ended.stdout + ended.stderr
    assert ended.returncode == 1, said
    assert setting in said.splitlines()[-1]
    assert "KAFKA_BOOTSTRAP_SERVERS" not in said
    assert "Traceback" not in said
    assert "canary" not in said
