"""How many orders an account may place."""

from __future__ import annotations

import json

import pytest

from sandbox.exchange.private.order_counts import ORDER_LIMITS, OrderCounts
from sandbox.simulation.rest.exchange_info import _RATE_LIMITS
from schemas.markets import Market


def test_an_account_is_refused_when_its_ten_seconds_are_used_up_and_no_longer() -> None:
    counts = OrderCounts()
    counts.add("main", "spot", 99, 1)

    assert counts.refusal("main", "spot", 1, 9.9) is None
    refused = counts.refusal("main", "spot", 2, 9.9)
    assert refused is not None
    assert json.loads(refused.body) == {
        "code": -1015,
        "msg": "Too many new orders; current limit is 100 orders per 10 SECOND.",
    }
    assert counts.refusal("main", "spot", 100, 10) is None


def test_orders_count_in_every_span_for_one_account_and_pool() -> None:
    counts = OrderCounts()
    counts.add("main", "futures", 2, 5)
    counts.add("main", "futures", 1, 15)

    assert counts.headers("main", "futures", 15) == {"X-MBX-ORDER-COUNT-10S": "1", "X-MBX-ORDER-COUNT-1M": "3"}
    assert counts.headers("main", "spot", 15) == {"X-MBX-ORDER-COUNT-10S": "0", "X-MBX-ORDER-COUNT-1D": "0"}
    assert [each["count"] for each in counts.described("hedge", "futures", 15)] == [0, 0]


@pytest.mark.parametrize(("market", "pool"), [(Market.SPOT, "spot"), (Market.USDM, "futures")])
def test_the_limits_are_those_that_the_simulated_market_states(market: Market, pool: str) -> None:
    stated = {
        (each["interval"], each["intervalNum"], each["limit"])
        for each in _RATE_LIMITS[market]
        if each["rateLimitType"] == "ORDERS"
    }

    assert {(each.interval, each.number, each.limit) for each in ORDER_LIMITS[pool]} == stated
