"""The protocol of one connection: exact replies, subscriptions, limits."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from sandbox.exchange.rules import RULES, MarketRules
from sandbox.exchange.session import Outcome, StreamSession
from schemas.markets import Market


UNHURRIED = msgspec.structs.replace(RULES[Market.SPOT], messages_per_second=1_000_000)
FUTURES = msgspec.structs.replace(RULES[Market.USDM], messages_per_second=1_000_000)


def session(rules: MarketRules = UNHURRIED, **options: Any) -> StreamSession:
    return StreamSession(rules, **({"combined": False} | options))


def ask(on: StreamSession, request: object) -> str | None:
    return on.receive(request if isinstance(request, str) else json.dumps(request), 0).reply


def test_subscribing_is_acknowledged_with_a_null_result() -> None:
    on = session()
    outcome = on.receive('{"method":"SUBSCRIBE","params":["btcusdt@aggTrade","btcusdt@depth"],"id":7}', 0)

    assert outcome == Outcome('{"result":null,"id":7}', subscribed=("btcusdt@aggTrade", "btcusdt@depth"))
    assert on.subscriptions == ("btcusdt@aggTrade", "btcusdt@depth")


def test_a_stream_subscribed_to_again_is_acknowledged_and_changes_nothing() -> None:
    on = session()
    on.open(["btcusdt@trade"])
    outcome = on.receive('{"method":"SUBSCRIBE","params":["btcusdt@trade","btcusdt@trade","a@b"],"id":1}', 0)

    assert outcome == Outcome('{"result":null,"id":1}', subscribed=("a@b",))


def test_a_stream_that_does_not_exist_is_acknowledged() -> None:
    assert ask(session(), {"method": "SUBSCRIBE", "params": ["nosuch@trade"], "id": 1}) == '{"result":null,"id":1}'


def test_unsubscribing_is_acknowledged_whether_subscribed_or_not() -> None:
    on = session()
    on.open(["btcusdt@trade"])
    outcome = on.receive('{"method":"UNSUBSCRIBE","params":["btcusdt@trade","a@b"],"id":8}', 0)

    assert outcome == Outcome('{"result":null,"id":8}', unsubscribed=("btcusdt@trade",))
    assert on.subscriptions == ()


def test_subscriptions_are_listed() -> None:
    on = session()
    on.open(["btcusdt@aggTrade", "a@b"])

    assert ask(on, {"method": "LIST_SUBSCRIPTIONS", "id": 9}) == '{"result":["btcusdt@aggTrade","a@b"],"id":9}'


def test_the_framing_is_a_property() -> None:
    on = session()
    replies = [
        ask(on, {"method": "GET_PROPERTY", "params": ["combined"], "id": 1}),
        ask(on, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 2}),
        ask(on, {"method": "GET_PROPERTY", "params": ["combined"], "id": 3}),
    ]

    assert replies == ['{"result":false,"id":1}', '{"result":null,"id":2}', '{"result":true,"id":3}']
    assert on.combined


METHODS = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"


@pytest.mark.parametrize(
    ("request_text", "code", "message", "request_id"),
    [
        ('{"method":"SET_PROPERTY","params":["colour",true],"id":1}', 0, "Unknown property", 1),
        ('{"method":"GET_PROPERTY","params":["colour"],"id":1}', 0, "Unknown property", 1),
        ('{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}', 1, "Invalid value type: expected Boolean", 1),
        ('{"method":"SET_PROPERTY","params":["combined"],"id":1}', 1, "Invalid value type: expected Boolean", 1),
        (
            '{"method":"SET_PROPERTY","params":[5,true],"id":1}',
            2,
            "Invalid request: property name must be a string",
            1,
        ),
        ('{"method":"GET_PROPERTY","id":1}', 2, "Invalid request: property name must be a string", 1),
        ('{"method":"GET_PROPERTY","params":["combined",1],"id":1}', 2, "Invalid request: too many parameters", 1),
        ('{"method":"LIST_SUBSCRIPTIONS","params":["a@b"],"id":1}', 2, "Invalid request: too many parameters", 1),
        (
            '{"method":"LIST_SUBSCRIPTIONS"}',
            2,
            "Invalid request: request ID must be an unsigned integer",
            None,
        ),
        (
            '{"method":"LIST","id":1}',
            2,
            f"Invalid request: unknown variant LIST, expected one of {METHODS} at line 1 column 16",
            1,
        ),
        ('{"id":1}', 2, "Invalid request: missing field `method` at line 1 column 8", 1),
        ("not json", 3, "Invalid JSON: expected value at line 1 column 1", None),
        ('{"method":"SUBSCRIBE","params":["nonsense"],"id":1}', 2, "Invalid request: invalid stream", 1),
        ('{"method":"SUBSCRIBE","params":["a@b",5],"id":1}', 2, "Invalid request: invalid stream", 1),
    ],
)
def test_a_wrong_request_is_answered_in_the_venues_words(
    request_text: str, code: int, message: str, request_id: int | None
) -> None:
    nested = json.loads(ask(session(), request_text) or "")
    flat = json.loads(ask(session(flat_errors=True), request_text) or "")

    assert nested == {"error": {"code": code, "msg": message}, "id": request_id}
    assert flat == {"code": code, "msg": message} | ({"id": request_id} if code == 0 else {})


def test_a_wrong_request_changes_no_subscription() -> None:
    on = session()
    outcome = on.receive('{"method":"SUBSCRIBE","params":["a@b","nonsense"],"id":1}', 0)

    assert (outcome.subscribed, on.subscriptions) == ((), ())


@pytest.mark.parametrize("request_id", ["abc123", None, -5, 0, 2**63])
def test_spot_takes_ids_of_several_kinds(request_id: object) -> None:
    reply = ask(session(), {"method": "LIST_SUBSCRIPTIONS", "id": request_id})

    assert json.loads(reply or "") == {"result": [], "id": request_id}


@pytest.mark.parametrize("request_id", ["abc123", None, -5, True, 1.5, "x" * 37])
def test_futures_take_unsigned_integers_as_ids_only(request_id: object) -> None:
    reply = json.loads(ask(session(FUTURES), {"method": "LIST_SUBSCRIPTIONS", "id": request_id}) or "")

    assert reply["error"]["msg"] == "Invalid request: request ID must be an unsigned integer"


def test_symbols_may_be_written_in_any_script() -> None:
    reply = ask(session(), {"method": "SUBSCRIBE", "params": ["币安人生usdt@trade", "!miniTicker@arr"], "id": 1})

    assert reply == '{"result":null,"id":1}'


def test_more_streams_than_allowed_close_the_connection_without_a_reply() -> None:
    on = session(msgspec.structs.replace(UNHURRIED, streams_per_connection=2))
    on.open(["a@b", "c@d"])

    assert on.receive('{"method":"SUBSCRIBE","params":["a@b"],"id":1}', 0).reply
    assert on.receive('{"method":"SUBSCRIBE","params":["e@f"],"id":2}', 0) == Outcome(closed=True)


@pytest.mark.parametrize(("market", "allowed"), [(Market.SPOT, 5), (Market.USDM, 10), (Market.COINM, 10)])
def test_more_messages_than_allowed_in_a_second_close_the_connection(market: Market, allowed: int) -> None:
    """Requests, pings and pongs count alike."""
    on = session(RULES[market])
    within = [on.receive_control(0.1 * number / allowed).closed for number in range(allowed)]

    assert within == [False] * allowed
    assert on.receive('{"method":"LIST_SUBSCRIPTIONS","id":1}', 0.9) == Outcome(closed=True)


def test_as_many_messages_as_allowed_may_go_on_for_ever() -> None:
    on = session(RULES[Market.SPOT])

    assert not any(on.receive_control(number / 4).closed for number in range(100))


JSON_VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)


@given(st.text(max_size=80) | JSON_VALUES.map(json.dumps))
def test_no_request_is_an_exception(request_text: str) -> None:
    outcome = session().receive(request_text, 0)

    assert outcome.reply is not None
    assert "error" in json.loads(outcome.reply)


@pytest.mark.parametrize("request_text", ["[" * 4_000, '{"id":' + "9" * 6_000 + "}"])
def test_requests_that_no_parser_likes_are_refused(request_text: str) -> None:
    assert "error" in json.loads(ask(session(), request_text) or "")
