"""The read service as it is deployed, over topics that real workers wrote."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from dashboard.api.example_accounts import example_order
from schemas.codec import Codec
from schemas.control import Connection, ConnectionEvent
from schemas.decimals import format_scaled
from schemas.derived import BookSnapshot, BookState, Candle, TopOfBook, Trade
from schemas.keys import order_key
from schemas.markets import Market
from schemas.registry import Registry as SchemaRegistry
from schemas.topics import ControlType, DerivedType, RawType, Topic, partition_of
from tests.conftest import Registry
from tests.integration.test_processors_worker import SYMBOLS, T0, Stack
from tests.support.broker_io import Sent, create_topics, send
from tests.support.kafka import Broker
from tests.support.polling import until


pytestmark = pytest.mark.timeout(180)

SPOT = "/api/v1/markets/spot"


class Dashboard:
    """A running read service."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, session: aiohttp.ClientSession) -> None:
        self.process = process
        self._log = log
        self._session = session

    async def get(self, path: str) -> tuple[int, Any]:
        async with self._session.get(f"{await self._address()}{path}") as answer:
            return answer.status, await answer.json(content_type=None)

    @asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
        """Give the events of a stream and their documents."""

        async def events(answer: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, Any]]:
            name = ""
            async for line in answer.content:
                kind, _, text = line.decode().rstrip("\n").partition(": ")
                if kind == "event":
                    name = text
                elif kind == "data":
                    yield name, json.loads(text)

        async with self._session.get(f"{await self._address()}{path}") as answer:
            assert answer.status == 200
            yield events(answer)

    async def is_ready(self) -> bool:
        status, _ = await self.get("/ready")
        return status == 200

    async def _address(self) -> str:
        async def served() -> bool:
            assert self.process.returncode is None, self._log.read_text()
            return bool(self.logged("read service is served"))

        await until(served)
        return str(self.logged("read service is served")[0]["address"])

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]


@asynccontextmanager
async def dashboard(stack: Stack, log: Path, **env: str) -> AsyncIterator[Dashboard]:
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "dashboard", "serve", "--port", "0"),
            env={
                "PATH": "",
                "KAFKA_BOOTSTRAP_SERVERS": stack.servers,
                "SCHEMA_REGISTRY_URL": stack.registry.url,
                "TOPIC_PREFIX": stack.table.prefix,
                "DASHBOARD_MARKETS": '["spot"]',
                **env,
            },
            stdout=out,
            stderr=out,
        )
        try:
            async with aiohttp.ClientSession() as session:
                yield Dashboard(process, log, session)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@pytest.fixture
async def stack(kafka: Broker, registry: Registry, topic_prefix: str, tmp_path: Path) -> AsyncIterator[Stack]:
    with SchemaRegistry(registry.url) as client:
        one = Stack(kafka.bootstrap_servers, client, topic_prefix, tmp_path)
        await one.create()
        yield one


