"""The application as a client sees it, over a reader whose time is the test's."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from structlog.testing import capture_logs

from dashboard.api import documents
from dashboard.api.app import create_app
from dashboard.api.example_accounts import example_balance, example_order, example_position
from dashboard.api.examples import example_answers, example_values
from dashboard.api.guard import SECURITY_HEADERS
from dashboard.api.operations_documents import OperationsAnswer
from dashboard.api.problems import PROBLEM_TYPE
from dashboard.core.accounts import ACCOUNT_SCHEMAS, Accounts
from dashboard.core.operations import Operations
from dashboard.core.store import Limits, Store
from dashboard.core.synchrony import Contact, Synchrony
from dashboard.follower import Tails, topics_to_read
from dashboard.reader import Reader
from schemas.derived import BookState
from schemas.markets import Market
from schemas.topics import CANDLE_INTERVALS, ControlType, DerivedType, TopicTable
from tests.unit.dashboard.values import top


SPOT = "/api/v1/markets/spot"
TABLE = TopicTable("test")
MODELS = {
    "symbols": documents.SymbolsAnswer,
    "book": documents.BookAnswer,
    "books": documents.BooksAnswer,
    "slippage": documents.SlippageAnswer,
    "candles": documents.CandlesAnswer,
    "trades": documents.TradesAnswer,
    "orders": documents.OrdersAnswer,
    "balances": documents.BalancesAnswer,
    "positions": documents.PositionsAnswer,
    "operations": OperationsAnswer,
    "flow": documents.FlowAnswer,
    "ticker": documents.TickerAnswer,
    "alerts": documents.AlertsAnswer,
    "liquidity": documents.LiquidityAnswer,
}


class World:
    """What the service reads, and its time."""

    def __init__(self, *, private: bool = False) -> None:
        self.now_s = 100.0
        store = Store(Limits())
        markets = (Market.SPOT, Market.USDM)
        topics = topics_to_read(TABLE, markets, store.schemas | (ACCOUNT_SCHEMAS if private else set()))
        self.reader = Reader(
            store=store,
            synchrony=Synchrony(),
            contact=Contact(10),
            topics=topics,
            operations=Operations(TABLE, markets, private=private),
            accounts=Accounts(100) if private else None,
            markets=markets,
            clock_ms=lambda: 1_723_161_661_250,
            clock_s=lambda: self.now_s,
        )

    def begin(self, *, unread: int = 0) -> None:
        self.reader.contact.confirm(self.now_s)
        for topic in self.reader.topics:
            self.reader.synchrony.begin(topic.name, 3, position=0, end=unread)

    def fill(self) -> None:
        for schema, value in example_values().items():
            self.reader.store.take(Market.SPOT, schema, value, 0)
        if self.reader.accounts is not None:
            for account in (example_order(), example_balance(), example_position()):
                self.reader.accounts.take(Market.USDM, account)


@pytest.fixture
def world() -> World:
    one = World()
    one.begin()
    one.fill()
    return one


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(create_app(world.reader)) as one:
        yield one


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document, which takes a while to make."""
    return create_app(World().reader).openapi()


def client_of(app: FastAPI) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://dashboard")


def is_problem(answer: httpx2.Response, status: int, code: str) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM_TYPE
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "instance"}
    assert problem["type"] == f"urn:binance-kafka:problem:{code}"
    assert problem["status"] == status
    return problem["detail"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"{SPOT}/symbols", "symbols"),
        (f"{SPOT}/books/BTCUSDT?depth=2", "book"),
        ("/api/v1/books", "books"),
        (f"{SPOT}/books/BTCUSDT/slippage?side=BUY&quantity=1.5", "slippage"),
        (f"{SPOT}/candles/BTCUSDT?interval=1m&limit=1", "candles"),
        (f"{SPOT}/trades/BTCUSDT?limit=1", "trades"),
        (f"{SPOT}/flow/BTCUSDT?window=1s", "flow"),
        (f"{SPOT}/tickers/BTCUSDT", "ticker"),
        (f"{SPOT}/liquidity/BTCUSDT", "liquidity"),
        (f"{SPOT}/alerts", "alerts"),
        ("/api/v1/operations", "operations"),
    ],
)
async def test_each_route_answers_as_it_is_documented(client: httpx2.AsyncClient, path: str, name: str) -> None:
    answer = await client.get(path)

    assert answer.status_code == 200
    MODELS[name].model_validate_json(answer.text)
    assert answer.json().keys() == example_answers()[name].keys()
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", sorted(MODELS))
def test_examples_are_documented_and_fit_their_schema(document: dict[str, Any], name: str) -> None:
    operations = {one["operationId"]: one for path in document["paths"].values() for one in path.values()}

    assert operations[name]["responses"]["200"]["content"]["application/json"]["example"] == example_answers()[name]
    MODELS[name].model_validate_json(httpx2.Response(200, json=example_answers()[name]).text)


