from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from ingest.core.frames import FrameDecoder
from ingest.core.heads import head_decoder
from ingest.core.merged import SeenVersions
from ingest.core.outcomes import Item, Reason, Rejected, Reply, ShutdownNotice
from ingest.core.records import Header, Record
from schemas.markets import Market
from schemas.topics import RawType, TopicTable, partition_of
from tests.support.strategies import agg_trades, depth_diffs, payload, tickers, trades


RECEIVED_NS = 1_700_000_000_123_456_789
TRADE = (
    b'{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63","q":"0.02",'
    b'"T":1723161255342,"m":true,"M":true}'
)
FORCE_ORDER = (
    b'{"e":"forceOrder","E":1654852482228,"o":{"s":"BALUSDT","S":"BUY","q":"1065.9","p":"8.037","T":1654852482218%s}%s}'
)


def no_extra(market: Market, raw_type: RawType, symbol: str) -> Sequence[Header]:
    return ()


def new_decoder(
    market: Market = Market.SPOT, extra_headers: Any = no_extra, merged: SeenVersions | None = None
) -> FrameDecoder:
    return FrameDecoder(
        market,
        "i1.spot-0.1",
        TopicTable(),
        extra_headers=extra_headers,
        merged=merged or SeenVersions(),
        max_record_bytes=900_000,
    )


def frame(stream: str, data: bytes) -> bytes:
    return b'{"stream":"' + stream.encode() + b'","data":' + data + b"}"


def decode(stream: str, data: bytes, market: Market = Market.SPOT) -> list[Item]:
    return new_decoder(market).decode(frame(stream, data), RECEIVED_NS, 7)


def the_record(stream: str, data: bytes, market: Market = Market.SPOT) -> Record:
    (item,) = decode(stream, data, market)
    assert isinstance(item, Record)
    return item


def the_rejection(stream: str, data: bytes, market: Market = Market.SPOT) -> Rejected:
    (item,) = decode(stream, data, market)
    assert isinstance(item, Rejected)
    return item


def test_a_trade_becomes_a_record_with_key_partition_time_and_headers() -> None:
    assert the_record("btcusdt@trade", TRADE) == Record(
        topic="binance.spot.raw.trade",
        partition=partition_of("BTCUSDT"),
        key=b"BTCUSDT",
        value=TRADE,
        timestamp_ms=1_723_161_255_343,
        headers=[
            ("receive_time_ns", str(RECEIVED_NS).encode()),
            ("connection_id", b"i1.spot-0.1"),
            ("connection_sequence", b"7"),
            ("stream", b"btcusdt@trade"),
            ("origin", b"live"),
        ],
        event_time=1_723_161_255_343,
    )


@given(st.one_of(trades().map(payload), trades().map(payload)))
def test_whatever_the_trade_its_value_is_verbatim(data: bytes) -> None:
    assert the_record("btcusdt@trade", data).value == data


@given(agg_trades(), st.sampled_from(list(Market)))
def test_aggregate_trades_go_to_their_market(trade: msgspec.Struct, market: Market) -> None:
    record = the_record("btcusdt@aggTrade", payload(trade), market)

    assert record.topic == f"binance.{market}.raw.agg-trade"
    assert record.value == payload(trade)


@given(depth_diffs(), st.sampled_from(["depth", "depth@100ms"]))
def test_depth_diffs_are_recognised_at_any_speed(diff: msgspec.Struct, speed: str) -> None:
    assert the_record(f"btcusdt@{speed}", payload(diff)).topic == "binance.spot.raw.depth"


