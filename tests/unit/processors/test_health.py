"""Health over HTTP."""

from __future__ import annotations

import math

import aiohttp
import pytest

from processors.errors import PortTakenError
from processors.health import Health, silences


async def test_a_worker_is_alive_when_it_answers_and_ready_when_nothing_is_in_the_way() -> None:
    obstacles = ["the group is rebalancing"]
    health = Health(lambda: obstacles, lambda: None)
    address = await health.start("127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{address}/live") as live, session.get(f"{address}/ready") as ready:
                assert (live.status, ready.status) == (200, 503)
                assert (await ready.json())["because"] == obstacles
            obstacles.clear()
            async with session.get(f"{address}/ready") as ready:
                assert ready.status == 200
            async with session.get(f"{address}/metrics") as metrics:
                assert "processors_batch_seconds" in await metrics.text()
    finally:
        await health.stop()


async def test_a_port_that_is_taken_is_named_with_what_to_do() -> None:
    first, second = Health(list, lambda: None), Health(list, lambda: None)
    address = await first.start("127.0.0.1", 0)
    try:
        with pytest.raises(PortTakenError, match="PROCESSORS_METRICS_PORT"):
            await second.start("127.0.0.1", int(address.rpartition(":")[2]))
    finally:
        await first.stop()
        await second.stop()


@pytest.mark.parametrize(
    ("heartbeat_age_s", "fetch_age_s", "silent"),
    [
        (9.9, 9.9, []),
        (0.1, None, []),
        (10.1, 0.1, ["heartbeats"]),
        (None, None, ["heartbeats"]),
        (0.1, 10.1, ["fetches"]),
        (0.1, math.inf, ["fetches"]),
        (60.0, 60.0, ["heartbeats", "fetches"]),
    ],
)
def test_a_worker_whose_broker_is_silent_is_not_ready(
    heartbeat_age_s: float | None, fetch_age_s: float | None, silent: list[str]
) -> None:
    """Assigned, and no rebalance going on: that alone stays true for the whole of an outage."""
    expected = [f"the broker does not answer {what}" for what in silent]

    assert silences(heartbeat_age_s, fetch_age_s, limit_s=10) == expected
