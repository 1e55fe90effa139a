"""The command ``binance-sandbox trade``."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Annotated

import aiohttp
import msgspec
import typer

from sandbox.command_line import FAILED, refuse
from sandbox.traders import desk


__all__ = ["EXAMPLES", "trade"]

EXAMPLES = """
**Examples**

`binance-sandbox trade --keys-dir ./keys --orders 5000 --every 0.2` beside

`binance-sandbox exchange --simulate --duration 0 --account main --account hedge:ed25519 --keys-dir ./keys`

`binance-sandbox trade --keys-dir ./keys --orders 0` — until Ctrl-C

**Exit status**: 0 when the orders are placed or it was told to stop, 1 when the exchange went away, 2 for a wrong
command line or a key that is not there.
"""


def trade(
    *,
    keys_dir: Annotated[Path, typer.Option(metavar="DIR", help="Where the exchange wrote the keys of its accounts.")],
    url: Annotated[str, typer.Option(help="The exchange.")] = "http://127.0.0.1:9443",
    orders: Annotated[
        int, typer.Option(min=0, help="How many to place, of all accounts and markets together; 0: until told to stop.")
    ] = 100,
    every: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long to wait after each request.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Of what the robots do.")] = 1,
) -> None:
    """Let robots trade for all accounts of a simulated exchange, by signed requests; print what they did."""
    try:
        report = asyncio.run(_trade(url, keys_dir, orders or None, every, seed))
    except ValueError as error:
        refuse(str(error))
    except aiohttp.ClientError as error:
        typer.echo(f"binance-sandbox: {url} does not answer: {error}", err=True)
        raise typer.Exit(FAILED) from error
    typer.echo(msgspec.json.format(msgspec.json.encode(report)).decode())


async def _trade(url: str, keys_dir: Path, orders: int | None, every_s: float, seed: int) -> desk.TradingReport:
    """Trade until it is done or a signal asks to end."""
    asked = asyncio.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(ending, asked.set)
    return await desk.trade(
        url, keys_dir, orders=orders, every_s=every_s, seed=seed, wall_ms=_wall_ms, ended=asked.is_set
    )


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
