from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox.exchange.source import KeepsAccounts, StreamEvent
from sandbox.recordings.private import PrivateRecording, read_private
from sandbox.replay.private_source import PrivateReplaySource
from schemas.markets import Market
from tests.unit.sandbox.accounts import T0, execution, futures_life, spot_life, written


@pytest.fixture
def recording(tmp_path: Path) -> PrivateRecording:
    return read_private([written(tmp_path / "spot", spot_life()), written(tmp_path / "usdm", futures_life())])


def passed(recording: PrivateRecording, until_ms: int | None = None) -> PrivateReplaySource:
    """The source when everything was sent, or what was due up to a time."""
    source = PrivateReplaySource(recording)
    for event in source.events():
        assert isinstance(event, StreamEvent)
        if until_ms is not None and event.due_ns > until_ms * 1_000_000:
            break
    return source


def asked(
    source: PrivateReplaySource,
    market: Market,
    path: str,
    params: Mapping[str, str] | None = None,
    *,
    status: int = 200,
) -> Any:
    label = "spot" if market is Market.SPOT else "usdm"
    reply = source.account_request(market, label, "GET", path, params or {})
    assert reply.status == status
    return json.loads(reply.body)


def test_every_event_is_sent_once_to_its_account_alone_and_time_never_goes_back(recording: PrivateRecording) -> None:
    source = PrivateReplaySource(recording)
    sent = list(source.events())

    assert isinstance(source, KeepsAccounts)
    assert [(e.market, e.account, e.stream, e.data) for e in sent if isinstance(e, StreamEvent)] == [
        (event.market, event.account, event.type, event.data) for event in recording.events
    ]
    due = [event.due_ns for event in sent if isinstance(event, StreamEvent)]
    assert due == sorted(due)
    assert source.event_count == len(sent) == 26


def test_before_the_first_event_nothing_is_known_of_an_account(recording: PrivateRecording) -> None:
    source = PrivateReplaySource(recording)

    assert asked(source, Market.SPOT, "account")["balances"] == []
    for path in ("openOrders", "allOrders", "myTrades"):
        assert asked(source, Market.SPOT, path, {"symbol": "BTCUSDT"}) == []
    for path in ("openOrders", "allOrders", "userTrades", "balance", "positionRisk", "openAlgoOrders", "allAlgoOrders"):
        assert asked(source, Market.USDM, path) == []
    assert source.clock_ms() < T0 - 5


def test_an_answer_tells_what_was_sent_up_to_then(recording: PrivateRecording) -> None:
    source = passed(recording, T0 + 15)
    (order,) = asked(source, Market.SPOT, "openOrders")
    balances = {item["asset"]: item["free"] for item in asked(source, Market.SPOT, "account")["balances"]}

    assert (order["status"], order["executedQty"], order["cummulativeQuoteQty"]) == (
        "PARTIALLY_FILLED",
        "1.00000000",
        "10.00000000",
    )
    assert [trade["id"] for trade in asked(source, Market.SPOT, "myTrades", {"symbol": "BTCUSDT"})] == [50]
    assert balances == {"USDT": "70.00000000", "BTC": "1.99900000"}


def test_at_the_end_answers_tell_how_everything_ended(recording: PrivateRecording) -> None:
    source = passed(recording)
    spot = {order["orderId"]: order for order in asked(source, Market.SPOT, "allOrders", {"symbol": "BTCUSDT"})}
    (order,) = asked(source, Market.USDM, "allOrders")
    (algo,) = asked(source, Market.USDM, "allAlgoOrders")
    (position,) = asked(source, Market.USDM, "positionRisk")

    assert (spot[7]["status"], spot[8]["status"], spot[8]["clientOrderId"]) == ("FILLED", "CANCELED", "other")
    assert (order["status"], order["avgPrice"], order["cumQuote"], order["time"]) == ("FILLED", "21", "63.0", T0 + 51)
    assert (algo["algoStatus"], algo["actualOrderId"], algo["actualQty"]) == ("FINISHED", "9", "3")
    assert (position["positionAmt"], position["entryPrice"]) == ("1", "20")
    assert asked(source, Market.USDM, "balance")[0]["balance"] == "1001.41"
    assert [trade["commission"] for trade in asked(source, Market.USDM, "userTrades")] == ["0.01", "-0.02"]
    for path in ("openOrders", "openAlgoOrders"):
        assert asked(source, Market.USDM, path) == []


