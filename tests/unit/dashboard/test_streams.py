"""Server-sent events over a real server and socket; what it reads is the test's."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import httpx2
import pytest
import uvicorn

from dashboard import metrics
from dashboard.api.app import create_app
from dashboard.reader import Reader
from schemas.markets import Market
from tests.support.polling import until
from tests.unit.dashboard.test_api import World, is_problem
from tests.unit.dashboard.values import top


STREAM = "/api/v1/stream?market=spot&symbol=BTCUSDT"


class Served:
    """A server over a world whose clock is the real one."""

    def __init__(self, world: World, reader: Reader, pages_limit: int) -> None:
        self.world = world
        self.reader = reader
        self.app = create_app(reader, pages_limit=pages_limit)
        self.listening = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(self.app, log_config=None, lifespan="off", timeout_graceful_shutdown=300)
        self.server = uvicorn.Server(config)
        self.client = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.listening.getsockname()[1]}", timeout=30)

    async def pages(self) -> float:
        return float(metrics.PAGES.labels("market")._value.get())


@asynccontextmanager
async def served(pages_limit: int = 5) -> AsyncIterator[Served]:
    world = World()
    world.begin()
    world.fill()
    reader = dataclasses.replace(world.reader, clock_s=monotonic)
    reader.contact.confirm(monotonic())
    one = Served(world, reader, pages_limit)
    serving = asyncio.create_task(one.server.serve(sockets=[one.listening]))
    async with one.client:
        yield one
        one.app.state.pusher.close()
        one.server.should_exit = True
        await serving


async def events(answer: httpx2.Response) -> AsyncIterator[tuple[str, Any]]:
    """Yield the events of a stream and their documents."""
    name = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


async def until_told(told: AsyncIterator[tuple[str, Any]], wanted: str) -> Any:
    async for name, document in told:
        if name == wanted:
            return document
    pytest.fail(f"the stream ended before {wanted}")


async def test_a_page_is_told_what_is_known_and_then_what_changes() -> None:
    async with served() as one, one.client.stream("GET", STREAM) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        told = events(answer)
        seen = [await anext(told) for _ in range(7)]
        assert [name for name, _ in seen] == ["status", "book", "candles", "trades", "ticker", "liquidity", "alerts"]
        assert seen[0][1]["ready"]

        one.reader.store.take(Market.SPOT, "top-of-book", top(30_000, update_id=70_000_000), 0)

        while (await until_told(told, "book"))["top"]["update_id"] != 70_000_000:
            pass


async def test_operators_are_pushed_their_document() -> None:
    async with served() as one, one.client.stream("GET", "/api/v1/operations/stream") as answer:
        told = events(answer)
        names = [(await anext(told))[0] for _ in range(4)]

    assert names == ["status", "operations"] * 2


async def test_a_page_that_is_closed_frees_its_place_and_one_too_many_is_told_to_wait() -> None:
    async with served(pages_limit=1) as one:
        async with one.client.stream("GET", STREAM) as answer:
            await anext(events(answer))
            refused = await one.client.get(STREAM)
            assert "1 pages are open" in is_problem(refused, 503, "too-many-pages")
            assert refused.headers["retry-after"] == "10"

        async def gone() -> bool:
            return await one.pages() == 0

        await until(gone)
        async with one.client.stream("GET", STREAM) as answer:
            assert answer.status_code == 200


async def test_a_page_that_does_not_read_holds_up_nobody() -> None:
    async with served() as one:
        port = one.listening.getsockname()[1]
        lazy = socket.create_connection(("127.0.0.1", port))
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.sendall(f"GET {STREAM}&depth=1000 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        async with one.client.stream("GET", STREAM) as answer:
            told = events(answer)
            for number in range(20):
                one.reader.store.take(
                    Market.SPOT, "top-of-book", top(30_000 + number, update_id=70_000_000 + number), 0
                )
                while (await until_told(told, "book"))["top"]["update_id"] != 70_000_000 + number:
                    pass
        lazy.close()


async def test_streams_end_when_the_service_is_stopped_and_do_not_hold_it_up() -> None:
    """Were they cut off by the server's patience, five minutes, the test would not end in time."""
    async with asyncio.timeout(50), served() as one, one.client.stream("GET", STREAM) as answer:
        told = events(answer)
        await anext(told)
        one.app.state.pusher.close()
        one.server.should_exit = True

        async for _ in told:
            pass
