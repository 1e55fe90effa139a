"""`make up` where Binance is out of reach: a simulated exchange, moving books and orders to see, an orderly end."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.conftest import Registry
from tests.support.broker_io import read_all
from tests.support.kafka import Broker
from tests.support.polling import until
from tests.support.processes import running_module


pytestmark = [pytest.mark.integration, pytest.mark.timeout(700)]


async def test_up_shows_moving_books_and_orders_of_an_account_until_it_is_stopped(
    kafka: Broker, registry: Registry, topic_prefix: str, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "SCHEMA_REGISTRY_URL": registry.url,
        "TOPIC_PREFIX": topic_prefix,
        "BINANCE_SANDBOX_SOURCE": "simulated",
        "COLUMNS": "160",
    }
    log = tmp_path / "up.log"
    async with running_module(log, "sandbox", "up", "--any-ports", environment=environment) as up:

        def alive() -> None:
            assert up.returncode is None, log.read_text()

        async def announced() -> bool:
            alive()
            return "Ctrl-C stops everything" in log.read_text()

        await until(announced, timeout_s=360)
        text = log.read_text()
        dashboard = re.search(r"dashboard +(http://127\.0\.0\.1:\d+)", text)
        assert dashboard is not None, text
        first_ids: dict[str, int] = {}

        async with aiohttp.ClientSession(dashboard[1]) as session:

            async def every_book_moves() -> bool:
                alive()
                now = await _update_ids(session)
                for book, update_id in now.items():
                    first_ids.setdefault(book, update_id)
                return len(now) >= 6 and all(update_id > first_ids[book] for book, update_id in now.items())

            await until(every_book_moves, timeout_s=120)

        async def orders_are_told() -> bool:
            alive()
            orders = await read_all(kafka.bootstrap_servers, f"{topic_prefix}.spot.order.v1")
            return any((record.key or b"").startswith(b"main|") for record in orders)

        await until(orders_are_told, timeout_s=120)
        up.send_signal(signal.SIGINT)
        status = await asyncio.wait_for(up.wait(), 60)

    assert status == 0
    assert text.startswith("BINANCE_SANDBOX_SOURCE=simulated decides where the data comes from")
    assert "robots trade for the accounts" in text
    assert log.read_text().rstrip().endswith("stopped")


async def _update_ids(session: aiohttp.ClientSession) -> dict[str, int]:
    """The update id of every live book, by market and symbol."""
    async with session.get("/api/v1/books") as answer:
        books: list[dict[str, Any]] = (await answer.json())["books"]
    return {f"{book['market']}:{book['symbol']}": book["update_id"] for book in books if book["state"] == "live"}
