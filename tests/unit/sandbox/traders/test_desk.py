"""Robots that trade over the exchange's own protocol."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sandbox.__main__ import app
from sandbox.exchange.private.accounts import AccountSpec, PrivateSettings
from sandbox.exchange.private.keys import KeyKind
from sandbox.exchange.server import StartMode
from sandbox.ports import free_port
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.source import SimulatedSource
from sandbox.traders.desk import trade
from schemas.markets import Market
from tests.support.polling import until
from tests.support.processes import running_module
from tests.unit.sandbox.exchange.serving import get, serving


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


async def test_robots_trade_for_every_account_on_every_market(tmp_path: Path) -> None:
    symbols = {Market.SPOT: ("BTCUSDT",), Market.COINM: ("BTCUSD_PERP",)}
    source = SimulatedSource(SimulationConfig(symbols=symbols, duration_s=None, activity=0.2))
    specs = [AccountSpec(label="main"), AccountSpec(label="hedge", kind=KeyKind.ED25519)]
    private = PrivateSettings(accounts=specs, keys_dir=tmp_path)
    async with serving(source, private=private, speed=20, time_factor=20, start=StartMode.NOW) as server:
        report = await trade(server.url, tmp_path, orders=40, every_s=0, seed=1, wall_ms=wall_ms)
        books = [(await get(server, f"/sandbox/accounts/books?market={market}"))[1] for market in symbols]

    assert 40 <= report.placed <= report.asked == sum(report.by_kind.values())
    assert {label for of_market in books for label, book in of_market.items() if book["orders"]} == {"main", "hedge"}
    assert all(book["orders"] for of_market in books for book in of_market.values())


async def test_robots_trade_until_they_are_told_to_end(tmp_path: Path) -> None:
    symbols = {Market.SPOT: ("BTCUSDT",)}
    source = SimulatedSource(SimulationConfig(symbols=symbols, duration_s=None, activity=0.2))
    private = PrivateSettings(accounts=[AccountSpec(label="main")], keys_dir=tmp_path)
    async with serving(source, private=private, speed=20, time_factor=20, start=StartMode.NOW) as server:
        command = (
            "sandbox",
            "trade",
            "--keys-dir",
            str(tmp_path),
            "--url",
            server.url,
            "--orders",
            "0",
            "--every",
            "0",
        )
        log = tmp_path / "robots.log"
        async with running_module(log, *command, environment=os.environ) as robots:

            async def many_orders() -> bool:
                assert robots.returncode is None, log.read_text()
                books = (await get(server, "/sandbox/accounts/books?market=spot"))[1]
                return len(books["main"]["orders"]) > 20

            await until(many_orders, timeout_s=50)
            robots.send_signal(signal.SIGTERM)
            status = await asyncio.wait_for(robots.wait(), 10)

    assert status == 0
    assert json.loads(log.read_text())["placed"] > 20


async def test_an_exchange_without_accounts_is_refused(tmp_path: Path) -> None:
    source = SimulatedSource(SimulationConfig(symbols={Market.SPOT: ("BTCUSDT",)}))
    async with serving(source) as server:
        with pytest.raises(ValueError, match="has no accounts: start it with --account"):
            await trade(server.url, tmp_path, orders=1, every_s=0, seed=1, wall_ms=wall_ms)


async def test_a_missing_key_is_named(tmp_path: Path) -> None:
    source = SimulatedSource(SimulationConfig(symbols={Market.SPOT: ("BTCUSDT",)}))
    private = PrivateSettings(accounts=[AccountSpec(label="main")], keys_dir=tmp_path / "keys")
    async with serving(source, private=private) as server:
        with pytest.raises(ValueError, match='main" holds no key: No such file'):
            await trade(server.url, tmp_path, orders=1, every_s=0, seed=1, wall_ms=wall_ms)


def test_the_command_names_what_is_not_there(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port('127.0.0.1')}"
    result = CliRunner().invoke(app, ["trade", "--keys-dir", str(tmp_path), "--url", url])

    assert result.exit_code == 1
    assert f"{url} does not answer" in result.stderr
