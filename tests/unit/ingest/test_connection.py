"""The edge over a real socket on the loopback; what it decides is tested with the session."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count

import aiohttp
import msgspec
import pytest
import structlog
from prometheus_client import CollectorRegistry
from websockets.utils import accept_key

from ingest.connection import Connection
from ingest.core.endings import Ending
from ingest.core.frames import FrameDecoder
from ingest.core.guard import VenueClock
from ingest.core.limits import LIMITS
from ingest.core.merged import SeenVersions
from ingest.core.plan import ConnectionPlan, plan_connections
from ingest.core.rotation import Rotation, RotationLimits
from ingest.core.session import SessionLimits, StreamSession
from ingest.core.streams import stream_of
from ingest.listener import Ended
from ingest.metrics import Metrics
from ingest.pipeline import Pipeline
from ingest.sections import ConnectionSettings
from ingest.venue_time import VenueTime
from schemas.markets import Market
from schemas.topics import RawType, TopicTable
from tests.support.fakes import RealClocks, RecordingPublisher
from tests.support.rest import rest_client
from tests.support.venue import FakeVenue, trade_frame


VENUE = 1_700_000_000_000
TRADES = "binance.spot.raw.trade"
NEVER = RotationLimits()
(PLAN,) = plan_connections([stream_of(Market.SPOT, "trade", "BTCUSDT")])


class Listener:
    """Writes down what a connection tells."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.frame_count = 0
        self.busy_count = 0
        self.ended: list[Ended] = []
        self.joins = True
        self.heard = asyncio.Event()

    def tell(self, what: str) -> None:
        self.told.append(what)
        self.heard.set()

    def opened(self, plan: ConnectionPlan, connection_id: str, url: str) -> None:
        self.tell(f"opened {connection_id}")

    def live_now(self, plan: ConnectionPlan, connection_id: str, *, complete: bool, succeeds: bool) -> None:
        self.tell(("successor " if succeeds else "") + ("live" if complete else "partly live"))

    def worked(
        self, plan: ConnectionPlan, connection_id: str, frame_count: int, byte_count: int, newest_event: int | None
    ) -> None:
        self.frame_count += frame_count
        self.heard.set()

    def busy(self, plan: ConnectionPlan, connection_id: str) -> None:
        self.busy_count += 1
        self.heard.set()

    def delivered(self, plan: ConnectionPlan, names: Sequence[str]) -> None:
        self.tell(f"delivered {','.join(names)}")

    def silent(self, plan: ConnectionPlan, names: Sequence[str]) -> None:
        self.tell(f"silent {','.join(names)}")

    def changed(self, plan: ConnectionPlan, connection_id: str, added: Sequence[str], removed: Sequence[str]) -> None:
        self.tell(f"changed {connection_id}: {','.join(added)}, not {','.join(removed)}")

    def joined(self, plan: ConnectionPlan, connection_id: str, successor_id: str) -> bool:
        return self.joins

    def refused(self, plan: ConnectionPlan, names: Sequence[str], error: str) -> None:
        self.tell(f"refused {','.join(names)}: {error}")

    def closed(self, plan: ConnectionPlan, ended: Ended) -> None:
        self.ended.append(ended)
        self.tell(f"closed {ended.connection_id} {ended.ending}")

    async def until(self, condition: Callable[[], bool], timeout_s: float = 20) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                self.heard.clear()
                await self.heard.wait()


class Rig:
    """One connection to a venue that does what a test says."""

    def __init__(
        self,
        venue: FakeVenue,
        session: aiohttp.ClientSession,
        publisher: RecordingPublisher,
        rotation: RotationLimits = NEVER,
        deadline_ms: float | None = None,
    ) -> None:
        self.venue = venue
        self.url = f"ws://127.0.0.1:{venue.port}/spot/stream"
        self.metrics = Metrics(CollectorRegistry())
        self.publisher = publisher
        self.listener = Listener()
        self.clocks = RealClocks()
        self.limits = ConnectionSettings(max_frame_bytes=65_536, queue_bytes=65_536)
        log = structlog.get_logger()
        rest = rest_client(f"{venue.url}/api/v3", session, self.clocks)
        venue_time = VenueTime(VenueClock(VENUE, self.clocks.now_ms()), rest, self.clocks.now_ms, log)

        def pipeline(connection_id: str, _: object) -> Pipeline:
            decoder = FrameDecoder(
                Market.SPOT,
                connection_id,
                TopicTable(),
                extra_headers=lambda *_: (),
                merged=SeenVersions(),
                max_record_bytes=900_000,
            )
            return Pipeline(
                Market.SPOT,
                connection_id,
                decoder,
                publisher=publisher,
                venue=venue_time,
                table=TopicTable(),
                metrics=self.metrics,
                log=log,
            )

        self.connection = Connection(
            PLAN,
            self.url,
            Rotation(rotation),
            self.limits,
            session=partial(
                StreamSession,
                limits=SessionLimits(LIMITS[Market.SPOT].control_messages, acknowledge_ms=1_000),
                deadline_ms=lambda _: deadline_ms,
            ),
            attempt=self.attempt,
            pipeline=pipeline,
            raw_types={TRADES: RawType.TRADE},
            connection_ids=(f"c{number}" for number in count(1)),
            publisher=publisher,
            listener=self.listener,
            clocks=self.clocks,
            log=log,
        )

    async def attempt(self, _: object) -> str:
        return self.url

    def ids(self) -> list[int]:
        return [json.loads(record.value)["t"] for record in self.publisher.of(TRADES)]

    async def taken(self, most: int) -> None:
        await self.publisher.arrived(TRADES, most)


