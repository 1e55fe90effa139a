"""Requests and replies of the WebSocket APIs as text."""

from __future__ import annotations

import json

from hypothesis import given, strategies as st

from sandbox.exchange.private.api_frames import ApiRequest, Unreadable, parse_request, reply_text
from sandbox.exchange.source import error_reply, json_reply


NUMBERS = [{"rateLimitType": "REQUEST_WEIGHT", "count": 1}]


def test_values_are_the_text_that_is_signed() -> None:
    params = '{"a":"1.0","b":1.50,"c":12345678901234567890,"d":true,"e":null,"f":["X","\\u00e9"],"g":1e5}'
    request = parse_request(f'{{"id":"x","method":"m","params":{params}}}')

    assert request == ApiRequest(
        "x", "m", {"a": "1.0", "b": "1.50", "c": "12345678901234567890", "d": "true", "f": '["X","é"]', "g": "1e5"}
    )


def test_an_error_stands_where_the_result_would() -> None:
    assert json.loads(reply_text(1, json_reply([1]), NUMBERS, 0)) == {
        "id": 1,
        "status": 200,
        "result": [1],
        "rateLimits": NUMBERS,
    }
    assert json.loads(reply_text(None, error_reply(400, -1121, "Invalid symbol."), None, 0)) == {
        "id": None,
        "status": 400,
        "error": {"code": -1121, "msg": "Invalid symbol."},
    }


def test_a_ban_tells_when_it_ends_by_the_venues_clock() -> None:
    banned = error_reply(418, -1003, "Way too much request weight used; IP banned until 1790000000123. Please.")
    reply = json.loads(reply_text(1, banned, None, 1_790_000_000_000))

    assert reply["error"]["data"] == {"serverTime": 1_790_000_000_000, "retryAfter": 1_790_000_000_123}


@given(st.text() | st.binary().map(lambda data: data.decode(errors="replace")))
def test_no_text_is_too_strange(text: str) -> None:
    assert isinstance(parse_request(text), ApiRequest | Unreadable)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )
)
def test_no_value_is_too_strange(value: object) -> None:
    for request in (value, {"id": value, "method": "m"}, {"method": value}, {"method": "m", "params": {"a": value}}):
        assert isinstance(parse_request(json.dumps(request)), ApiRequest | Unreadable)
