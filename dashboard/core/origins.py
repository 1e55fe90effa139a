"""Where data come from: the market itself, its test network, or a simulated exchange."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec


__all__ = ["UNKNOWN", "Origin", "origin_of"]

_LIVE: Final = ("binance.com", "binance.us", "binance.me")
_TEST: Final = ("testnet.binance.vision", "binancefuture.com", "testnet.binance.com")
_HISTORY: Final = ("binance.vision",)


class Origin(msgspec.Struct, frozen=True):
    """Where data come from."""

    source: str
    """In words for a reader."""
    simulated: bool
    """Whether it is not the market itself: then nothing that is shown was ever traded for real."""


UNKNOWN: Final = Origin("unknown", simulated=False)
"""Nothing was told of a connection."""
_ORIGINS: Final[Mapping[str, Origin]] = {
    "live": Origin("Binance", simulated=False),
    "test": Origin("Binance testnet", simulated=True),
    "other": Origin("simulated exchange", simulated=True),
}


def origin_of(urls: Collection[str]) -> Origin:
    """Return where the data of connections to some addresses come from; of several, all are named."""
    if not urls:
        return UNKNOWN
    origins = {_origin(url) for url in urls}
    return Origin(" and ".join(sorted(one.source for one in origins)), any(one.simulated for one in origins))


def _origin(url: str) -> Origin:
    host = urlsplit(url).hostname or ""
    if _within(host, _TEST):
        return _ORIGINS["test"]
    return _ORIGINS["live" if _within(host, (*_LIVE, *_HISTORY)) else "other"]


def _within(host: str, domains: tuple[str, ...]) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)
