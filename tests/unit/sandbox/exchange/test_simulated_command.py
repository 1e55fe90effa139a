"""Running the exchange on a simulated market as a process."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from sandbox.ports import free_port
from tests.support.polling import until


async def simulate(*arguments: str) -> dict[str, Any]:
    """Run the command to the end of trading and stop it; return the status that it had then."""
    port = free_port("127.0.0.1")
    options = ["--simulate", "--start", "now", "--speed", "max", "--duration", "3", "--symbol", "spot:BTCUSDT"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox", "exchange", *options, "--port", str(port), *arguments),
        stdout=asyncio.subprocess.DEVNULL,
    )
    status: dict[str, Any] = {}

    async def ended() -> bool:
        url = f"http://127.0.0.1:{port}/sandbox/status"
        try:
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                status.update(await response.json())
        except aiohttp.ClientConnectionError:
            return False
        return bool(status["state"] == "ended")

    try:
        await until(ended, timeout_s=40, every_s=0.05)
        process.terminate()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    return status


def trades_of(directory: Path) -> Sequence[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in (directory / "spot.trades.jsonl").read_bytes().splitlines()]


async def test_the_exchange_starts_at_the_present_and_writes_down_every_trade(tmp_path: Path) -> None:
    before_ms = time.time_ns() // 10**6
    status = await simulate("--truth", str(tmp_path))
    trades = trades_of(tmp_path)
    ids = [trade["t"] for trade in trades]

    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert len(ids) > 5
    assert before_ms <= trades[0]["T"] <= trades[-1]["T"] <= before_ms + 3_600_000
    assert before_ms <= status["clock_ms"] <= before_ms + 3_600_000


async def test_equal_seeds_and_start_times_give_equal_trades(tmp_path: Path) -> None:
    for name in ("one", "two"):
        await simulate("--truth", str(tmp_path / name), "--seed", "7", "--start-time", "1793577600000")

    assert trades_of(tmp_path / "one") == trades_of(tmp_path / "two") != []