@asynccontextmanager
async def running(
    publisher: RecordingPublisher | None = None,
    prepare: Callable[[FakeVenue], object] = lambda _: None,
    rotation: RotationLimits = NEVER,
    deadline_ms: float | None = None,
) -> AsyncIterator[Rig]:
    async with FakeVenue(VENUE) as venue, aiohttp.ClientSession() as session:
        prepare(venue)
        rig = Rig(venue, session, publisher or RecordingPublisher(), rotation, deadline_ms)
        running = asyncio.create_task(rig.connection.run())
        try:
            yield rig
        finally:
            rig.connection.stop()
            await asyncio.wait_for(running, 10)


async def test_it_subscribes_and_hands_over_what_comes() -> None:
    async with running() as rig:
        await rig.listener.until(lambda: "live" in rig.listener.told)
        await rig.venue.send(*(trade_frame("BTCUSDT", one, VENUE) for one in range(5)))
        await rig.taken(5)

    assert rig.venue.subscriptions == ["btcusdt@trade"]
    assert rig.ids() == [0, 1, 2, 3, 4]
    assert rig.listener.told == ["opened c1", "live", "delivered btcusdt@trade", "closed c1 stopping"]
    sequences = [dict(record.headers)["connection_sequence"] for record in rig.publisher.of(TRADES)]
    assert sequences == [b"2", b"3", b"4", b"5", b"6"]


async def test_a_dropped_connection_comes_back_under_a_new_id() -> None:
    async with running() as rig:
        await rig.listener.until(lambda: "live" in rig.listener.told)
        await rig.venue.send(trade_frame("BTCUSDT", 1, VENUE))
        await rig.taken(1)
        await rig.venue.drop()
        await rig.listener.until(lambda: rig.listener.told.count("live") == 2)
        await rig.venue.send(trade_frame("BTCUSDT", 2, VENUE))
        await rig.taken(2)

    assert rig.ids() == [1, 2]
    assert rig.listener.told == [
        "opened c1",
        "live",
        "delivered btcusdt@trade",
        "closed c1 venue",
        "opened c2",
        "live",
        "delivered btcusdt@trade",
        "closed c2 stopping",
    ]


async def test_a_venue_that_does_not_acknowledge_is_left() -> None:
    def silent(venue: FakeVenue) -> None:
        venue.acknowledges = False

    async with running(prepare=silent) as rig:
        await rig.listener.until(lambda: "closed c1 unacknowledged" in rig.listener.told)


async def test_refused_streams_are_told_and_the_connection_stays() -> None:
    def refusing(venue: FakeVenue) -> None:
        venue.reply = lambda request: json.dumps(
            {"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": request["id"]}
        )

    async with running(prepare=refusing) as rig:
        await rig.listener.until(lambda: "partly live" in rig.listener.told)

    assert rig.listener.told == [
        "opened c1",
        "refused btcusdt@trade: Invalid request: invalid stream (code 2)",
        "partly live",
        "closed c1 stopping",
    ]


async def test_a_frame_beyond_the_limit_ends_the_connection_and_not_the_service() -> None:
    async with running() as rig:
        await rig.listener.until(lambda: "live" in rig.listener.told)
        await rig.venue.send(b'{"stream":"btcusdt@trade","data":"' + b"x" * 100_000 + b'"}')
        await rig.listener.until(lambda: rig.listener.told.count("live") == 2)
        await rig.venue.send(trade_frame("BTCUSDT", 1, VENUE))
        await rig.taken(1)


