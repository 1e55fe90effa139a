from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate

import aiohttp
import pytest
from aiohttp import web

from ingest.errors import RestRefusedError, RestUnreachableError, is_transient
from ingest.rest import RestClient, retry_after_s
from schemas.rest import ExchangeInfo
from tests.support.fakes import FakeClocks
from tests.support.rest import rest_client


WALL_MS = 1_700_000_000_000
Answer = Callable[[web.Request], web.StreamResponse]


@asynccontextmanager
async def asking(answer: Answer, timeout_s: float = 10.0) -> AsyncIterator[RestClient]:
    """Yield a client of a server that answers like this."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return answer(request)

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with aiohttp.ClientSession() as session:
            clocks = FakeClocks(WALL_MS)
            base = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v3"
            yield rest_client(base, session, clocks, timeout_s=timeout_s)
    finally:
        await runner.cleanup()


async def test_a_body_is_returned_as_it_came() -> None:
    seen = list[str]()

    def answer(request: web.Request) -> web.StreamResponse:
        seen.append(str(request.rel_url))
        return web.Response(text='{"lastUpdateId": 5,  "bids": [] }')

    async with asking(answer) as client:
        assert await client.depth("BTCUSDT", 1000) == b'{"lastUpdateId": 5,  "bids": [] }'

    assert seen == ["/api/v3/depth?symbol=BTCUSDT&limit=1000"]


async def test_times_and_symbols_are_read() -> None:
    def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/time"):
            return web.json_response({"serverTime": 5})
        return web.json_response({"rateLimits": [], "symbols": []})

    async with asking(answer) as client:
        assert await client.server_time() == 5
        assert await client.exchange_info() == ExchangeInfo(rate_limits=[], symbols=[])


@pytest.mark.parametrize(
    ("status", "body", "transient", "code", "retry_after"),
    [
        (400, '{"code":-1121,"msg":"Invalid symbol."}', False, -1121, None),
        (403, "<html>WAF</html>", False, None, None),
        (408, '{"code":-1007,"msg":"Timeout"}', True, -1007, None),
        (429, '{"code":-1003,"msg":"Too many requests."}', True, -1003, None),
        (418, f'{{"code":-1003,"msg":"IP banned until {WALL_MS + 90_000}."}}', True, -1003, 90.0),
        (503, "Service Unavailable.", True, None, None),
        (502, "", True, None, None),
    ],
)
async def test_an_error_says_what_the_venue_said(
    status: int, body: str, transient: bool, code: int | None, retry_after: float | None
) -> None:
    async with asking(
        lambda _: web.Response(status=status, text=body, headers={"Date": formatdate(WALL_MS / 1000)})
    ) as client:
        with pytest.raises(RestRefusedError) as caught:
            await client.server_time()

    error = caught.value
    assert (error.status, error.code, error.retry_after_s) == (status, code, retry_after)
    assert is_transient(error) is transient
    assert f"status {status}" in str(error)


async def test_after_a_429_nobody_asks_before_the_time_is_up() -> None:
    asked = list[str]()

    def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(status=429, headers={"Retry-After": "3600"}, text='{"code":-1003,"msg":"No."}')

    async with asking(answer) as client:
        with pytest.raises(RestRefusedError):
            await client.server_time()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.server_time(), 0.2)

    assert len(asked) == 1


async def test_an_answer_that_is_none_is_unreachable() -> None:
    async with asking(lambda _: web.Response(text="<html>hello</html>")) as client:
        with pytest.raises(RestUnreachableError, match="not its answer"):
            await client.server_time()


async def test_no_server_is_unreachable_and_transient() -> None:
    async with aiohttp.ClientSession() as session:
        client = rest_client("http://127.0.0.1:1/api/v3", session, FakeClocks())
        with pytest.raises(RestUnreachableError) as caught:
            await client.server_time()

    assert is_transient(caught.value)


@pytest.mark.parametrize(
    ("headers", "message", "expected"),
    [
        ({"Retry-After": "12"}, "", 12.0),
        ({"Retry-After": "soon"}, "", None),
        ({}, "Way too many requests; IP banned until 1700000060000. Please use websocket", 60.0),
        ({}, "banned until 1600000000000", 0.0),
        ({}, "no reason", None),
    ],
)
def test_how_long_the_venue_wants_to_be_left_alone(
    headers: dict[str, str], message: str, expected: float | None
) -> None:
    assert retry_after_s(headers, message, WALL_MS) == expected
