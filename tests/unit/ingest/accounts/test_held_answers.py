from __future__ import annotations

import asyncio

import pytest

from ingest.accounts.held_answers import HeldAnswers
from ingest.core.account_endpoints import Asked
from ingest.core.account_records import SignedAnswer
from ingest.core.heartbeats import Position
from ingest.core.records import Record
from ingest.errors import RecordRefusedError
from schemas.control import ReconcileCause
from schemas.markets import Market
from schemas.topics import RawType, Topic, TopicTable, partition_of
from tests.support.fakes import FakeClocks, RecordingPublisher


TABLE = TopicTable()
ORDERS = TABLE.raw(Market.SPOT, RawType.ORDER_UPDATE).name
PARTITION = partition_of("main")


class Desk:
    """Held answers with a clock that passes while they wait."""

    def __init__(self, publisher: RecordingPublisher | None = None) -> None:
        self.clocks = FakeClocks()
        self.publisher = RecordingPublisher() if publisher is None else publisher
        self.pauses: list[float] = []
        self.answers = HeldAnswers(
            Market.SPOT,
            "main",
            1.0,
            connection_id="one.spot.rest.main",
            publisher=self.publisher,
            log_end=self.log_end,
            table=TABLE,
            clocks=self.clocks,
            pause=self.pause,
        )

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clocks.pass_ms(seconds * 1000)
        await asyncio.sleep(0)

    async def log_end(self, topic: Topic, partition: int) -> int:
        return 4_000 if (topic.name, partition) == (ORDERS, PARTITION) else 0

    async def put(self, asked: Asked = Asked.OPEN_ORDERS, body: bytes = b"[ ]") -> None:
        answer = SignedAnswer("/api/v3/openOrders", "", 5_000, body, 6_000_000_000, self.clocks.now_ms())
        await self.answers.put(asked, answer, ReconcileCause.START)

    def events(self, count: int) -> None:
        for _ in range(count):
            self.publisher.publish(Record(ORDERS, PARTITION, b"main", b"{}", 0, []))

    def published(self, raw_type: RawType = RawType.ORDER_SNAPSHOT) -> list[Record]:
        return self.publisher.of(TABLE.raw(Market.SPOT, raw_type).name)


async def test_an_answer_is_published_verbatim_with_all_that_a_reader_must_know() -> None:
    desk = Desk()
    desk.events(3)

    await desk.put(body=b'[ {"symbol": "BTCUSDT"} ]')
    await desk.answers.flush()

    (record,) = desk.published()
    assert (record.key, record.partition, record.value) == (b"main", PARTITION, b'[ {"symbol": "BTCUSDT"} ]')
    assert record.timestamp_ms == 6_000
    assert dict(record.headers) == {
        "receive_time_ns": b"6000000000",
        "connection_id": b"one.spot.rest.main",
        "connection_sequence": b"1",
        "stream": b"rest:openOrders",
        "origin": b"rest",
        "endpoint": b"/api/v3/openOrders",
        "request": b"",
        "request_time": b"5000",
        "after_offset": b"3",
        "cause": b"start",
    }


async def test_an_answer_is_held_until_the_streams_had_time_to_tell_the_same() -> None:
    desk = Desk()

    await desk.put()
    for _ in range(5):
        await asyncio.sleep(0)
    await desk.answers.flush()

    assert desk.pauses == [1.0]


async def test_what_the_streams_tell_while_it_is_held_comes_before_it() -> None:
    desk = Desk()
    desk.events(1)
    await desk.put()
    desk.events(4)

    await desk.answers.flush()

    assert dict(desk.published()[0].headers)["after_offset"] == b"5"


async def test_it_waits_until_the_streams_words_are_acknowledged() -> None:
    desk = Desk()
    desk.publisher.hold()
    desk.events(2)
    await desk.put()
    flushing = asyncio.ensure_future(desk.answers.flush())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not flushing.done()
    assert desk.published() == []

    desk.publisher.release()
    await flushing

    assert dict(desk.published()[0].headers)["after_offset"] == b"2"


async def test_after_a_time_in_which_the_streams_were_not_read_they_are_given_time_again() -> None:
    desk = Desk(RecordingPublisher(most=2))
    desk.publisher.hold()
    desk.events(2)
    await desk.put()
    flushing = asyncio.ensure_future(desk.answers.flush())
    for _ in range(20):
        await asyncio.sleep(0)

    desk.publisher.release()
    desk.events(1)  # what could not be read before
    await flushing

    assert desk.pauses[:2] == [1.0, 1.0]
    assert dict(desk.published()[0].headers)["after_offset"] == b"3"


async def test_an_answer_about_balances_waits_for_the_other_topic() -> None:
    desk = Desk()
    desk.events(2)

    await desk.put(Asked.ACCOUNT)
    await desk.answers.flush()

    (record,) = desk.published(RawType.ACCOUNT_SNAPSHOT)
    assert dict(record.headers)["after_offset"] == b"0"


async def test_where_the_publisher_does_not_know_the_end_the_broker_is_asked() -> None:
    class Blank(RecordingPublisher):
        def position(self, topic: str, partition: int) -> Position:
            return Position(0, 0, None)

    desk = Desk(Blank())

    await desk.put()
    await desk.answers.flush()

    assert dict(desk.published()[0].headers)["after_offset"] == b"4000"


async def test_answers_keep_their_order() -> None:
    desk = Desk()
    for number in range(50):
        await desk.put(body=b"[%d]" % number)

    await desk.answers.flush()

    assert [record.value for record in desk.published()] == [b"[%d]" % number for number in range(50)]
    assert [dict(record.headers)["connection_sequence"] for record in desk.published()] == [
        str(number).encode() for number in range(1, 51)
    ]


async def test_answers_of_a_comparison_that_failed_are_given_up() -> None:
    desk = Desk()
    desk.publisher.hold()
    desk.events(1)
    await desk.put()
    await asyncio.sleep(0)

    await desk.answers.drop()
    desk.publisher.release()
    await desk.answers.flush()

    assert desk.published() == []


async def test_a_record_that_the_broker_refuses_is_told() -> None:
    class Refusing(RecordingPublisher):
        async def deliver(self, record: Record) -> int:
            raise RecordRefusedError(record.topic, record.partition, "too large")

    desk = Desk(Refusing())
    await desk.put()
    await desk.put()

    with pytest.raises(RecordRefusedError):
        await desk.answers.flush()
    await desk.answers.drop()
