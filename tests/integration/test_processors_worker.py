"""The workers as they are deployed: a process each, a broker, a registry."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest

from schemas.codec import Codec
from schemas.control import Heartbeat
from schemas.derived import BookState, Candle, Liquidity, Ticker, TopOfBook, Trade
from schemas.keys import heartbeat_key
from schemas.markets import Market
from schemas.registry import Registry as SchemaRegistry
from schemas.topics import ControlType, DerivedType, RawType, TopicTable, partition_of
from tests.conftest import Registry
from tests.support.broker_io import Seen, Sent, committed, create_topics, read_all, send
from tests.support.kafka import Broker
from tests.support.polling import until
from tests.support.processes import running_module


pytestmark = pytest.mark.timeout(180)

T0 = 1_723_161_600_000
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


class Stack:
    """Topics under a prefix of their own, and workers on them."""

    def __init__(self, servers: str, registry: SchemaRegistry, prefix: str, logs: Path) -> None:
        self.servers = servers
        self.registry = registry
        self.table = TopicTable(prefix)
        self.codec = Codec(self.table, registry)
        self._logs = logs
        self.workers = 0

    async def create(self) -> None:
        await create_topics(self.servers, self.table)
        await asyncio.to_thread(self.registry.register, self.table)

    @asynccontextmanager
    async def worker(self, family: str, *options: str, **env: str) -> AsyncIterator[asyncio.subprocess.Process]:
        self.workers += 1
        environment = {
            "PATH": "",
            "KAFKA_BOOTSTRAP_SERVERS": self.servers,
            "SCHEMA_REGISTRY_URL": self.registry.url,
            "TOPIC_PREFIX": self.table.prefix,
            "PROCESSORS_METRICS_PORT": "0",
            "PROCESSORS_SESSION_TIMEOUT_S": "6",
            "PROCESSORS_COMMIT_INTERVAL_S": "0.2",
            # Faust's own names count for nothing.
            "BROKER_URL": "kafka://localhost:1",
            "PROCESSING_GUARANTEE": "exactly_once",
            "WEB_PORT": "1",
            **env,
        }
        command = "processors", "worker", family, *options
        async with running_module(self.log(self.workers), *command, environment=environment) as process:
            yield process

    def log(self, number: int) -> Path:
        return self._logs / f"{self.table.prefix}-{number}.log"

    def logged(self, number: int, event: str) -> dict[str, object] | None:
        """Return the first log line of a worker with this event."""
        for line in self.log(number).read_text().splitlines():
            if line.startswith("{") and (fields := json.loads(line))["event"] == event:
                assert isinstance(fields, dict)
                return fields
        return None

    async def health(self, number: int, page: str) -> tuple[int, str]:
        async def served() -> bool:
            return self.logged(number, "health is served") is not None

        await until(served)
        line = self.logged(number, "health is served")
        assert line is not None
        async with aiohttp.ClientSession() as session, session.get(f"{line['address']}/{page}") as answer:
            return answer.status, await answer.text()

    async def read(self, market: Market, of: DerivedType) -> list[msgspec.Struct]:
        topic = self.table.derived(market, of).name
        return [
            self.codec.decode(topic, seen.partition, seen.offset, seen.value)
            for seen in await read_all(self.servers, topic)
        ]

    async def dead_letters(self) -> list[Seen]:
        return await read_all(self.servers, self.table.control(ControlType.DEAD_LETTER).name)

    async def until_committed(self, family: str, sent: list[Sent]) -> None:
        ends: dict[tuple[str, int], int] = {}
        for record in sent:
            ends[record.topic, record.partition] = ends.get((record.topic, record.partition), 0) + 1

        async def done() -> bool:
            offsets = await committed(self.servers, f"{self.table.prefix}-processors-{family}")
            return all(offsets.get(tp) == end for tp, end in ends.items())

        await until(done)

    def raw(self, of: RawType, symbol: str, payload: Mapping[str, object] | bytes, time_ms: int) -> Sent:
        value = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        headers = (("receive_time_ns", str(time.time_ns()).encode()), ("stream", b"rest:depth"))
        return Sent(
            self.table.raw(Market.SPOT, of).name, partition_of(symbol), value, symbol.encode(), time_ms, headers
        )

    def heartbeat(self, stream: RawType, symbol: str, offset: int, until_ms: int) -> Sent:
        topic, partition = self.table.control(ControlType.HEARTBEAT), partition_of(symbol)
        beat = Heartbeat(
            market=Market.SPOT,
            stream=stream,
            partition=partition,
            vouched_until=until_ms,
            offset=offset,
            ingest_id="test",
        )
        return Sent(topic.name, partition, self.codec.encode(topic, beat), heartbeat_key(beat), until_ms)

    def depth(self, diffs: int, seed: int = 3) -> list[Sent]:
        """A snapshot of each symbol and diffs after it, as the exchange would send them."""
        generator = random.Random(seed)  # noqa: S311 - the same each time
        sent = []
        for symbol in SYMBOLS:
            levels = {"bids": [["100.0", "1"], ["99.0", "1"]], "asks": [["101.0", "1"], ["102.0", "1"]]}
            sent.append(self.raw(RawType.DEPTH, symbol, {"lastUpdateId": 1_000, **levels}, T0))
        for n in range(diffs):
            for symbol in SYMBOLS:
                bid, ask = generator.randrange(9_995, 10_001), generator.randrange(10_100, 10_106)
                diff = {
                    "e": "depthUpdate",
                    "E": T0 + n * 100,
                    "s": symbol,
                    "U": 1_001 + n,
                    "u": 1_001 + n,
                    "b": [[f"{bid / 100}", f"{generator.randrange(3)}"]],
                    "a": [[f"{ask / 100}", f"{generator.randrange(3)}"]],
                }
                sent.append(self.raw(RawType.DEPTH, symbol, diff, T0 + n * 100))
        return sent

    def trades(self, count: int) -> list[Sent]:
        generator = random.Random(4)  # noqa: S311 - the same each time
        sent = []
        for n in range(count):
            for symbol in SYMBOLS:
                time_ms = T0 + n * 300
                trade = {
                    "e": "trade",
                    "E": time_ms,
                    "s": symbol,
                    "t": 5_000 + n,
                    "p": f"{generator.randrange(10_000, 11_000) / 100}",
                    "q": f"{generator.randrange(1, 1_000) / 1000}",
                    "T": time_ms,
                    "m": generator.random() < 0.5,
                    "M": True,
                }
                sent.append(self.raw(RawType.TRADE, symbol, trade, time_ms))
        return sent


@pytest.fixture
def schema_registry(registry: Registry) -> Iterator[SchemaRegistry]:
    with SchemaRegistry(registry.url) as client:
        yield client


@pytest.fixture
def empty_stack(kafka: Broker, schema_registry: SchemaRegistry, topic_prefix: str, tmp_path: Path) -> Stack:
    """Without topics and schemas."""
    return Stack(kafka.bootstrap_servers, schema_registry, topic_prefix, tmp_path)


@pytest.fixture
async def stack(empty_stack: Stack) -> Stack:
    await empty_stack.create()
    return empty_stack


@pytest.fixture
async def other_stack(stack: Stack, tmp_path: Path) -> Stack:
    other = Stack(stack.servers, stack.registry, f"{stack.table.prefix}-other", tmp_path)
    await other.create()
    return other


async def books_of(stack: Stack) -> dict[tuple[str, int, BookState], TopOfBook]:
    """Return the top of each book by identity; one identity never has two values."""
    found: dict[tuple[str, int, BookState], TopOfBook] = {}
    for top in await stack.read(Market.SPOT, DerivedType.TOP_OF_BOOK):
        assert isinstance(top, TopOfBook)
        identity = top.symbol, top.update_id, top.state
        assert found.setdefault(identity, top) == top
    return found


async def liquidity_of(stack: Stack) -> dict[tuple[str, int], Liquidity]:
    """Return the liquidity of each book by identity; one identity never has two values."""
    found: dict[tuple[str, int], Liquidity] = {}
    for liquidity in await stack.read(Market.SPOT, DerivedType.LIQUIDITY):
        assert isinstance(liquidity, Liquidity)
        assert found.setdefault((liquidity.symbol, liquidity.time), liquidity) == liquidity
    return found


async def candles_of(stack: Stack, of: DerivedType) -> dict[tuple[str, int], Candle]:
    """Return the last candle of each key, without the flag that tells what was read first."""
    candles = [candle for candle in await stack.read(Market.SPOT, of) if isinstance(candle, Candle)]
    return {(candle.symbol, candle.open_time): msgspec.structs.replace(candle, revision=False) for candle in candles}


async def trades_of(stack: Stack) -> dict[tuple[str, int], Trade]:
    found: dict[tuple[str, int], Trade] = {}
    for trade in await stack.read(Market.SPOT, DerivedType.TRADE):
        assert isinstance(trade, Trade)
        assert found.setdefault((trade.symbol, trade.trade_id), trade) == trade
    return found


async def test_books_are_the_same_with_and_without_a_kill_in_the_middle(stack: Stack, other_stack: Stack) -> None:
    for one in (stack, other_stack):
        sent = one.depth(2_000)
        await run_through(one, "books", sent[:4_000], sent[4_000:], DerivedType.TOP_OF_BOOK, killed=one is stack)

    expected = await books_of(other_stack)

    assert len(expected) > 1_500
    assert {top.state for top in expected.values()} == {BookState.LIVE}
    assert await books_of(stack) == expected
    liquidity = await liquidity_of(other_stack)
    assert len(liquidity) == len(SYMBOLS) * (2_000 // 10 - 1)
    assert await liquidity_of(stack) == liquidity
    restored = stack.logged(2, "restored")
    assert restored is not None
    assert restored["flow"] == "books"


async def run_through(
    stack: Stack, family: str, beginning: list[Sent], rest: list[Sent], of: DerivedType, *, killed: bool
) -> None:
    """Have all of it processed, by one worker, or by one that is killed in the beginning and another after it."""
    await send(stack.servers, beginning)
    if killed:

        async def halfway() -> bool:
            offsets = await committed(stack.servers, f"{stack.table.prefix}-processors-{family}")
            written = await read_all(stack.servers, stack.table.derived(Market.SPOT, of).name)
            return any(offsets.values()) and len(written) > 100

        async with stack.worker(family, "--instance-id", "a", PROCESSORS_BATCH_RECORDS="20") as worker:
            await until(halfway)
            worker.kill()
    async with stack.worker(family, "--instance-id", "a"):
        await send(stack.servers, rest)
        await stack.until_committed(family, [*beginning, *rest])


async def test_trades_and_candles_are_the_same_with_and_without_a_kill(stack: Stack, other_stack: Stack) -> None:
    count = 1_000
    for one in (stack, other_stack):
        beginning, rest = _story_of_trades(one, count)
        await run_through(one, "trades", beginning, rest, DerivedType.TRADE, killed=one is stack)

    trades = await trades_of(other_stack)
    minutes = await candles_of(other_stack, DerivedType.CANDLE_1M)

    assert len(trades) == count * len(SYMBOLS)
    assert len(minutes) == len(SYMBOLS) * (count * 300 // 60_000 + 1)
    assert all(candle.final and candle.complete for candle in minutes.values())
    assert await trades_of(stack) == trades
    assert await candles_of(stack, DerivedType.CANDLE_1M) == minutes
    assert await candles_of(stack, DerivedType.CANDLE_5M) == await candles_of(other_stack, DerivedType.CANDLE_5M)


def _story_of_trades(stack: Stack, count: int) -> tuple[list[Sent], list[Sent]]:
    """Heartbeats that open the log and half of the trades; the other half, and heartbeats that close every window."""
    trades = stack.trades(count)
    opening = [stack.heartbeat(RawType.TRADE, symbol, 0, T0 - 60_000) for symbol in SYMBOLS]
    closing = [
        stack.heartbeat(
            RawType.TRADE, symbol, sum(t.partition == partition_of(symbol) for t in trades), T0 + count * 300 + 60_000
        )
        for symbol in SYMBOLS
    ]
    return [*opening, *trades[: len(trades) // 2]], [*trades[len(trades) // 2 :], *closing]


async def test_bad_payloads_go_to_the_dead_letters_with_origin_and_reason(stack: Stack) -> None:
    good = stack.trades(50)
    first = good[0]
    bad = {
        b"{": "malformed-json",
        first.value.replace(b'"p": "', b'"p": "abc'): "bad-number",
        b'{"e": "trade", "E": 1, "s": "BTCUSDT"}': "missing-field",
    }
    poison = [stack.raw(RawType.TRADE, "BTCUSDT", value, T0) for value in bad]
    undecodable = Sent(
        stack.table.control(ControlType.HEARTBEAT).name, partition_of("BTCUSDT"), b"\x00\x00\x00", b"spot|trade|0", T0
    )
    sent = [*good[:75], *poison, undecodable, *good[75:]]
    await send(stack.servers, sent)
    async with stack.worker("trades"):
        await stack.until_committed("trades", sent)

    letters = {letter.value: letter for letter in await stack.dead_letters()}

    assert {value: letter.headers["reason"] for value, letter in letters.items()} == {
        **bad,
        b"\x00\x00\x00": "undecodable",
    }
    origin = letters[b"{"].headers
    assert origin["source_topic"] == stack.table.raw(Market.SPOT, RawType.TRADE).name
    assert int(origin["source_partition"]) == partition_of("BTCUSDT")
    assert len(await trades_of(stack)) == 150


async def test_tickers_keep_the_last_of_each_symbol(stack: Stack) -> None:
    def ticker(symbol: str, n: int) -> Sent:
        fields = {"e": "24hrMiniTicker", "E": T0 + n, "s": symbol, "c": f"{n}", "o": "1", "h": "1", "l": "1"}
        return stack.raw(RawType.MINI_TICKER, symbol, {**fields, "v": "1", "q": "1"}, T0 + n)

    sent = [ticker(symbol, n) for n in range(1, 200) for symbol in SYMBOLS]
    await send(stack.servers, sent)
    async with stack.worker("trades"):
        await stack.until_committed("trades", sent)

    tickers = [value for value in await stack.read(Market.SPOT, DerivedType.TICKER) if isinstance(value, Ticker)]

    assert {t.symbol: t.last_price for t in tickers} == dict.fromkeys(SYMBOLS, 199 * 10**8)
    assert len(tickers) < len(sent)


async def test_a_worker_says_when_it_is_ready_and_stops_with_status_0_on_sigterm(stack: Stack) -> None:
    async with stack.worker("books") as worker:
        assert (await stack.health(1, "live"))[0] == 200

        async def ready() -> bool:
            return (await stack.health(1, "ready"))[0] == 200

        await until(ready)
        sent = stack.depth(20)
        await send(stack.servers, sent)
        await stack.until_committed("books", sent)
        status, metrics = await stack.health(1, "metrics")

        assert status == 200
        assert f'processors_records_total{{topic="{stack.table.prefix}.spot.raw.depth"}} 63.0' in metrics
        assert 'processors_partitions{flow="books",state="running"} 12.0' in metrics
        assert f'processors_lag_records{{topic="{stack.table.prefix}.spot.raw.depth"}} 0.0' in metrics

        began_at = time.monotonic()
        worker.send_signal(signal.SIGTERM)

        assert await asyncio.wait_for(worker.wait(), 20) == 0
        assert time.monotonic() - began_at < 5

    assert (await committed(stack.servers, f"{stack.table.prefix}-processors-books")) != {}


async def test_without_its_topics_a_worker_ends_and_says_what_to_do(empty_stack: Stack) -> None:
    async with empty_stack.worker("books") as worker:
        assert await asyncio.wait_for(worker.wait(), 60) == 1

    failed = empty_stack.logged(1, "worker failed")
    assert failed is not None
    assert f"{empty_stack.table.prefix}.spot.raw.depth" in str(failed["reason"])
    assert "binance-ingest setup" in str(failed["reason"])


async def test_without_its_schemas_a_worker_ends_and_says_what_to_do(empty_stack: Stack) -> None:
    await create_topics(empty_stack.servers, empty_stack.table)
    async with empty_stack.worker("trades") as worker:
        assert await asyncio.wait_for(worker.wait(), 60) == 1

    failed = empty_stack.logged(1, "worker failed")
    assert failed is not None
    assert "binance-ingest setup" in str(failed["reason"])


async def test_while_the_broker_is_away_a_worker_waits_and_says_so_and_still_stops_at_once(
    schema_registry: SchemaRegistry, topic_prefix: str, tmp_path: Path
) -> None:
    stack = Stack("127.0.0.1:1", schema_registry, topic_prefix, tmp_path)
    async with stack.worker("books") as worker:
        status, page = await stack.health(1, "ready")

        assert status == 503
        assert "waiting for the broker" in page

        worker.send_signal(signal.SIGTERM)

        assert await asyncio.wait_for(worker.wait(), 10) == 0
