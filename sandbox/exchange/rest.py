"""Public REST endpoints: paths, parameters, weights; what the venue refuses before it looks at any market data.

Source: binance-spot-api-docs, "Public Rest API for Binance" (2026-07-21); derivatives documentation, "Market Data
Endpoints" of USD-M and COIN-M (2026-05-28) and "Error Codes". That spot cuts a `limit` that is too large, while futures
refuse it, is what clients have seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

from sandbox.exchange.source import RestReply, error_reply
from schemas.markets import Market


__all__ = ["ENDPOINTS", "Endpoint", "check"]

_INTEGER = re.compile(r"[0-9]{1,20}")
_INTEGERS = ("limit", "fromId", "startTime", "endTime")
_INTERVALS = frozenset(["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"])
_HOUR_MS = 3_600_000


Weight = Callable[[Mapping[str, str]], int]
"""The weight of a request by its parameters, `limit` filled in."""


class Endpoint(msgspec.Struct, frozen=True):
    """One GET endpoint of one market."""

    market: Market
    weight: Weight
    mandatory: tuple[str, ...] = ()
    default_limit: int = 0
    """0: the endpoint has no limit."""
    max_limit: int = 0
    limits: tuple[int, ...] = ()
    """The only limits taken; empty: any up to `max_limit`."""
    needs_key: bool = False


def _flat(weight: int) -> Weight:
    return lambda _: weight


def _by_limit(*tiers: tuple[int, int]) -> Weight:
    """Return a weight that grows with the limit: (up to this limit, this weight)."""
    return lambda params: next(weight for up_to, weight in tiers if int(params["limit"]) <= up_to)


def _by_symbol(one: int, every: int) -> Weight:
    """Return a weight that is smaller when one symbol is named."""
    return lambda params: one if "symbol" in params else every


def _spot_day_ticker_weight(params: Mapping[str, str]) -> int:
    if "symbol" in params:
        return 2
    symbol_count = params["symbols"].count(",") + 1 if "symbols" in params else 101
    return 2 if symbol_count <= 20 else 40 if symbol_count <= 100 else 80


_SPOT_DEPTH = _by_limit((100, 5), (500, 25), (1000, 50), (5000, 250))
_FUTURES_DEPTH = _by_limit((50, 2), (100, 5), (500, 10), (1000, 20))
_FUTURES_DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1000)
_FUTURES_KLINES = _by_limit((99, 1), (499, 2), (1000, 5), (1500, 10))


def _spot() -> dict[str, Endpoint]:
    market = Market.SPOT
    klines = Endpoint(market, _flat(2), ("symbol", "interval"), 500, 1000)
    endpoints = {
        "ping": Endpoint(market, _flat(1)),
        "time": Endpoint(market, _flat(1)),
        "exchangeInfo": Endpoint(market, _flat(20)),
        "depth": Endpoint(market, _SPOT_DEPTH, ("symbol",), 100, 5000),
        "trades": Endpoint(market, _flat(25), ("symbol",), 500, 1000),
        "historicalTrades": Endpoint(market, _flat(25), ("symbol",), 500, 1000),
        "aggTrades": Endpoint(market, _flat(4), ("symbol",), 500, 1000),
        "klines": klines,
        "uiKlines": klines,
        "ticker/24hr": Endpoint(market, _spot_day_ticker_weight),
        "ticker/price": Endpoint(market, _by_symbol(2, 4)),
        "ticker/bookTicker": Endpoint(market, _by_symbol(2, 4)),
    }
    return {f"/api/v3/{name}": endpoint for name, endpoint in endpoints.items()}


def _futures(market: Market, prefix: str) -> dict[str, Endpoint]:
    endpoints = {
        "v1/ping": Endpoint(market, _flat(1)),
        "v1/time": Endpoint(market, _flat(1)),
        "v1/exchangeInfo": Endpoint(market, _flat(1)),
        "v1/depth": Endpoint(market, _FUTURES_DEPTH, ("symbol",), 500, 1000, _FUTURES_DEPTH_LIMITS),
        "v1/trades": Endpoint(market, _flat(5), ("symbol",), 500, 1000),
        "v1/historicalTrades": Endpoint(market, _flat(20), ("symbol",), 100, 500, needs_key=True),
        "v1/aggTrades": Endpoint(market, _flat(20), ("symbol",), 500, 1000),
        "v1/klines": Endpoint(market, _FUTURES_KLINES, ("symbol", "interval"), 500, 1500),
        "v1/ticker/24hr": Endpoint(market, _by_symbol(1, 40)),
        "v1/ticker/price": Endpoint(market, _by_symbol(1, 2)),
        "v1/ticker/bookTicker": Endpoint(market, _by_symbol(2, 5)),
        "v1/premiumIndex": Endpoint(market, _by_symbol(1, 10) if market is Market.USDM else _flat(10)),
    }
    if market is Market.USDM:
        endpoints["v2/ticker/price"] = endpoints["v1/ticker/price"]
    return {f"/{prefix}/{name}": endpoint for name, endpoint in endpoints.items()}


ENDPOINTS: Mapping[str, Endpoint] = {**_spot(), **_futures(Market.USDM, "fapi"), **_futures(Market.COINM, "dapi")}
"""Every endpoint, by its path. Not every source answers all of them."""


def check(endpoint: Endpoint, params: Mapping[str, str], api_key: str) -> dict[str, str] | RestReply:
    """Return the parameters with `limit` filled in or cut, or the venue's refusal."""
    if endpoint.needs_key and not api_key:
        return error_reply(401, -2014, "API-key format invalid.")
    for name in endpoint.mandatory:
        if not params.get(name):
            text = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
            return error_reply(400, -1102, text)
    for name in _INTEGERS:
        if name in params and not _INTEGER.fullmatch(params[name]):
            text = f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
            return error_reply(400, -1100, text)
    limit = _checked_limit(endpoint, params)
    if isinstance(limit, RestReply):
        return limit
    checked = dict(params) | ({"limit": str(limit)} if limit else {})
    return _refusal(endpoint, checked) or checked


def _checked_limit(endpoint: Endpoint, params: Mapping[str, str]) -> int | RestReply:
    if not endpoint.default_limit:
        return 0
    limit = int(params.get("limit", endpoint.default_limit))
    if endpoint.limits and limit not in endpoint.limits:
        return error_reply(400, -4021, f"{limit} is not valid depth limit.")
    if limit < 1 or (limit > endpoint.max_limit and endpoint.market.is_futures):
        return error_reply(400, -1130, "Data sent for parameter 'limit' is not valid.")
    return min(limit, endpoint.max_limit)


def _refusal(endpoint: Endpoint, params: Mapping[str, str]) -> RestReply | None:
    if "interval" in endpoint.mandatory:
        seconds = params["interval"] == "1s" and not endpoint.market.is_futures
        if params["interval"] not in _INTERVALS and not seconds:
            return error_reply(400, -1120, "Invalid interval.")
    if not endpoint.market.is_futures:
        return None
    start_ms, end_ms = params.get("startTime"), params.get("endTime")
    if start_ms is not None and end_ms is not None:
        if int(start_ms) > int(end_ms):
            return error_reply(400, -1023, "Start time is greater than end time.")
        if "interval" not in endpoint.mandatory and int(end_ms) - int(start_ms) >= _HOUR_MS:
            return error_reply(400, -1127, "More than 1 hours between startTime and endTime.")
    if "fromId" in params and (start_ms is not None or end_ms is not None):
        return error_reply(400, -1128, "Combination of optional parameters invalid.")
    return None
