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


def overlap_of(most: int = 1_000) -> Overlap:
    return Overlap("new", TYPES, most)


def passed(overlap: Overlap, *reads: tuple[str, Record], now_ns: int = 0) -> list[Record]:
    """What goes to the log of what was read."""
    return [one for socket, record in reads for one in overlap.admit(record, socket, now_ns)]


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
    assert passed(overlap_of(), ("old", first), ("new", second)) == [first]


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
    overlap = overlap_of()

    assert passed(overlap, ("old", first), ("new", second)) + overlap.release(None) == [first, second]


def test_what_one_socket_sends_twice_stays() -> None:
    assert passed(overlap_of(), ("old", trade(7)), ("old", trade(7))) == [trade(7), trade(7)]


def test_a_record_of_a_topic_that_is_no_raw_one_is_left_alone() -> None:
    overlap = Overlap("new", {})

    assert passed(overlap, ("old", trade(7)), ("new", trade(7))) == [trade(7), trade(7)]


def test_what_both_sent_is_not_remembered_any_more() -> None:
    overlap = overlap_of()
    for one in range(50):
        passed(overlap, ("old", trade(one)), ("new", trade(one)))

    assert (len(overlap), overlap.copy_count) == (0, 50)


def test_no_more_is_remembered_than_allowed() -> None:
    overlap = overlap_of(most=10)
    passed(overlap, *(("old", trade(one)) for one in range(50)))

    assert len(overlap) == 10
    assert passed(overlap, ("new", trade(49)), ("new", trade(0))) == [trade(0)]


def test_more_may_be_held_than_is_remembered() -> None:
    overlap = overlap_of(most=1)
    passed(overlap, *(("new", trade(one)) for one in range(5)))

    assert passed(overlap, ("old", trade(0))) == [trade(one) for one in range(5)]


# Order


def test_what_the_new_socket_brings_waits_until_the_old_one_has_caught_up() -> None:
    overlap = overlap_of()

    assert passed(overlap, ("new", trade(8)), ("new", trade(9)), ("old", trade(7))) == [trade(7)]
    assert passed(overlap, ("old", trade(8))) == [trade(8), trade(9)]
    assert passed(overlap, ("old", trade(9)), ("new", trade(10)), ("old", trade(10))) == [trade(10)]


def test_what_the_old_socket_never_brings_goes_before_what_it_brings_next() -> None:
    assert passed(overlap_of(), ("new", trade(8)), ("new", trade(9)), ("old", trade(9))) == [trade(8), trade(9)]


def test_what_waits_goes_when_the_old_socket_turns_out_to_be_ahead() -> None:
    reads = (("new", trade(8)), ("old", trade(9)), ("new", trade(9)))

    assert passed(overlap_of(), *reads) == [trade(9), trade(8)]


def test_one_symbol_waits_for_no_other() -> None:
    overlap = overlap_of()
    passed(overlap, ("old", trade(7)), ("new", trade(7)))

    assert passed(overlap, ("new", trade(8)), ("new", trade(1, symbol="ETHUSDT"))) == [trade(8)]


def test_nothing_waits_longer_than_two_seconds() -> None:
    overlap = overlap_of()
    passed(overlap, ("new", depth(1, 5)), now_ns=1)

    assert overlap.release(2_000_000_000) == []
    assert overlap.release(2_000_000_001) == [depth(1, 5)]
    assert passed(overlap, ("old", depth(1, 5)), ("new", depth(6, 9))) == [depth(6, 9)]


def test_when_one_socket_is_gone_nothing_waits_any_more() -> None:
    overlap = overlap_of()
    passed(overlap, ("new", trade(8)))

    assert overlap.release(None) == [trade(8)]
    assert passed(overlap, ("new", trade(1, symbol="ETHUSDT"))) == [trade(1, symbol="ETHUSDT")]
    assert overlap.held_count == 0


def test_the_next_overlap_still_knows_what_the_last_one_saw() -> None:
    overlap = overlap_of()
    passed(overlap, ("old", trade(7)), ("new", trade(7)), ("old", trade(8)))
    overlap.release(None)
    overlap.begin("newest")

    assert passed(overlap, ("new", trade(8)), ("newest", trade(9)), ("new", trade(9))) == [trade(9)]


def test_of_three_sockets_only_the_newest_waits() -> None:
    """The oldest is read to its end, and heartbeats go by it: what was read of it must be on its way to the broker."""
    overlap = overlap_of()
    overlap.release(None)
    overlap.begin("newest")

    assert passed(overlap, ("newest", trade(9)), ("old", trade(7)), ("new", trade(7)), ("old", trade(8))) == [
        trade(7),
        trade(8),
    ]
    assert passed(overlap, ("new", trade(9))) == [trade(9)]
    assert overlap.held_count == 0


@given(st.data(), st.integers(0, 6), st.integers(1, 12))
def test_in_whatever_order_they_interleave_every_trade_passes_once_and_in_order(
    data: st.DataObject, begins: int, count: int
) -> None:
    """The new socket has what comes from some trade on; each socket delivers in the venue's order."""
    waiting = {"old": list(range(count)), "new": list(range(begins, count))}
    overlap, log = overlap_of(), list[Record]()
    while any(waiting.values()):
        socket = data.draw(st.sampled_from([name for name, left in waiting.items() if left]))
        log += passed(overlap, (socket, trade(waiting[socket].pop(0))))

    assert log + overlap.release(None) == [trade(one) for one in range(count)]


@given(st.lists(st.tuples(st.sampled_from(["old", "new"]), st.integers(0, 5))), st.integers(0, 20))
def test_whatever_the_sockets_deliver_nothing_is_lost(reads: list[tuple[str, int]], released: int) -> None:
    overlap, log = overlap_of(), list[Record]()
    for number, (socket, one) in enumerate(reads):
        log += passed(overlap, (socket, trade(one)))
        if number == released:
            log += overlap.release(None)
    log += overlap.release(None)

    assert {record.value for record in log} == {trade(one).value for _, one in reads}
