from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate

import aiohttp
import pytest
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from ingest.core.budget import Importance
from ingest.core.guard import VenueClock
from ingest.core.windows import Pool, Usage, usages_of
from ingest.errors import RestRefusedError, RestUnreachableError, is_transient
from ingest.metrics import Metrics
from ingest.rest import RestClient, retry_after_s
from ingest.rest_pool import RestPool
from ingest.venue_time import VenueTime
from schemas.markets import Market
from schemas.rest import ExchangeInfo, RestAggTrade
from tests.support.fakes import FakeClocks, RealClocks
from tests.support.rest import rest_client, rest_pool


WALL_MS = 1_700_000_000_000
Answer = Callable[[web.Request], web.StreamResponse | Awaitable[web.StreamResponse]]


@asynccontextmanager
async def asking(
    answer: Answer,
    timeout_s: float = 10.0,
    *,
    pool: RestPool | None = None,
    market: Market = Market.SPOT,
    api_key: str | None = None,
) -> AsyncIterator[RestClient]:
    """Yield a client of a server that answers like this."""

    async def handle(request: web.Request) -> web.StreamResponse:
        answered = answer(request)
        return await answered if isinstance(answered, Awaitable) else answered

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with aiohttp.ClientSession() as session:
            clocks = FakeClocks(WALL_MS)
            base = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v3"
            yield rest_client(base, session, clocks, market, timeout_s=timeout_s, pool=pool, api_key=api_key)
    finally:
        await runner.cleanup()


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"ingest_rest_{name}", {"pool": "spot", **labels})


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


async def test_trades_are_read_from_where_they_are_asked() -> None:
    seen = list[tuple[str, str | None]]()
    trade = {"id": 7, "price": "1.5", "qty": "2", "quoteQty": "3", "time": 5, "isBuyerMaker": True, "new": 1}
    aggregate = {"a": 3, "p": "1.5", "q": "2", "f": 6, "l": 7, "T": 5, "m": False, "M": True}

    def answer(request: web.Request) -> web.StreamResponse:
        seen.append((str(request.rel_url), request.headers.get("X-MBX-APIKEY")))
        return web.json_response([aggregate if "agg" in request.path else trade])

    async with asking(answer, api_key="k") as client:
        trades = [await client.trades("BTCUSDT", 1000), await client.historical_trades("BTCUSDT", 7, 500)]
        assert await client.agg_trades("BTCUSDT", 3, 1000) == [
            RestAggTrade(
                aggregate_trade_id=3,
                price="1.5",
                quantity="2",
                first_trade_id=6,
                last_trade_id=7,
                trade_time=5,
                buyer_is_maker=False,
            )
        ]

    assert [[one.trade_id for one in page] for page in trades] == [[7], [7]]
    assert seen == [
        ("/api/v3/trades?symbol=BTCUSDT&limit=1000", None),
        ("/api/v3/historicalTrades?symbol=BTCUSDT&fromId=7&limit=500", "k"),
        ("/api/v3/aggTrades?symbol=BTCUSDT&fromId=3&limit=1000", None),
    ]


@pytest.mark.parametrize(
    ("market", "api_key", "reaches"),
    [(Market.SPOT, None, True), (Market.USDM, None, False), (Market.COINM, None, False), (Market.USDM, "k", True)],
)
async def test_older_trades_of_futures_need_a_key(market: Market, api_key: str | None, reaches: bool) -> None:
    async with asking(lambda _: web.Response(), market=market, api_key=api_key) as client:
        assert client.reaches_history is reaches


async def test_an_answer_of_another_kind_is_unreachable() -> None:
    async with asking(lambda _: web.json_response({"id": 7})) as client:
        with pytest.raises(RestUnreachableError, match=r"trades.*not its answer"):
            await client.trades("BTCUSDT", 5)


async def test_an_answer_that_takes_too_long_is_none() -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async with asking(answer, timeout_s=0.1) as client:
        with pytest.raises(RestUnreachableError, match="TimeoutError"):
            await client.server_time()


# The budget


async def test_the_used_weight_that_an_answer_tells_is_counted_whatever_its_status() -> None:
    metrics, used = Metrics(CollectorRegistry()), iter(["4780", "4799"])

    def answer(_: web.Request) -> web.StreamResponse:
        headers = {"X-MBX-USED-WEIGHT-1M": next(used)}
        return web.Response(status=400, text='{"code":-1121,"msg":"Invalid symbol."}', headers=headers)

    async with asking(answer, pool=rest_pool(FakeClocks(WALL_MS), metrics=metrics)) as client:
        with pytest.raises(RestRefusedError):
            await client.server_time()
        assert value(metrics, "used_weight") == 4780
        assert client.wait_s(1, Importance.CLOCK) > 0
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.server_time(), 0.2)

    assert value(metrics, "requests_total", outcome="refused") == 1


