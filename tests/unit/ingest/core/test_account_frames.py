from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from ingest.core.account_frames import KNOWN_EVENTS, AccountDecoder
from ingest.core.endings import Ending
from ingest.core.outcomes import Item, Reason, Rejected, Reply, ShutdownNotice, StreamEnded
from ingest.core.records import Record
from ingest.core.secrecy import HIDDEN, Redactor, Secret
from schemas.markets import Market
from schemas.topics import TopicTable, partition_of


LISTEN_KEY = "canary-listen-key"
TIME_NS = 1_700_000_000_123_456_789
ORDERS, OTHERS = "binance.usdm.raw.order-update", "binance.usdm.raw.account-update"


def decoder(max_record_bytes: int = 900_000) -> AccountDecoder:
    return AccountDecoder(
        Market.USDM,
        "main",
        "c1",
        TopicTable(),
        redactor=Redactor([Secret(LISTEN_KEY)]),
        max_record_bytes=max_record_bytes,
    )


def one(frame: bytes, max_record_bytes: int = 900_000) -> Item:
    (item,) = decoder(max_record_bytes).decode(frame, TIME_NS, 7)
    return item


def record_of(frame: bytes) -> Record:
    item = one(frame)
    assert isinstance(item, Record)
    return item


EVENT = b'{"e": "ORDER_TRADE_UPDATE",  "E":1700000000000, "o":{"q":"1.000"}}'


@pytest.mark.parametrize(
    "frame",
    [EVENT, b'{"subscriptionId":0,"event":' + EVENT + b"}", b'{"stream":"x","data": ' + EVENT + b" }"],
    ids=["bare", "websocket api", "combined"],
)
def test_an_event_becomes_a_record_of_its_very_bytes_in_whatever_envelope(frame: bytes) -> None:
    record = record_of(frame)

    assert record.value == EVENT
    assert record.topic == ORDERS
    assert record.key == b"main"
    assert record.partition == partition_of("main")
    assert record.timestamp_ms == record.event_time == 1_700_000_000_000
    assert dict(record.headers) == {
        "receive_time_ns": str(TIME_NS).encode(),
        "connection_id": b"c1",
        "connection_sequence": b"7",
        "stream": b"ORDER_TRADE_UPDATE",
        "origin": b"live",
    }


@pytest.mark.parametrize(
    ("event_type", "topic"),
    [
        ("executionReport", ORDERS),
        ("listStatus", ORDERS),
        ("ORDER_TRADE_UPDATE", ORDERS),
        ("TRADE_LITE", ORDERS),
        ("ALGO_UPDATE", ORDERS),
        ("CONDITIONAL_ORDER_TRIGGER_REJECT", ORDERS),
        ("STRATEGY_UPDATE", ORDERS),
        ("GRID_UPDATE", ORDERS),
        ("outboundAccountPosition", OTHERS),
        ("balanceUpdate", OTHERS),
        ("externalLockUpdate", OTHERS),
        ("ACCOUNT_UPDATE", OTHERS),
        ("MARGIN_CALL", OTHERS),
        ("ACCOUNT_CONFIG_UPDATE", OTHERS),
        ("SOMETHING_NEW", OTHERS),
    ],
)
def test_each_type_goes_where_it_is_looked_for(event_type: str, topic: str) -> None:
    assert record_of(json.dumps({"e": event_type, "E": 1}).encode()).topic == topic
    assert (event_type in KNOWN_EVENTS) is (event_type != "SOMETHING_NEW")


def test_an_event_without_a_time_is_stamped_with_the_time_of_its_receipt() -> None:
    record = record_of(b'{"e":"ACCOUNT_UPDATE"}')

    assert record.event_time is None
    assert record.timestamp_ms == TIME_NS // 1_000_000


@pytest.mark.parametrize("event_time", ["1700000000000", 1_700_000_000_000])
def test_the_end_of_a_listen_key_is_a_signal_and_no_record(event_time: object) -> None:
    frame = {"e": "listenKeyExpired", "E": event_time, "listenKey": LISTEN_KEY}

    item = one(json.dumps(frame).encode())

    assert isinstance(item, StreamEnded)
    assert item.ending is Ending.EXPIRED
    assert LISTEN_KEY not in repr(item)


