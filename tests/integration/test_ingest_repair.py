"""Repair as a whole: holes in the log of a real broker, a venue that a test plays, the ledger as readers see it."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator

import pytest

from ingest.kafka_log import LogRecord
from schemas.control import Gap
from schemas.markets import Market
from schemas.topics import ControlType, RawType
from tests.conftest import Registry
from tests.support.ingest_service import Site, create_topics
from tests.support.kafka import Broker
from tests.support.venue import FakeVenue, History, trade_frame


VENUE = 1_700_000_000_000

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def prefix(kafka: Broker, registry: Registry) -> str:
    """A prefix whose topics and schemas are there."""
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    create_topics(kafka.bootstrap_servers, registry.url, prefix)
    return prefix


@pytest.fixture
async def site(kafka: Broker, registry: Registry, prefix: str) -> AsyncIterator[Site]:
    async with FakeVenue(VENUE) as venue:
        site = Site(kafka.bootstrap_servers, registry.url, prefix, venue)
        try:
            yield site
        finally:
            site.close()


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


async def test_what_the_venue_refuses_is_deferred_at_once_and_filled_by_the_next_run(site: Site) -> None:
    gaps = site.table.control(ControlType.GAP)
    history = site.venue.trades = History(20)
    history.refusal = (418, '{"code":-1003,"msg":"Way too much request weight used; IP banned"}')
    async with site.running(site.settings(site.trades()), suffix="-a"):
        await site.venue.until(lambda venue: bool(venue.subscriptions))
        await site.venue.send(*(trade_frame(site.btc, one, VENUE + one) for one in (10, 13)))
        await site.until(gaps, lambda records: len(records) >= 2)
    history.refusal = None
    async with site.running(site.settings(site.trades()), suffix="-b"):
        await site.until(gaps, lambda records: len(records) >= 3)

    assert states(await site.decoded(gaps)) == [
        (11, 12, "open", None),
        (11, 12, "deferred", "venue-refuses-requests"),
        (11, 12, "filled", "backfilled"),
    ]
    assert sorted(ids(await site.read(site.table.raw(Market.SPOT, RawType.TRADE)))) == [10, 11, 12, 13]


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
