"""Every payload has one key more, and all that it had."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.exchange.source import RestReply, StreamEvent
from sandbox.exchange.unknown_keys import answer_with_unknown_key, event_with_unknown_key
from schemas.markets import Market
from tests.unit.sandbox.exchange.serving import get, serving, socket_to
from tests.unit.sandbox.exchange.sources import ListSource, numbered


ADDED = {"zNew": {"E": "0", "list": [1, None]}}


@pytest.mark.parametrize(
    ("data", "extended"),
    [
        ({"e": "trade", "t": 1}, {"e": "trade", "t": 1} | ADDED),
        ({"e": "kline", "k": {"t": 1}}, {"e": "kline", "k": {"t": 1}} | ADDED),
        ({"b": [["1", "2"]], "a": []}, {"b": [["1", "2"]], "a": []} | ADDED),
        ([{"e": "x"}, {"e": "y"}], [{"e": "x"} | ADDED, {"e": "y"} | ADDED]),
        ([{"e": "x"}], [{"e": "x"} | ADDED]),
        ([[1, "2"], [3, "4"]], [[1, "2"], [3, "4"]]),
        ([], []),
        ({}, {}),
    ],
)
def test_an_object_has_one_key_more(data: Any, extended: Any) -> None:
    encoded = json.dumps(data, separators=(",", ":")).encode()
    event = event_with_unknown_key(StreamEvent(1, Market.SPOT, "x@y", encoded))

    assert json.loads(event.data) == extended
    assert json.loads(answer_with_unknown_key(RestReply(200, encoded)).body) == extended


async def test_streams_and_answers_have_it() -> None:
    async with (
        serving(ListSource(numbered(1)), unknown_keys=True) as server,
        socket_to(server, "/ws/btcusdt@trade") as client,
    ):
        server.start()
        event = json.loads(await client.recv())
        _, answer, _ = await get(server, "/api/v3/time")

    assert event == {"t": 0} | ADDED
    assert answer.keys() == {"serverTime", "zNew"}
