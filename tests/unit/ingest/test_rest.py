from __future__ import annotations

import asyncio
from email.utils import formatdate

import aiohttp
import pytest
from aiohttp import web

from ingest.core.budget import Importance
from ingest.core.restraint import MOST_BELIEVED_S
from ingest.core.weights import day_tickers_weight, tickers_at_once
from ingest.errors import RestRefusedError, RestUnreachableError, is_transient
from ingest.rest_transport import retry_after_s
from schemas.markets import Market
from schemas.rest import DayTicker, ExchangeInfo, RestAggTrade
from tests.support.fakes import FakeClocks
from tests.support.rest import asking, rest_client


WALL_MS = 1_700_000_000_000


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


@pytest.mark.parametrize(
    "body",
    [
        b"<html>hello</html>",
        b"\xff\xfe",
        b'{"rateLimits":[],"symbols":[{"symbol":"\xff","status":"TRADING"}]}',
        b'{"a":' + b"[" * 100_000,
    ],
)
async def test_an_answer_that_is_none_is_unreachable(body: bytes) -> None:
    async with asking(lambda _: web.Response(body=body)) as client:
        with pytest.raises(RestUnreachableError, match="not its answer"):
            await client.exchange_info()


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
                best_match=True,
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


@pytest.mark.parametrize("body", [b'{"code":-1003,"msg":"\xff"}', b'{"a":' + b"[" * 100_000])
async def test_an_error_that_cannot_be_read_is_told_as_it_is(body: bytes) -> None:
    async with asking(lambda _: web.Response(status=503, body=body)) as client:
        with pytest.raises(RestRefusedError) as caught:
            await client.exchange_info()

    assert (caught.value.status, caught.value.code) == (503, None)


async def test_an_answer_that_takes_too_long_is_none() -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async with asking(answer, timeout_s=0.1) as client:
        with pytest.raises(RestUnreachableError, match="TimeoutError"):
            await client.server_time()


@pytest.mark.parametrize(
    ("headers", "message", "expected"),
    [
        ({"Retry-After": "12"}, "", 12.0),
        ({"Retry-After": "soon"}, "", None),
        ({}, "Way too many requests; IP banned until 1700000060000. Please use websocket", 60.0),
        ({}, "banned until 1600000000000", 0.0),
        ({}, "no reason", None),
        ({"Retry-After": "9" * 400}, "", MOST_BELIEVED_S),
        ({}, "banned until 9999999999999", MOST_BELIEVED_S),
        ({}, "banned until " + "9" * 5000, MOST_BELIEVED_S),
    ],
)
def test_how_long_the_venue_wants_to_be_left_alone(
    headers: dict[str, str], message: str, expected: float | None
) -> None:
    assert retry_after_s(headers, message, WALL_MS) == expected


@pytest.mark.parametrize(
    ("market", "symbols", "query", "answer"),
    [
        (Market.SPOT, ["A", "B"], "?symbols=%5B%22A%22,%22B%22%5D", "[{},{}]"),
        (Market.SPOT, None, "", "[{}]"),
        (Market.USDM, ["A"], "?symbol=A", "{}"),
        (Market.COINM, ["A"], "?symbol=A", "[{}]"),
        (Market.USDM, None, "", "[{}]"),
    ],
)
async def test_how_far_symbols_are_is_one_question_for_one_for_some_and_for_all(
    market: Market, symbols: list[str] | None, query: str, answer: str
) -> None:
    seen = list[str]()

    def reply(request: web.Request) -> web.StreamResponse:
        seen.append(str(request.rel_url))
        return web.Response(text=answer.replace("{}", '{"symbol":"A","lastId":-1,"closeTime":5,"count":0}'))

    async with asking(reply, market=market) as client:
        tickers = await client.day_tickers(symbols, Importance.REFRESH)

    assert tickers == [DayTicker(symbol="A", last_trade_id=-1, close_time=5)] * answer.count("{}")
    assert seen == [f"/api/v3/ticker/24hr{query}"]


@pytest.mark.parametrize(
    ("market", "count", "at_once", "weight"),
    [
        (Market.SPOT, 1, 20, 2),
        (Market.SPOT, 780, 20, 78),
        (Market.SPOT, 781, None, 80),
        (Market.USDM, 39, 1, 39),
        (Market.USDM, 40, None, 40),
        (Market.COINM, 2, 1, 2),
    ],
)
def test_how_far_symbols_are_is_asked_at_the_least_weight(
    market: Market, count: int, at_once: int | None, weight: int
) -> None:
    assert tickers_at_once(market, count) == at_once
    questions = 1 if at_once is None else -(-count // at_once)
    assert questions * day_tickers_weight(market, at_once) == weight