def test_white_space_and_the_order_of_keys_do_not_matter_and_stay() -> None:
    data = TRADE.replace(b":", b" : ")

    (item,) = new_decoder().decode(b' { "data" : ' + data + b' , "stream" : "btcusdt@trade" } ', RECEIVED_NS, 1)

    assert isinstance(item, Record)
    assert item.value == data


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        ("btcusdt@bookTicker", b'{"u":400900217,"s":"BTCUSDT","b":"25.3","B":"31.2","a":"25.4","A":"40.6"}'),
        ("btcusdt@depth20@100ms", b'{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100"]]}'),
    ],
)
def test_spot_payloads_without_a_time_are_stamped_with_their_receive_time(stream: str, data: bytes) -> None:
    record = the_record(stream, data)

    assert (record.key, record.timestamp_ms, record.event_time) == (b"BTCUSDT", RECEIVED_NS // 1_000_000, None)


def test_a_futures_partial_depth_is_told_from_a_diff_by_its_stream_only() -> None:
    data = b'{"e":"depthUpdate","E":5,"T":4,"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[],"a":[]}'

    assert the_record("btcusdt@depth5", data, Market.USDM).topic == "binance.usdm.raw.partial-depth"
    assert the_record("btcusdt@depth", data, Market.USDM).topic == "binance.usdm.raw.depth"


def test_futures_book_tickers_have_a_time_and_must_have_it() -> None:
    data = b'{"e":"bookTicker","u":1,"s":"BTCUSDT","b":"1","B":"1","a":"1","A":"1","T":4,"E":5}'

    assert the_record("btcusdt@bookTicker", data, Market.USDM).event_time == 5
    rejection = the_rejection("btcusdt@bookTicker", data.replace(b',"E":5', b""), Market.USDM)
    assert (rejection.reason, rejection.symbol) == (Reason.MISSING_FIELD, "BTCUSDT")


@pytest.mark.parametrize(("inside", "beside"), [(b"", b""), (b',"st":1', b""), (b"", b',"st":1')])
def test_a_liquidations_symbol_is_inside_its_order(inside: bytes, beside: bytes) -> None:
    record = the_record("balusdt@forceOrder", FORCE_ORDER % (inside, beside), Market.USDM)

    assert (record.key, record.topic) == (b"BALUSDT", "binance.usdm.raw.force-order")


# Arrays


def mini_ticker(symbol: str, event_time: int, extra: str = "") -> bytes:
    return (
        f'{{"e":"24hrMiniTicker","E":{event_time},"s":"{symbol}","c":"1","o":"1","h":"1","l":"1","v":"1","q":"1"{extra}}}'
    ).encode()


def array(*elements: bytes) -> bytes:
    return b"[" + b",".join(elements) + b"]"


def header_of(record: Record, name: str) -> bytes | None:
    return dict(record.headers).get(name)


def test_an_array_is_taken_apart_into_a_record_per_symbol() -> None:
    elements = [mini_ticker("BTCUSDT", 5), mini_ticker("ETHUSDT", 6)]

    items = decode("!miniTicker@arr", array(*elements))

    records = [item for item in items if isinstance(item, Record)]
    assert [record.value for record in records] == elements
    assert [record.key for record in records] == [b"BTCUSDT", b"ETHUSDT"]
    assert [header_of(record, "array_index") for record in records] == [b"0", b"1"]
    assert {header_of(record, "connection_sequence") for record in records} == {b"7"}


def test_one_bad_element_does_not_spoil_the_others() -> None:
    items = decode("!miniTicker@arr", array(mini_ticker("A", 5), b'{"e":"24hrMiniTicker"}', b"7", mini_ticker("B", 6)))

    assert [type(item) for item in items] == [Record, Rejected, Rejected, Record]
    last = items[3]
    assert isinstance(last, Record)
    assert header_of(last, "array_index") == b"3"


def test_an_empty_array_holds_nothing() -> None:
    assert decode("!miniTicker@arr", b"[]") == []


def test_what_should_be_an_array_and_is_none_is_set_aside() -> None:
    assert the_rejection("!miniTicker@arr", mini_ticker("A", 5)).reason is Reason.MISTYPED_FIELD


@pytest.mark.parametrize("host", [Market.USDM, Market.COINM])
def test_an_element_of_a_merged_array_goes_to_the_market_that_it_names(host: Market) -> None:
    data = array(mini_ticker("BTCUSDT", 5, ',"st":1'), mini_ticker("BTCUSD_PERP", 5, ',"st":2'), mini_ticker("X", 5))

    topics = [item.topic for item in decode("!miniTicker@arr", data, host) if isinstance(item, Record)]

    assert topics == [f"binance.{market}.raw.mini-ticker" for market in (Market.USDM, Market.COINM, host)]


def test_the_second_copy_of_a_merged_element_is_dropped_and_a_newer_one_is_not() -> None:
    merged = SeenVersions()
    usdm, coinm = new_decoder(Market.USDM, merged=merged), new_decoder(Market.COINM, merged=merged)
    first = frame("!miniTicker@arr", array(mini_ticker("BTCUSD_PERP", 5, ',"st":2')))
    second = frame("!miniTicker@arr", array(mini_ticker("BTCUSD_PERP", 6, ',"st":2')))

    kept = [len(decoder.decode(one, RECEIVED_NS, 1)) for one in (first, second) for decoder in (usdm, coinm)]

    assert kept == [1, 0, 1, 0]


def test_copies_are_told_by_the_last_ten_thousand_names_alone() -> None:
    merged = SeenVersions()
    head = head_decoder(Market.USDM, RawType.MINI_TICKER)(mini_ticker("FIRST", 5, ""))
    assert [merged.is_new("t", "FIRST", head) for _ in range(2)] == [True, False]

    for number in range(9_999):
        merged.is_new("t", f"S{number}", head)
    assert not merged.is_new("t", "FIRST", head)
    merged.is_new("t", "ONE MORE", head)

    assert merged.is_new("t", "FIRST", head)


def test_a_symbol_of_the_same_name_on_the_other_market_is_no_copy() -> None:
    data = array(mini_ticker("X", 5, ',"st":1'), mini_ticker("X", 5, ',"st":2'))

    assert len(decode("!miniTicker@arr", data, Market.USDM)) == 2


def test_merged_book_tickers_of_one_millisecond_are_told_apart() -> None:
    decoder = new_decoder(Market.COINM)
    frames = [
        frame("!bookTicker", b'{"e":"bookTicker","u":%d,"s":"A","b":"1","B":"1","a":"1","A":"1","T":4,"E":5}' % u)
        for u in (1, 2, 2)
    ]

    assert [len(decoder.decode(one, RECEIVED_NS, 1)) for one in frames] == [1, 1, 0]


def test_streams_of_one_symbol_are_never_deduplicated() -> None:
    decoder = new_decoder()

    assert [len(decoder.decode(frame("btcusdt@trade", TRADE), RECEIVED_NS, n)) for n in (1, 2)] == [1, 1]


# Extra headers


def test_extra_headers_are_asked_for_once_a_symbol_until_forgotten() -> None:
    asked = list[tuple[Market, RawType, str]]()

    def extra(market: Market, raw_type: RawType, symbol: str) -> Sequence[Header]:
        asked.append((market, raw_type, symbol))
        return [("contract_size", str(len(asked)).encode())]

    decoder = new_decoder(Market.COINM, extra)
    frames = [frame("btcusdt@trade", TRADE)] * 2

    first = [decoder.decode(one, RECEIVED_NS, 1)[0] for one in frames]
    decoder.forget_targets()
    second = decoder.decode(frames[0], RECEIVED_NS, 3)[0]

    assert asked == [(Market.COINM, RawType.TRADE, "BTCUSDT")] * 2
    assert [header_of(one, "contract_size") for one in (*first, second) if isinstance(one, Record)] == [
        b"1",
        b"1",
        b"2",
    ]


# What is set aside


@pytest.mark.parametrize(
    ("data", "reason", "symbol"),
    [
        (b'{"e":"blockTrade","E":1,"s":"BTCUSDT","t":1,"T":1}', Reason.UNKNOWN_EVENT, "BTCUSDT"),
        (b'{"e":"fooEvent"}', Reason.UNKNOWN_EVENT, "BTCUSDT"),
        (b'{"result":null}', Reason.UNKNOWN_EVENT, "BTCUSDT"),
        (b"[]", Reason.UNKNOWN_EVENT, "BTCUSDT"),
        (b"null", Reason.UNKNOWN_EVENT, "BTCUSDT"),
        (TRADE.replace(b'"E":1723161255343,', b""), Reason.MISSING_FIELD, "BTCUSDT"),
        (TRADE.replace(b'"s":"BTCUSDT",', b""), Reason.MISSING_FIELD, "BTCUSDT"),
        (TRADE.replace(b'"t":3735683259,', b""), Reason.MISSING_FIELD, "BTCUSDT"),
        (TRADE.replace(b'"s":"BTCUSDT"', b'"s":""'), Reason.MISSING_FIELD, "BTCUSDT"),
        (TRADE.replace(b'"E":1723161255343', b'"E":"1723161255343"'), Reason.MISTYPED_FIELD, "BTCUSDT"),
        (TRADE.replace(b'"E":1723161255343', b'"E":1.5'), Reason.MISTYPED_FIELD, "BTCUSDT"),
        (TRADE.replace(b'"s":"BTCUSDT"', b'"s":null'), Reason.MISTYPED_FIELD, "BTCUSDT"),
        (TRADE.replace(b'"t":3735683259', b'"t":"3735683259"'), Reason.MISTYPED_FIELD, "BTCUSDT"),
    ],
)
def test_a_payload_that_is_not_its_streams_is_set_aside_with_the_reason(
    data: bytes, reason: Reason, symbol: str
) -> None:
    rejection = the_rejection("btcusdt@trade", data)

    assert (rejection.reason, rejection.raw, rejection.symbol) == (reason, data, symbol)
    assert (rejection.stream, rejection.source_topic) == ("btcusdt@trade", "binance.spot.raw.trade")


def test_what_ingest_does_not_read_it_does_not_judge() -> None:
    data = TRADE.replace(b'"p":"61837.63"', b'"p":"abc"')

    assert the_record("btcusdt@trade", data).value == data


@pytest.mark.parametrize(
    "bad", [b"", b"{", b"not json", b'{"stream":"btcusdt@trade","data":{"e":"trade",}}', b"\xff\xfe"]
)
def test_malformed_json_is_set_aside_whole(bad: bytes) -> None:
    (item,) = new_decoder().decode(bad, RECEIVED_NS, 1)

    assert isinstance(item, Rejected)
    assert (item.reason, item.raw) == (Reason.MALFORMED_JSON, bad)


def test_an_oversized_payload_is_set_aside() -> None:
    data = TRADE[:-1] + b',"x":"' + b"x" * 5_000_000 + b'"}'

    rejection = the_rejection("btcusdt@trade", data)

    assert (rejection.reason, rejection.symbol) == (Reason.OVERSIZED, "BTCUSDT")
    assert rejection.raw == data


@pytest.mark.parametrize("stream", ["btcusdt@nonsense", "!ticker@arr", "x", ""])
def test_a_stream_that_is_none_of_ours_is_set_aside(stream: str) -> None:
    assert the_rejection(stream, TRADE).reason is Reason.UNKNOWN_EVENT


@pytest.mark.parametrize("bad", [b"[]", b"7", b'"text"', b"null", b"{}", b'{"e":"trade"}', TRADE])
def test_an_unwrapped_stranger_is_set_aside(bad: bytes) -> None:
    (item,) = new_decoder().decode(bad, RECEIVED_NS, 1)

    assert isinstance(item, Rejected)
    assert item.reason is Reason.UNKNOWN_EVENT


# Replies


def test_streams_are_seen_in_the_order_of_their_first_frames() -> None:
    decoder = new_decoder()
    for stream in ("btcusdt@trade", "btcusdt@trade", "strange", "ethusdt@trade"):
        decoder.decode(frame(stream, TRADE), RECEIVED_NS, 1)

    assert list(decoder.seen) == ["btcusdt@trade", "strange", "ethusdt@trade"]
    assert decoder.seen["strange"] is None


def test_after_a_watch_every_stream_is_seen_anew_and_decoded_as_before() -> None:
    decoder = new_decoder()
    (before,) = decoder.decode(frame("btcusdt@trade", TRADE), RECEIVED_NS, 1)
    decoder.decode(frame("ethusdt@trade", TRADE), RECEIVED_NS, 2)

    decoder.watch()
    assert list(decoder.seen) == []

    assert decoder.decode(frame("btcusdt@trade", TRADE), RECEIVED_NS, 1) == [before]
    assert list(decoder.seen) == ["btcusdt@trade"]


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ('{"result":null,"id":7}', Reply(7)),
        ('{"result":["btcusdt@trade"],"id":9}', Reply(9)),
        ('{"result":null,"id":"text"}', Reply(None)),
        ('{"error":{"code":2,"msg":"Invalid request: no"},"id":3}', Reply(3, "Invalid request: no (code 2)")),
        ('{"error":{"code":3,"msg":"Invalid JSON"},"id":null}', Reply(None, "Invalid JSON (code 3)")),
        ('{"code":2,"msg":"Invalid request: no","id":3}', Reply(3, "Invalid request: no (code 2)")),
        ('{"code":0,"msg":"Unknown property"}', Reply(None, "Unknown property (code 0)")),
        ('{"error":"blahblah"}', Reply(None, "blahblah")),
    ],
)
def test_replies_are_read_in_every_recorded_shape(text: str, reply: Reply) -> None:
    assert new_decoder().decode(text.encode(), RECEIVED_NS, 1) == [reply]


