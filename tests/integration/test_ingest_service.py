"""Ingest as a whole: a venue that a test plays, a real broker, a real registry."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Sequence

import aiohttp
import pytest
import structlog
from aiokafka import AIOKafkaProducer

from ingest.errors import TopicsMissingError
from ingest.kafka_log import LogRecord, read_to_end
from ingest.service import Service
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
from schemas.topics import ControlType, RawType, TopicTable, partition_of
from tests.support.fakes import RealClocks
from tests.support.ingest_service import VENUE, Site
from tests.support.polling import until
from tests.support.venue import trade_frame


pytestmark = pytest.mark.timeout(120)


def ids(records: Sequence[LogRecord]) -> list[int]:
    return [json.loads(record.value or b"")["t"] for record in records]


def header(record: LogRecord, name: str) -> str:
    return dict(record.headers)[name].decode()


async def test_without_set_up_it_says_which_topics_are_missing_and_what_to_do(site: Site, topic_prefix: str) -> None:
    settings = site.settings(site.trades()).model_copy(update={"topic_prefix": topic_prefix})
    service = Service(settings, "i1", RealClocks(), structlog.get_logger())

    with pytest.raises(TopicsMissingError, match="binance-ingest setup") as caught:
        await service.run(asyncio.Event())

    assert TopicTable(topic_prefix).raw(Market.SPOT, RawType.TRADE).name in caught.value.names


async def test_bad_frames_are_set_aside_or_corrected_and_the_rest_is_undisturbed(site: Site) -> None:
    good = [trade_frame(site.btc, one, VENUE + one) for one in range(12)]
    ahead = trade_frame(site.btc, 90, VENUE + 7_200_000)
    bad = [
        b'{"stream":"btcusdt@trade","data":{"e":"trade",}}',
        trade_frame(site.btc, 91, VENUE, e="tradeOfTomorrow"),
        trade_frame(site.btc, 92, VENUE, E=None),
        trade_frame(site.btc, 93, VENUE, s=7),
        trade_frame(site.btc, 94, VENUE, filler="x" * 5_000_000),
    ]
    trades, letters = site.table.raw(Market.SPOT, RawType.TRADE), site.table.control(ControlType.DEAD_LETTER)
    async with site.running(site.settings(site.trades(), repair={"enabled": False})):
        await site.venue.until(lambda venue: venue.connection_count == 1 and bool(venue.subscriptions))
        for number, frame in enumerate([ahead, *bad]):
            await site.venue.send(good[2 * number], frame, good[2 * number + 1])
        await site.until(trades, lambda records: len(records) >= 13)
        await site.until(letters, lambda records: len(records) >= 5)

    assert ids(await site.read(trades)) == [0, 90, *range(1, 12)]
    (corrected,) = [record for record in await site.read(trades) if ids([record]) == [90]]
    assert corrected.timestamp == int(header(corrected, "receive_time_ns")) // 1_000_000
    found = {header(letter, "reason"): letter for letter in await site.read(letters)}
    assert sorted(found) == ["malformed-json", "missing-field", "mistyped-field", "oversized", "unknown-event"]
    huge = found["oversized"]
    assert (len(huge.value or b""), int(header(huge, "length")) > 5_000_000) == (65_536, True)
    assert header(huge, "source_topic") == trades.name


async def test_holes_are_in_the_ledger_at_once_and_once_over_a_restart(site: Site) -> None:
    gaps, progress = site.table.control(ControlType.GAP), site.table.control(ControlType.PROGRESS)
    async with site.running(site.settings(site.trades())):
        await site.venue.until(lambda venue: bool(venue.subscriptions))
        await site.venue.send(*(trade_frame(site.btc, one, VENUE + one) for one in (10, 11, 15, 16)))
        await site.venue.send(*(trade_frame(site.eth, one, VENUE + one) for one in (5, 6)))
        await site.until(gaps, lambda records: len(records) >= 2)

    found, gap = await site.decoded(gaps)
    assert isinstance(gap, Gap)
    assert (gap.symbol, gap.stream, gap.first_id, gap.last_id) == (site.btc, "trade", 12, 14)
    assert (found.status, gap.status, gap.reason, gap.epoch) == (
        GapStatus.OPEN,
        GapStatus.DEFERRED,
        "venue-unreachable",
        0,
    )
    assert (gap.previous_time, gap.next_time) == (VENUE + 11, VENUE + 15)
    notes = {note.symbol: note for note in await site.decoded(progress) if note.stream == "trade"}
    last = {record.key: record.offset for record in await site.read(site.table.raw(Market.SPOT, RawType.TRADE))}
    assert {symbol: (note.last_id, note.offset) for symbol, note in notes.items()} == {
        site.btc: (16, last[site.btc.encode()]),
        site.eth: (6, last[site.eth.encode()]),
    }

    site.venue.subscriptions.clear()
    async with site.running(site.settings(site.trades()), suffix="-b"):
        await site.venue.until(lambda venue: bool(venue.subscriptions))
        await site.venue.send(trade_frame(site.btc, 17, VENUE + 17), trade_frame(site.eth, 9, VENUE + 9))
        await site.until(gaps, lambda records: len(records) >= 4)

    ledger = {(gap.symbol, gap.first_id, gap.last_id) for gap in await site.decoded(gaps)}
    assert sorted(ledger) == [(site.btc, 12, 14), (site.eth, 7, 8)]


async def test_a_snapshot_lies_beside_the_diffs_is_remembered_and_comes_on_request(site: Site) -> None:
    depth, progress = site.table.raw(Market.SPOT, RawType.DEPTH), site.table.control(ControlType.PROGRESS)
    requests = site.table.control(ControlType.SNAPSHOT_REQUEST)
    settings = site.settings({"spot": {"symbols": [site.btc], "streams": ["depth@100ms"]}})
    async with site.running(settings, suffix="-a"):
        await site.until(progress, lambda records: len(records) >= 1)
    async with site.running(settings, suffix="-b"):
        await site.venue.until(lambda venue: venue.connection_count == 2)
        request = SnapshotRequest(
            market=Market.SPOT,
            symbol=site.btc,
            after_update_id=None,
            reason=SnapshotReason.SEQUENCE_GAP,
            event_time=VENUE,
            input_offset=500,
        )
        producer = AIOKafkaProducer(bootstrap_servers=site.bootstrap_servers)
        await producer.start()
        await producer.send_and_wait(requests.name, site.codec.encode(requests, request), site.btc.encode())
        await producer.stop()
        await site.until(progress, lambda records: len(records) >= 2)

    snapshots = await site.read(depth)
    assert [header(one, "connection_id") for one in snapshots] == [
        f"{site.ingest_id}-a.spot.rest",
        f"{site.ingest_id}-b.spot.rest",
    ]
    assert {header(one, "stream") for one in snapshots} == {"rest:depth"}
    assert site.venue.requests[f"depth {site.btc}"] == 2
    notes = [note for note in await site.decoded(progress) if isinstance(note, Progress)]
    assert [(note.stream, note.last_id, note.offset) for note in notes] == [
        ("depth-snapshot", 100, snapshot.offset) for snapshot in snapshots
    ]


async def test_heartbeats_vouch_for_the_partitions_with_a_symbol_and_connections_are_told(site: Site) -> None:
    heartbeats = site.table.control(ControlType.HEARTBEAT)
    async with site.running(site.settings(site.trades())):
        await site.venue.until(lambda venue: bool(venue.subscriptions))
        await site.until(heartbeats, lambda records: len(records) >= 2)
        site.venue.time_ms = VENUE + 60_000
        await site.venue.send(trade_frame(site.btc, 1, VENUE + 1), trade_frame(site.btc, 2, VENUE + 60_000))
        await site.until(heartbeats, lambda records: len(records) >= 4)

    beats = [beat for beat in await site.decoded(heartbeats) if isinstance(beat, Heartbeat)]
    partition = partition_of(site.btc)
    trades = [one for one in await site.read(site.table.raw(Market.SPOT, RawType.TRADE)) if one.partition == partition]
    assert {beat.partition for beat in beats} == {partition, partition_of(site.eth)}
    assert {(beat.market, beat.stream, beat.ingest_id) for beat in beats} == {(Market.SPOT, "trade", site.ingest_id)}
    ours = [(beat.vouched_until - VENUE, beat.offset) for beat in beats if beat.partition == partition]
    assert ours[0][0] == 0
    assert ours[-1] == (58_000, trades[-1].offset + 1)
    events = await site.decoded(site.table.control(ControlType.CONNECTION))
    assert [
        (event.connection_id, event.sequence, event.event) for event in events if isinstance(event, Connection)
    ] == [
        (f"{site.ingest_id}.spot-0.1", 1, ConnectionEvent.CONNECTED),
        (f"{site.ingest_id}.spot-0.1", 2, ConnectionEvent.DISCONNECTED),
    ]


async def test_usdm_uses_both_its_sockets_and_coinm_tells_its_contract_sizes(site: Site) -> None:
    site.venue.symbols = [{"symbol": site.eth, "baseAsset": "ETH", "quoteAsset": "USD", "contractSize": 100}]
    markets = {
        "usdm": {"symbols": [site.btc], "streams": ["trade", "aggTrade"]},
        "coinm": {"symbols": [site.eth], "streams": ["aggTrade"]},
    }
    data = '{"e":"aggTrade","E":%d,"s":"%s","a":1,"p":"1","q":"1","f":1,"l":1,"T":5,"m":true}'
    topics = {
        symbol: site.table.raw(market, RawType.AGG_TRADE)
        for symbol, market in ((site.btc, Market.USDM), (site.eth, Market.COINM))
    }
    async with site.running(site.settings(markets)):
        await site.venue.until(lambda venue: len(venue.subscriptions) == 3)
        for symbol in topics:
            await site.venue.send(f'{{"stream":"{symbol.lower()}@aggTrade","data":{data % (VENUE, symbol)}}}'.encode())
        for topic in topics.values():
            await site.until(topic, lambda records: len(records) >= 1)

    assert site.venue.connection_count == 3
    contracts = [record for record in await site.read(topics[site.eth]) if record.key == site.eth.encode()]
    assert (header(contracts[0], "contract_size"), header(contracts[0], "carries_trades")) == ("100", "1")
    plain = [record for record in await site.read(topics[site.btc]) if record.key == site.btc.encode()]
    assert not {"contract_size", "carries_trades"} & dict(plain[0].headers).keys()


async def test_health_and_metrics_are_served(site: Site) -> None:
    settings = site.settings(site.trades(), http={"enabled": True, "port": 0})
    async with site.running(settings) as service, aiohttp.ClientSession() as session:
        await site.venue.until(lambda venue: bool(venue.subscriptions))
        await site.venue.send(trade_frame(site.btc, 1, VENUE))
        await site.until(site.table.raw(Market.SPOT, RawType.TRADE), lambda records: len(records) >= 1)
        base = f"http://127.0.0.1:{service.http_port}"
        async with session.get(f"{base}/live") as answer:
            assert answer.status == 200
        async with session.get(f"{base}/ready") as answer:
            assert (answer.status, await answer.json()) == (200, {"ready": True, "spot-0": "live", "kafka": "ok"})
        async with session.get(f"{base}/metrics") as answer:
            text = await answer.text()
            assert 'ingest_records_total{market="spot",stream="trade"} 1.0' in text

        async def is_ready() -> bool:
            async with session.get(f"{base}/ready") as answer:
                return answer.status == 200

        await site.venue.drop()
        await until(lambda: _not(is_ready()), every_s=0.02)
        await until(is_ready)


async def _not(answer: Awaitable[bool]) -> bool:
    return not await answer


async def test_a_ban_is_kept_over_a_restart_and_the_streams_flow_all_the_same(site: Site) -> None:
    """On COIN-M, which no other test here asks anything: the ban outlives this one."""
    trades, progress = site.table.raw(Market.COINM, RawType.TRADE), site.table.control(ControlType.PROGRESS)
    settings = site.settings({"coinm": {"symbols": [site.btc], "streams": ["trade", "depth@100ms"]}})
    site.venue.depth = lambda _: (418, '{"code":-1003,"msg":"Way too many requests; IP banned until 9999999999999."}')
    ban = b"usdm|rest-ban|futures"

    async def banned() -> bool:
        return ban in {record.key for record in await read_to_end(site.bootstrap_servers, progress)}

    async with site.running(settings, suffix="-a"):
        await until(banned)
    site.venue.requests.clear()
    site.venue.subscriptions.clear()
    async with site.running(settings, suffix="-b"):
        await site.venue.until(lambda venue: bool(venue.subscriptions))
        await site.venue.send(trade_frame(site.btc, 1, VENUE))
        await site.until(trades, lambda records: len(records) >= 1)

    assert site.venue.requests == {}
