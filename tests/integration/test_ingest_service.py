"""Ingest as a whole: a venue that a test plays, a real broker, a real registry."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import pytest
from aiokafka import AIOKafkaProducer

from ingest.errors import TopicsMissingError
from ingest.kafka_log import LogRecord
from schemas.control import (
    Connection,
    ConnectionEvent,
    Gap,
    GapStatus,
    Heartbeat,
    Progress,
    SnapshotReason,
    SnapshotRequest,
)
from schemas.markets import Market
from schemas.topics import ControlType, RawType, partition_of
from tests.conftest import Registry
from tests.support.ingest_service import Site
from tests.support.kafka import Broker
from tests.support.venue import FakeVenue, trade_frame


VENUE = 1_700_000_000_000
TRADES: dict[str, Any] = {"spot": {"symbols": ["BTCUSDT", "ETHUSDT"], "streams": ["trade"]}}
BOOKS: dict[str, Any] = {"spot": {"symbols": ["BTCUSDT"], "streams": ["depth@100ms"]}}

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def site(kafka: Broker, registry: Registry, topic_prefix: str) -> AsyncIterator[Site]:
    async with FakeVenue(VENUE) as venue:
        yield Site(kafka.bootstrap_servers, registry.url, topic_prefix, venue)


def ids(records: Sequence[LogRecord]) -> list[int]:
    return [json.loads(record.value or b"")["t"] for record in records]


def header(record: Any, name: str) -> str:
    return dict(record.headers)[name].decode()


async def test_without_set_up_it_says_which_topics_are_missing_and_what_to_do(site: Site) -> None:
    with pytest.raises(TopicsMissingError, match=r"binance-ingest setup") as caught:
        async with site.running(site.settings(TRADES)):
            pass

    assert site.table.raw(Market.SPOT, RawType.TRADE).name in caught.value.names


async def test_bad_frames_are_set_aside_or_corrected_and_the_rest_is_undisturbed(site: Site) -> None:
    await site.set_up()
    good = [trade_frame("BTCUSDT", one, VENUE + one) for one in range(12)]
    ahead = trade_frame("BTCUSDT", 90, VENUE + 7_200_000)
    bad = [
        b'{"stream":"btcusdt@trade","data":{"e":"trade",}}',
        trade_frame("BTCUSDT", 91, VENUE, e="tradeOfTomorrow"),
        trade_frame("BTCUSDT", 92, VENUE, E=None),
        trade_frame("BTCUSDT", 93, VENUE, s=7),
        trade_frame("BTCUSDT", 94, VENUE, filler="x" * 5_000_000),
    ]
    trades, letters = site.table.raw(Market.SPOT, RawType.TRADE), site.table.control(ControlType.DEAD_LETTER)
    async with site.running(site.settings(TRADES, repair={"enabled": False})):
        await site.venue.until(lambda venue: venue.connection_count == 1 and bool(venue.subscriptions))
        for number, frame in enumerate([ahead, *bad]):
            await site.venue.send(good[2 * number], frame, good[2 * number + 1])
        await site.until(trades, lambda records: len(records) >= 13)
        await site.until(letters, lambda records: len(records) >= 5)

    assert ids(await site.read(trades)) == [0, 90, *range(1, 12)]
    (corrected,) = [record for record in await site.read(trades) if ids([record]) == [90]]
    assert abs(getattr(corrected, "timestamp") - int(header(corrected, "receive_time_ns")) // 1_000_000) <= 1  # noqa: B009
    found = {header(letter, "reason"): letter for letter in await site.read(letters)}
    assert sorted(found) == ["malformed-json", "missing-field", "mistyped-field", "oversized", "unknown-event"]
    huge = found["oversized"]
    assert (len(huge.value or b""), int(header(huge, "length")) > 5_000_000) == (65_536, True)
    assert header(huge, "source_topic") == trades.name


async def test_holes_are_in_the_ledger_at_once_and_once_over_a_restart(site: Site) -> None:
    await site.set_up()
    gaps, progress = site.table.control(ControlType.GAP), site.table.control(ControlType.PROGRESS)
    async with site.running(site.settings(TRADES)):
        await site.venue.until(lambda venue: bool(venue.subscriptions))
        await site.venue.send(*(trade_frame("BTCUSDT", one, VENUE + one) for one in (10, 11, 15, 16)))
        await site.venue.send(*(trade_frame("ETHUSDT", one, VENUE + one) for one in (5, 6)))
        await site.until(gaps, lambda records: len(records) >= 1)

    (gap,) = await site.decoded(gaps)
    assert isinstance(gap, Gap)
    assert (gap.symbol, gap.stream, gap.first_id, gap.last_id) == ("BTCUSDT", "trade", 12, 14)
    assert (gap.status, gap.reason, gap.epoch) == (GapStatus.DEFERRED, "not-backfilled", 0)
    assert (gap.previous_time, gap.next_time) == (VENUE + 11, VENUE + 15)
    notes = {note.symbol: note for note in await site.decoded(progress) if note.stream == "trade"}
    assert {symbol: (note.last_id, note.offset) for symbol, note in notes.items()} == {
        "BTCUSDT": (16, 3),
        "ETHUSDT": (6, 1),
    }

    site.venue.subscriptions.clear()
    async with site.running(site.settings(TRADES), ingest_id="i2"):
        await site.venue.until(lambda venue: bool(venue.subscriptions))
        await site.venue.send(trade_frame("BTCUSDT", 17, VENUE + 17), trade_frame("ETHUSDT", 9, VENUE + 9))
        await site.until(gaps, lambda records: len(records) >= 2)

    ledger = [(gap.symbol, gap.first_id, gap.last_id) for gap in await site.decoded(gaps)]
    assert ledger == [("BTCUSDT", 12, 14), ("ETHUSDT", 7, 8)] or ledger == [("ETHUSDT", 7, 8), ("BTCUSDT", 12, 14)]


async def test_a_snapshot_lies_beside_the_diffs_is_remembered_and_comes_on_request(site: Site) -> None:
    await site.set_up()
    depth, progress = site.table.raw(Market.SPOT, RawType.DEPTH), site.table.control(ControlType.PROGRESS)
    requests = site.table.control(ControlType.SNAPSHOT_REQUEST)
    async with site.running(site.settings(BOOKS)):
        await site.until(progress, lambda records: len(records) >= 1)
    async with site.running(site.settings(BOOKS), ingest_id="i2"):
        await site.venue.until(lambda venue: venue.connection_count == 2)
        request = SnapshotRequest(
            market=Market.SPOT,
            symbol="BTCUSDT",
            after_update_id=None,
            reason=SnapshotReason.SEQUENCE_GAP,
            event_time=VENUE,
            input_offset=500,
        )
        producer = AIOKafkaProducer(bootstrap_servers=site.bootstrap_servers)
        await producer.start()
        await producer.send_and_wait(
            requests.name, site.codec.encode(requests, request), b"BTCUSDT", partition=partition_of("BTCUSDT")
        )
        await producer.stop()
        await site.until(depth, lambda records: len(records) >= 2)
        await site.until(progress, lambda records: len(records) >= 2)

    snapshots = await site.read(depth)
    assert [header(one, "connection_id") for one in snapshots] == ["i1.spot.rest", "i2.spot.rest"]
    assert {header(one, "stream") for one in snapshots} == {"rest:depth"}
    assert site.venue.requests["depth BTCUSDT"] == 2
    notes = [note for note in await site.decoded(progress) if isinstance(note, Progress)]
    assert [(note.stream, note.last_id, note.offset) for note in notes] == [
        ("depth-snapshot", 100, 0),
        ("depth-snapshot", 100, 1),
    ]


async def test_heartbeats_vouch_for_the_partitions_with_a_symbol_and_connections_are_told(site: Site) -> None:
    await site.set_up()
    heartbeats = site.table.control(ControlType.HEARTBEAT)
    async with site.running(site.settings(TRADES)):
        await site.venue.until(lambda venue: bool(venue.subscriptions))
        await site.venue.send(trade_frame("BTCUSDT", 1, VENUE + 1), trade_frame("BTCUSDT", 2, VENUE + 60_000))
        await site.until(heartbeats, lambda records: len(records) >= 4)

    beats = [beat for beat in await site.decoded(heartbeats) if isinstance(beat, Heartbeat)]
    partition = partition_of("BTCUSDT")
    assert {beat.partition for beat in beats} == {partition, partition_of("ETHUSDT")}
    assert {(beat.market, beat.stream, beat.ingest_id) for beat in beats} == {(Market.SPOT, "trade", "i1")}
    ours = [(beat.vouched_until - VENUE, beat.offset) for beat in beats if beat.partition == partition]
    assert ours[0][0] == 0
    assert ours[-1] == (58_000, 2)
    events = [event for event in await site.decoded(site.table.control(ControlType.CONNECTION))]
    assert [
        (event.connection_id, event.sequence, event.event) for event in events if isinstance(event, Connection)
    ] == [("i1.spot-0.1", 1, ConnectionEvent.CONNECTED), ("i1.spot-0.1", 2, ConnectionEvent.DISCONNECTED)]


async def test_usdm_uses_both_its_sockets_and_coinm_tells_its_contract_sizes(site: Site) -> None:
    await site.set_up()
    site.venue.symbols = [{"symbol": "BTCUSD_PERP", "baseAsset": "BTC", "quoteAsset": "USD", "contractSize": 100}]
    markets = {
        "usdm": {"symbols": ["BTCUSDT"], "streams": ["trade", "aggTrade"]},
        "coinm": {"symbols": ["BTCUSD_PERP"], "streams": ["aggTrade"]},
    }
    data = '{"e":"aggTrade","E":%d,"s":"%s","a":1,"p":"1","q":"1","f":1,"l":1,"T":5,"m":true}'
    frames = [
        f'{{"stream":"{symbol.lower()}@aggTrade","data":{data % (VENUE, symbol)}}}'.encode()
        for symbol in ("BTCUSDT", "BTCUSD_PERP")
    ]
    topics = [site.table.raw(market, RawType.AGG_TRADE) for market in (Market.USDM, Market.COINM)]
    async with site.running(site.settings(markets)):
        await site.venue.until(lambda venue: len(venue.subscriptions) == 3)
        for frame in frames:
            await site.venue.send(frame)
        for topic in topics:
            await site.until(topic, lambda records: len(records) >= 1)

    assert site.venue.connection_count == 3
    contracts = [record for record in await site.read(topics[1]) if record.key == b"BTCUSD_PERP"]
    assert header(contracts[0], "contract_size") == "100"
    assert header(contracts[0], "carries_trades") == "1"
    plain = dict(getattr((await site.read(topics[0]))[0], "headers"))  # noqa: B009
    assert not {"contract_size", "carries_trades"} & plain.keys()


async def test_health_and_metrics_are_served(site: Site) -> None:
    await site.set_up()
    settings = site.settings(TRADES, http={"enabled": True, "port": 0})
    async with site.running(settings) as service, aiohttp.ClientSession() as session:
        await site.venue.until(lambda venue: bool(venue.subscriptions))
        await site.venue.send(trade_frame("BTCUSDT", 1, VENUE))
        await site.until(site.table.raw(Market.SPOT, RawType.TRADE), lambda records: len(records) >= 1)
        base = f"http://127.0.0.1:{service.http_port}"
        async with session.get(f"{base}/live") as answer:
            assert answer.status == 200
        async with session.get(f"{base}/ready") as answer:
            assert (answer.status, await answer.json()) == (200, {"ready": True, "spot-0": "live", "kafka": "ok"})
        async with session.get(f"{base}/metrics") as answer:
            text = await answer.text()
            assert 'ingest_records_total{market="spot",stream="trade"} 1.0' in text
        await site.venue.drop()
        async with session.get(f"{base}/ready") as answer:
            assert answer.status == 503
