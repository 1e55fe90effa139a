"""Outputs become records: grouped, conflated where only the last counts, set aside where they cannot go."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from processors.core.records import Output
from processors.outputs import Encoder, Produced, SetAside
from schemas.accounts import Order
from schemas.codec import Codec
from schemas.derived import BookSnapshot, BookState, Candle, TopOfBook
from schemas.keys import candle_key, order_key
from schemas.markets import Market
from schemas.topics import DerivedType, TopicTable
from tests.support import golden
from tests.support.memory_kafka import MemoryRecord
from tests.support.offline_registry import OfflineRegistry


TABLE = TopicTable()
CODEC = Codec(TABLE, OfflineRegistry())
SOURCE = MemoryRecord("binance.spot.raw.trade", 3, 17, b"{}", timestamp=5)


@pytest.fixture
def encoder() -> Encoder:
    return Encoder(TABLE, CODEC)


def candle(open_time: int, close: int) -> Output:
    example = golden.example("candle")
    assert isinstance(example, Candle)
    value = msgspec.structs.replace(example, symbol="BTCUSDT", open_time=open_time, close=close)
    return Output(Market.SPOT, DerivedType.CANDLE_1M, candle_key(value), value, open_time)


def top(update_id: int, bid: int = 1) -> Output:
    example = golden.example("top-of-book")
    assert isinstance(example, TopOfBook)
    value = msgspec.structs.replace(example, update_id=update_id, bid_price=bid)
    return Output(Market.SPOT, DerivedType.TOP_OF_BOOK, b"BTCUSDT", value, update_id)


def decoded(topic: str, values: list[bytes | None]) -> list[msgspec.Struct]:
    return [CODEC.decode(topic, 0, 0, value) for value in values]


def test_outputs_go_to_the_partition_of_their_source_with_key_and_time(encoder: Encoder) -> None:
    grouped = encoder.records([Produced(top(7), SOURCE)])

    ((place, (record,)),) = grouped.items()
    assert place == ("binance.spot.top-of-book.v1", 3)
    assert (record.key, record.timestamp_ms, list(record.headers)) == (b"BTCUSDT", 7, [])
    assert decoded(place[0], [record.value]) == [top(7).value]


def test_of_a_current_state_only_the_last_value_of_each_key_is_written(encoder: Encoder) -> None:
    outputs = [candle(0, 1), candle(60_000, 2), candle(0, 3), candle(60_000, 4), candle(0, 5)]

    grouped = encoder.records(Produced(output, SOURCE) for output in outputs)

    name = "binance.spot.candle-1m.v1"
    assert decoded(name, [r.value for r in grouped[name, 3]]) == [candle(60_000, 4).value, candle(0, 5).value]


def test_of_a_stream_everything_is_written_in_order(encoder: Encoder) -> None:
    grouped = encoder.records(Produced(top(n), SOURCE) for n in (1, 2, 2, 3))

    assert [r.timestamp_ms for r in grouped["binance.spot.top-of-book.v1", 3]] == [1, 2, 2, 3]


def test_a_value_that_does_not_fit_is_set_aside_with_its_source(encoder: Encoder) -> None:
    grouped = encoder.records([Produced(top(1), SOURCE), Produced(top(2, bid=10**20), SOURCE)])

    assert len(grouped["binance.spot.top-of-book.v1", 3]) == 1
    (letter,) = grouped["binance.control.dead-letter", 3]
    headers = {name: value.decode() for name, value in letter.headers}
    assert (letter.key, letter.value, letter.timestamp_ms) == (b"BTCUSDT", b"{}", 5)
    assert "bid_price" in headers.pop("detail")
    assert headers == {
        "source_topic": "binance.spot.raw.trade",
        "source_partition": "3",
        "source_offset": "17",
        "reason": "does-not-fit",
        "sha256": hashlib.sha256(b"{}").hexdigest(),
        "length": "2",
    }


def test_a_value_larger_than_the_broker_takes_is_set_aside(encoder: Encoder) -> None:
    many = list(range(1, 300_000))
    value = BookSnapshot(
        symbol="BTCUSDT",
        snapshot_time=0,
        update_id=1,
        state=BookState.LIVE,
        bid_prices=many,
        bid_quantities=many,
        ask_prices=[],
        ask_quantities=[],
        input_offset=0,
    )
    output = Output(Market.SPOT, DerivedType.BOOK_SNAPSHOT, b"BTCUSDT", value, 0)

    grouped = encoder.records([Produced(output, SOURCE)])

    ((place, (letter,)),) = grouped.items()
    assert place == ("binance.control.dead-letter", 3)
    assert dict(letter.headers)["reason"] == b"oversized"


def test_a_large_payload_is_cut_but_its_length_and_hash_are_those_of_the_whole(encoder: Encoder) -> None:
    payload = b"x" * 5_000_000
    aside = SetAside("malformed-json", "no JSON", "binance.usdm.raw.depth", 1, 2, 3, b"BTCUSDT", payload)

    ((_, (letter,)),) = encoder.records([aside]).items()

    headers = dict(letter.headers)
    assert letter.value == payload[: 64 * 1024]
    assert headers["length"] == b"5000000"
    assert headers["sha256"] == hashlib.sha256(payload).hexdigest().encode()


ORDER_SOURCE = MemoryRecord("binance.usdm.raw.order-update", 3, 17, b"{}", b"main", timestamp=5)


def order(update_time: int) -> Output:
    example = golden.example("order")
    assert isinstance(example, Order)
    value = msgspec.structs.replace(example, update_time=update_time)
    return Output(Market.USDM, DerivedType.ORDER, order_key(value), value, update_time)


def test_of_what_is_private_every_state_is_written_though_only_the_last_is_kept(encoder: Encoder) -> None:
    grouped = encoder.records(Produced(order(time), ORDER_SOURCE) for time in (1, 2, 3))

    name = "binance.usdm.order.v1"
    assert decoded(name, [r.value for r in grouped[name, 3]]) == [order(time).value for time in (1, 2, 3)]


def test_a_tombstone_is_a_record_without_a_value(encoder: Encoder) -> None:
    buried = msgspec.structs.replace(order(2), value=None)

    grouped = encoder.records([Produced(order(1), ORDER_SOURCE), Produced(buried, ORDER_SOURCE)])

    before, after = grouped["binance.usdm.order.v1", 3]
    assert before.value is not None
    assert (after.key, after.value, after.timestamp_ms) == (before.key, None, 2)


def test_of_a_state_that_is_not_private_a_tombstone_is_the_last_value_too(encoder: Encoder) -> None:
    buried = msgspec.structs.replace(candle(0, 1), value=None)

    grouped = encoder.records([Produced(candle(0, 1), SOURCE), Produced(buried, SOURCE)])

    assert [record.value for record in grouped["binance.spot.candle-1m.v1", 3]] == [None]


def test_what_is_private_is_never_set_aside_where_everybody_reads(encoder: Encoder) -> None:
    value = order(1).value
    assert isinstance(value, Order)
    too_wide = msgspec.structs.replace(order(1), value=msgspec.structs.replace(value, price=10**20))
    unreadable = SetAside("malformed-json", "", "binance.usdm.raw.order-update", 3, 1, 5, b"main", b"{", private=True)

    grouped = encoder.records([Produced(too_wide, ORDER_SOURCE), unreadable])

    assert list(grouped) == [("binance.control.private-dead-letter", 3)]
    assert [record.key for record in grouped["binance.control.private-dead-letter", 3]] == [b"main", b"main"]


def test_nothing_gives_nothing(encoder: Encoder) -> None:
    assert encoder.records([]) == {}
