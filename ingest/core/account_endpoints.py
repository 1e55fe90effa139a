"""What the venue can be asked about an account: paths and weights, per market.

Source: binance-spot-api-docs, "Public Rest API for Binance" (2026-07-21); derivatives documentation, "Account" and
"Trade" of USD-M and COIN-M (2026-05-28), "Important CM-UM Integration Notice" (about 2026-09). Where pages differ the
larger weight is counted: COIN-M ``allOrders`` and ``userTrades`` print 20, the notice says 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct

from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["AccountEndpoint", "Asked", "endpoint_for", "listen_key_path", "restrictions_url", "url_of"]


class Asked(StrEnum):
    """What is asked about an account."""

    OPEN_ORDERS = "open-orders"
    ORDERS = "orders"
    """All orders of a symbol, from an id or a time on."""
    FILLS = "fills"
    """The account's own trades in a symbol, likewise."""
    OPEN_ALGOS = "open-algos"
    """Conditional orders of futures."""
    ALGOS = "algos"
    ACCOUNT = "account"
    BALANCES = "balances"
    POSITIONS = "positions"

    @property
    def raw_type(self) -> RawType:
        """Where the answers go."""
        return RawType.ACCOUNT_SNAPSHOT if self in _ACCOUNT else RawType.ORDER_SNAPSHOT

    @property
    def told_by(self) -> RawType:
        """Where the streams tell of the same."""
        return RawType.ACCOUNT_UPDATE if self in _ACCOUNT else RawType.ORDER_UPDATE


_ACCOUNT: Final = frozenset({Asked.ACCOUNT, Asked.BALANCES, Asked.POSITIONS})


class AccountEndpoint(Struct, frozen=True):
    """One question."""

    path: str
    """With the version: ``/fapi/v3/account``."""
    weight: int
    """About one symbol, or where symbols make no difference."""
    weight_of_all: int
    """Without a symbol."""


def _same(path: str, weight: int) -> AccountEndpoint:
    return AccountEndpoint(path, weight, weight)


_ENDPOINTS: Final[Mapping[Market, Mapping[Asked, AccountEndpoint]]] = {
    Market.SPOT: {
        Asked.OPEN_ORDERS: AccountEndpoint("/api/v3/openOrders", 6, 80),
        Asked.ORDERS: _same("/api/v3/allOrders", 20),
        Asked.FILLS: _same("/api/v3/myTrades", 20),
        Asked.ACCOUNT: _same("/api/v3/account", 20),
    },
    Market.USDM: {
        Asked.OPEN_ORDERS: AccountEndpoint("/fapi/v1/openOrders", 1, 40),
        Asked.ORDERS: _same("/fapi/v1/allOrders", 5),
        Asked.FILLS: _same("/fapi/v1/userTrades", 5),
        Asked.OPEN_ALGOS: AccountEndpoint("/fapi/v1/openAlgoOrders", 1, 40),
        Asked.ALGOS: _same("/fapi/v1/allAlgoOrders", 5),
        Asked.ACCOUNT: _same("/fapi/v3/account", 5),
        Asked.BALANCES: _same("/fapi/v3/balance", 5),
        Asked.POSITIONS: _same("/fapi/v3/positionRisk", 5),
    },
    Market.COINM: {
        Asked.OPEN_ORDERS: AccountEndpoint("/dapi/v1/openOrders", 1, 40),
        Asked.ORDERS: _same("/dapi/v1/allOrders", 20),
        Asked.FILLS: _same("/dapi/v1/userTrades", 20),
        Asked.OPEN_ALGOS: AccountEndpoint("/dapi/v1/openAlgoOrders", 1, 40),
        Asked.ALGOS: _same("/dapi/v1/allAlgoOrders", 5),
        Asked.ACCOUNT: _same("/dapi/v1/account", 5),
        Asked.BALANCES: _same("/dapi/v1/balance", 1),
        Asked.POSITIONS: _same("/dapi/v1/positionRisk", 1),
    },
}
_LISTEN_KEYS: Final = {Market.USDM: "/fapi/v1/listenKey", Market.COINM: "/dapi/v1/listenKey"}
_RESTRICTIONS: Final = "/sapi/v1/account/apiRestrictions"


def endpoint_for(market: Market, asked: Asked) -> AccountEndpoint | None:
    """Return where a question is asked; None: the market has no such thing."""
    return _ENDPOINTS[market].get(asked)


def listen_key_path(market: Market) -> str:
    """Return where a listen key of futures is had."""
    return _LISTEN_KEYS[market]


def url_of(base_url: str, path: str) -> str:
    """Return the whole address of a path.

    Args:
        base_url: a market's REST address with its usual version, ``https://fapi.binance.com/fapi/v1``.
        path: with the version that it wants.
    """
    return f"{base_url.rstrip('/').rsplit('/', 2)[0]}{path}"


def restrictions_url(spot_base_url: str) -> str:
    """Return where the venue tells what an API key may do: beside spot's REST interface, for keys of every market."""
    return url_of(spot_base_url, _RESTRICTIONS)