async def test_a_full_publisher_stops_the_reading_and_nothing_is_lost() -> None:
    publisher = RecordingPublisher(most=50)
    publisher.hold()
    async with running(publisher) as rig:
        await rig.listener.until(lambda: "live" in rig.listener.told)
        frames = [trade_frame("BTCUSDT", one, VENUE, filler="x" * 6_000) for one in range(4_000)]
        sending = asyncio.create_task(rig.venue.send(*frames))
        await rig.listener.until(lambda: publisher.full)
        await asyncio.wait([sending], timeout=1)
        assert rig.listener.frame_count < 4_000
        assert not sending.done()

        publisher.release()
        await rig.taken(4_000)
        await sending

    assert rig.ids() == list(range(4_000))


async def test_a_reader_that_was_cut_for_being_slow_hands_over_what_it_read_and_comes_back() -> None:
    publisher = RecordingPublisher(most=50)
    publisher.hold()
    async with running(publisher) as rig:
        await rig.listener.until(lambda: "live" in rig.listener.told)
        frames = [trade_frame("BTCUSDT", one, VENUE, filler="x" * 6_000) for one in range(4_000)]
        sending = asyncio.create_task(rig.venue.send(*frames))
        await rig.listener.until(lambda: publisher.full)
        await asyncio.wait([sending], timeout=1)
        rig.venue.cut()
        await asyncio.wait([sending])
        sending.exception()
        assert rig.listener.ended == []  # who does not read does not see it

        publisher.release()
        await rig.listener.until(lambda: rig.listener.told.count("live") == 2)
        before = len(rig.ids())
        await rig.venue.send(trade_frame("BTCUSDT", 4_000, VENUE))
        await rig.taken(before + 1)

    assert rig.ids() == [*range(before), 4_000]
    assert before >= 50
    assert rig.listener.ended[0].ending is Ending.VENUE


async def test_told_to_stop_it_hands_over_what_was_read_even_to_a_full_publisher() -> None:
    publisher = RecordingPublisher(most=10)
    publisher.hold()
    async with running(publisher) as rig:
        await rig.listener.until(lambda: "live" in rig.listener.told)
        await rig.venue.send(*(trade_frame("BTCUSDT", one, VENUE) for one in range(40)))
        await rig.listener.until(lambda: publisher.unacknowledged >= 10)
        await asyncio.sleep(0.2)

    assert publisher.unacknowledged == 40


async def test_while_a_chunk_waits_for_the_venues_time_the_socket_is_not_silent() -> None:
    """Its records are not handed over yet: a silent socket would be vouched for beyond them."""
    async with running() as rig:
        await rig.listener.until(lambda: "live" in rig.listener.told)
        told = rig.venue.hold_time()
        await rig.venue.send(trade_frame("BTCUSDT", 1, VENUE + 7_200_000))
        await rig.venue.until(lambda venue: venue.requests["time"] == 1)
        busy_count = rig.listener.busy_count
        await rig.listener.until(lambda: rig.listener.busy_count >= busy_count + 2)
        assert rig.ids() == []
        told.set()
        await rig.taken(1)


async def test_a_venue_that_is_not_there_is_tried_again(unused_tcp_port: int) -> None:
    async with FakeVenue(VENUE) as venue, aiohttp.ClientSession() as session:
        port, venue.port = venue.port, unused_tcp_port
        rig = Rig(venue, session, RecordingPublisher())
        venue.port = port
        running = asyncio.create_task(rig.connection.run())
        await rig.listener.until(lambda: rig.listener.told.count("closed None unreachable") == 2)
        rig.connection.stop()
        await running


async def test_a_fragmented_message_is_one_frame() -> None:
    async def venue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _shake_hands(reader, writer)
        for opcode, part in ((0x01, b'{"result"'), (0x00, b":null,"), (0x80, b'"id":1}')):
            writer.write(bytes([opcode, len(part)]) + part)
        await reader.read()  # to the end of the connection
        writer.close()

    server = await asyncio.start_server(venue, "127.0.0.1", 0)
    async with server, FakeVenue(VENUE) as fake, aiohttp.ClientSession() as session:
        port, fake.port = fake.port, server.sockets[0].getsockname()[1]
        rig = Rig(fake, session, RecordingPublisher())
        fake.port = port
        running = asyncio.create_task(rig.connection.run())
        await rig.listener.until(lambda: "live" in rig.listener.told)
        rig.connection.stop()
        await running


# Rotation

SOON = RotationLimits(rotate_after_ms=300, give_up_after_ms=60_000, overlap_ms=300)


async def trades_until(rig: Rig, condition: Callable[[], bool]) -> int:
    """Let the venue send trades to whoever is connected until something is true; returns how many."""
    sent = 0
    async with asyncio.timeout(20):
        while not condition():
            await rig.venue.send(trade_frame("BTCUSDT", sent, VENUE + sent))
            sent += 1
            await asyncio.sleep(0.005)
    return sent


