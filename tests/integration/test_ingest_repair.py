"""Repair as a whole: holes in the log of a real broker, a venue that a test plays, the ledger as readers see it."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import structlog

from ingest.config import Settings
from ingest.kafka_log import LogRecord, read_to_end
from ingest.service import Role, Service
from sandbox.exchange.server import ExchangeServer, ExchangeSettings, StartMode
from sandbox.exchange.source import StreamEvent
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.source import SimulatedSource
from schemas.control import Gap
from schemas.markets import Market
from schemas.topics import ControlType, RawType, Topic, partition_of
from tests.support.broker_io import Sent, send
from tests.support.fakes import RealClocks
from tests.support.ingest_service import VENUE, Site
from tests.support.venue import History, trade_frame


pytestmark = pytest.mark.timeout(120)


def ids(records: list[LogRecord]) -> list[int]:
    return [json.loads(record.value or b"")["t"] for record in records]


def states(gaps: list[Gap]) -> list[tuple[int, int, str, str | None]]:
    return [(gap.first_id, gap.last_id, str(gap.status), gap.reason) for gap in gaps]


async def test_a_hole_is_told_filled_in_the_streams_shape_and_told_again(site: Site) -> None:
    trades, gaps = site.table.raw(Market.SPOT, RawType.TRADE), site.table.control(ControlType.GAP)
    site.venue.trades = History(20, absent=(14,))
    async with site.running(site.settings(site.trades())):
        await site.venue.until(lambda venue: bool(venue.subscriptions))
        await site.venue.send(*(trade_frame(site.btc, one, VENUE + one) for one in (10, 11, 17, 18)))
        await site.until(gaps, lambda records: len(records) >= 4)

    records = await site.read(trades)
    assert sorted(ids(records)) == [10, 11, 12, 13, 15, 16, 17, 18]
    (filled,) = [record for record in records if ids([record]) == [12]]
    live = json.loads(trade_frame(site.btc, 12, VENUE + 12))["data"]
    assert list(json.loads(filled.value or b"").items()) == [*live.items(), ("origin", "backfill")]
    headers = {name: value.decode() for name, value in filled.headers}
    assert headers["origin"] == "backfill"
    assert headers["stream"] == f"{site.btc.lower()}@trade"
    assert headers["connection_id"] == f"{site.ingest_id}.spot.repair"
    assert filled.timestamp == VENUE + 12
    assert states(await site.decoded(gaps)) == [
        (12, 16, "open", None),
        (15, 16, "filled", "backfilled"),
        (14, 14, "absent", None),
        (12, 13, "filled", "backfilled"),
    ]


async def test_what_comes_a_moment_later_over_another_connection_is_neither_told_nor_asked_for(site: Site) -> None:
    gaps = site.table.control(ControlType.GAP)
    site.venue.trades = History(20)
    async with site.running(site.settings(site.trades())):
        await site.venue.until(lambda venue: bool(venue.subscriptions))
        await site.venue.send(*(trade_frame(site.btc, one, VENUE + one) for one in (10, 13, 11, 12, 14, 16)))
        await site.until(gaps, lambda records: len(records) >= 2)

    assert states(await site.decoded(gaps)) == [(15, 15, "open", None), (15, 15, "filled", "backfilled")]
    assert sorted(ids(await site.read(site.table.raw(Market.SPOT, RawType.TRADE)))) == list(range(10, 17))
    assert site.venue.requests[f"historicalTrades {site.btc}"] == 1


async def test_what_the_venue_does_not_answer_is_deferred_at_once_and_filled_by_the_next_run(site: Site) -> None:
    gaps = site.table.control(ControlType.GAP)
    history = site.venue.trades = History(20)
    history.refusal = (503, '{"code":-1001,"msg":"Internal error; unable to process your request."}')
    async with site.running(site.settings(site.trades()), suffix="-a"):
        await site.venue.until(lambda venue: bool(venue.subscriptions))
        await site.venue.send(*(trade_frame(site.btc, one, VENUE + one) for one in (10, 13)))
        await site.until(gaps, lambda records: len(records) >= 2)
    history.refusal = None
    async with site.running(site.settings(site.trades()), suffix="-b"):
        await site.until(gaps, lambda records: len(records) >= 3)

    assert states(await site.decoded(gaps)) == [
        (11, 12, "open", None),
        (11, 12, "deferred", "venue-unreachable"),
        (11, 12, "filled", "backfilled"),
    ]
    assert sorted(ids(await site.read(site.table.raw(Market.SPOT, RawType.TRADE)))) == [10, 11, 12, 13]


async def test_the_last_trades_of_a_symbol_that_trades_no_more_are_found_and_filled(site: Site) -> None:
    gaps = site.table.control(ControlType.GAP)
    site.venue.trades = History(13)
    site.venue.newest_ids = {site.btc: 13, site.eth: -1}
    site.venue.time_ms = VENUE + 20
    settings = site.settings(site.trades(), repair={"progress_interval_s": 0.2, "tail_check_s": 1})
    async with site.running(settings):
        await site.venue.until(lambda venue: bool(venue.subscriptions))
        await site.venue.send(trade_frame(site.btc, 10, VENUE + 10), trade_frame(site.btc, 11, VENUE + 11))
        await site.until(gaps, lambda records: len(records) >= 2)
        await site.venue.send(trade_frame(site.btc, 14, VENUE + 12_000))
        await site.until(site.table.raw(Market.SPOT, RawType.TRADE), lambda records: len(records) >= 5)

    assert ids(await site.read(site.table.raw(Market.SPOT, RawType.TRADE))) == [10, 11, 12, 13, 14]
    assert states(await site.decoded(gaps)) == [(12, 13, "open", None), (12, 13, "filled", "backfilled")]


def diff(symbol: str, first_id: int, last_id: int) -> bytes:
    data = {"e": "depthUpdate", "E": VENUE + last_id, "s": symbol, "U": first_id, "u": last_id, "b": [], "a": []}
    return json.dumps({"stream": f"{symbol.lower()}@depth@100ms", "data": data}).encode()


async def test_a_hole_in_depth_gets_that_symbol_a_snapshot_and_is_closed_by_it(site: Site) -> None:
    gaps = site.table.control(ControlType.GAP)
    markets = {"spot": {"symbols": [site.btc, site.eth], "streams": ["depth@100ms"]}}
    async with site.running(site.settings(markets)):
        await site.venue.until(lambda venue: venue.requests[f"depth {site.btc}"] == 1)
        site.venue.depth = lambda _: (200, '{"lastUpdateId":121,"bids":[["1.0","2"]],"asks":[["1.1","2"]]}')
        await site.venue.send(diff(site.btc, 99, 101), diff(site.eth, 99, 101), diff(site.btc, 110, 120))
        await site.venue.until(lambda venue: venue.requests[f"depth {site.btc}"] == 2)
        await asyncio.sleep(1)
        before = states(await site.decoded(gaps))
        await site.venue.send(diff(site.btc, 121, 130))
        await site.until(gaps, lambda records: len(records) >= 2)

    assert before == [(102, 109, "open", None)]
    assert states(await site.decoded(gaps))[1:] == [(102, 109, "unfillable", "healed-by-snapshot")]
    assert site.venue.requests[f"depth {site.eth}"] == 1


SYMBOLS = {Market.SPOT: "BTCUSDT", Market.USDM: "ETHUSDT", Market.COINM: "BTCUSD_PERP"}
STREAMS = {RawType.TRADE: "trade", RawType.AGG_TRADE: "aggTrade"}


async def test_all_markets_are_filled_by_the_simulated_exchange_as_its_streams_would_have_told(site: Site) -> None:
    """What was dropped comes back over the exchange's REST, and differs from the streams in E, X and origin alone."""
    source = SimulatedSource(
        SimulationConfig(symbols={market: (one,) for market, one in SYMBOLS.items()}, seed=7, duration_s=20.0)
    )
    names = {
        (market, f"{symbol.lower()}@{stream}"): site.table.raw(market, raw_type)
        for market, symbol in SYMBOLS.items()
        for raw_type, stream in STREAMS.items()
    }
    source.set_demand(frozenset(names))
    sent: defaultdict[str, list[StreamEvent]] = defaultdict(list)
    for event in source.events():
        if event.stream:  # without one it tells that time went on
            sent[names[event.market, event.stream].name].append(event)
    kept = [
        Sent(name, partition_of(SYMBOLS[one.market]), one.data, SYMBOLS[one.market].encode(), json.loads(one.data)["E"])
        for name, events in sent.items()
        for number, one in enumerate(events)
        if number % 10 < 4 or number == len(events) - 1
    ]
    await send(site.bootstrap_servers, kept)
    markets = {str(market): {"symbols": [one], "streams": ["trade", "aggTrade"]} for market, one in SYMBOLS.items()}
    gaps = site.table.control(ControlType.GAP)
    async with ExchangeServer(source, ExchangeSettings(port=0, start=StartMode.MANUAL)) as exchange:
        settings = site.settings(markets).model_copy(update={"sandbox_url": exchange.url})
        async with repairing(settings):
            async with asyncio.timeout(90):
                while not await all_closed(site, gaps, len(kept) // 4 - len(names)):  # noqa: ASYNC110
                    await asyncio.sleep(0.5)

    for name, events in sent.items():
        assert len(events) > 20
        there = await read_to_end(site.bootstrap_servers, site.table[name])
        symbol = SYMBOLS[events[0].market].encode()
        found = {id_in(record.value): record for record in there if record.key == symbol}
        assert sorted(found) == [id_in(one.data) for one in events]
        backfilled = 0
        for one in events:
            told, live = json.loads(found[id_in(one.data)].value or b""), json.loads(one.data)
            if told.pop("origin", None) == "backfill":
                backfilled += 1
                assert told.pop("E") == live["T"]
                del live["E"]
                live.pop("X", None)
            assert list(told.items()) == list(live.items())
        assert backfilled >= len(events) // 2


def id_in(value: bytes | None) -> int:
    trade = json.loads(value or b"")
    return int(trade["t"] if trade["e"] == "trade" else trade["a"])


async def all_closed(site: Site, gaps: Topic, least: int) -> bool:
    records = [one for one in await read_to_end(site.bootstrap_servers, gaps) if one.value]
    latest = {one.key: one for one in records if (one.key or b"").split(b"|")[2].decode() in SYMBOLS.values()}
    values = [site.codec.decode(gaps.name, one.partition, one.offset, one.value) for one in latest.values()]
    return len(values) >= least and all(str(one.status) == "filled" for one in values if isinstance(one, Gap))


@asynccontextmanager
async def repairing(settings: Settings) -> AsyncIterator[None]:
    """Repair alone."""
    stop = asyncio.Event()
    service = Service(settings, "repairer", RealClocks(), structlog.get_logger(), role=Role.REPAIR)
    task = asyncio.create_task(service.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task
