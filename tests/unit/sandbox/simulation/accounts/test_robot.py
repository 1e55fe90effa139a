"""The robot: the same requests from the same seed, prices and answers, of every kind, within the rules."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from sandbox.simulation.accounts.robot import Ask, Quote, Robot, Rules
from schemas.markets import Market


RULES = {
    Market.SPOT: Rules("BTCUSDT", Market.SPOT, Decimal("0.01"), Decimal("0.00001"), Decimal(5), Decimal(1)),
    Market.USDM: Rules("BTCUSDT", Market.USDM, Decimal("0.1"), Decimal("0.001"), Decimal(5), Decimal(1)),
    Market.COINM: Rules("BTCUSD_PERP", Market.COINM, Decimal("0.1"), Decimal(1), Decimal(0), Decimal(1)),
}
QUOTES = {"BTCUSDT": Quote(Decimal("84000.0"), Decimal("84000.1"))}
QUOTES["BTCUSD_PERP"] = QUOTES["BTCUSDT"]


def robot(market: Market, seed: int = 1) -> Robot:
    rules = RULES[market]
    return Robot(market, "main", {rules.symbol: rules}, seed)


def accept(ask: Ask) -> Any:
    """Return the answer of a venue that takes everything and fills nothing."""
    if ask.path == "orderList/oco":
        return {"orders": [{"clientOrderId": ask.params["aboveClientOrderId"]}]}
    if ask.path == "algoOrder":
        return {"clientAlgoId": ask.params["clientAlgoId"], "quantity": ask.params.get("quantity", "0")}
    return {
        "clientOrderId": ask.params.get("newClientOrderId") or ask.params.get("origClientOrderId"),
        "status": "NEW",
        "type": ask.params.get("type", "LIMIT"),
        "side": ask.params.get("side", "BUY"),
        "origQty": ask.params.get("quantity", "1"),
        "executedQty": "0",
    }


def run(each: Robot, count: int) -> list[Ask]:
    asks = []
    for _ in range(count):
        ask = each.next(QUOTES)
        asks.append(ask)
        each.answered(ask, 200, accept(ask))
    return asks


@pytest.mark.parametrize("market", Market)
def test_equal_seeds_ask_the_same_and_others_something_else(market: Market) -> None:
    assert run(robot(market), 200) == run(robot(market), 200) != run(robot(market, 2), 200)


@pytest.mark.parametrize("market", Market)
def test_it_asks_for_all_there_is(market: Market) -> None:
    kinds = {ask.kind for ask in run(robot(market), 600)}

    common = {
        "limit",
        "limit-across",
        "ioc",
        "fok",
        "post-only",
        "market",
        "expire-taker",
        "cancel",
        "cancel-all",
        "amend",
    }
    spot = {"market-by-value", "stop", "oco"}
    futures = {"reduce-only", "algo", "algo-trailing", "cancel-algo", "leverage"}
    assert kinds == common | (spot if market is Market.SPOT else futures)


@pytest.mark.parametrize("market", Market)
@given(seed=st.integers(min_value=0, max_value=10**9))
def test_prices_and_quantities_are_within_the_rules(market: Market, seed: int) -> None:
    rules = RULES[market]
    for ask in run(robot(market, seed), 40):
        for name, value in ask.params.items():
            if name.lower().endswith("price") and value:
                assert Decimal(value) % rules.tick == 0
            if name in {"quantity", "newQty"}:
                assert Decimal(value) % rules.step == 0
                assert Decimal(value) > 0


@pytest.mark.parametrize("market", Market)
def test_names_of_orders_are_never_given_twice(market: Market) -> None:
    names = [
        ask.params.get("newClientOrderId") or ask.params.get("clientAlgoId") or ask.params["listClientOrderId"]
        for ask in run(robot(market), 300)
        if ask.places
    ]

    assert len(names) == len(set(names)) > 150


def test_what_was_cancelled_or_is_gone_is_not_cancelled_again() -> None:
    each = robot(Market.SPOT)
    cancelled = [ask.params["origClientOrderId"] for ask in run(each, 600) if ask.kind == "cancel"]

    assert len(cancelled) == len(set(cancelled)) > 30


def test_it_does_not_collect_orders_without_end() -> None:
    each = robot(Market.USDM)
    run(each, 1_000)

    assert len(each.knowledge.of("BTCUSDT")) <= 31
