"""What a recorded document is, and what it gives away."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from sandbox.recordings.payloads import (
    ControlReply,
    Payload,
    Snapshot,
    classify,
    event_ms,
    market_of_host,
    market_of_payload,
)
from schemas.markets import Market
from tests.unit.sandbox.payloads import book_ticker, depth_answer, diff, trade


def test_the_data_of_a_combined_frame_is_kept_byte_for_byte() -> None:
    data = b'{ "e":"trade", "p":"1.0", "q":"0.0100",  "new key":[1, 2] }'

    assert classify(b'{"stream":"btcusdt@trade","data":' + data + b"}") == Payload("btcusdt@trade", data)


@pytest.mark.parametrize(
    ("payload", "stream"),
    [
        ({"e": "trade", "s": "BTCUSDT"}, "btcusdt@trade"),
        ({"e": "aggTrade", "s": "BTCUSDT"}, "btcusdt@aggTrade"),
        ({"e": "depthUpdate", "s": "BTCUSDT"}, "btcusdt@depth"),
        ({"u": 1, "s": "BTCUSDT", "b": "1", "B": "1", "a": "2", "A": "1"}, "btcusdt@bookTicker"),
        ({"e": "bookTicker", "s": "BTCUSDT", "u": 1}, "btcusdt@bookTicker"),
        ({"e": "kline", "s": "BTCUSDT", "k": {"i": "1M"}}, "btcusdt@kline_1M"),
        (
            {"e": "markPrice_kline", "ps": "BTCUSD", "s": "BTCUSD_PERP", "k": {"i": "1m"}},
            "btcusd_perp@markPriceKline_1m",
        ),
        ({"e": "indexPrice_kline", "ps": "BTCUSD", "k": {"i": "1m"}}, "btcusd@indexPriceKline_1m"),
        (
            {"e": "continuous_kline", "ps": "BTCUSDT", "ct": "PERPETUAL", "k": {"i": "1M"}},
            "btcusdt_perpetual@continuousKline_1M",
        ),
        ({"e": "24hrTicker", "s": "BTCUSDT"}, "btcusdt@ticker"),
        ({"e": "24hrMiniTicker", "s": "BTCUSDT"}, "btcusdt@miniTicker"),
        ({"e": "markPriceUpdate", "s": "BTCUSDT"}, "btcusdt@markPrice"),
        ({"e": "indexPriceUpdate", "i": "BTCUSD"}, "btcusd@indexPrice"),
        ({"e": "forceOrder", "o": {"s": "BTCUSDT"}}, "btcusdt@forceOrder"),
        ({"e": "contractInfo", "s": "BTCUSDT"}, "!contractInfo"),
        ({"e": "brandNew", "s": "BTCUSDT"}, "btcusdt@brandNew"),
        ([{"e": "24hrTicker", "s": "BTCUSDT"}], "!ticker@arr"),
        ([{"e": "24hrMiniTicker", "s": "BTCUSDT"}], "!miniTicker@arr"),
        ([{"e": "markPriceUpdate", "s": "BTCUSDT"}], "!markPrice@arr"),
    ],
)
def test_a_bare_payload_tells_its_stream(payload: object, stream: str) -> None:
    body = json.dumps(payload).encode()

    assert classify(body) == Payload(stream, body)


def test_a_bare_depth_answer_has_a_symbol_on_coinm_only() -> None:
    spot = json.dumps(depth_answer(1)).encode()
    coinm = json.dumps(depth_answer(1, symbol="ETHUSD_PERP", pair="ETHUSD")).encode()

    assert classify(spot) == Snapshot("", spot)
    assert classify(coinm) == Snapshot("ETHUSD_PERP", coinm)


def test_the_sandboxs_own_depth_answers_name_their_symbol_in_the_stream() -> None:
    assert classify(b'{"stream":"btcusdt@rest:depth","data":{"lastUpdateId":1}}') == Snapshot(
        "BTCUSDT", b'{"lastUpdateId":1}'
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"result":null,"id":1}',
        b'{"result":["btcusdt@trade"],"id":"x"}',
        b'{"error":{"code":2,"msg":"Invalid request"},"id":null}',
        b'{"code":2,"msg":"Invalid request"}',
    ],
)
def test_replies_to_requests_are_no_market_data(body: bytes) -> None:
    assert classify(body) is ControlReply.CONTROL_REPLY


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"stream":"btcusdt@trade","data":{"e":"trade"', "malformed JSON"),
        (b"not json", "malformed JSON"),
        (b'{"stream":"btcusdt@trade"}', "combined frame without data"),
        (b"{}", "names neither"),
        (b"[]", "array of no known stream"),
        (b"5", "no known kind"),
        (b'{"e":5}', "no known kind"),
    ],
)
def test_what_is_nothing_known_says_why(body: bytes, reason: str) -> None:
    found = classify(body)

    assert isinstance(found, str)
    assert reason in found


@given(st.binary(max_size=100) | st.text(alphabet='{}[]":,a1se', max_size=60).map(str.encode))
def test_no_document_is_an_exception(body: bytes) -> None:
    found = classify(body)
    if isinstance(found, Payload | Snapshot):
        market_of_payload(found)


def test_deep_nesting_is_a_problem_of_the_line_not_of_the_reader() -> None:
    assert isinstance(classify(b'{"stream":' + b"[" * 100_000), str)


@pytest.mark.parametrize(
    ("stream", "payload", "market"),
    [
        ("btcusdt@depth", diff(1, 2), Market.SPOT),
        ("btcusdt@depth", diff(1, 2, previous_id=0), Market.USDM),
        ("btcusd_perp@depth", diff(1, 2, previous_id=0), Market.COINM),
        ("btcusd_261225@depth", diff(1, 2, previous_id=0), Market.COINM),
        ("btcusdt_261225@depth", diff(1, 2, previous_id=0), Market.USDM),
        ("btcusdt@trade", trade(1), Market.SPOT),
        ("btcusdt@trade", {"e": "trade", "X": "MARKET"}, Market.USDM),
        ("btcusdt@bookTicker", book_ticker(1), Market.SPOT),
        ("btcusdt@bookTicker", book_ticker(1) | {"e": "bookTicker", "E": 5}, Market.USDM),
        ("btcusdt@aggTrade", {"e": "aggTrade", "M": True}, Market.SPOT),
        ("btcusdt@aggTrade", {"e": "aggTrade"}, Market.USDM),
        ("btcusdt@markPrice", {"e": "markPriceUpdate"}, Market.USDM),
        ("btcusdt@avgPrice", {"e": "avgPrice"}, Market.SPOT),
        ("btcusdt@miniTicker", {"e": "24hrMiniTicker", "st": 1}, Market.USDM),
        ("btcusdt@miniTicker", {"e": "24hrMiniTicker"}, None),
        ("btcusdt@kline_1m", {"e": "kline"}, None),
        ("btcusd_perp@kline_1m", {"e": "kline"}, Market.COINM),
        ("!ticker@arr", [{"e": "24hrTicker"}], None),
    ],
)
def test_payloads_differ_by_market(stream: str, payload: object, market: Market | None) -> None:
    assert market_of_payload(Payload(stream, json.dumps(payload).encode())) is market


@pytest.mark.parametrize(
    ("more", "market"),
    [({}, Market.SPOT), ({"E": 1, "T": 1}, Market.USDM), ({"E": 1, "symbol": "ETHUSD_PERP"}, Market.COINM)],
)
def test_depth_answers_differ_by_market(more: dict[str, Any], market: Market) -> None:
    body = json.dumps(depth_answer(1, **more)).encode()

    assert market_of_payload(Snapshot(str(more.get("symbol", "")), body)) is market


@pytest.mark.parametrize(
    ("host", "market"),
    [
        ("stream.binance.com", Market.SPOT),
        ("stream.binance.us", Market.SPOT),
        ("fstream.binance.com", Market.USDM),
        ("dstream.binance.com", Market.COINM),
        ("https://api.binance.com/api/v3/depth", Market.SPOT),
        ("https://fapi.binance.com/fapi/v1/depth", Market.USDM),
        ("https://testnet.binancefuture.com/dapi/v1/depth", Market.COINM),
    ],
)
def test_hosts_differ_by_market(host: str, market: Market) -> None:
    assert market_of_host(host) is market


def test_the_event_time_of_an_array_is_its_first_elements() -> None:
    assert event_ms(b'{"e":"trade","E":7}') == 7
    assert event_ms(b'[{"E":8},{"E":9}]') == 8
    assert event_ms(b"[]") == 0
    assert event_ms(b'{"u":1}') == 0