def test_lists_are_cut_by_id_time_and_number(recording: PrivateRecording) -> None:
    source = passed(recording)

    def ids(path: str, **params: str) -> list[int]:
        items = asked(source, Market.SPOT, path, {"symbol": "BTCUSDT", **params})
        return [item["orderId"] if path == "allOrders" else item["id"] for item in items]

    assert ids("allOrders", orderId="8") == [8]
    assert ids("allOrders", limit="1") == [8]
    assert ids("allOrders", limit="1", orderId="1") == [7]
    assert ids("allOrders", startTime=str(T0 + 1)) == [8]
    assert ids("allOrders", endTime=str(T0 + 1)) == [7]
    assert ids("myTrades", fromId="51") == [52]
    assert ids("myTrades", orderId="8") == []


def test_one_order_is_found_by_either_id(recording: PrivateRecording) -> None:
    source = passed(recording)

    assert asked(source, Market.SPOT, "order", {"symbol": "BTCUSDT", "orderId": "7"})["clientOrderId"] == "mine"
    assert asked(source, Market.SPOT, "order", {"symbol": "BTCUSDT", "origClientOrderId": "other"})["orderId"] == 8
    assert asked(source, Market.USDM, "algoOrder", {"algoId": "3"})["clientAlgoId"] == "stop"
    unknown = asked(source, Market.SPOT, "order", {"symbol": "BTCUSDT", "orderId": "1"}, status=400)
    assert unknown["code"] == -2013


def test_nothing_can_be_changed_and_strangers_get_nothing(recording: PrivateRecording) -> None:
    source = passed(recording)
    placed = source.account_request(Market.SPOT, "spot", "POST", "order", {})
    strange = source.account_request(Market.SPOT, "strange", "GET", "account", {})

    assert (placed.status, strange.status) == (400, 400)
    assert asked(source, Market.SPOT, "rateLimit/order", status=400)["code"] == -1020


def test_an_account_may_exist_of_which_nothing_is_recorded(recording: PrivateRecording) -> None:
    source = PrivateReplaySource(recording)
    source.open_account(Market.COINM, "usdm", {"BTC": "1"})

    reply = source.account_request(Market.COINM, "usdm", "GET", "balance", {})
    assert json.loads(reply.body) == []


def test_exchange_information_names_the_recorded_symbols_from_the_start(recording: PrivateRecording) -> None:
    source = PrivateReplaySource(recording)

    def symbols(path: str, market: Market) -> list[str]:
        return [symbol["symbol"] for symbol in json.loads(source.rest(market, path, {}).body)["symbols"]]

    assert symbols("/api/v3/exchangeInfo", Market.SPOT) == ["BTCUSDT"]
    assert symbols("/dapi/v1/exchangeInfo", Market.COINM) == []
    assert source.rest(Market.SPOT, "/api/v3/depth", {"symbol": "BTCUSDT"}).status == 400


def test_an_event_that_cannot_be_read_is_sent_and_changes_nothing(tmp_path: Path) -> None:
    broken = execution("NEW", "NEW", 1, T0)
    del broken["I"]
    recording = read_private([written(tmp_path / "spot", [broken])])
    source = passed(recording)

    assert source.event_count == 1
    assert asked(source, Market.SPOT, "openOrders") == []


def test_the_books_of_all_accounts_are_shown(recording: PrivateRecording) -> None:
    books = passed(recording).account_books(Market.USDM)

    assert isinstance(books, dict)
    assert [order.get("orderId") or order["algoId"] for order in books["usdm"]["orders"]] == [3, 9]
