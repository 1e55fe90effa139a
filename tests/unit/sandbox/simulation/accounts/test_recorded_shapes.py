"""Events have the keys, and values of the types, of those that were recorded from Binance in March 2026."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.markets import Market
from tests.unit.sandbox.simulation.accounts.stage import Stage


SPOT, USDM = Market.SPOT, Market.USDM


def recorded(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return the events of a file of concatenated JSON objects."""
    text = (folder / "userdata" / f"WebSocket{name}.json").read_text(encoding="utf-8")
    decoder, events = msgspec.json.Decoder(), []
    for part in text.replace("}\n{", "}\0{").split("\0"):
        event = decoder.decode(part)
        events.append(event.get("event", event))
    return events


def shape(event: dict[str, Any]) -> dict[str, Any]:
    """Return keys, each with the type of its value."""
    return {key: shape(value) if isinstance(value, dict) else type(value) for key, value in event.items()}


def same(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    assert [shape(event) for event in ours] == [shape(event) for event in theirs]
    for mine, their in zip(ours, theirs, strict=True):
        here, there = (event["o"] if isinstance(event["o"], dict) else event for event in (mine, their))
        for key in ("x", "X", "o", "f", "r", "w", "m", "M", "C", "wt", "ot", "ps", "er", "V", "pm"):
            assert here.get(key) == there.get(key)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_spot_order_that_is_filled_at_once(recordings: Path, stage: Stage) -> None:
    ask = stage.quote(SPOT, "BTCUSDT").ask
    stage.ask(
        SPOT,
        "POST",
        "order",
        symbol="BTCUSDT",
        side="BUY",
        type="LIMIT",
        timeInForce="GTC",
        price=f"{ask}",
        quantity="0.001",
    )

    same(stage.told("executionReport"), recorded(recordings, "GlobalSpotLimitSubmittedFilled"))


def test_a_spot_market_order_in_two_parts(recordings: Path, stage: Stage) -> None:
    stage.ask(SPOT, "POST", "order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.005")

    same(stage.told("executionReport"), recorded(recordings, "GlobalSpotMarketSubmitPartiallyFilledFilled"))


def test_a_spot_stop_order_from_the_first_to_the_last(recordings: Path, stage: Stage) -> None:
    ask = stage.quote(SPOT, "BTCUSDT").ask
    stage.ask(
        SPOT,
        "POST",
        "order",
        symbol="BTCUSDT",
        side="BUY",
        type="STOP_LOSS_LIMIT",
        timeInForce="GTC",
        stopPrice=f"{ask + 10}",
        price=f"{ask + 5}",
        quantity="0.0004",
    )
    stage.sweep(SPOT, "BTCUSDT", "BUY", ask + 13)
    stage.sweep(SPOT, "BTCUSDT", "SELL", ask + 5)

    same(stage.told("executionReport"), recorded(recordings, "GlobalSpotStopLimitSubmittedTriggerFilled"))


@pytest.mark.parametrize(
    ("params", "cancelled", "name"),
    [
        ({"type": "MARKET"}, False, "FutureMarketSubmittedFilled"),
        ({"type": "LIMIT", "timeInForce": "GTC", "price": "84000.1"}, False, "FutureLimitSubmittedFilled"),
        ({"type": "LIMIT", "timeInForce": "GTC", "price": "83000"}, True, "FutureLimitSubmittedCancelled"),
    ],
)
def test_a_futures_order(recordings: Path, stage: Stage, params: dict[str, str], cancelled: bool, name: str) -> None:
    order = stage.ask(USDM, "POST", "order", symbol="BTCUSDT", side="BUY", quantity="0.002", **params)
    if cancelled:
        stage.ask(USDM, "DELETE", "order", symbol="BTCUSDT", orderId=str(order["orderId"]))

    same(stage.told("ORDER_TRADE_UPDATE"), recorded(recordings, name))


def test_a_conditional_futures_order_that_is_cancelled(recordings: Path, stage: Stage) -> None:
    order = stage.ask(
        USDM,
        "POST",
        "algoOrder",
        algoType="CONDITIONAL",
        symbol="BTCUSDT",
        side="BUY",
        type="STOP_MARKET",
        quantity="0.002",
        triggerPrice="85000",
    )
    stage.ask(USDM, "DELETE", "algoOrder", algoId=str(order["algoId"]))

    ours = stage.told("ALGO_UPDATE")
    for event in ours:
        assert event["o"].pop("ia") is True  # since 2026-08-21, after these were recorded
    same(ours, recorded(recordings, "FutureStopMarketSubmittedCanceled"))
