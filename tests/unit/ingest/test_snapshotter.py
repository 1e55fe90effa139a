from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import structlog
from prometheus_client import CollectorRegistry

from ingest.control_records import ControlRecords
from ingest.core.guard import VenueClock
from ingest.core.log_partitions import DEPTH_SNAPSHOT
from ingest.core.snapshots import SnapshotSchedule
from ingest.metrics import Metrics
from ingest.sections import SnapshotSettings
from ingest.snapshotter import Snapshotter
from ingest.venue_time import VenueTime
from schemas.codec import Codec
from schemas.control import Progress, SnapshotReason, SnapshotRequest
from schemas.markets import Market
from schemas.topics import TopicTable, partition_of
from tests.support.fakes import RealClocks, RecordingPublisher
from tests.support.offline_registry import OfflineRegistry
from tests.support.rest import rest_client
from tests.support.venue import FakeVenue


VENUE = 1_700_000_000_000
DEPTH, PROGRESS = "binance.spot.raw.depth", "binance.control.progress"
SYMBOLS = ("BTCUSDT", "ETHUSDT")
OLD = Progress(
    market=Market.SPOT,
    stream=DEPTH_SNAPSHOT,
    symbol="BTCUSDT",
    epoch=0,
    last_id=90,
    last_time=VENUE - 7 * 3_600_000,
    partition=2,
    offset=7,
)
"""A snapshot that is due for a refresh."""


@asynccontextmanager
async def snapshotting(
    venue: FakeVenue, publisher: RecordingPublisher, market: Market = Market.SPOT, **settings: Any
) -> AsyncIterator[Snapshotter]:
    clocks, log, table = RealClocks(), structlog.get_logger(), TopicTable()
    async with aiohttp.ClientSession() as session:
        rest = rest_client(f"{venue.url}/api/v3", session, clocks, market)
        snapshotter = Snapshotter(
            market,
            SnapshotSchedule(SYMBOLS, 6 * 3_600_000),
            SnapshotSettings(**settings),
            rest=rest,
            venue=VenueTime(VenueClock(VENUE, clocks.now_ms()), rest, clocks.now_ms, log),
            publisher=publisher,
            control=ControlRecords(table, Codec(table, OfflineRegistry())),
            table=table,
            connection_id="i1.spot.rest",
            metrics=Metrics(CollectorRegistry()),
            clocks=clocks,
            log=log,
        )
        running = asyncio.create_task(snapshotter.run())
        try:
            yield snapshotter
        finally:
            running.cancel()
            await asyncio.wait([running])


def progress_of(publisher: RecordingPublisher) -> list[Progress]:
    codec = Codec(TopicTable(), OfflineRegistry())
    notes = [codec.decode(PROGRESS, 0, 0, record.value) for record in publisher.of(PROGRESS)]
    return [note for note in notes if isinstance(note, Progress)]


def request(symbol: str, after_update_id: int | None, input_offset: int) -> SnapshotRequest:
    return SnapshotRequest(
        market=Market.SPOT,
        symbol=symbol,
        after_update_id=after_update_id,
        reason=SnapshotReason.SEQUENCE_GAP,
        event_time=None,
        input_offset=input_offset,
    )


async def test_live_symbols_get_a_snapshot_which_is_remembered() -> None:
    publisher = RecordingPublisher()
    async with FakeVenue(VENUE) as venue, snapshotting(venue, publisher) as snapshotter:
        snapshotter.live(SYMBOLS)
        await publisher.arrived(PROGRESS, 2)

    assert sorted(record.key for record in publisher.of(DEPTH)) == [b"BTCUSDT", b"ETHUSDT"]
    btc = next(note for note in progress_of(publisher) if note.symbol == "BTCUSDT")
    assert (btc.stream, btc.last_id, btc.partition, btc.offset) == (DEPTH_SNAPSHOT, 100, partition_of("BTCUSDT"), 0)
    assert 0 <= btc.last_time - VENUE < 60_000


async def test_a_recent_snapshot_in_the_log_is_not_taken_again() -> None:
    publisher = RecordingPublisher()
    note = Progress(
        market=Market.SPOT,
        stream=DEPTH_SNAPSHOT,
        symbol="BTCUSDT",
        epoch=0,
        last_id=90,
        last_time=VENUE - 3_600_000,
        partition=2,
        offset=7,
    )
    async with FakeVenue(VENUE) as venue, snapshotting(venue, publisher) as snapshotter:
        snapshotter.restore([note])
        snapshotter.live(SYMBOLS)
        await publisher.arrived(DEPTH, 1)
        await asyncio.sleep(0.1)

    assert [record.key for record in publisher.of(DEPTH)] == [b"ETHUSDT"]


async def test_one_symbols_trouble_holds_up_no_other_and_is_overcome() -> None:
    publisher, refusals = RecordingPublisher(), iter([(400, '{"code":-1121,"msg":"Invalid symbol."}'), (200, "junk")])

    def depth(symbol: str) -> tuple[int, str]:
        good = 200, '{"lastUpdateId":100,"bids":[],"asks":[]}'
        return next(refusals, good) if symbol == "BTCUSDT" else good

    async with FakeVenue(VENUE) as venue:
        venue.depth = depth
        async with snapshotting(venue, publisher) as snapshotter:
            snapshotter.live(SYMBOLS)
            await publisher.arrived(DEPTH, 1)
            assert [record.key for record in publisher.of(DEPTH)] == [b"ETHUSDT"]
            await publisher.arrived(DEPTH, 2)

        assert venue.requests["depth BTCUSDT"] == 3