def test_the_document_describes_every_route_and_parameter(document: dict[str, Any]) -> None:
    operations = [one for path in document["paths"].values() for one in path.values()]
    assert len(operations) == 19
    assert all(one["description"] for one in operations)
    assert all(parameter.get("description") for one in operations for parameter in one.get("parameters", ()))
    assert not re.search("HTTPValidationError", str(document))
    references = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert references <= set(document["components"]["schemas"])


def test_intervals_that_can_be_asked_for_are_those_that_have_a_topic(document: dict[str, Any]) -> None:
    parameters = document["paths"]["/api/v1/markets/{market}/candles/{symbol}"]["get"]["parameters"]
    (interval,) = [one for one in parameters if one["name"] == "interval"]

    assert interval["schema"]["enum"] == list(CANDLE_INTERVALS)


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("/api/v1/markets/moon/symbols", 'parameter "market"'),
        (f"{SPOT}/books/BTCUSDT?depth=0", 'parameter "depth"'),
        (f"{SPOT}/books/BTCUSDT?depth=many", 'parameter "depth"'),
        (f"{SPOT}/books/BTCUSDT/slippage?quantity=1", 'parameter "side"'),
        (f"{SPOT}/books/BTCUSDT/slippage?side=BUY", 'parameter "quantity": give either'),
        (f"{SPOT}/books/BTCUSDT/slippage?side=BUY&quantity=a", 'parameter "quantity": "a" is not a decimal number'),
        (f"{SPOT}/candles/BTCUSDT?interval=2m", 'parameter "interval"'),
        (f"{SPOT}/flow/BTCUSDT?window=1h", 'parameter "window"'),
        (f"{SPOT}/alerts?kind=loud", 'parameter "kind"'),
    ],
)
async def test_a_bad_parameter_is_named(client: httpx2.AsyncClient, path: str, complaint: str) -> None:
    assert complaint in is_problem(await client.get(path), 422, "bad-parameter")


@pytest.mark.parametrize("path", ["books/NOSUCH", "books/NOSUCH/slippage?side=SELL&quantity=1", "candles/NOSUCH"])
async def test_an_unknown_symbol_is_not_found(client: httpx2.AsyncClient, path: str) -> None:
    assert '"NOSUCH"' in is_problem(await client.get(f"{SPOT}/{path}"), 404, "unknown-symbol")


async def test_routes_and_methods_that_do_not_exist_are_problems_too(client: httpx2.AsyncClient) -> None:
    is_problem(await client.get("/api/v2/books"), 404, "not-found")
    is_problem(await client.post("/api/v1/books"), 405, "method-not-allowed")


async def test_a_failure_of_our_own_is_a_problem_that_tells_no_internals(world: World) -> None:
    app = create_app(world.reader)
    app.state.reader = None

    with capture_logs() as logs:
        async with client_of(app) as client:
            answer = await client.get("/api/v1/books")

    assert is_problem(answer, 500, "internal") == "the log of the service says why"
    assert [(one["event"], one["path"]) for one in logs] == [("request failed", "/api/v1/books")]
    assert answer.headers["content-security-policy"] == SECURITY_HEADERS["Content-Security-Policy"]


async def test_before_its_topics_are_read_a_question_has_no_answer_yet() -> None:
    world = World()
    async with client_of(create_app(world.reader)) as client:
        starting = await client.get(f"{SPOT}/books/BTCUSDT")
        world.begin(unread=7)
        reading = await client.get(f"{SPOT}/candles/NOSUCH")
        for topic in world.reader.topics:
            if topic.schema == "candle":
                world.reader.synchrony.advance(topic.name, 3, 7)
        read = await client.get(f"{SPOT}/candles/NOSUCH")

    assert "waiting for the broker" in is_problem(starting, 503, "not-synchronised")
    assert starting.headers["retry-after"] == "2"
    assert 'topic "test.spot.candle-1m.v1": 7 records to read' in is_problem(reading, 503, "not-synchronised")
    is_problem(read, 404, "unknown-symbol")


async def test_a_market_that_is_not_read_is_not_said_to_be_empty(client: httpx2.AsyncClient) -> None:
    detail = is_problem(await client.get("/api/v1/markets/coinm/symbols"), 503, "not-synchronised")

    assert detail == "market coinm is not read here (DASHBOARD_MARKETS)"