async def test_what_the_workers_wrote_is_answered_exactly(stack: Stack, tmp_path: Path) -> None:
    depth, trades = stack.depth(60), stack.trades(300)
    await send(stack.servers, [*depth, *trades])
    async with stack.worker("books"), stack.worker("trades"), dashboard(stack, tmp_path / "dashboard.log") as service:
        await until(service.is_ready)

        async def told_of() -> bool:
            _, books = await service.get("/api/v1/books")
            candles = [(await service.get(f"{SPOT}/candles/{symbol}"))[1] for symbol in SYMBOLS]
            return len(books["books"]) == len(SYMBOLS) and all(one.get("candles") for one in candles)

        await until(told_of)
        # Now both groups exist, which a young broker says before it has a coordinator for them.
        await stack.until_committed("books", depth)
        await stack.until_committed("trades", trades)
        books = [
            one for one in await stack.read(Market.SPOT, DerivedType.BOOK_SNAPSHOT) if isinstance(one, BookSnapshot)
        ]
        tops = [one for one in await stack.read(Market.SPOT, DerivedType.TOP_OF_BOOK) if isinstance(one, TopOfBook)]
        minutes = [one for one in await stack.read(Market.SPOT, DerivedType.CANDLE_1M) if isinstance(one, Candle)]

        for symbol in SYMBOLS:
            snapshot = [one for one in books if one.symbol == symbol][-1]
            top = [one for one in tops if one.symbol == symbol][-1]

            async def caught_up(symbol: str = symbol, top: TopOfBook = top, snapshot: BookSnapshot = snapshot) -> bool:
                _, answer = await service.get(f"{SPOT}/books/{symbol}")
                ends = answer["top"] and answer["top"]["update_id"], answer["snapshot_time"]
                return bool(ends == (top.update_id, snapshot.snapshot_time))

            await until(caught_up)
            status, book = await service.get(f"{SPOT}/books/{symbol}?depth=1")
            assert (status, book["state"]) == (200, "live")
            assert book["bids"] == levels(snapshot.bid_prices[:1], snapshot.bid_quantities[:1])
            assert book["asks"] == levels(snapshot.ask_prices[:1], snapshot.ask_quantities[:1])
            assert book["snapshot_time"] == snapshot.snapshot_time

            _, candles = await service.get(f"{SPOT}/candles/{symbol}?interval=1m")
            expected = {one.open_time: format_scaled(one.close) for one in minutes if one.symbol == symbol}
            assert {one["open_time"]: one["close"] for one in candles["candles"]} == expected
            assert len(expected) == 300 * 300 // 60_000 + 1

            _, cost = await service.get(f"{SPOT}/books/{symbol}/slippage?side=SELL&quantity=1000000")
            assert cost["exhausted"]
            assert cost["filled_quantity"] == format_scaled(sum(snapshot.bid_quantities))

        _, standing = await service.get("/api/v1/books")
        assert standing["counts"] == {"syncing": 0, "live": len(SYMBOLS), "stale": 0}
        assert (await service.get(f"{SPOT}/candles/NOSUCH"))[0] == 404
        assert (await service.get("/api/v1/markets/usdm/alerts"))[1]["detail"].endswith("(DASHBOARD_MARKETS)")

        told = [one for one in await stack.read(Market.SPOT, DerivedType.TRADE) if isinstance(one, Trade)]
        for symbol in SYMBOLS:
            _, tape = await service.get(f"{SPOT}/trades/{symbol}?limit=50")
            ids = [one.trade_id for one in told if one.symbol == symbol]
            assert [one["trade_id"] for one in tape["trades"]] == ids[-50:]

        async with service.stream(f"/api/v1/stream?market=spot&symbol={SYMBOLS[0]}") as pushed:
            seen = dict([await anext(pushed) for _ in range(4)])
            assert list(seen) == ["status", "book", "candles", "trades"]
            assert seen["candles"] == (await service.get(f"{SPOT}/candles/{SYMBOLS[0]}?limit=300"))[1]
            assert seen["trades"] == (await service.get(f"{SPOT}/trades/{SYMBOLS[0]}"))[1]

            service.process.terminate()
            async for _ in pushed:
                pass
        assert await service.process.wait() == 0


async def test_operators_are_told_of_streams_groups_and_dead_letters(stack: Stack, tmp_path: Path) -> None:
    table, now_ms = stack.table, time.time_ns() // 1_000_000
    connection = Connection(
        connection_id="test.spot-0.1",
        sequence=1,
        market=Market.SPOT,
        event=ConnectionEvent.CONNECTED,
        time=now_ms,
        url="ws://127.0.0.1:9443/spot/stream",
        streams=["btcusdt@trade", "btcusdt@kline_1m"],
        reason=None,
    )
    origin = {"source_topic": b"somewhere", "reason": b"no JSON"}
    letter = Sent(table.control(ControlType.DEAD_LETTER).name, 0, b"{", None, now_ms, tuple(origin.items()))
    topic = table.control(ControlType.CONNECTION)
    trades = stack.trades(30)
    await send(
        stack.servers, [Sent(topic.name, 0, stack.codec.encode(topic, connection), b"k", now_ms), letter, *trades]
    )
    async with stack.worker("trades"), dashboard(stack, tmp_path / "dashboard.log") as service:
        await until(service.is_ready)
        await stack.until_committed("trades", trades)

        async def told() -> bool:
            await send(stack.servers, [arrived(stack, late_ms=70)])
            await send(stack.servers, [stack.heartbeat(RawType.TRADE, "BTCUSDT", 0, now_ms)])
            _, one = await service.get("/api/v1/operations")
            streams = {stream["stream"]: stream for stream in one["streams"]}
            groups = {group["group"]: group for group in one["groups"]}
            if not groups or "kline" not in streams or streams["kline"]["lag_ms_p50"] is None:
                return False
            trading = groups[f"{table.prefix}-processors-trades"]
            return bool(trading["state"] == "stable" and trading["lag_records"] == 0)

        await until(told)
        _, one = await service.get("/api/v1/operations")

    streams = {stream["stream"]: stream for stream in one["streams"]}
    assert (one["source"], one["simulated"], one["private"]) == ("simulated exchange", True, False)
    assert (streams["kline"]["state"], streams["trade"]["state"]) == ("live", "live")
    assert (streams["kline"]["lag_ms_p50"], streams["kline"]["lag_ms_p99"]) == (70, 70)
    assert streams["kline"]["records_per_s"] > 0
    assert streams["trade"]["vouched_until"] == now_ms
    ends = {topic["name"]: topic["end_offset"] for topic in one["topics"]}
    assert ends[table.raw(Market.SPOT, RawType.TRADE).name] == len(trades)
    assert not [name for name in ends if table[name].private]
    absent = f"{table.prefix}-processors-books"
    assert {"group": absent, "state": "unknown", "members": None, "lag_records": None} in one["groups"]
    assert one["dead_letters"]["last"] == {"time": now_ms, "source_topic": "somewhere", "reason": "no JSON"}


