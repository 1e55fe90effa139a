"""Private REST endpoints: paths, weights, mandatory parameters, what they count as.

Source: binance-spot-api-docs, "Public Rest API for Binance" (2026-07-21), weights of orders since 2026-04-02;
derivatives documentation, "Trade", "Account" and "User Data Streams" of USD-M and COIN-M (2026-05-28).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from schemas.markets import Market


__all__ = ["PRIVATE_ENDPOINTS", "RESTRICTIONS", "RETIRED", "PrivateEndpoint", "Route", "Security"]

Weight = Callable[[Mapping[str, str]], int]
"""The weight of a request by its parameters."""
Route = tuple[str, str]
"""Method and path."""

_ORDER = ("symbol", "side", "type")
_OCO = ("symbol", "side", "quantity")
RESTRICTIONS = "apiRestrictions"
"""What a key may do; the server answers."""


class Security(msgspec.Struct, frozen=True):
    """What a request must come with."""

    signed: bool = True
    """Key, time and signature; without: the key alone."""
    trades: bool = False
    """A key that may trade."""


_READS, _TRADES, _KEY = Security(), Security(trades=True), Security(signed=False)


class PrivateEndpoint(msgspec.Struct, frozen=True):
    """One private endpoint of one market."""

    market: Market
    method: str
    name: str
    """Its path without prefix and version, as a source knows it."""
    weight: Weight
    mandatory: tuple[str, ...] = ()
    security: Security = _READS
    orders: int = 0
    """How many orders it counts as when it succeeds."""
    free_if_done: bool = False
    """Whether it weighs nothing when it succeeds."""


def _flat(weight: int) -> Weight:
    return lambda _: weight


def _by(name: str, with_it: int, without: int) -> Weight:
    return lambda params: with_it if params.get(name) else without


def _spot() -> dict[Route, PrivateEndpoint]:
    def read(name: str, weight: Weight, *mandatory: str) -> PrivateEndpoint:
        return PrivateEndpoint(Market.SPOT, "GET", name, weight, mandatory)

    def trade(method: str, name: str, mandatory: tuple[str, ...], orders: int = 0) -> PrivateEndpoint:
        return PrivateEndpoint(Market.SPOT, method, name, _flat(1), mandatory, _TRADES, orders, free_if_done=True)

    endpoints = [
        trade("POST", "order", _ORDER, 1),
        trade("POST", "order/test", _ORDER),
        trade("POST", "order/cancelReplace", (*_ORDER, "cancelReplaceMode"), 1),
        trade("POST", "order/oco", (*_OCO, "price", "stopPrice"), 2),
        trade("POST", "orderList/oco", (*_OCO, "aboveType", "belowType"), 2),
        trade("DELETE", "order", ("symbol",)),
        trade("DELETE", "openOrders", ("symbol",)),
        trade("DELETE", "orderList", ("symbol",)),
        read("order", _flat(4), "symbol"),
        read("openOrders", _by("symbol", 6, 80)),
        read("allOrders", _flat(20), "symbol"),
        read("myTrades", _by("orderId", 5, 20), "symbol"),
        read("account", _flat(20)),
        read("orderList", _flat(4)),
        read("openOrderList", _flat(6)),
        read("allOrderList", _flat(20)),
        read("rateLimit/order", _flat(40)),
    ]
    routes = {(each.method, f"/api/v3/{each.name}"): each for each in endpoints}
    restrictions = PrivateEndpoint(Market.SPOT, "GET", RESTRICTIONS, _flat(1))
    return routes | {("GET", f"/sapi/v1/account/{RESTRICTIONS}"): restrictions}


def _futures(market: Market, prefix: str) -> dict[Route, PrivateEndpoint]:
    usdm = market is Market.USDM
    routes: dict[Route, PrivateEndpoint] = {}

    def read(name: str, weight: Weight, *mandatory: str, version: int = 1) -> None:
        routes["GET", f"/{prefix}/v{version}/{name}"] = PrivateEndpoint(market, "GET", name, weight, mandatory)

    def trade(method: str, name: str, *mandatory: str, orders: int = 0, weight: int = 1) -> None:
        routes[method, f"/{prefix}/v1/{name}"] = PrivateEndpoint(
            market, method, name, _flat(weight), mandatory, _TRADES, orders
        )

    trade("POST", "order", *_ORDER, orders=1, weight=0)
    trade("POST", "order/test", *_ORDER, weight=0)
    trade("PUT", "order", "symbol", "side", "quantity", "price", orders=1)
    trade("DELETE", "order", "symbol")
    trade("DELETE", "allOpenOrders", "symbol")
    trade("POST", "algoOrder", "algoType", *_ORDER, orders=1, weight=0)
    trade("DELETE", "algoOrder")
    trade("DELETE", "algoOpenOrders", "symbol")
    trade("POST", "leverage", "symbol", "leverage")
    trade("POST", "marginType", "symbol", "marginType")
    trade("POST", "positionMargin", "symbol", "amount", "type")
    trade("POST", "positionSide/dual", "dualSidePosition")
    read("order", _flat(1), "symbol")
    read("openOrder", _flat(1), "symbol")
    read("openOrders", _by("symbol", 1, 40))
    read("allOrders", _flat(5))
    read("userTrades", _flat(5))
    read("algoOrder", _flat(1))
    read("openAlgoOrders", _by("symbol", 1, 40))
    read("allAlgoOrders", _flat(5))
    read("positionSide/dual", _flat(30))
    read("rateLimit/order", _flat(1))
    for name, weight in (("account", 5), ("balance", 5 if usdm else 1), ("positionRisk", 5 if usdm else 1)):
        for version in (2, 3) if usdm else (1,):
            read(name, _flat(weight), version=version)
    for method in ("POST", "PUT", "DELETE"):
        routes[method, f"/{prefix}/v1/listenKey"] = PrivateEndpoint(
            market, method, "listenKey", _flat(1), security=_KEY
        )
    return routes


PRIVATE_ENDPOINTS: Mapping[Route, PrivateEndpoint] = {
    **_spot(),
    **_futures(Market.USDM, "fapi"),
    **_futures(Market.COINM, "dapi"),
}
"""Every endpoint, by method and path. Not every source answers all of them."""

RETIRED: tuple[str, ...] = ("/api/v3/userDataStream", "/api/v1/userDataStream")
"""Paths of spot's listen keys, which went in February 2026."""
