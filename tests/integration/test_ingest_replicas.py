"""Two ingest processes on the same streams, and two on a half each: what one loses is not lost."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.control import Gap, GapStatus, Heartbeat
from schemas.decimals import to_scaled
from schemas.derived import BookSnapshot, BookState, TopOfBook, Trade, TradeKind
from schemas.markets import Market
from schemas.registry import Registry as RegistryClient
from schemas.topics import ControlType, DerivedType, RawType, partition_of
from tests.conftest import Registry
from tests.support.deployment import ID_OF, Deployment, Ingest
from tests.support.kafka import Broker
from tests.support.polling import until


pytestmark = pytest.mark.timeout(400)

SYMBOLS = {Market.SPOT: ("BTCUSDT", "ETHUSDT", "SOLUSDT"), Market.USDM: ("BTCUSDT", "ETHUSDT")}
STREAMS = ("trade", "aggTrade", "depth@100ms")
IDS = (RawType.TRADE, RawType.AGG_TRADE)
FOR_EVER = 1_000_000
DROPPED = 30


@pytest.fixture
def registry_client(registry: Registry) -> Iterator[RegistryClient]:
    with RegistryClient(registry.url) as client:
        yield client


@pytest.fixture
async def deployment(
    kafka: Broker, registry_client: RegistryClient, topic_prefix: str, tmp_path: Path
) -> AsyncIterator[Deployment]:
    deployment = Deployment(
        kafka.bootstrap_servers, registry_client, topic_prefix, tmp_path, symbols=SYMBOLS, streams=STREAMS
    )
    # Books so small that a snapshot holds all of them: they can be compared level by level.
    async with deployment.exchange("--activity", "2", "--depth-levels", "60"):
        yield deployment


# Two on the same streams


async def test_of_two_processes_on_the_same_streams_either_may_die_at_any_time(
    deployment: Deployment, request: pytest.FixtureRequest
) -> None:
    await deployment.order("cut-depth")
    # The whole diffs come a little late: so each merged one lies between the two that it is made of.
    for market in SYMBOLS:
        await deployment.order("delay", stream="*@depth*", market=market, delay_ms=50, count=FOR_EVER)
    async with AsyncExitStack() as running:
        await running.enter_async_context(deployment.worker("books", PROCESSORS_SNAPSHOT_LEVELS="1000"))
        await running.enter_async_context(deployment.worker("trades"))
        a, b = [await running.enter_async_context(deployment.ingest(one)) for one in ("a", "b")]
        await until(lambda: deployment.is_subscribed(2 * deployment.stream_count))
        await deployment.ask("POST", "/sandbox/start")
        await both_ready(a, b)
        await until(lambda: every_book_is_told(deployment))
        for stream in ("*@trade", "*@aggTrade"):
            await deployment.order("drop", stream=stream, connection="one", count=DROPPED)
        await asyncio.sleep(4)
        undisturbed = await tops(deployment)
        await a.kill()
        await asyncio.sleep(2)
        a = await running.enter_async_context(deployment.ingest("a"))
        await both_ready(a, b)
        await b.kill()
        await asyncio.sleep(2)
        b = await running.enter_async_context(deployment.ingest("b"))
        await both_ready(a, b)
        await deployment.order("reset", connection="one", market="spot")
        await asyncio.sleep(3)
        await both_ready(a, b)
        await deployment.close_market()
        await until(lambda: deployment.has_read_everything("trades", IDS))
        await until(lambda: books_are_the_exchanges(deployment))
        assert [await a.stop(), await b.stop()] == [0, 0]

    for raw_type in IDS:
        await check_copies(deployment, raw_type, request.node)
    await check_ledger(deployment)
    await check_derived_trades(deployment)
    assert await overlapping_diffs(deployment) > 20
    assert all(set(states) == {BookState.LIVE} for states in undisturbed.values())
    ends = await tops(deployment)
    assert all(states[-1] is BookState.LIVE and BookState.STALE not in states for states in ends.values())


async def both_ready(*processes: Ingest) -> None:
    for one in processes:
        await until(one.is_ready)


async def check_copies(deployment: Deployment, raw_type: RawType, node: pytest.Item) -> None:
    """Every id of the exchange's own log is there, once for each connection that delivered it."""
    senders = await deployment.senders(raw_type)
    truth = deployment.truth(raw_type)
    assert {key: sorted(ids) for key, ids in senders.items()} == {key: sorted(ids) for key, ids in truth.items()}

    names = Counter[str]()
    for ids in senders.values():
        for connections in ids.values():
            assert len(connections) == len(set(connections)) <= 2
            names["+".join(sorted(one.partition(".")[0] for one in connections))] += 1
    assert set(names) == {"a", "b", "a+b"}
    assert min(names.values()) > 100
    share = names["a+b"] / names.total()
    node.add_report_section("call", "copies", f"{raw_type}: {dict(names)}, there twice: {share:.0%}")

    name = ID_OF[raw_type]
    dropped = [one for one in deployment.faults() if one["fault"] == "drop" and name in one["ids"]]
    assert len(dropped) == DROPPED
    for one in dropped:
        symbol = one["stream"].partition("@")[0].upper()
        (connection,) = senders[Market(one["market"]), symbol][one["ids"][name]]
        assert not connection.endswith(".repair")


