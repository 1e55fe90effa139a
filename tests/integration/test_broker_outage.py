"""A broker that stands still: nobody is restarted for it, and nobody says that all is well."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.broker import EmbeddedKafka
from schemas.registry import Registry as SchemaRegistry
from tests.conftest import Registry
from tests.integration.test_dashboard import dashboard
from tests.integration.test_processors_worker import Stack
from tests.support.polling import until


pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[EmbeddedKafka]:
    """A broker of this test's own: it is stopped and continued."""
    with EmbeddedKafka(tmp_path / "kafka", 0, "127.0.0.1") as one:
        yield one


async def test_readiness_follows_the_broker_and_liveness_does_not(
    broker: EmbeddedKafka, registry: Registry, topic_prefix: str, tmp_path: Path
) -> None:
    with SchemaRegistry(registry.url) as client:
        stack = Stack(broker.bootstrap_servers, client, topic_prefix, tmp_path)
        await stack.create()
        async with (
            stack.worker("books", PROCESSORS_REQUEST_TIMEOUT_S="60") as worker,
            dashboard(stack, tmp_path / "dashboard.log", DASHBOARD_CONTACT_LIMIT_S="3") as service,
        ):

            async def both_ready() -> bool:
                return (await stack.health(1, "ready"))[0] == 200 and await service.is_ready()

            async def both_unready() -> bool:
                status, page = await stack.health(1, "ready")
                silent = {"heartbeats", "fetches"} <= set(page.replace('"', " ").split())
                return status == 503 and silent and not await service.is_ready()

            await until(both_ready)
            assert broker.pid is not None
            os.kill(broker.pid, signal.SIGSTOP)
            try:
                await until(both_unready)
                _, because = await service.get("/ready")
                lives = [(await stack.health(1, "live"))[0], (await service.get("/live"))[0]]
            finally:
                os.kill(broker.pid, signal.SIGCONT)

            assert "the broker has not answered for" in because["because"][0]
            assert lives == [200, 200]
            await until(both_ready)
            assert (worker.returncode, service.process.returncode) == (None, None)