async def test_a_request_is_answered_by_a_snapshot_that_reaches_far_enough() -> None:
    publisher, ids = RecordingPublisher(), iter([100, 140, 150])
    async with FakeVenue(VENUE) as venue:
        venue.depth = lambda symbol: (200, f'{{"lastUpdateId":{next(ids)},"bids":[],"asks":[]}}')
        async with snapshotting(venue, publisher) as snapshotter:
            snapshotter.live(["BTCUSDT"])
            await publisher.arrived(DEPTH, 1)
            snapshotter.request(request("BTCUSDT", after_update_id=145, input_offset=50))
            await publisher.arrived(DEPTH, 2)
            await publisher.arrived(PROGRESS, 2)

    assert [note.last_id for note in progress_of(publisher)] == [100, 150]


async def test_a_symbol_that_is_taken_later_trusts_an_earlier_snapshot_only_until_the_notes_are_forgotten() -> None:
    notes = [
        Progress(
            market=Market.SPOT,
            stream=DEPTH_SNAPSHOT,
            symbol=symbol,
            epoch=0,
            last_id=7,
            last_time=VENUE,
            partition=partition_of(symbol),
            offset=3,
        )
        for symbol in ("XRPUSDT", "SOLUSDT")
    ]
    publisher = RecordingPublisher()
    async with FakeVenue() as venue, snapshotting(venue, publisher) as snapshotter:
        snapshotter.restore(notes)
        snapshotter.follow([*SYMBOLS, "XRPUSDT"])
        snapshotter.forget_notes()
        snapshotter.follow([*SYMBOLS, "XRPUSDT", "SOLUSDT"])
        snapshotter.live(["XRPUSDT", "SOLUSDT"])
        (record,) = await publisher.arrived(DEPTH, 1)

    assert record.key == b"SOLUSDT"
    assert [path for path in venue.requests if path.startswith("depth")] == ["depth SOLUSDT"]


async def test_what_another_process_took_is_not_asked_for() -> None:
    note = Progress(
        market=Market.SPOT,
        stream=DEPTH_SNAPSHOT,
        symbol="BTCUSDT",
        epoch=0,
        last_id=90,
        last_time=VENUE,
        partition=2,
        offset=7,
    )
    publisher = RecordingPublisher()
    async with FakeVenue(VENUE) as venue, snapshotting(venue, publisher) as snapshotter:
        snapshotter.notice(note)
        snapshotter.live(SYMBOLS)
        await publisher.arrived(DEPTH, 1)

    assert [path for path in venue.requests if path.startswith("depth")] == ["depth ETHUSDT"]


async def test_a_snapshot_of_another_symbol_is_none() -> None:
    publisher, symbols = RecordingPublisher(), iter(["ETHUSDT", "BTCUSDT"])
    async with FakeVenue(VENUE) as venue:
        venue.depth = lambda _: (200, f'{{"lastUpdateId":1,"symbol":"{next(symbols)}","bids":[],"asks":[]}}')
        async with snapshotting(venue, publisher) as snapshotter:
            snapshotter.live(["BTCUSDT"])
            await publisher.arrived(DEPTH, 1)

    assert b'"symbol":"BTCUSDT"' in publisher.of(DEPTH)[0].value


async def test_an_answer_that_cannot_be_read_is_no_snapshot() -> None:
    publisher, bodies = RecordingPublisher(), iter(['{"a":' + "[" * 100_000])
    async with FakeVenue(VENUE) as venue:
        venue.depth = lambda _: (200, next(bodies, '{"lastUpdateId":1,"bids":[],"asks":[]}'))
        async with snapshotting(venue, publisher) as snapshotter:
            snapshotter.live(["BTCUSDT"])
            await publisher.arrived(DEPTH, 1)

        assert venue.requests["depth BTCUSDT"] == 2


async def test_a_wish_does_not_wait_for_the_refresh_of_the_same_symbol() -> None:
    publisher = RecordingPublisher()
    async with FakeVenue(VENUE) as venue, snapshotting(venue, publisher) as snapshotter:
        snapshotter.restore([OLD])
        hold = venue.hold_depth()
        snapshotter.live(["BTCUSDT"])
        await venue.until(lambda one: one.requests["depth BTCUSDT"] == 1)
        snapshotter.request(request("BTCUSDT", None, 20))
        await venue.until(lambda one: one.requests["depth BTCUSDT"] == 2)
        hold.set()
        await publisher.arrived(PROGRESS, 1)

    assert len(publisher.of(DEPTH)) == 1


async def test_a_wish_in_the_moment_when_a_refresh_begins_is_not_forgotten() -> None:
    publisher = RecordingPublisher()
    async with FakeVenue(VENUE) as venue, snapshotting(venue, publisher) as snapshotter:
        snapshotter.restore([OLD])
        await asyncio.sleep(0)  # it has looked, and waits
        snapshotter.live(["BTCUSDT"])
        await asyncio.sleep(0)  # it has made the task of the refresh, whose first step is yet to come
        snapshotter.request(request("BTCUSDT", None, 20))
        await publisher.arrived(PROGRESS, 1)

    assert len(publisher.of(DEPTH)) == 1


@pytest.mark.parametrize(
    ("market", "levels"),
    [(Market.SPOT, {"BTCUSDT": "5000", "ETHUSDT": "500"}), (Market.USDM, {"BTCUSDT": "1000", "ETHUSDT": "500"})],
)
async def test_named_symbols_get_as_many_levels_as_the_market_gives(market: Market, levels: dict[str, str]) -> None:
    publisher = RecordingPublisher()
    async with (
        FakeVenue(VENUE) as venue,
        snapshotting(venue, publisher, market, levels=500, deep_symbols=("BTCUSDT",)) as snapshotter,
    ):
        snapshotter.live(SYMBOLS)
        await publisher.arrived(f"binance.{market}.raw.depth", 2)

    assert venue.depth_limits == levels