async def test_a_socket_is_replaced_by_a_proven_successor_and_every_trade_comes_once() -> None:
    async with running(rotation=SOON) as rig:
        await rig.listener.until(lambda: "live" in rig.listener.told)
        sent = await trades_until(rig, lambda: len(rig.listener.ended) >= 2)
        await rig.taken(sent)

    assert rig.ids() == list(range(sent))
    told = rig.listener.told
    order = [told.index(one) for one in ("opened c1", "live", "opened c2", "successor live", "closed c1 rotated")]
    assert order == sorted(order)
    first = rig.listener.ended[0]
    assert (first.connection_id, first.ending) == ("c1", Ending.ROTATED)
    assert first.reason == "rotated: successor c2 proven"
    assert (rig.metrics.registry.get_sample_value("ingest_overlap_duplicates_total", {"market": "spot"}) or 0) > 0


NOTICE = '{"e":"serverShutdown","E":1770123456789}'


@pytest.mark.parametrize("notice", [NOTICE, f'{{"stream":"!serverShutdown","data":{NOTICE}}}'])
async def test_an_announced_end_is_met_by_a_successor_before_the_old_socket_goes(notice: str) -> None:
    async with running(rotation=RotationLimits(overlap_ms=100)) as rig:
        await rig.listener.until(lambda: "live" in rig.listener.told)
        await rig.venue.send(notice.encode())
        sent = await trades_until(rig, lambda: bool(rig.listener.ended))
        await rig.taken(sent)

    assert rig.ids() == list(range(sent))
    assert rig.listener.told.index("successor live") < rig.listener.told.index("closed c1 shutdown")
    assert rig.listener.ended[0].reason == "server shutdown announced: successor c2 proven"


async def test_without_a_join_in_what_is_vouched_for_the_old_socket_stays() -> None:
    async with running(rotation=SOON) as rig:
        rig.listener.joins = False
        await rig.listener.until(lambda: "successor live" in rig.listener.told)
        await asyncio.sleep(0.6)
        assert rig.listener.ended == []

        rig.listener.joins = True
        await rig.listener.until(lambda: bool(rig.listener.ended))
        assert rig.listener.ended[0].ending is Ending.ROTATED


async def test_when_the_old_socket_dies_during_the_overlap_the_successor_goes_on() -> None:
    async with running(rotation=SOON) as rig:
        rig.listener.joins = False
        await rig.listener.until(lambda: "successor live" in rig.listener.told)
        await rig.venue.drop_first()
        await rig.listener.until(lambda: bool(rig.listener.ended))
        await rig.venue.send(trade_frame("BTCUSDT", 7, VENUE))
        await rig.taken(1)

        assert rig.listener.ended[0].ending is Ending.VENUE
        assert rig.venue.connection_count == 2


async def test_a_connection_on_which_nothing_comes_is_reported_and_left() -> None:
    async with running(deadline_ms=300) as rig:
        await rig.listener.until(lambda: "closed c1 silent" in rig.listener.told)

    assert rig.listener.told[:4] == ["opened c1", "live", "silent btcusdt@trade", "closed c1 silent"]


async def test_other_streams_are_taken_without_a_reconnect() -> None:
    other = stream_of(Market.SPOT, "trade", "ETHUSDT")
    async with running() as rig:
        await rig.listener.until(lambda: "live" in rig.listener.told)
        rig.connection.change(msgspec.structs.replace(PLAN, streams=(other,)))
        await rig.listener.until(lambda: len(rig.listener.told) == 4)

    assert rig.listener.told[2:4] == ["changed c1: , not btcusdt@trade", "changed c1: ethusdt@trade, not "]
    assert rig.venue.connection_count == 1


async def test_a_stream_that_is_taken_again_is_known_to_deliver() -> None:
    """Otherwise it would be taken for silent, and the service for not ready, as long as the socket lives."""
    delivered, back = "delivered btcusdt@trade", "changed c1: btcusdt@trade, not "
    other = stream_of(Market.SPOT, "trade", "ETHUSDT")
    async with running() as rig:
        await rig.listener.until(lambda: "live" in rig.listener.told)
        await rig.venue.send(trade_frame("BTCUSDT", 1, VENUE))
        await rig.listener.until(lambda: delivered in rig.listener.told)
        rig.connection.change(msgspec.structs.replace(PLAN, streams=(other,)))
        rig.connection.change(PLAN)
        await rig.listener.until(lambda: back in rig.listener.told)
        await rig.venue.send(trade_frame("BTCUSDT", 2, VENUE))
        await rig.listener.until(lambda: rig.listener.told.count(delivered) == 2, timeout_s=5)

    assert rig.venue.connection_count == 1


async def _shake_hands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    key = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
    writer.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode()
    )
    await reader.read(1000)  # SUBSCRIBE


@pytest.fixture
def unused_tcp_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