async def test_the_limits_that_exchange_info_names_are_kept() -> None:
    metrics = Metrics(CollectorRegistry())
    limits = [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 1000},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 5},
        {"rateLimitType": "CONNECTIONS", "interval": "FORTNIGHT", "intervalNum": 1, "limit": 5},
    ]
    info = {"rateLimits": limits, "symbols": []}
    async with asking(
        lambda _: web.json_response(info), pool=rest_pool(FakeClocks(WALL_MS), metrics=metrics)
    ) as client:
        await client.exchange_info()

    assert value(metrics, "allowed_weight") == 800


async def test_a_request_given_up_while_it_waits_holds_up_nobody() -> None:
    hold, asked, arrived = asyncio.Event(), list[str](), asyncio.Semaphore(0)

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.query["symbol"])
        arrived.release()
        await hold.wait()
        return web.json_response({"serverTime": 5})

    async with asking(answer) as client:
        # Three of weight 100 may be under way at once, a sixteenth of 4800.
        get = [
            asyncio.create_task(client.get("x", {"symbol": name}, weight=100, importance=Importance.BOOK))
            for name in "abcde"
        ]
        for _ in range(3):
            await arrived.acquire()
        get[3].cancel()
        await asyncio.wait([get[3]])
        hold.set()
        await asyncio.gather(*get[:3], get[4])

    assert (sorted(asked[:3]), asked[3:]) == (["a", "b", "c"], ["e"])


async def test_a_ban_is_remembered_with_its_end() -> None:
    remembered = list[tuple[Pool, int]]()
    metrics = Metrics(CollectorRegistry())
    pool = rest_pool(FakeClocks(WALL_MS), metrics=metrics, remember=lambda *note: remembered.append(note))

    async with asking(lambda _: web.Response(status=418, headers={"Retry-After": "7200"}), pool=pool) as client:
        with pytest.raises(RestRefusedError):
            await client.server_time()
        assert client.wait_s(1, Importance.CLOCK) == 7200

    assert remembered == [(Pool.SPOT, WALL_MS + 7_200_000)]
    assert value(metrics, "paused_until_seconds") == WALL_MS / 1000 + 7200
    assert value(metrics, "allowed_weight") == 2400
    assert value(metrics, "requests_total", outcome="banned") == 1


async def test_a_ban_of_an_earlier_run_is_kept() -> None:
    asked = list[str]()

    def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.json_response({"serverTime": 5})

    pool = rest_pool(FakeClocks(WALL_MS))
    pool.restore_ban(WALL_MS + 60_000)
    async with asking(answer, pool=pool) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.server_time(), 0.2)

    assert asked == []


async def test_who_needs_the_time_does_not_wait_for_a_ban_to_end() -> None:
    pool = rest_pool(FakeClocks(WALL_MS))
    pool.restore_ban(WALL_MS + 60_000)
    async with asking(lambda _: web.json_response({"serverTime": 5}), pool=pool) as client:
        clock = VenueClock(WALL_MS, 0)
        assert await VenueTime(clock, client, lambda: 0.0, structlog.get_logger()).ask() is None

    assert not clock.asked


async def test_a_pool_goes_on_when_the_time_has_come() -> None:
    clocks = RealClocks()
    pool = rest_pool(clocks)
    pool.restore_ban(clocks.wall_ns() // 1_000_000 + 200)
    async with asking(lambda _: web.json_response({"serverTime": 5}), pool=pool) as client:
        assert await client.server_time() == 5


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


@pytest.mark.parametrize(
    ("name", "value", "date_ms", "expected"),
    [
        ("X-MBX-USED-WEIGHT-1M", "35", 60_000 * 7 + 12_000, [Usage(60_000, 35, 48_000)]),
        ("x-mbx-used-weight-10s", "35", None, [Usage(10_000, 35, 10_000)]),
        ("X-MBX-USED-WEIGHT-1D", "35", 0, [Usage(86_400_000, 35, 86_400_000)]),
        ("X-MBX-USED-WEIGHT", "35", None, []),
        ("X-MBX-USED-WEIGHT-", "35", None, []),
        ("X-MBX-USED-WEIGHT-1Q", "35", None, []),
        ("X-MBX-USED-WEIGHT-1M", "many", None, []),
        ("X-MBX-ORDER-COUNT-1M", "35", None, []),
    ],
)
def test_the_used_weight_of_any_window_is_read(
    name: str, value: str, date_ms: int | None, expected: list[Usage]
) -> None:
    assert usages_of({name: value}, date_ms) == expected
