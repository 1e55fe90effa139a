"""How streams stand, from what heartbeats, connections and looks at the topics tell."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.core.answers import Moment
from dashboard.core.operations import Operations
from dashboard.core.store import Limits, Store
from schemas.derived import BookState
from schemas.markets import Market
from schemas.topics import RawType, TopicTable
from tests.unit.dashboard.core.test_connections import NOW_MS, connection
from tests.unit.dashboard.core.test_holes import gap
from tests.unit.dashboard.core.test_vouching import heartbeat
from tests.unit.dashboard.values import top


TABLE = TopicTable("test")
SPOT = Market.SPOT


class Desk:
    """An operator's view at a time of the test's."""

    def __init__(self) -> None:
        self.operations = Operations(TABLE, [SPOT], private=False)
        self.store = Store(Limits())
        self.at_s = 0.0

    def take(self, value: Any) -> None:
        self.operations.take(value, self.at_s)

    def grow(self, raw_type: RawType, end: int) -> None:
        self.operations.topics.note_ends(TABLE.raw(SPOT, raw_type).name, {3: end}, self.at_s)

    def document(self) -> dict[str, Any]:
        return self.operations.document(self.store, Moment(NOW_MS, at_s=self.at_s))

    def states(self) -> dict[str, str]:
        return {one["stream"]: one["state"] for one in self.document()["streams"]}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_nothing_is_said_of_streams_that_nobody_takes(desk: Desk) -> None:
    desk.grow(RawType.KLINE, 0)

    assert desk.document()["streams"] == []


def test_a_stream_that_is_vouched_for_is_live_although_nothing_happens(desk: Desk) -> None:
    desk.take(connection(streams=["btcusdt@trade"]))
    desk.take(heartbeat(3, NOW_MS - 2_000))

    (stream,) = desk.document()["streams"]

    assert stream["state"] == "live"
    assert (stream["vouched_until"], stream["symbols"], stream["records_per_s"]) == (NOW_MS - 2_000, 1, None)


def test_a_stream_whose_heartbeats_stop_is_silent_while_connected_and_then_down(desk: Desk) -> None:
    desk.take(connection(streams=["btcusdt@trade"]))
    desk.take(heartbeat(3, NOW_MS))
    desk.at_s = 7

    assert desk.states() == {"trade": "silent"}

    desk.take(connection(2, "disconnected", streams=["btcusdt@trade"]))

    assert desk.states() == {"trade": "down"}


def test_a_stream_without_heartbeats_goes_by_the_growth_of_its_topic(desk: Desk) -> None:
    desk.take(connection(streams=["btcusdt@kline_1m"]))
    assert desk.states() == {"kline": "silent"}, "connected, and nothing came yet"
    desk.grow(RawType.KLINE, 5)
    desk.grow(RawType.KLINE, 9)
    assert desk.states() == {"kline": "live"}
    desk.at_s = 60
    assert desk.states() == {"kline": "live"}, "it may be quiet for a minute"
    desk.at_s = 61
    assert desk.states() == {"kline": "silent"}
    desk.take(connection(2, "disconnected", streams=["btcusdt@kline_1m"]))
    assert desk.states() == {"kline": "down"}


def test_a_topic_that_grows_is_live_though_no_connection_is_known(desk: Desk) -> None:
    desk.grow(RawType.TICKER, 5)
    assert desk.states() == {"ticker": "unknown"}
    desk.at_s = 2
    desk.grow(RawType.TICKER, 25)

    (stream,) = desk.document()["streams"]

    assert (stream["state"], stream["records_per_s"], stream["symbols"]) == ("live", 10, None)


def test_lag_age_and_holes_are_those_of_the_stream(desk: Desk) -> None:
    desk.take(gap(1, "filled", 1))  # type: ignore[arg-type]  # a value of the enum
    desk.take(gap(2, "open", 1))  # type: ignore[arg-type]  # a value of the enum
    desk.grow(RawType.TRADE, 5)
    desk.operations.arrival.note(TABLE.raw(SPOT, RawType.TRADE).name, NOW_MS - 500, NOW_MS - 480, 0)

    (stream,) = desk.document()["streams"]

    assert (stream["age_ms"], stream["lag_ms_p50"], stream["lag_ms_p99"]) == (500, 20, 20)
    assert (stream["gaps_open"], stream["gaps_total"], stream["resyncs_total"]) == (1, 2, None)


def test_a_book_that_is_lost_is_a_resync_and_one_that_begins_is_none(desk: Desk) -> None:
    desk.grow(RawType.DEPTH, 5)
    for offset, state in enumerate(("syncing", "live", "syncing", "live", "stale", "syncing", "live")):
        desk.store.take(SPOT, "top-of-book", top(offset, BookState(state)), 0)

    (stream,) = desk.document()["streams"]

    assert stream["resyncs_total"] == 1


def test_books_that_are_not_live_are_listed(desk: Desk) -> None:
    desk.store.take(SPOT, "top-of-book", top(1, symbol="AAA"), 0)
    desk.store.take(SPOT, "top-of-book", top(1, BookState.STALE, symbol="BBB"), 0)

    books = desk.document()["books"]

    assert books["counts"] == {"syncing": 0, "live": 1, "stale": 1}
    assert [(one["symbol"], one["state"]) for one in books["not_live"]] == [("BBB", "stale")]


def test_of_a_dead_letter_its_origin_and_reason_are_told_and_the_newest_counts(desk: Desk) -> None:
    headers = {"source_topic": b"test.spot.raw.trade", "reason": b"no \xffJSON" + b"x" * 9_999, "sha256": b"00"}
    desk.operations.take_dead_letter(2_000, headers)
    desk.operations.take_dead_letter(1_000, {})

    told = desk.document()["dead_letters"]

    assert told["last"]["time"] == 2_000
    assert told["last"]["source_topic"] == "test.spot.raw.trade"
    assert told["last"]["reason"].startswith("no \ufffdJSON")
    assert len(told["last"]["reason"]) == 500
