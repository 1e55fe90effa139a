"""Paths of the stream server: which market, which framing, which class of streams.

The venue has a host for each market; here all share one, and the first part of the path stands for the host:
``/spot``, ``/usdm``, ``/coinm``. Without it, ``/ws`` and ``/stream`` are spot's. On USD-M a connection carries one
class of streams: ``/usdm/public``, ``/usdm/market`` or ``/usdm/private``; the legacy paths without a class carry the
public one (derivatives change log, 2026-03-05 and 2026-04-02).
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

from schemas.markets import Market


__all__ = ["StreamClass", "StreamEndpoint", "class_of", "stream_endpoint"]

_PATH = re.compile(
    r"(?:/(?P<market>spot|usdm|coinm))?(?:/(?P<class>public|market|private))?/(?P<kind>ws|stream)(?:/(?P<streams>.*))?"
)
_USDM_PUBLIC = re.compile(r"[^@]+@(bookTicker|trade|(depth|rpiDepth)[^@]*(@\d+ms)?)|!bookTicker")


class StreamClass(StrEnum):
    """What a connection can carry."""

    ANY = "any"
    """Spot and COIN-M know no classes."""
    PUBLIC = "public"
    """USD-M: books, book tickers and trades."""
    MARKET = "market"
    """USD-M: all other market data."""
    PRIVATE = "private"
    """USD-M: user data."""


class StreamEndpoint(msgspec.Struct, frozen=True):
    """What a client connected to."""

    market: Market
    stream_class: StreamClass
    combined: bool
    """Whether frames are wrapped with their stream's name."""
    streams: tuple[str, ...]
    """Streams asked for in the URL."""

    def carries(self, stream: str) -> bool:
        """Return whether frames of a stream can come this way; if not, a subscription to it stays silent."""
        return self.stream_class is StreamClass.ANY or class_of(self.market, stream) is self.stream_class


def class_of(market: Market, stream: str) -> StreamClass:
    """Return the class that a stream of market data belongs to."""
    if market is not Market.USDM:
        return StreamClass.ANY
    return StreamClass.PUBLIC if _USDM_PUBLIC.fullmatch(stream) else StreamClass.MARKET


def stream_endpoint(path: str, streams: str = "") -> StreamEndpoint | None:
    """Return what a (decoded) URL path means; None if it is no stream endpoint.

    Args:
        path: ``/usdm/public/stream``, ``/ws/btcusdt@trade`` …
        streams: The value of the query's ``streams``, names joined by ``/``.
    """
    match = _PATH.fullmatch(path.rstrip("/"))
    if match is None:
        return None
    market = Market(match["market"] or Market.SPOT)
    if match["class"] and market is not Market.USDM:
        return None
    combined = match["kind"] == "stream"
    if combined and match["streams"]:
        return None
    stream_class = StreamClass(match["class"] or StreamClass.PUBLIC) if market is Market.USDM else StreamClass.ANY
    names = streams if combined else match["streams"] or ""
    return StreamEndpoint(market, stream_class, combined, tuple(name for name in names.split("/") if name))
