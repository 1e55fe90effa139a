"""Methods of the WebSocket APIs that have a twin in REST.

Source: binance-spot-api-docs, "Public WebSocket API for Binance" (2026-07-21); derivatives documentation, "WebSocket
API" of USD-M and COIN-M (2026-05-28).
"""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.exchange.private.endpoints import PRIVATE_ENDPOINTS, PrivateEndpoint
from schemas.markets import Market


__all__ = ["API_METHODS", "api_method"]

_SPOT = {
    "order.place": ("POST", "order"),
    "order.test": ("POST", "order/test"),
    "order.cancel": ("DELETE", "order"),
    "order.cancelReplace": ("POST", "order/cancelReplace"),
    "order.status": ("GET", "order"),
    "openOrders.status": ("GET", "openOrders"),
    "openOrders.cancelAll": ("DELETE", "openOrders"),
    "orderList.place": ("POST", "order/oco"),
    "orderList.place.oco": ("POST", "orderList/oco"),
    "orderList.cancel": ("DELETE", "orderList"),
    "orderList.status": ("GET", "orderList"),
    "openOrderLists.status": ("GET", "openOrderList"),
    "allOrders": ("GET", "allOrders"),
    "allOrderLists": ("GET", "allOrderList"),
    "myTrades": ("GET", "myTrades"),
    "account.status": ("GET", "account"),
    "account.rateLimits.orders": ("GET", "rateLimit/order"),
}
_FUTURES = {
    "order.place": ("POST", "order"),
    "order.modify": ("PUT", "order"),
    "order.cancel": ("DELETE", "order"),
    "order.status": ("GET", "order"),
    "algoOrder.place": ("POST", "algoOrder"),
    "algoOrder.cancel": ("DELETE", "algoOrder"),
    "account.status": ("GET", "account"),
    "account.balance": ("GET", "balance"),
    "account.position": ("GET", "positionRisk"),
    "userDataStream.start": ("POST", "listenKey"),
    "userDataStream.ping": ("PUT", "listenKey"),
    "userDataStream.stop": ("DELETE", "listenKey"),
}


def _of(market: Market, names: Mapping[str, tuple[str, str]]) -> dict[str, PrivateEndpoint]:
    twins = {(each.method, each.name): each for each in PRIVATE_ENDPOINTS.values() if each.market is market}
    return {method: twins[twin] for method, twin in names.items()}


API_METHODS: Mapping[Market, Mapping[str, PrivateEndpoint]] = {
    Market.SPOT: _of(Market.SPOT, _SPOT),
    Market.USDM: _of(Market.USDM, _FUTURES),
    Market.COINM: _of(Market.COINM, _FUTURES),
}


def api_method(market: Market, name: str) -> PrivateEndpoint | None:
    """Return what a method asks for; it may be prefixed by a version, ``v3/order.place``, ``v2/account.status``."""
    version, slash, method = name.partition("/")
    if slash and not (version.startswith("v") and version[1:].isdecimal()):
        return None
    return API_METHODS[market].get(method if slash else name)
