from __future__ import annotations

import aiohttp
import pytest
import structlog
from prometheus_client import CollectorRegistry

from ingest.core.frames import FrameDecoder
from ingest.core.guard import VenueClock
from ingest.core.merged import SeenVersions
from ingest.core.outcomes import Reply, ShutdownNotice
from ingest.core.overlap import Overlap
from ingest.core.records import Record
from ingest.metrics import Metrics
from ingest.pipeline import Pipeline, Worked
from ingest.venue_time import VenueTime
from schemas.markets import Market
from schemas.topics import RawType, TopicTable
from tests.support.fakes import FakeClocks, RecordingPublisher
from tests.support.rest import rest_client
from tests.support.venue import FakeVenue, trade_frame


VENUE = 1_700_000_000_000
RECEIVED_NS = 1_600_000_000_000_000_000
TRADES = "binance.spot.raw.trade"
LETTERS = "binance.control.dead-letter"


class Bench:
    """A pipeline with everything around it that a test looks at."""

    def __init__(self, venue: FakeVenue, session: aiohttp.ClientSession) -> None:
        self.clocks = FakeClocks(VENUE)
        self.publisher = RecordingPublisher()
        self.metrics = Metrics(CollectorRegistry())
        log = structlog.get_logger()
        rest = rest_client(f"{venue.url}/api/v3", session, self.clocks)
        self.clock = VenueClock(VENUE, 0)
        decoder = FrameDecoder(
            Market.SPOT,
            "c1",
            TopicTable(),
            extra_headers=lambda *_: (),
            merged=SeenVersions(),
            max_record_bytes=900_000,
        )
        self.pipeline = Pipeline(
            Market.SPOT,
            "c1",
            decoder,
            publisher=self.publisher,
            venue=VenueTime(self.clock, rest, self.clocks.now_ms, log),
            table=TopicTable(),
            metrics=self.metrics,
            log=log,
        )

    async def work(self, *frames: bytes) -> Worked:
        worked = await self.pipeline.work([(RECEIVED_NS + number, frame) for number, frame in enumerate(frames)])
        await self.publisher.drain(1)
        return worked

    def count(self, name: str) -> float:
        return sum(
            sample.value
            for metric in self.metrics.registry.collect()
            for sample in metric.samples
            if sample.name == name
        )


@pytest.fixture
async def venue() -> object:
    async with FakeVenue(VENUE) as venue:
        yield venue


@pytest.fixture
async def bench(venue: FakeVenue) -> object:
    async with aiohttp.ClientSession() as session:
        yield Bench(venue, session)


async def test_records_are_handed_over_in_order_and_the_newest_event_is_told(bench: Bench) -> None:
    worked = await bench.work(*(trade_frame("BTCUSDT", one, VENUE + one) for one in (1, 3, 2)))

    assert [record.timestamp_ms - VENUE for record in bench.publisher.of(TRADES)] == [1, 3, 2]
    assert worked == Worked((), VENUE + 3, ("btcusdt@trade",))


async def test_frames_are_counted_on_over_the_life_of_a_connection(bench: Bench) -> None:
    await bench.work(trade_frame("A", 1, VENUE), b"junk")
    await bench.work(trade_frame("A", 2, VENUE))

    sequences = [dict(record.headers)["connection_sequence"] for record in bench.publisher.of(TRADES)]
    assert sequences == [b"1", b"3"]


async def test_replies_and_notices_are_signals(bench: Bench) -> None:
    worked = await bench.work(b'{"result":null,"id":1}', b'{"e":"serverShutdown","E":5}')

    assert worked == Worked((Reply(1), ShutdownNotice(5)), None)
    assert bench.publisher.records == []


async def test_what_came_before_a_signal_is_not_the_newest_event(bench: Bench) -> None:
    before, signal, after = trade_frame("A", 1, VENUE + 9), b'{"result":null,"id":1}', trade_frame("A", 2, VENUE + 5)

    assert (await bench.work(before, signal, after)).newest_event == VENUE + 5
    assert (await bench.work(before, signal)).newest_event is None


async def test_what_is_set_aside_goes_to_the_dead_letters_and_disturbs_nobody(bench: Bench) -> None:
    await bench.work(
        trade_frame("A", 1, VENUE),
        b"{",
        trade_frame("A", 2, VENUE, e="unheardOf"),
        trade_frame("A", 3, VENUE, s=None),
        trade_frame("A", 4, VENUE, filler="x" * 1_000_000),
        trade_frame("A", 5, VENUE),
    )

    assert len(bench.publisher.of(TRADES)) == 2
    reasons = [dict(letter.headers)["reason"] for letter in bench.publisher.of(LETTERS)]
    assert sorted(reasons) == [b"malformed-json", b"missing-field", b"oversized", b"unknown-event"]
    assert bench.count("ingest_dead_letters_total") == 4


