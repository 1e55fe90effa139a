"""What private requests weigh, and that each method of a WebSocket API has its twin."""

from __future__ import annotations

import pytest

from sandbox.exchange.private.endpoints import PRIVATE_ENDPOINTS
from sandbox.exchange.private.methods import API_METHODS, api_method
from schemas.markets import Market


SYMBOL = {"symbol": "BTCUSDT"}


@pytest.mark.parametrize(
    ("method", "path", "params", "weight"),
    [
        ("GET", "/api/v3/openOrders", SYMBOL, 6),
        ("GET", "/api/v3/openOrders", {}, 80),
        ("GET", "/api/v3/allOrders", SYMBOL, 20),
        ("GET", "/api/v3/order", SYMBOL, 4),
        ("GET", "/api/v3/account", {}, 20),
        ("GET", "/api/v3/myTrades", SYMBOL, 20),
        ("GET", "/api/v3/myTrades", SYMBOL | {"orderId": "1"}, 5),
        ("GET", "/api/v3/rateLimit/order", {}, 40),
        ("POST", "/api/v3/order", SYMBOL, 1),
        ("DELETE", "/api/v3/order", SYMBOL, 1),
        ("GET", "/fapi/v1/openOrders", SYMBOL, 1),
        ("GET", "/fapi/v1/openOrders", {}, 40),
        ("GET", "/fapi/v1/allOrders", SYMBOL, 5),
        ("GET", "/fapi/v1/order", SYMBOL, 1),
        ("GET", "/fapi/v3/account", {}, 5),
        ("GET", "/fapi/v3/balance", {}, 5),
        ("GET", "/fapi/v3/positionRisk", {}, 5),
        ("GET", "/fapi/v1/userTrades", SYMBOL, 5),
        ("POST", "/fapi/v1/order", SYMBOL, 0),
        ("POST", "/fapi/v1/algoOrder", SYMBOL, 0),
        ("POST", "/fapi/v1/listenKey", {}, 1),
        ("GET", "/dapi/v1/account", {}, 5),
        ("GET", "/dapi/v1/balance", {}, 1),
        ("GET", "/dapi/v1/openOrders", {}, 40),
    ],
)
def test_a_request_weighs_what_the_reference_says(method: str, path: str, params: dict[str, str], weight: int) -> None:
    assert PRIVATE_ENDPOINTS[method, path].weight(params) == weight


def test_whatever_changes_something_needs_a_key_that_may_trade() -> None:
    for (method, path), endpoint in PRIVATE_ENDPOINTS.items():
        trades = method != "GET" and not path.endswith("/listenKey")
        assert endpoint.security.trades is trades, path
        assert endpoint.security.signed is not path.endswith("/listenKey"), path


def test_every_method_has_a_twin_on_its_market() -> None:
    for market, methods in API_METHODS.items():
        assert methods
        assert {endpoint.market for endpoint in methods.values()} == {market}


@pytest.mark.parametrize(
    ("market", "name", "twin"),
    [
        (Market.SPOT, "order.place", ("POST", "order")),
        (Market.SPOT, "v3/order.place", ("POST", "order")),
        (Market.USDM, "v2/account.status", ("GET", "account")),
        (Market.SPOT, "x/order.place", None),
        (Market.SPOT, "userDataStream.start", None),
        (Market.COINM, "userDataStream.ping", ("PUT", "listenKey")),
    ],
)
def test_a_method_may_be_prefixed_by_a_version(market: Market, name: str, twin: tuple[str, str] | None) -> None:
    found = api_method(market, name)

    assert (None if found is None else (found.method, found.name)) == twin
