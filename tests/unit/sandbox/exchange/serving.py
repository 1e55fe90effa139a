"""A server on a free port, and clients of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from websockets.asyncio.client import ClientConnection, connect

from sandbox.exchange.server import ExchangeServer, ExchangeSettings, StartMode
from sandbox.exchange.source import Source


__all__ = ["get", "post", "serving", "socket_to", "stays_silent"]


@asynccontextmanager
async def serving(source: Source, **settings: Any) -> AsyncIterator[ExchangeServer]:
    chosen = {"port": 0, "speed": None, "start": StartMode.MANUAL} | settings
    async with ExchangeServer(source, ExchangeSettings(**chosen)) as server:
        yield server


def socket_to(server: ExchangeServer, path: str) -> connect:
    return connect(f"ws://127.0.0.1:{server.port}{path}", proxy=None, max_queue=None)


async def stays_silent(client: ClientConnection, server: ExchangeServer) -> bool:
    """Return whether a client that asks for its subscriptions gets that reply before any frame."""
    await server.wait_ended()
    await client.send('{"method":"LIST_SUBSCRIPTIONS","id":99}')
    return bool(json.loads(await client.recv()).get("id") == 99)


async def get(
    server: ExchangeServer, path: str, *, as_text: bool = False, headers: Mapping[str, str] | None = None
) -> tuple[int, Any, dict[str, str]]:
    async with aiohttp.ClientSession() as session, session.get(server.url + path, headers=headers) as reply:
        return reply.status, await (reply.text() if as_text else reply.json()), dict(reply.headers)


async def post(server: ExchangeServer, path: str) -> Any:
    async with aiohttp.ClientSession() as session, session.post(server.url + path) as reply:
        return await reply.json()
