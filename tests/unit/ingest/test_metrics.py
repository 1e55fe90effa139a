from __future__ import annotations

import asyncio

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from ingest.errors import ConfigError
from ingest.health import Readiness, serve
from ingest.metrics import METRICS, Metrics


def exported() -> set[str]:
    registry = CollectorRegistry()
    Metrics(registry)
    totals = {f"{family.name}_total" for family in registry.collect() if family.type == "counter"}
    return totals | {family.name for family in registry.collect() if family.type != "counter"}


def test_every_metric_is_in_the_list_with_its_meaning_and_the_other_way_round() -> None:
    assert exported() == set(METRICS)
    assert all(text.endswith(".") for text in METRICS.values())


async def test_a_taken_port_is_a_mistake_of_the_configuration() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(ConfigError, match=rf"cannot listen on 127.0.0.1:{port}"):
            async with serve("127.0.0.1", port, CollectorRegistry(), lambda: Readiness(True, {})):
                pass


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
async def test_readiness_is_a_status_and_says_what_is_missing(ready: bool, status: int) -> None:
    state = Readiness(ready, {"spot-0": "down"})
    async with (
        serve("127.0.0.1", 0, CollectorRegistry(), lambda: state) as port,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/ready") as answer,
    ):
        assert (answer.status, await answer.json()) == (status, {"ready": ready, "spot-0": "down"})