def arrived(stack: Stack, *, late_ms: int) -> Sent:
    """Return a raw record that ingest read so long after the venue had made it."""
    now_ms = time.time_ns() // 1_000_000
    headers = (("receive_time_ns", str((now_ms + late_ms) * 1_000_000).encode()), ("origin", b"live"))
    topic = stack.table.raw(Market.SPOT, RawType.KLINE).name
    return Sent(topic, partition_of("BTCUSDT"), b"{}", b"BTCUSDT", now_ms, headers)


def levels(prices: list[int], quantities: list[int]) -> list[list[str]]:
    return [[format_scaled(p), format_scaled(q)] for p, q in zip(prices, quantities, strict=True)]


async def test_the_last_word_counts_until_its_topic_is_replaced(stack: Stack, tmp_path: Path) -> None:
    """Then offsets begin again, and those of the input as well: what was said before counts no more."""
    topics = [stack.table.derived(Market.SPOT, of) for of in (DerivedType.TOP_OF_BOOK, DerivedType.BOOK_SNAPSHOT)]
    older = book_of(stack.codec, topics[1], update_id=1, input_offset=600)
    foreign = Sent(topics[1].name, partition_of("BTCUSDT"), b"no Avro", b"BTCUSDT", T0)
    books = [book_of(stack.codec, topics[1], update_id=1_000 + n, input_offset=700 + n) for n in range(5)]
    orders, order = stack.table.derived(Market.SPOT, DerivedType.ORDER), example_order()
    partition = partition_of(order.account)
    held = Sent(orders.name, partition, stack.codec.encode(orders, order), order_key(order), order.update_time)
    gone = Sent(orders.name, partition, None, b"main|BTCUSDT|1", order.update_time)  # type: ignore[arg-type]
    await send(stack.servers, [*books, older, foreign, held, gone])
    async with dashboard(stack, tmp_path / "dashboard.log", DASHBOARD_PRIVATE="true") as service:
        await until(service.is_ready)
        assert (await service.get(f"{SPOT}/books/BTCUSDT"))[1]["update_id"] == 1_004, "an older word changes nothing"
        assert len(service.logged("record cannot be read")) == 1
        _, told_of = await service.get("/api/v1/accounts/orders")
        assert [(one["market"], one["order_id"]) for one in told_of["orders"]] == [("spot", order.order_id)]

        admin = AIOKafkaAdminClient(bootstrap_servers=stack.servers)
        await admin.start()
        await admin.delete_topics([topic.name for topic in topics])
        await admin.close()
        await asyncio.sleep(1)
        await create_topics(stack.servers, topics)
        await send(stack.servers, [book_of(stack.codec, topics[1], update_id=7, input_offset=0)])

        async def told() -> bool:
            status, answer = await service.get(f"{SPOT}/books/BTCUSDT")
            return status == 200 and answer["update_id"] == 7

        await until(told)
        assert service.logged("partition is read anew")


def book_of(codec: Codec, topic: Topic, *, update_id: int, input_offset: int) -> Sent:
    book = BookSnapshot(
        symbol="BTCUSDT",
        snapshot_time=T0 + update_id * 1_000,
        update_id=update_id,
        state=BookState.LIVE,
        bid_prices=[100 * 10**8],
        bid_quantities=[10**8],
        ask_prices=[101 * 10**8],
        ask_quantities=[10**8],
        input_offset=input_offset,
    )
    return Sent(topic.name, partition_of("BTCUSDT"), codec.encode(topic, book), b"BTCUSDT", T0)


async def test_a_service_without_its_topics_says_what_to_do(
    kafka: Broker, registry: Registry, topic_prefix: str, tmp_path: Path
) -> None:
    with SchemaRegistry(registry.url) as client:
        stack = Stack(kafka.bootstrap_servers, client, topic_prefix, tmp_path)
        async with dashboard(stack, tmp_path / "dashboard.log") as service:
            assert await service.process.wait() == 1

    assert 'run "binance-ingest setup"' in service.logged("read service failed")[0]["reason"]