async def test_an_event_time_two_hours_ahead_is_replaced_and_counted(bench: Bench, venue: FakeVenue) -> None:
    worked = await bench.work(
        trade_frame("A", 1, VENUE), trade_frame("A", 2, VENUE + 7_200_000), trade_frame("A", 3, VENUE + 1)
    )

    stamps = [record.timestamp_ms for record in bench.publisher.of(TRADES)]
    assert stamps == [VENUE, RECEIVED_NS // 1_000_000, VENUE + 1]
    assert worked.newest_event == VENUE + 1
    assert bench.count("ingest_event_times_replaced_total") == 1
    assert venue.requests["time"] == 1


@pytest.mark.parametrize("event_time", [0, -5, 1_262_303_999_999, 2**62, 2**80])
async def test_no_impossible_time_reaches_the_broker(bench: Bench, event_time: int) -> None:
    await bench.work(trade_frame("A", 1, VENUE, E=event_time))

    (record,) = bench.publisher.of(TRADES)
    assert record.timestamp_ms == RECEIVED_NS // 1_000_000


async def test_a_venue_with_wrong_times_is_not_asked_for_every_event(bench: Bench, venue: FakeVenue) -> None:
    await bench.work(*(trade_frame("A", one, VENUE + 7_200_000) for one in range(50)))
    assert venue.requests["time"] == 1

    bench.clocks.pass_ms(1_001)
    await bench.work(trade_frame("A", 51, VENUE + 7_200_000))
    assert venue.requests["time"] == 2


async def test_a_jump_of_the_venues_clock_is_believed_when_the_venue_confirms_it(
    bench: Bench, venue: FakeVenue
) -> None:
    venue.time_ms = VENUE + 7_200_000

    await bench.work(trade_frame("A", 1, VENUE), trade_frame("A", 2, VENUE + 7_200_000))

    assert [record.timestamp_ms - VENUE for record in bench.publisher.of(TRADES)] == [0, 7_200_000]


async def test_a_fast_replay_is_believed_once_the_venue_was_asked(bench: Bench, venue: FakeVenue) -> None:
    minutes_20 = 20 * 60_000
    venue.time_ms = VENUE + 99 * minutes_20

    await bench.work(*(trade_frame("A", one, VENUE + one * minutes_20) for one in range(100)))

    assert [record.timestamp_ms for record in bench.publisher.of(TRADES)][-1] == VENUE + 99 * minutes_20
    assert venue.requests["time"] == 1


async def test_wrong_event_times_do_not_make_later_ones_plausible(bench: Bench) -> None:
    minutes_20 = 20 * 60_000

    await bench.work(*(trade_frame("A", one, VENUE + one * minutes_20) for one in range(4)))
    await bench.work(*(trade_frame("A", one, VENUE + one * minutes_20) for one in range(1, 4)))

    stamped = [record.timestamp_ms for record in bench.publisher.of(TRADES)]
    received = RECEIVED_NS // 1_000_000
    assert stamped == [VENUE, VENUE + minutes_20, received, received, VENUE + minutes_20, received, received]


async def test_without_an_answer_an_impossible_time_is_replaced_all_the_same(bench: Bench, venue: FakeVenue) -> None:
    await venue.__aexit__(None, None, None)

    await bench.work(trade_frame("A", 1, VENUE + 7_200_000))

    assert [record.timestamp_ms for record in bench.publisher.of(TRADES)] == [RECEIVED_NS // 1_000_000]


async def test_the_first_frames_of_streams_are_told_once_and_again_after_a_watch(bench: Bench) -> None:
    notice = b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}'
    assert (await bench.work(trade_frame("BTCUSDT", 1, VENUE), notice)).first == ("btcusdt@trade",)
    assert (await bench.work(trade_frame("BTCUSDT", 2, VENUE))).first == ()

    bench.pipeline.watch()

    assert (await bench.work(trade_frame("BTCUSDT", 3, VENUE), notice)).first == ("btcusdt@trade",)


async def test_copies_of_the_other_socket_are_counted_and_told_as_newest_events_all_the_same(bench: Bench) -> None:
    overlap = Overlap("c1", {TRADES: RawType.TRADE})
    copied = Record(TRADES, 0, b"BTCUSDT", b'{"t":1}', VENUE, [], VENUE)
    assert overlap.admit(copied, "other", 0) == (copied,)
    bench.pipeline.overlaps(overlap)

    worked = await bench.work(trade_frame("BTCUSDT", 1, VENUE + 1))

    assert worked.newest_event == VENUE + 1
    assert bench.publisher.of(TRADES) == []
    assert bench.count("ingest_overlap_duplicates_total") == 1
    assert bench.count("ingest_records_total") == 0


async def test_the_time_of_the_last_event_is_told_by_stream_type(bench: Bench) -> None:
    await bench.work(trade_frame("BTCUSDT", 1, VENUE + 5), trade_frame("BTCUSDT", 2, VENUE + 250))

    labels = {"market": "spot", "stream": "trade"}
    told = bench.metrics.registry.get_sample_value("ingest_last_event_timestamp_seconds", labels)
    assert told == (VENUE + 250) / 1000
