from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from processors.core.decode import (
    AGG_TRADE,
    DIFF,
    MINI_TICKER,
    SNAPSHOT,
    TICKER,
    TRADE,
    Decoder,
    decode_depth,
    decode_trade_id,
)
from processors.core.records import Rejected
from schemas.rest import DepthSnapshot
from schemas.wire import DepthDiff
from tests.support.strategies import agg_trades, depth_diffs, depth_histories, mini_tickers, payload, tickers, trades


DECODERS: dict[str, Decoder[Any]] = {
    "trade": TRADE,
    "aggTrade": AGG_TRADE,
    "depthUpdate": DIFF,
    "snapshot": SNAPSHOT,
    "24hrTicker": TICKER,
    "24hrMiniTicker": MINI_TICKER,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
MESSAGES = st.one_of(trades(), agg_trades(), depth_diffs(), tickers(), mini_tickers())


@given(MESSAGES)
def test_what_the_venue_sends_comes_out_as_it_is(message: Any) -> None:
    assert DECODERS[message.event_type](payload(message)) == message


@given(st.binary(max_size=200))
def test_no_bytes_raise(value: bytes) -> None:
    for decoder in DECODERS.values():
        assert isinstance(decoder(value), Rejected)
    assert isinstance(decode_depth(value), Rejected)
    decode_trade_id(value, aggregate=True)


@given(JSON)
def test_no_json_raises(value: object) -> None:
    text = msgspec.json.encode(value)
    for decoder in DECODERS.values():
        decoder(text)
    decode_depth(text)
    decode_trade_id(text, aggregate=False)


@given(MESSAGES, st.data())
def test_a_payload_that_was_tampered_with_never_raises(message: Any, data: st.DataObject) -> None:
    """One byte is changed, or the end is missing."""
    text = bytearray(payload(message))
    position = data.draw(st.integers(0, len(text) - 1))
    if data.draw(st.booleans()):
        text[position] = data.draw(st.integers(0, 255))
    else:
        del text[position:]
    for decoder in DECODERS.values():
        decoder(bytes(text))


@given(MESSAGES, st.data())
def test_a_missing_field_is_named(message: Any, data: st.DataObject) -> None:
    fields = msgspec.json.decode(payload(message))
    required = [field.encode_name for field in msgspec.structs.fields(message) if field.required]
    name = data.draw(st.sampled_from(required))
    del fields[name]

    result = DECODERS[message.event_type](msgspec.json.encode(fields))

    assert result == Rejected("missing-field", f"Object missing required field `{name}`")


@given(MESSAGES, st.data())
def test_a_field_of_another_type_is_named(message: Any, data: st.DataObject) -> None:
    fields = msgspec.json.decode(payload(message))
    name = data.draw(st.sampled_from([field.encode_name for field in msgspec.structs.fields(message)]))
    fields[name] = {"not": "this"}

    result = DECODERS[message.event_type](msgspec.json.encode(fields))

    assert isinstance(result, Rejected)
    assert result.reason == "mistyped-field"
    assert result.detail.endswith(f"`$.{name}`")


@given(MESSAGES)
def test_unknown_fields_are_ignored(message: Any) -> None:
    """Binance adds fields without notice."""
    fields = msgspec.json.decode(payload(message))

    result = DECODERS[message.event_type](msgspec.json.encode(fields | {"new": [1, {"deep": None}]}))

    assert result == message


@given(MESSAGES)
def test_another_event_type_is_refused(message: Any) -> None:
    fields = msgspec.json.decode(payload(message)) | {"e": "other"}

    result = DECODERS[message.event_type](msgspec.json.encode(fields))

    assert isinstance(result, Rejected)
    assert result.reason == "unknown-event"


@pytest.mark.parametrize("number", [-1, 1 << 63, 10**30])
def test_an_id_that_no_topic_can_hold_is_refused(number: int) -> None:
    text = b'{"e":"trade","E":1,"s":"A","t":%d,"p":"1","q":"1","T":1,"m":true}' % number

    result = TRADE(text)

    assert isinstance(result, Rejected)
    assert result.reason == "bad-number"
    assert decode_trade_id(text, aggregate=False) is None


@pytest.mark.parametrize("value", [b"", b"{", b"\xff", b'{"e":"\xff"}', b'{"z":' + b"[" * 200_000, b'{"e":"trade"'])
def test_bytes_that_are_no_json_are_malformed(value: bytes) -> None:
    result = TRADE(value)

    assert isinstance(result, Rejected)
    assert result.reason == "malformed-json"


@given(depth_histories(), depth_diffs())
def test_a_depth_topic_holds_diffs_and_snapshots(history: Any, diff: DepthDiff) -> None:
    snapshot = history.snapshot(len(history.changes))

    assert decode_depth(payload(diff)) == diff
    assert decode_depth(payload(snapshot)) == snapshot
    assert isinstance(snapshot, DepthSnapshot)


@given(depth_diffs())
def test_update_ids_that_do_not_follow_each_other_are_refused(diff: DepthDiff) -> None:
    for bad in (
        replace(diff, final_update_id=diff.first_update_id - 1),
        replace(diff, previous_final_update_id=diff.final_update_id + 1),
    ):
        result = decode_depth(payload(bad))

        assert isinstance(result, Rejected)
        assert result.reason == "bad-number"


def test_a_snapshot_of_an_impossible_time_is_refused() -> None:
    result = decode_depth(b'{"lastUpdateId":1,"E":99999999999999999999,"bids":[],"asks":[]}')

    assert isinstance(result, Rejected)
    assert result.reason == "bad-number"


@given(trades(), agg_trades())
def test_the_id_of_a_trade_that_cannot_be_read_is_found(trade: Any, agg_trade: Any) -> None:
    for message, number in ((trade, trade.trade_id), (agg_trade, agg_trade.aggregate_trade_id)):
        fields = msgspec.json.decode(payload(message)) | {"p": {"not": "a price"}}
        aggregate = message is agg_trade

        assert decode_trade_id(msgspec.json.encode(fields), aggregate=aggregate) == number
