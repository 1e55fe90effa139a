"""Runs the check, and what it meets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import web

from ingest.check.checking import Checking
from ingest.check.findings import Finding, Mark
from ingest.config import Settings
from schemas.markets import Market
from tests.support.fakes import RealClocks


__all__ = ["Found", "found", "listening", "of_market", "serving", "settings_for"]

NOWHERE = "127.0.0.1:9"
SERVERS = {"kafka_bootstrap_servers": NOWHERE, "schema_registry_url": f"http://{NOWHERE}"}

Found = dict[tuple[str, str], tuple[Mark, str, str | None]]


@asynccontextmanager
async def serving(answer: Callable[[web.Request], web.Response]) -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.Response:
        return answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def settings_for(url: str, markets: Mapping[str, Any], **more: Any) -> Settings:
    values: dict[str, Any] = {
        "endpoint": "sandbox",
        "allow_plaintext": True,
        "sandbox_url": url,
        "markets": dict(markets),
        **SERVERS,
    }
    return Settings(**(values | more))


async def found(settings: Settings, *, venue_only: bool = True, limit_s: float = 25.0) -> Found:
    findings = list[Finding]()
    await Checking(settings, RealClocks(), findings.append, venue_only=venue_only, limit_s=limit_s).run()
    return {(one.group, one.subject): (one.mark, one.detail, one.advice) for one in findings}


def of_market(results: Found, market: Market = Market.SPOT) -> Found:
    return {key: value for key, value in results.items() if key[0] == market}


@asynccontextmanager
async def listening(answer: bytes) -> AsyncIterator[int]:
    """Yield the port of a server that says this to everybody and hangs up."""

    handled = set[asyncio.Task[None]]()

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handled.add(asyncio.create_task(hang_up(reader, writer)))

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*handled)