async def test_a_book_that_is_not_live_is_shown_and_not_quoted(world: World, client: httpx2.AsyncClient) -> None:
    world.reader.store.take(Market.SPOT, "top-of-book", top(99_999, BookState.SYNCING), 0)

    book = await client.get(f"{SPOT}/books/BTCUSDT")
    cost = await client.get(f"{SPOT}/books/BTCUSDT/slippage?side=BUY&quantity=1")

    assert (book.status_code, book.json()["state"]) == (200, "syncing")
    assert "syncing" in is_problem(cost, 503, "book-not-live")
    assert cost.headers["retry-after"] == "5"


async def test_liveness_does_not_look_at_the_broker_and_readiness_does(
    world: World, client: httpx2.AsyncClient
) -> None:
    assert (await client.get("/ready")).status_code == 200

    world.now_s += 11

    ready = await client.get("/ready")
    assert (await client.get("/live")).status_code == 200
    assert ready.status_code == 503
    assert ready.json()["because"] == ["the broker has not answered for 11 s"]
    assert (await client.get("/api/v1/books")).json()["counts"]["stale"] == 1


async def test_requests_are_measured_by_route_and_not_by_path(client: httpx2.AsyncClient) -> None:
    await client.get(f"{SPOT}/candles/NOSUCH1")
    await client.get("/anything")

    text = (await client.get("/metrics")).text

    assert 'route="/api/v1/markets/{market}/candles/{symbol}",status="404"' in text
    assert 'route="other",status="404"' in text
    assert "NOSUCH1" not in text
    assert 'dashboard_symbols{market="spot"} 1.0' in text


def test_every_route_is_named_once() -> None:
    names = [route.name for route in create_app(World().reader).routes if isinstance(route, APIRoute)]

    assert len(names) == len(set(names))


def test_compacted_topics_are_read_whole_and_others_from_near_their_end() -> None:
    tails = Tails(records=20, candles=50)
    topics = {topic.type: topic for topic in topics_to_read(TABLE, [Market.SPOT], World().reader.store.schemas)}

    assert tails.of(topics[DerivedType.TICKER]) is None
    assert tails.of(topics[DerivedType.TOP_OF_BOOK]) == 20
    assert tails.of(topics[DerivedType.CANDLE_1M]) == 50
    assert DerivedType.ORDER not in topics
    assert tails.of(topics[ControlType.GAP]) is None
    assert Tails(records=20_000, candles=50).of(topics[ControlType.HEARTBEAT]) == 500
    assert {topic.market for topic in topics.values()} == {Market.SPOT, None}


async def test_the_document_is_served_as_it_is_made(client: httpx2.AsyncClient, document: dict[str, Any]) -> None:
    assert (await client.get("/openapi.json")).json() == json.loads(json.dumps(document))


@pytest.mark.parametrize("path", ["orders", "balances", "positions"])
async def test_accounts_are_not_told_where_they_are_not_read(client: httpx2.AsyncClient, path: str) -> None:
    detail = is_problem(await client.get(f"/api/v1/accounts/{path}"), 404, "private-off")

    assert "DASHBOARD_PRIVATE" in detail


@pytest.mark.parametrize("path", ["orders", "balances", "positions"])
async def test_accounts_are_told_where_they_are_read(path: str) -> None:
    world = World(private=True)
    async with client_of(create_app(world.reader)) as client:
        is_problem(await client.get(f"/api/v1/accounts/{path}"), 503, "not-synchronised")
        world.begin()
        world.fill()
        answer = await client.get(f"/api/v1/accounts/{path}?market=usdm&account=main")
        none = await client.get(f"/api/v1/accounts/{path}?account=nobody")

    MODELS[path].model_validate_json(answer.text)
    assert answer.json() == example_answers()[path]
    assert none.json() == {path: []}


async def test_operators_are_answered_before_anything_is_read() -> None:
    async with client_of(create_app(World().reader)) as client:
        answer = await client.get("/api/v1/operations")

    assert answer.status_code == 200
    OperationsAnswer.model_validate_json(answer.text)
    assert not answer.json()["ready"]
    assert answer.json()["source"] == "unknown"


@pytest.mark.parametrize(
    ("query", "status", "code", "complaint"),
    [
        ("market=spot&symbol=NOSUCH", 404, "unknown-symbol", '"NOSUCH"'),
        ("market=coinm&symbol=BTCUSD_PERP", 503, "not-synchronised", "DASHBOARD_MARKETS"),
        ("market=spot", 422, "bad-parameter", 'parameter "symbol"'),
        ("market=spot&symbol=BTCUSDT&interval=2m", 422, "bad-parameter", 'parameter "interval"'),
        ("market=spot&symbol=BTCUSDT&depth=0", 422, "bad-parameter", 'parameter "depth"'),
    ],
)
async def test_a_stream_that_cannot_be_is_refused(
    client: httpx2.AsyncClient, query: str, status: int, code: str, complaint: str
) -> None:
    assert complaint in is_problem(await client.get(f"/api/v1/stream?{query}"), status, code)