def test_the_end_of_a_subscription_is_a_signal_and_no_record() -> None:
    item = one(b'{"subscriptionId":0,"event":{"e":"eventStreamTerminated","E":1}}')

    assert isinstance(item, StreamEnded)
    assert item.ending is Ending.TERMINATED


def test_the_notice_of_a_shutdown_is_taken() -> None:
    assert one(b'{"event":{"e":"serverShutdown","E":5}}') == ShutdownNotice(5)


@pytest.mark.parametrize(
    ("frame", "reply"),
    [
        ({"id": 1, "status": 200, "result": {"subscriptionId": 0}, "rateLimits": []}, Reply(1)),
        ({"id": 1, "status": 200, "result": {"apiKey": "canary"}}, Reply(1)),
        (
            {"id": 1, "status": 400, "error": {"code": -1021, "msg": "outside"}},
            Reply(1, "outside (code -1021)", 400, -1021),
        ),
        (
            {"id": None, "status": 401, "error": {"code": -2015, "msg": "Invalid"}},
            Reply(None, "Invalid (code -2015)", 401, -2015),
        ),
        ({"id": 3, "code": 2, "msg": "flat"}, Reply(3, "flat (code 2)", 400, 2)),
        ({"id": 3, "status": 418}, Reply(3, "status 418", 418)),
    ],
)
def test_an_answer_is_told_with_its_status_and_code(frame: object, reply: Reply) -> None:
    assert one(json.dumps(frame).encode()) == reply


def test_an_answer_that_repeats_a_key_is_told_without_it() -> None:
    item = one(json.dumps({"id": 1, "status": 400, "error": {"code": -1, "msg": f"no {LISTEN_KEY}"}}).encode())

    assert isinstance(item, Reply)
    assert item.error == f"no {HIDDEN} (code -1)"


def test_an_event_that_repeats_a_key_is_set_aside_without_it() -> None:
    item = one(json.dumps({"e": "NEW_THING", "E": 1, "key": LISTEN_KEY}).encode())

    assert isinstance(item, Rejected)
    assert LISTEN_KEY.encode() not in item.raw
    assert item.symbol == "main"


def test_an_event_that_fits_into_no_record_is_set_aside() -> None:
    item = one(json.dumps({"e": "ACCOUNT_UPDATE", "E": 1, "a": "x" * 1000}).encode(), max_record_bytes=500)

    assert isinstance(item, Rejected)
    assert item.reason is Reason.OVERSIZED


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"{", Reason.MALFORMED_JSON),
        (b"\xff", Reason.MALFORMED_JSON),
        (b"[]", Reason.MISTYPED_FIELD),
        (b'{"e":7}', Reason.MISTYPED_FIELD),
        (b'{"event":{"E":1}}', Reason.MISSING_FIELD),
        (b'{"event":5}', Reason.MISTYPED_FIELD),
        (b"{}", Reason.UNKNOWN_EVENT),
    ],
)
def test_what_is_nothing_known_is_set_aside_and_says_why(frame: bytes, reason: Reason) -> None:
    item = one(frame)

    assert isinstance(item, Rejected)
    assert item.reason is reason


@given(st.binary(max_size=80) | st.from_regex(rb'\{"(e|event|data|id)":.{0,40}\}', fullmatch=True))
def test_no_bytes_whatever_are_too_much_for_it(frame: bytes) -> None:
    assert len(decoder().decode(frame, TIME_NS, 1)) == 1


def test_types_are_told_anew_after_a_watch_and_in_their_order() -> None:
    one_socket = decoder()
    for event_type in ("TRADE_LITE", "ACCOUNT_UPDATE", "TRADE_LITE"):
        one_socket.decode(json.dumps({"e": event_type, "E": 1}).encode(), TIME_NS, 1)

    assert list(one_socket.seen) == ["TRADE_LITE", "ACCOUNT_UPDATE"]
    one_socket.watch()
    assert list(one_socket.seen) == []
