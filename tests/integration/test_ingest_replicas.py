"""Two ingest processes on the same streams, and two on a half each: what one loses is not lost."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
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
from tests.support.deployment import Deployment, Ingest
from tests.support.kafka import Broker
from tests.support.polling import until


pytestmark = pytest.mark.timeout(300)

SYMBOLS = {Market.SPOT: ("BTCUSDT", "ETHUSDT", "SOLUSDT"), Market.USDM: ("BTCUSDT", "ETHUSDT")}
STREAMS = ("trade", "aggTrade", "depth@100ms")
IDS = (RawType.TRADE, RawType.AGG_TRADE)
FOR_EVER = 1_000_000


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
    async with deployment.exchange("--activity", "2", "--depth-levels", "60"):
        yield deployment


async def test_of_two_processes_on_the_same_streams_either_may_die_at_any_time(deployment: Deployment) -> None:
    await deployment.order("cut-depth")
    # Every merged diff of one connection ends between two diffs of the other, as it does at the venue.
    await deployment.order("delay", stream="*@depth*", connection="one", delay_ms=50, count=FOR_EVER)
    async with AsyncExitStack() as running:
        workers = (("books", {"PROCESSORS_SNAPSHOT_LEVELS": "1000"}), ("trades", {}))
        for family, settings in workers:
            await running.enter_async_context(deployment.worker(family, **settings))
        a, b = [await running.enter_async_context(deployment.ingest(one)) for one in ("a", "b")]
        await until(lambda: deployment.is_subscribed(2 * deployment.stream_count))
        await deployment.ask("POST", "/sandbox/start")
        await both_ready(a, b)
        for stream in ("*@trade", "*@aggTrade"):
            await deployment.order("drop", stream=stream, connection="one", count=30)
        await asyncio.sleep(4)
        await a.kill()
        await asyncio.sleep(2)
        a = await running.enter_async_context(deployment.ingest("a"))
        await both_ready(a, b)
        await asyncio.sleep(2)
        await b.kill()
        await asyncio.sleep(2)
        b = await running.enter_async_context(deployment.ingest("b"))
        await both_ready(a, b)
        await deployment.order("reset", connection="one", market="spot")
        await asyncio.sleep(4)
        await both_ready(a, b)
        await deployment.close_market()
        await until(lambda: deployment.has_read_everything("trades", IDS))
        await until(lambda: deployment.has_read_everything("books", (RawType.DEPTH,)))
        await until(lambda: books_are_the_exchanges(deployment), timeout_s=20)
        assert [await a.stop(), await b.stop()] == [0, 0]

    report: dict[str, Any] = {}
    for raw_type in IDS:
        truth, logged = deployment.truth(raw_type), await deployment.logged(raw_type)
        assert {key: sorted(ids) for key, ids in logged.items()} == {key: sorted(ids) for key, ids in truth.items()}
        copies = Counter(times for ids in logged.values() for times in ids.values())
        report[raw_type] = copies
    gaps = [one for one in await deployment.decoded(deployment.table.control(ControlType.GAP))]
    report["gaps"] = Counter((one.stream, str(one.status), one.reason) for one in gaps)
    tops = []
    for market in SYMBOLS:
        for one in await deployment.decoded(deployment.table.derived(market, DerivedType.TOP_OF_BOOK)):
            tops.append((market, one.symbol, one.update_id, one.state))
    states = defaultdict(list)
    for m, s, u, st in tops:
        if not states[m, s] or states[m, s][-1][0] != str(st):
            states[m, s].append((str(st), u))
    report["states"] = dict(states)
    snaps = Counter()
    for market in SYMBOLS:
        for record in await deployment.raw(market, RawType.DEPTH):
            if b"lastUpdateId" in (record.value or b"") and b"depthUpdate" not in record.value:
                snaps[market, record.key, dict(record.headers)["connection_id"]] += 1
    report["snapshots"] = snaps
    kinds = Counter()
    for market in SYMBOLS:
        ids = defaultdict(list)
        for one in await deployment.decoded(deployment.table.derived(market, DerivedType.TRADE)):
            kinds[one.kind, one.late, one.source] += 1
            ids[one.symbol].append(one.trade_id)
        report[market] = {s: (len(i), len(set(i)), i == sorted(i), len(deployment.truth(RawType.TRADE)[market, s])) for s, i in ids.items()}
    report["kinds"] = kinds
    report["requests"] = [(r.symbol, str(r.reason)) for r in await deployment.decoded(deployment.table.control(ControlType.SNAPSHOT_REQUEST))]
    import pprint
    pprint.pprint(report)
    Path("/tmp/replicas-report.txt").write_text(pprint.pformat(report))


async def both_ready(*processes: Ingest) -> None:
    for one in processes:
        await until(one.is_ready)


async def books_are_the_exchanges(deployment: Deployment) -> bool:
    """Whether the last snapshot of each book that the worker wrote is the exchange's whole book, and live."""
    for market, symbols in deployment.symbols.items():
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
