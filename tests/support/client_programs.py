"""Programs of users of clients that others wrote (`tests/clients`), and a simulated exchange for them.

The clients live in an environment of their own (`make clients`).
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from sandbox.ports import free_port
from tests.support.polling import until
from tests.support.project import ROOT


__all__ = ["Exchange", "exchange", "output_of", "require_clients", "run_client"]

_CLIENTS = ROOT / ".make" / "clients" / "bin" / "python"
_SCRIPTS = ROOT / "tests" / "clients"


def require_clients() -> None:
    """Skip where the clients are not installed; where they are required, fail."""
    if not _CLIENTS.exists():
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
        *(str(_CLIENTS), str(_SCRIPTS / script), venue.url, *arguments),
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


async def output_of(venue: Exchange, script: str, *arguments: str) -> Any:
    """Run a client until it ends by itself; return what it says it found."""
    process = await asyncio.create_subprocess_exec(
        *(str(_CLIENTS), str(_SCRIPTS / script), venue.url, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return msgspec.json.decode(out)
