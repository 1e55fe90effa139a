from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from ingest.core.overlap import Overlap
from ingest.core.records import Record
from schemas.topics import RawType


TYPES = {f"raw.{raw_type}": raw_type for raw_type in RawType}


def record(raw_type: RawType, symbol: str = "BTCUSDT", **payload: object) -> Record:
    value = json.dumps(payload, separators=(",", ":")).encode()
    return Record(f"raw.{raw_type}", 0, symbol.encode(), value, 0, [])


def trade(trade_id: int, event_time: int = 1, symbol: str = "BTCUSDT") -> Record:
    return record(RawType.TRADE, symbol, e="trade", E=event_time, s=symbol, t=trade_id, p="1", q="2", T=5, m=True)


def depth(first: int, last: int, event_time: int = 1, price: str = "1.5") -> Record:
    return record(RawType.DEPTH, e="depthUpdate", E=event_time, s="BTCUSDT", U=first, u=last, b=[[price, "2"]], a=[])


def kline(event_time: int, last_id: int, closed: bool = False) -> Record:
    bar = {"t": 60_000, "T": 119_999, "s": "BTCUSDT", "i": "1m", "f": 1, "L": last_id, "c": "1.5", "x": closed}
    return record(RawType.KLINE, e="kline", E=event_time, s="BTCUSDT", k=bar)


def repeated(first: Record, second: Record) -> bool:
    overlap = Overlap(TYPES)
    assert not overlap.repeats(first, "old")
    return overlap.repeats(second, "new")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (trade(7, event_time=1), trade(7, event_time=2)),
        (
            record(RawType.AGG_TRADE, e="aggTrade", E=1, s="BTCUSDT", a=9, T=5),
            record(RawType.AGG_TRADE, e="aggTrade", E=2, s="BTCUSDT", a=9, T=5),
        ),
        (depth(1, 5, event_time=1), depth(1, 5, event_time=2)),
        (record(RawType.BOOK_TICKER, u=4, s="BTCUSDT", b="1"), record(RawType.BOOK_TICKER, u=4, s="BTCUSDT", b="1")),
        (kline(1_000, 8), kline(1_003, 8)),
        (
            record(RawType.PARTIAL_DEPTH, lastUpdateId=3, bids=[], asks=[]),
            record(RawType.PARTIAL_DEPTH, lastUpdateId=3, bids=[], asks=[]),
        ),
        (
            record(RawType.MARK_PRICE, e="markPriceUpdate", E=1, s="BTCUSDT", p="1"),
            record(RawType.MARK_PRICE, e="markPriceUpdate", E=1, s="BTCUSDT", p="1"),
        ),
    ],
)
def test_the_other_sockets_copy_is_a_copy_whenever_it_was_stamped(first: Record, second: Record) -> None:
    assert repeated(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (trade(7), trade(8)),
        (trade(8), trade(7)),
        (trade(7), trade(7, symbol="ETHUSDT")),
        (trade(7), record(RawType.AGG_TRADE, e="aggTrade", E=1, s="BTCUSDT", a=7, T=5)),
        (depth(1, 5), depth(1, 6)),
        (depth(1, 5), depth(2, 5)),
        (depth(1, 5), depth(1, 5, price="1.6")),
        (kline(1_000, 8), kline(1_000, 9)),
        (kline(1_000, 8), kline(1_000, 8, closed=True)),
        (record(RawType.BOOK_TICKER, u=4, s="BTCUSDT"), record(RawType.BOOK_TICKER, u=5, s="BTCUSDT")),
    ],
)
def test_what_differs_in_anything_but_the_stamp_is_no_copy(first: Record, second: Record) -> None:
    assert not repeated(first, second)


def test_what_one_socket_sends_twice_stays() -> None:
    overlap = Overlap(TYPES)

    assert [overlap.repeats(trade(7), "old") for _ in range(2)] == [False, False]


def test_a_record_of_a_topic_that_is_no_raw_one_is_left_alone() -> None:
    overlap = Overlap({})

    assert [overlap.repeats(trade(7), socket) for socket in ("old", "new")] == [False, False]


def test_what_both_sent_is_not_remembered_any_more() -> None:
    overlap = Overlap(TYPES)
    for socket in ("old", "new"):
        for one in range(50):
            overlap.repeats(trade(one), socket)

    assert len(overlap) == 0


def test_no_more_is_remembered_than_allowed() -> None:
    overlap = Overlap(TYPES, most=10)
    for one in range(50):
        overlap.repeats(trade(one), "old")

    assert len(overlap) == 10
    assert overlap.repeats(trade(49), "new")
    assert not overlap.repeats(trade(0), "new")


@given(st.permutations([(socket, one) for socket in ("old", "new") for one in range(8)]))
def test_in_whatever_order_they_interleave_every_trade_passes_once(order: list[tuple[str, int]]) -> None:
    overlap = Overlap(TYPES)

    passed = [one for socket, one in order if not overlap.repeats(trade(one), socket)]

    assert sorted(passed) == list(range(8))
