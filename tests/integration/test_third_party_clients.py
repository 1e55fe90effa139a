"""Clients that others wrote work against the simulated exchange: ccxt and python-binance.

They live in an environment of their own (`make clients`) and run as programs of their users (`tests/clients`). No
Kafka is needed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from sandbox.ports import free_port
from tests.support.polling import until
from tests.support.project import ROOT


CLIENTS = ROOT / ".make" / "clients" / "bin" / "python"
SCRIPTS = ROOT / "tests" / "clients"

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.fixture(scope="module", autouse=True)
def clients() -> None:
    """Skip where the clients are not installed; where they are required, fail."""
    if not CLIENTS.exists():
        if os.environ.get("REQUIRE_CLIENTS") == "1":
            pytest.fail("REQUIRE_CLIENTS=1, but the clients are not installed: make clients", pytrace=False)
        pytest.skip("the clients are not installed: make clients")


class Exchange:
    """A simulated exchange in a process of its own, with the log of what it traded."""

    def __init__(self, port: int, truth: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._truth = truth

    async def get(self, path: str, **params: str) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}{path}", params=params, raise_for_status=True) as response,
        ):
            return await response.json()

    async def is_in(self, state: str) -> bool:
        try:
            return bool((await self.get("/sandbox/status"))["state"] == state)
        except aiohttp.ClientConnectionError:
            return False

    async def ended(self) -> bool:
        return await self.is_in("ended")

    async def answers(self) -> bool:
        return await self.is_in("waiting") or await self.is_in("running")

    async def book(self, market: str, symbol: str) -> Any:
        """Return the whole book."""
        return await self.get("/sandbox/book", market=market, symbol=symbol)

    def traded(self, name: str, symbol: str) -> list[dict[str, Any]]:
        """Return what the exchange wrote down."""
        lines = (self._truth / f"{name}.jsonl").read_bytes().splitlines()
        return [each for each in map(msgspec.json.decode, lines) if each["s"] == symbol]


@asynccontextmanager
async def exchange(truth: Path, symbols: Sequence[str], *options: str) -> AsyncIterator[Exchange]:
    port = free_port("127.0.0.1")
    named = [argument for symbol in symbols for argument in ("--symbol", symbol)]
    command = ["-m", "sandbox", "exchange", "--simulate", "--port", str(port), "--truth", str(truth)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *command, *named, *options),
        stdout=asyncio.subprocess.DEVNULL,
    )
    running = Exchange(port, truth)
    try:
        await until(running.answers)
        yield running
    finally:
        process.terminate()
        await process.wait()


async def run_client(venue: Exchange, script: str, *arguments: str) -> Any:
    """Run a client until trading has ended; return what it says it found."""
    process = await asyncio.create_subprocess_exec(
        *(str(CLIENTS), str(SCRIPTS / script), venue.url, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        talking = asyncio.create_task(process.wait())
        ending = asyncio.create_task(until(venue.ended, timeout_s=150))
        await asyncio.wait([talking, ending], return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        out, err = await process.communicate(b"finish\n")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    return msgspec.json.decode(out)


async def test_ccxt_keeps_books_of_spot_and_usdm_in_sync(tmp_path: Path) -> None:
    """After the last diff each of its books has the id and all levels of the exchange's own."""
    symbols = {"BTC/USDT": ("spot", "BTCUSDT"), "ETH/USDT": ("spot", "ETHUSDT"), "BTC/USDT:USDT": ("usdm", "BTCUSDT")}
    async with exchange(
        tmp_path, [":".join(each) for each in symbols.values()], "--duration", "30", "--speed", "2"
    ) as venue:
        books = await run_client(venue, "ccxt_books.py", *symbols)
        for name, (market, symbol) in symbols.items():
            whole = await venue.book(market, symbol)

            assert books[name]["updates"] > 20
            assert books[name]["id"] == whole["lastUpdateId"]
            for side in ("bids", "asks"):
                assert [level[:2] for level in books[name][side]] == [
                    [float(price), float(quantity)] for price, quantity in whole[side]
                ]


async def test_python_binance_collects_every_trade_and_keeps_a_book(tmp_path: Path) -> None:
    """It comes while there is trading; what was traded before is fetched by id, and joins without a hole."""
    async with exchange(
        tmp_path, ["spot:BTCUSDT", "usdm:BTCUSDT"], "--duration", "60", "--speed", "2", "--start", "now"
    ) as venue:
        found = await run_client(venue, "binance_collector.py", "BTCUSDT")
        whole = await venue.book("spot", "BTCUSDT")
    truth = {name: venue.traded(name, "BTCUSDT") for name in TRUTHS}

    for name, (market, stream, endpoint, key, rest_key) in TRUTHS.items():
        heard = found["heard"][market][stream]
        earlier = [each for each in found["earlier"][endpoint] if each[rest_key] < heard[0][key]]
        ids = [each[rest_key] for each in earlier] + [each[key] for each in heard]
        known = {each[key]: each for each in truth[name]}

        assert earlier
        assert ids == [each[key] for each in truth[name]][-len(ids) :]
        for each in heard:
            assert [each[field] for field in "pqTm"] == [known[each[key]][field] for field in "pqTm"]
    for side in ("bids", "asks"):
        assert [[Decimal(price), Decimal(quantity)] for price, quantity in found["book"][side]] == [
            [Decimal(price), Decimal(quantity)] for price, quantity in whole[side]
        ]
    facts = found["facts"]
    assert {each["symbol"] for each in facts["exchangeInfo"]["symbols"]} == {"BTCUSDT"}
    assert facts["futuresKlines"][0][8] > 0
    assert [each["id"] for each in facts["trades"]] == sorted(each["id"] for each in facts["trades"])


TRUTHS = {
    "spot.trades": ("spot", "trade", "trades", "t", "id"),
    "spot.agg-trades": ("spot", "aggTrade", "aggTrades", "a", "a"),
    "usdm.trades": ("usdm", "trade", "futuresTrades", "t", "id"),
    "usdm.agg-trades": ("usdm", "aggTrade", "futuresAggTrades", "a", "a"),
}
"""Files of the log: market, stream and REST answer of the same facts, and the keys of their ids."""
