from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, strategies as st

from ingest.core.account_answers import Item, read_items, symbols_of_event
from ingest.core.account_endpoints import Asked
from tests.support.recordings import recordings_dir


@pytest.mark.parametrize(
    ("event", "symbols"),
    [
        (b'{"e":"executionReport","s":"BTCUSDT","o":"LIMIT","a":4,"S":"BUY"}', {"BTCUSDT"}),
        (b'{"e":"listStatus","s":"BTCUSDT","O":[{"s":"BTCUSDT","i":1}]}', {"BTCUSDT"}),
        (b'{"e":"ORDER_TRADE_UPDATE","o":{"s":"ETHUSDT","S":"SELL"}}', {"ETHUSDT"}),
        (b'{"e":"TRADE_LITE","s":"ETHUSDT","a":"1"}', {"ETHUSDT"}),
        (b'{"e":"ALGO_UPDATE","o":{"aid":5,"s":"SOLUSDT"}}', {"SOLUSDT"}),
        (b'{"e":"CONDITIONAL_ORDER_TRIGGER_REJECT","or":{"s":"ETHUSDT","i":8}}', {"ETHUSDT"}),
        (
            b'{"e":"ACCOUNT_UPDATE","a":{"m":"ORDER","B":[],"P":[{"s":"BTCUSDT"},{"s":"ETHUSDT"}]}}',
            {"BTCUSDT", "ETHUSDT"},
        ),
        (b'{"e":"outboundAccountPosition","B":[{"a":"USDT"}]}', set()),
        (b'{"e":"balanceUpdate","a":"USDT","d":"1.5"}', set()),
        (b'{"e":"SOMETHING_NEW","s":5}', set()),
        (b"[1]", set()),
        (b"\xff", set()),
        (b"[" * 100_000, set()),
    ],
)
def test_the_symbols_of_an_event_are_found(event: bytes, symbols: set[str]) -> None:
    assert symbols_of_event(event) == symbols


@given(st.binary())
def test_whatever_comes_is_no_error(event: bytes) -> None:
    assert symbols_of_event(event) == frozenset() or b'"' in event


def test_what_nobody_knows_may_still_be_open() -> None:
    body = b'[{"symbol":"A","orderId":1,"status":"FILLED"},{"symbol":"A","orderId":2,"status":"PENDING_SOMETHING"}]'

    assert read_items(Asked.ORDERS, body) == [Item("A", 1, is_open=False), Item("A", 2, is_open=True)]


def test_a_triggered_conditional_order_is_not_at_its_end() -> None:
    body = b'[{"symbol":"A","algoId":1,"algoStatus":"TRIGGERED"},{"symbol":"A","algoId":2,"algoStatus":"FINISHED"}]'

    assert read_items(Asked.ALGOS, body) == [Item("A", 1, is_open=True), Item("A", 2, is_open=False)]


def test_an_account_lists_nothing_but_must_be_json() -> None:
    assert read_items(Asked.ACCOUNT, b'{"balances":[]}') == ()
    with pytest.raises(msgspec.DecodeError):
        read_items(Asked.ACCOUNT, b"<html>")


@pytest.mark.skipif(recordings_dir() is None, reason="the recordings are not here")
@pytest.mark.parametrize("name", ["WebSocketFutureMarketSubmittedFilled", "WebSocketGlobalSpotLimitSubmittedFilled"])
def test_recorded_events_name_their_symbol(name: str) -> None:
    text = ((recordings_dir() or Path()) / "userdata" / f"{name}.json").read_text()
    events, at = list[bytes](), 0
    while (at := text.find("{", at)) >= 0:
        value, at = json.JSONDecoder().raw_decode(text, at)
        events.append(msgspec.json.encode(value.get("event", value)))

    assert len(events) > 1
    assert frozenset().union(*map(symbols_of_event, events)) == {"ACHUSDT"}
