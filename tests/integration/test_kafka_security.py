"""The services beside a broker that wants TLS, and a certificate or a password."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.markets import Market
from schemas.registry import Registry as SchemaRegistry
from schemas.topics import DerivedType
from tests.conftest import Registry
from tests.support.deployment import Deployment
from tests.support.polling import until
from tests.support.project import ROOT
from tests.support.secure_kafka import PASSWORD, SecureKafka


pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


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
        topic = site.table.derived(Market.SPOT, DerivedType.TOP_OF_BOOK)
        async with site.exchange(), site.ingest("i1", **access), site.worker("books", **access):
            await until(lambda: site.is_subscribed(2))
            await site.ask("POST", "/sandbox/start")

            async def told() -> bool:
                return any(top.state == "live" for top in await site.decoded(topic))

            await until(told)
    assert PASSWORD not in "".join(log.read_text() for log in tmp_path.glob("*.log"))  # noqa: ASYNC240 - after all


def test_a_wrong_password_is_told_and_not_shown(broker: SecureKafka, tmp_path: Path) -> None:
    wrong = {**broker.by_password, "KAFKA_SASL_PASSWORD": "canary-wrong"}

    ended = run("ingest", "setup", "--wait", "1", **wrong)

    said = ended.stdout + ended.stderr
    assert ended.returncode == 1
    assert "uthentication" in said
    assert "canary" not in said
