from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import structlog
from prometheus_client import CollectorRegistry

from ingest.control_records import ControlRecords
from ingest.core.guard import VenueClock
from ingest.core.heartbeats import Heartbeats
from ingest.core.records import Record
from ingest.heartbeat_keeper import HeartbeatKeeper
from ingest.metrics import Metrics
from ingest.venue_time import VenueTime
from schemas.codec import Codec
from schemas.control import Heartbeat
from schemas.markets import Market
from schemas.topics import RawType, TopicTable
from tests.support.fakes import RealClocks, RecordingPublisher
from tests.support.offline_registry import OfflineRegistry
from tests.support.rest import rest_client
from tests.support.venue import FakeVenue


VENUE = 1_700_000_000_000
HEARTBEATS = "binance.control.heartbeat"


@asynccontextmanager
async def keeping(venue: FakeVenue, publisher: RecordingPublisher) -> AsyncIterator[HeartbeatKeeper]:
    clocks, table = RealClocks(), TopicTable()
    async with aiohttp.ClientSession() as session:
        rest = rest_client(f"{venue.url}/api/v3", session, clocks)
        keeper = HeartbeatKeeper(
            Market.SPOT,
            Heartbeats(Market.SPOT, "i1", {(RawType.TRADE, 2): {"S": "a"}}),
            venue=VenueTime(VenueClock(VENUE, clocks.now_ms()), rest, clocks.now_ms, structlog.get_logger()),
            publisher=publisher,
            control=ControlRecords(table, Codec(table, OfflineRegistry())),
            table=table,
            metrics=Metrics(CollectorRegistry()),
            clocks=clocks,
        )
        running = asyncio.create_task(keeper.run())
        try:
            yield keeper
        finally:
            running.cancel()
            await asyncio.wait([running])


async def heartbeats(publisher: RecordingPublisher, count: int) -> list[Heartbeat]:
    codec = Codec(TopicTable(), OfflineRegistry())
    await publisher.arrived(HEARTBEATS, count)
    decoded = [codec.decode(HEARTBEATS, 2, 0, record.value) for record in publisher.log[HEARTBEATS, 2]]
    return [one for one in decoded if isinstance(one, Heartbeat)]


async def test_a_new_connection_is_vouched_for_at_once_and_then_by_its_events() -> None:
    publisher, clocks = RecordingPublisher(), RealClocks()
    trade = Record("binance.spot.raw.trade", 2, b"BTCUSDT", b"{}", VENUE + 9_000, [], VENUE + 9_000)
    async with FakeVenue(VENUE) as venue, keeping(venue, publisher) as keeper:
        keeper.live("a", "", [])
        (first,) = await heartbeats(publisher, 1)
        assert (first.vouched_until, first.offset) == (VENUE, 0)

        publisher.publish(trade)
        venue.time_ms = VENUE + 9_000
        keeper.heartbeats.read("a", VENUE + 9_000, clocks.now_ms())
        _, second = await heartbeats(publisher, 2)
        assert (second.vouched_until, second.offset) == (VENUE + 7_000, 1)


async def test_nothing_is_vouched_for_while_the_broker_is_away() -> None:
    publisher, clocks = RecordingPublisher(), RealClocks()
    trade = Record("binance.spot.raw.trade", 2, b"BTCUSDT", b"{}", VENUE, [], VENUE)
    async with FakeVenue(VENUE) as venue, keeping(venue, publisher) as keeper:
        keeper.live("a", "", [])
        await heartbeats(publisher, 1)
        publisher.hold()
        publisher.publish(trade)
        venue.time_ms = VENUE + 9_000
        keeper.heartbeats.read("a", VENUE + 9_000, clocks.now_ms())
        await asyncio.sleep(1.3)
        assert publisher.unacknowledged == 1

        publisher.release()
        assert [one.offset for one in await heartbeats(publisher, 2)] == [0, 1]


async def test_an_event_far_ahead_is_asked_about_and_vouches_for_nothing() -> None:
    publisher, clocks = RecordingPublisher(), RealClocks()
    async with FakeVenue(VENUE) as venue, keeping(venue, publisher) as keeper:
        keeper.begin()
        keeper.live("a", "", [])
        await heartbeats(publisher, 1)

        keeper.heartbeats.read("a", VENUE + 600_000, clocks.now_ms())
        await venue.until(lambda one: one.requests["time"] >= 2)
        venue.time_ms = VENUE + 9_000
        keeper.heartbeats.read("a", VENUE + 9_000, clocks.now_ms())

        assert [one.vouched_until for one in await heartbeats(publisher, 2)] == [VENUE, VENUE + 7_000]