@pytest.mark.parametrize(
    "text",
    [
        '{"e":"serverShutdown","E":1770123456789}',
        '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}',
    ],
)
def test_the_notice_of_an_end_is_read_wrapped_and_unwrapped(text: str) -> None:
    assert new_decoder().decode(text.encode(), RECEIVED_NS, 1) == [ShutdownNotice(1_770_123_456_789)]


# Fuzz


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from("esEtuUoaT") | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["btcusdt@trade", "btcusdt@depth", "btcusdt@bookTicker", "!miniTicker@arr", "!forceOrder@arr", "?"]
)
MARKETS = st.sampled_from(list(Market))


@given(st.binary(max_size=200), MARKETS)
def test_no_bytes_make_it_raise(data: bytes, market: Market) -> None:
    new_decoder(market).decode(data, RECEIVED_NS, 1)


@given(NAMES, JSON, MARKETS)
def test_no_json_under_a_streams_name_makes_it_raise(name: str, data: object, market: Market) -> None:
    for item in new_decoder(market).decode(frame(name, json.dumps(data).encode()), RECEIVED_NS, 1):
        assert isinstance(item, Record | Rejected | ShutdownNotice)


@given(st.one_of(trades().map(payload), tickers().map(payload)), st.data())
def test_a_mutilated_frame_is_a_record_or_set_aside(data: bytes, choose: st.DataObject) -> None:
    whole = bytearray(frame("btcusdt@trade", data))
    for _ in range(choose.draw(st.integers(1, 4))):
        whole[choose.draw(st.integers(0, len(whole) - 1))] = choose.draw(st.integers(0, 255))

    (item,) = new_decoder().decode(bytes(whole), RECEIVED_NS, 1)

    assert isinstance(item, Record | Rejected | Reply | ShutdownNotice)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_bottomless_nesting_is_set_aside(opening: bytes) -> None:
    (item,) = new_decoder().decode(frame("btcusdt@trade", opening * 100_000), RECEIVED_NS, 1)

    assert isinstance(item, Rejected)


