"""What the venue refuses, and what a request weighs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.exchange.rest import ENDPOINTS, check
from sandbox.exchange.source import RestReply


SYMBOL = {"symbol": "BTCUSDT"}
KLINES = {"symbol": "BTCUSDT", "interval": "1m"}


def checked(path: str, params: dict[str, str], api_key: str = "") -> dict[str, str]:
    found = check(ENDPOINTS[path], params, api_key)
    assert not isinstance(found, RestReply), found.body
    return found


def refusal(path: str, params: dict[str, str]) -> tuple[int, int, str]:
    found = check(ENDPOINTS[path], params, "")
    assert isinstance(found, RestReply)
    body: dict[str, Any] = json.loads(found.body)
    return found.status, body["code"], body["msg"]


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/api/v3/depth", "100"),
        ("/fapi/v1/depth", "500"),
        ("/api/v3/trades", "500"),
        ("/fapi/v1/aggTrades", "500"),
    ],
)
def test_a_limit_left_out_is_the_venues_default(path: str, limit: str) -> None:
    assert checked(path, SYMBOL) == SYMBOL | {"limit": limit}


def test_spot_cuts_a_limit_that_is_too_large() -> None:
    assert checked("/api/v3/depth", SYMBOL | {"limit": "999999"})["limit"] == "5000"
    assert checked("/api/v3/klines", KLINES | {"limit": "1500"})["limit"] == "1000"


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("/api/v3/depth", {}, 400, -1102),
        ("/api/v3/depth", {"symbol": ""}, 400, -1102),
        ("/api/v3/klines", SYMBOL, 400, -1102),
        ("/api/v3/trades", SYMBOL | {"limit": "ten"}, 400, -1100),
        ("/api/v3/aggTrades", SYMBOL | {"fromId": "-1"}, 400, -1100),
        ("/api/v3/trades", SYMBOL | {"limit": "0"}, 400, -1130),
        ("/fapi/v1/aggTrades", SYMBOL | {"limit": "1001"}, 400, -1130),
        ("/fapi/v1/depth", SYMBOL | {"limit": "7"}, 400, -4021),
        ("/dapi/v1/depth", SYMBOL | {"limit": "5000"}, 400, -4021),
        ("/api/v3/klines", SYMBOL | {"interval": "7m"}, 400, -1120),
        ("/fapi/v1/klines", SYMBOL | {"interval": "1s"}, 400, -1120),
        ("/fapi/v1/klines", KLINES | {"startTime": "5", "endTime": "4"}, 400, -1023),
        ("/fapi/v1/aggTrades", SYMBOL | {"startTime": "0", "endTime": "3600000"}, 400, -1127),
        ("/fapi/v1/aggTrades", SYMBOL | {"startTime": "0", "fromId": "1"}, 400, -1128),
        ("/fapi/v1/historicalTrades", SYMBOL, 401, -2014),
    ],
)
def test_wrong_parameters_are_refused_with_the_venues_code(
    path: str, params: dict[str, str], status: int, code: int
) -> None:
    assert refusal(path, params)[:2] == (status, code)


def test_the_missing_parameter_is_named() -> None:
    assert refusal("/api/v3/depth", {})[2] == (
        "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."
    )


def test_old_trades_need_a_key_on_futures_only() -> None:
    assert checked("/fapi/v1/historicalTrades", SYMBOL, api_key="k")["limit"] == "100"
    assert checked("/api/v3/historicalTrades", SYMBOL)["limit"] == "500"


def test_seconds_are_an_interval_on_spot() -> None:
    assert checked("/api/v3/klines", SYMBOL | {"interval": "1s"})


@pytest.mark.parametrize(
    ("path", "limits", "weights"),
    [
        ("/api/v3/depth", [1, 100, 101, 500, 501, 1000, 1001, 5000], [5, 5, 25, 25, 50, 50, 250, 250]),
        ("/fapi/v1/depth", [5, 10, 20, 50, 100, 500, 1000], [2, 2, 2, 2, 5, 10, 20]),
        ("/dapi/v1/depth", [5, 10, 20, 50, 100, 500, 1000], [2, 2, 2, 2, 5, 10, 20]),
        ("/fapi/v1/klines", [1, 99, 100, 499, 500, 1000, 1001, 1500], [1, 1, 2, 2, 5, 5, 10, 10]),
        ("/api/v3/trades", [1, 1000], [25, 25]),
        ("/api/v3/aggTrades", [1, 1000], [4, 4]),
        ("/fapi/v1/trades", [1, 1000], [5, 5]),
        ("/fapi/v1/aggTrades", [1, 1000], [20, 20]),
    ],
)
def test_weights_follow_the_venues_table(path: str, limits: list[int], weights: list[int]) -> None:
    assert [ENDPOINTS[path].weight({"limit": str(limit)}) for limit in limits] == weights


@pytest.mark.parametrize(
    ("path", "params", "weight"),
    [
        ("/api/v3/ping", {}, 1),
        ("/api/v3/exchangeInfo", {}, 20),
        ("/fapi/v1/exchangeInfo", {}, 1),
        ("/api/v3/ticker/24hr", SYMBOL, 2),
        ("/api/v3/ticker/24hr", {"symbols": '["A","B"]'}, 2),
        ("/api/v3/ticker/24hr", {}, 80),
        ("/api/v3/ticker/bookTicker", {}, 4),
        ("/fapi/v1/ticker/24hr", {}, 40),
        ("/fapi/v1/premiumIndex", SYMBOL, 1),
        ("/dapi/v1/premiumIndex", SYMBOL, 10),
    ],
)
def test_asking_for_every_symbol_weighs_more(path: str, params: dict[str, str], weight: int) -> None:
    assert ENDPOINTS[path].weight(params) == weight
