"""Where the venue is reached: stream and REST addresses per market and environment.

Source: binance-spot-api-docs, "General WSS information" and "General API information" (2026-07-21); derivatives
documentation, "General Info" (2026-05-28) and "WebSocket Connect" (2026-03-06).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from ingest.core.streams import Route
from schemas.markets import Market


__all__ = ["Endpoint", "Environment", "endpoint_of", "is_address", "is_plain", "is_venue"]


class Environment(StrEnum):
    """Which exchange is meant."""

    PRODUCTION = "production"
    TESTNET = "testnet"
    SANDBOX = "sandbox"
    """The simulated or replayed exchange of this project."""


class Endpoint(Struct, frozen=True):
    """Addresses of one market."""

    streams: Mapping[Route, str]
    """The combined stream address of each route, without a query."""
    rest: str
    """What REST paths are appended to: ``https://api.binance.com/api/v3``."""
    user_stream: str
    """Where what happens to accounts is told. Spot: the WebSocket API; futures: what a listen key is added to."""


_VERSIONS: Final = {Market.SPOT: "api/v3", Market.USDM: "fapi/v1", Market.COINM: "dapi/v1"}
_HOSTS: Final[Mapping[tuple[Environment, Market], tuple[str, str]]] = {
    (Environment.PRODUCTION, Market.SPOT): ("wss://stream.binance.com:9443", "https://api.binance.com"),
    (Environment.PRODUCTION, Market.USDM): ("wss://fstream.binance.com", "https://fapi.binance.com"),
    (Environment.PRODUCTION, Market.COINM): ("wss://dstream.binance.com", "https://dapi.binance.com"),
    (Environment.TESTNET, Market.SPOT): ("wss://stream.testnet.binance.vision", "https://testnet.binance.vision"),
    # Sources name the futures test hosts differently; explicit addresses override these.
    (Environment.TESTNET, Market.USDM): ("wss://fstream.binancefuture.com", "https://demo-fapi.binance.com"),
    (Environment.TESTNET, Market.COINM): ("wss://dstream.binancefuture.com", "https://testnet.binancefuture.com"),
}
_WS_API: Final = {
    Environment.PRODUCTION: "wss://ws-api.binance.com:443/ws-api/v3",
    Environment.TESTNET: "wss://ws-api.testnet.binance.vision/ws-api/v3",
}
_VENUE_DOMAINS: Final = ("binance.com", "binance.vision", "binancefuture.com", "binance.us", "binance.me")


def endpoint_of(environment: Environment, market: Market, sandbox_url: str) -> Endpoint:
    """Return the addresses of a market.

    Args:
        environment: which exchange.
        market: which market.
        sandbox_url: base address of the sandbox's exchange; its paths tell the markets apart.
    """
    if environment is Environment.SANDBOX:
        rest = sandbox_url.rstrip("/")
        streams = f"{rest.replace('http', 'ws', 1)}/{market}"
    else:
        streams, rest = _HOSTS[environment, market]
    return Endpoint(_routes(market, streams), f"{rest}/{_VERSIONS[market]}", _user_stream(environment, market, streams))


def is_address(url: str) -> bool:
    """Return whether a text names a scheme that ingest speaks and a host."""
    parts = urlsplit(url)
    return parts.scheme in {"https", "wss", "http", "ws"} and bool(parts.hostname)


def is_plain(url: str) -> bool:
    """Return whether an address is not encrypted."""
    return urlsplit(url).scheme not in {"https", "wss"}


def is_venue(url: str) -> bool:
    """Return whether an address is Binance's own, which must always be encrypted."""
    host = urlsplit(url).hostname or ""
    return any(host == domain or host.endswith(f".{domain}") for domain in _VENUE_DOMAINS)


def _user_stream(environment: Environment, market: Market, base: str) -> str:
    match market:
        case Market.SPOT:
            return _WS_API.get(environment, f"{base}/ws-api/v3")
        case Market.USDM:
            return f"{base}/private/ws"
        case Market.COINM:
            return f"{base}/ws"


def _routes(market: Market, base: str) -> dict[Route, str]:
    if market is Market.USDM:
        return {route: f"{base}/{route}/stream" for route in (Route.PUBLIC, Route.MARKET)}
    return {Route.ALL: f"{base}/stream"}