# A stream that is known already: its frames are looked at, not parsed


@given(
    st.integers(0, len(frame("btcusdt@trade", TRADE))),
    st.integers(0, 30),
    st.one_of(
        st.binary(max_size=6), st.sampled_from([b"}", b"{", b'"', b',"data":{}', b" ", b'","data":', b"}}", b"1,"])
    ),
)
def test_a_frame_of_a_known_stream_is_judged_as_it_would_be_if_it_were_the_first(
    start: int, taken: int, put: bytes
) -> None:
    good = frame("btcusdt@trade", TRADE)
    bad = good[:start] + put + good[start + taken :]
    experienced = new_decoder()
    experienced.decode(good, RECEIVED_NS, 6)

    assert experienced.decode(bad, RECEIVED_NS, 7) == new_decoder().decode(bad, RECEIVED_NS, 7)


@pytest.mark.parametrize(
    "odd",
    [
        b'{"stream": "btcusdt@trade", "data": ' + TRADE + b"}",
        b'{"data":' + TRADE + b',"stream":"btcusdt@trade"}',
        b'{"stream":"btcusdt@trade","data":' + TRADE + b',"more":{}}',
        b'{"stream":"btcusdt@\\u0074rade","data":' + TRADE + b"}",
        b' {"stream":"btcusdt@trade","data":' + TRADE + b"} ",
        b'{"stream":"btcusdt@trade","data": ' + TRADE + b"}",
        b'{"stream":"btcusdt@trade","data":' + TRADE + b" }",
    ],
)
def test_the_same_frame_written_otherwise_gives_the_same_record(odd: bytes) -> None:
    decoder = new_decoder()
    expected = decoder.decode(frame("btcusdt@trade", TRADE), RECEIVED_NS, 7)

    assert decoder.decode(odd, RECEIVED_NS, 7) == expected


def test_all_streams_of_a_type_share_one_decoder_of_its_head() -> None:
    """Making one takes a millisecond: a connection of 1,024 streams would stand still for a second."""
    assert head_decoder(Market.SPOT, RawType.TRADE) is head_decoder(Market.SPOT, RawType.TRADE)
    assert head_decoder(Market.SPOT, RawType.TRADE) is not head_decoder(Market.USDM, RawType.AGG_TRADE)