async def check_ledger(deployment: Deployment) -> None:
    """What only one of them had is no hole: at most it was for the moment that the other one was behind."""
    gaps = await deployment.decoded(deployment.table.control(ControlType.GAP))
    last = {(one.market, one.stream, one.symbol, one.first_id): one for one in gaps if isinstance(one, Gap)}
    assert {one.status for one in last.values()} <= {GapStatus.FILLED}


async def check_derived_trades(deployment: Deployment) -> None:
    truth = deployment.truth(RawType.TRADE)
    for market, symbols in SYMBOLS.items():
        trades = await deployment.decoded(deployment.table.derived(market, DerivedType.TRADE))
        assert {(one.kind, one.late) for one in trades if isinstance(one, Trade)} == {(TradeKind.TRADE, False)}
        for symbol in symbols:
            assert [one.trade_id for one in trades if one.symbol == symbol] == sorted(truth[market, symbol])


async def overlapping_diffs(deployment: Deployment) -> int:
    """How many diffs continue the log without beginning where it ends: equality of ids would call each a gap."""
    count, last = 0, defaultdict[tuple[Market, bytes | None], int](int)
    for market in SYMBOLS:
        for record in await deployment.raw(market, RawType.DEPTH):
            diff = msgspec.json.decode(record.value or b"")
            if "u" in diff:
                before, key = diff.get("pu", diff["U"] - 1), (market, record.key)
                count += before < last[key] < diff["u"]
                last[key] = max(last[key], diff["u"])
    return count


async def tops(deployment: Deployment) -> dict[tuple[Market, str], list[BookState]]:
    """The states of each book as they were told, from the first time that it was live."""
    found: dict[tuple[Market, str], list[BookState]] = {}
    for market in SYMBOLS:
        for top in await deployment.decoded(deployment.table.derived(market, DerivedType.TOP_OF_BOOK)):
            assert isinstance(top, TopOfBook)
            if top.state is BookState.LIVE or (market, top.symbol) in found:
                found.setdefault((market, top.symbol), []).append(top.state)
    return found


async def every_book_is_told(deployment: Deployment) -> bool:
    return len(await tops(deployment)) == sum(map(len, SYMBOLS.values()))


async def books_are_the_exchanges(deployment: Deployment) -> bool:
    """Whether the last snapshot of each book that the worker wrote is the exchange's whole book, and live."""
    for market, symbols in SYMBOLS.items():
        snapshots = await deployment.decoded(deployment.table.derived(market, DerivedType.BOOK_SNAPSHOT))
        last = {one.symbol: one for one in snapshots}
        for symbol in symbols:
            whole = await deployment.ask("GET", "/sandbox/book", params={"market": str(market), "symbol": symbol})
            told = last.get(symbol)
            if told is None or told.state is not BookState.LIVE or sides(told) != sides(whole):
                return False
    return True


def sides(book: Any) -> list[dict[int, int]]:
    """The levels of both sides, of a derived snapshot or of the exchange's answer."""
    if isinstance(book, BookSnapshot):
        pairs = (book.bid_prices, book.bid_quantities), (book.ask_prices, book.ask_quantities)
        return [dict(zip(prices, quantities, strict=True)) for prices, quantities in pairs]
    return [{to_scaled(price): to_scaled(size) for price, size in book[side]} for side in ("bids", "asks")]


# Two on a half each


async def test_two_shards_are_one_process_no_symbol_missing_and_none_twice(deployment: Deployment) -> None:
    assert {partition_of(symbol) % 2 for symbols in SYMBOLS.values() for symbol in symbols} == {0, 1}
    async with (
        deployment.ingest("even", "--shard", "0/2") as even,
        deployment.ingest("odd", "--shard", "1/2") as odd,
    ):
        await until(lambda: deployment.is_subscribed(deployment.stream_count))
        await deployment.ask("POST", "/sandbox/start")
        await both_ready(even, odd)
        await asyncio.sleep(4)
        await deployment.close_market()
        await asyncio.sleep(2)
        assert [await even.stop(), await odd.stop()] == [0, 0]

    shards = ("even", "odd")
    for raw_type in IDS:
        senders = await deployment.senders(raw_type)
        truth = deployment.truth(raw_type)
        assert {key: sorted(ids) for key, ids in senders.items()} == {key: sorted(ids) for key, ids in truth.items()}
        for (_, symbol), ids in senders.items():
            assert {tuple(one.partition(".")[0] for one in connections) for connections in ids.values()} == {
                (shards[partition_of(symbol) % 2],)
            }
    vouching = defaultdict[tuple[Market, str, int], set[str]](set)
    for one in await deployment.decoded(deployment.table.control(ControlType.HEARTBEAT)):
        assert isinstance(one, Heartbeat)
        vouching[one.market, one.stream, one.partition].add(one.ingest_id)
    assert vouching == {
        (market, raw_type, partition_of(symbol)): {shards[partition_of(symbol) % 2]}
        for market, symbols in SYMBOLS.items()
        for symbol in symbols
        for raw_type in (*IDS, RawType.DEPTH)
    }
