"""Paths of the stream server: which market, which framing, which class of streams.

The venue has a host for each market; here all share one, and the first part of the path stands for the host:
``/spot``, ``/usdm``, ``/coinm``. Without it, ``/ws`` and ``/stream`` are spot's. On USD-M a connection carries one
class of streams: ``/usdm/public``, ``/usdm/market`` or ``/usdm/private``; the legacy paths without a class carry the
public one (derivatives change log, 2026-03-05 and 2026-04-02).

Listen keys of futures stand where names of streams do: ``/coinm/ws/<key>``, ``/usdm/private/ws/<key>``; on USD-M also
in the query, each followed by the events that are wanted, ``/usdm/private/ws?listenKey=<key>&events=ACCOUNT_UPDATE``.
The WebSocket APIs are ``/ws-api/v3`` (spot), ``/ws-fapi/v1`` (USD-M) and ``/ws-dapi/v1`` (COIN-M), with or without the
part for the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from schemas.markets import Market


__all__ = ["StreamClass", "StreamEndpoint", "class_of", "stream_endpoint"]

_PATH = re.compile(
    r"(?:/(?P<market>spot|usdm|coinm))?(?:/(?P<class>public|market|private))?/(?P<kind>ws|stream)(?:/(?P<streams>.*))?"
)
_API_PATH = re.compile(r"(?:/(?P<market>spot|usdm|coinm))?/(?P<api>ws-api/v3|ws-fapi/v1|ws-dapi/v1)")
_APIS = {"ws-api/v3": Market.SPOT, "ws-fapi/v1": Market.USDM, "ws-dapi/v1": Market.COINM}
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
    API = "api"
    """Requests and replies, and on spot user data."""


class StreamEndpoint(msgspec.Struct, frozen=True):
    """What a client connected to."""

    market: Market
    stream_class: StreamClass
    combined: bool
    """Whether frames are wrapped with their stream's name."""
    streams: tuple[str, ...]
    """Streams asked for in the URL."""
    kinds: Mapping[str, frozenset[str]] = {}
    """The types of events wanted of each listen key that the URL's query names."""

    @property
    def takes_listen_keys(self) -> bool:
        """Return whether the name of a stream can be a listen key."""
        return self.stream_class is StreamClass.PRIVATE or self.market is Market.COINM

    def carries(self, stream: str) -> bool:
        """Return whether frames of a stream can come this way; if not, a subscription to it stays silent."""
        return self.stream_class is StreamClass.ANY or class_of(self.market, stream) is self.stream_class


def class_of(market: Market, stream: str) -> StreamClass:
    """Return the class that a stream of market data belongs to."""
    if market is not Market.USDM:
        return StreamClass.ANY
    return StreamClass.PUBLIC if _USDM_PUBLIC.fullmatch(stream) else StreamClass.MARKET


def stream_endpoint(path: str, streams: str = "", query: Iterable[tuple[str, str]] = ()) -> StreamEndpoint | None:
    """Return what a (decoded) URL path means; None if it is no stream endpoint.

    Args:
        path: ``/usdm/public/stream``, ``/ws/btcusdt@trade`` …
        streams: The value of the query's ``streams``, names joined by ``/``.
        query: All of the query, in order.
    """
    if api := _API_PATH.fullmatch(path.rstrip("/")):
        market = _APIS[api["api"]]
        fits = api["market"] in {None, market}
        return StreamEndpoint(market, StreamClass.API, combined=False, streams=()) if fits else None
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
    names = tuple(name for name in (streams if combined else match["streams"] or "").split("/") if name)
    kinds = _listen_keys(query) if stream_class is StreamClass.PRIVATE else {}
    return StreamEndpoint(market, stream_class, combined, names + tuple(kinds), kinds)


def _listen_keys(query: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    """Return the types of events wanted of each listen key; one that no events follow gets none, as clients saw."""
    kinds: dict[str, frozenset[str]] = {}
    last = None
    for name, value in query:
        if name == "listenKey" and value:
            last = value
            kinds.setdefault(last, frozenset())
        elif name == "events" and last is not None:
            kinds[last] |= frozenset(value.split("/"))
    return kinds
