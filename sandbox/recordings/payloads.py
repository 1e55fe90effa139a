"""What a recorded JSON document is: a combined frame, a bare payload, a control reply, a depth snapshot.

Only the few fields that tell this are decoded; payloads stay the bytes that the venue sent.
"""

from __future__ import annotations

import re
from enum import Enum
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, Raw, UnsetType

from schemas.markets import Market


__all__ = [
    "ControlReply",
    "Payload",
    "Snapshot",
    "classify",
    "event_ms",
    "market_of_host",
    "market_of_payload",
    "why_no_json",
]

REST_DEPTH_SUFFIX = "@rest:depth"
"""Stream name, after the symbol, under which the sandbox's own recordings keep depth answers."""


class Payload(msgspec.Struct, frozen=True, gc=False):
    """A payload with the stream that it came on; `data` is verbatim."""

    stream: str
    data: bytes


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """A REST depth answer among the frames; the symbol is empty where the document does not tell it."""

    symbol: str
    body: bytes


class ControlReply(Enum):
    """A reply to SUBSCRIBE and the like: no market data."""

    CONTROL_REPLY = 1


class _Envelope(msgspec.Struct):
    stream: str = ""
    data: Raw = Raw()


class _Kline(msgspec.Struct):
    i: str = ""


class _Order(msgspec.Struct):
    s: str = ""


class _Head(msgspec.Struct):
    """The keys that tell one kind of bare payload, and one market, from another."""

    e: str = ""
    s: str | UnsetType = UNSET
    i: Raw | UnsetType = UNSET
    ps: str = ""
    ct: str = ""
    k: _Kline | UnsetType = UNSET
    o: Raw | UnsetType = UNSET
    u: Raw | UnsetType = UNSET
    b: Raw | UnsetType = UNSET
    B: Raw | UnsetType = UNSET
    st: int = 0
    pu: int | UnsetType = UNSET
    x: Raw | UnsetType = UNSET
    X: Raw | UnsetType = UNSET
    M: Raw | UnsetType = UNSET
    T: Raw | UnsetType = UNSET
    E: Raw | UnsetType = UNSET
    id: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    code: Raw | UnsetType = UNSET
    msg: Raw | UnsetType = UNSET
    last_update_id: int | UnsetType = msgspec.field(name="lastUpdateId", default=UNSET)
    symbol: str = ""
    pair: str = ""
    bids: Raw | UnsetType = UNSET


class _EventTime(msgspec.Struct):
    event_ms: int = msgspec.field(name="E", default=0)


_decode_event_time = msgspec.json.Decoder(_EventTime).decode
_decode_event_times = msgspec.json.Decoder(list[_EventTime]).decode
_decode_raw = msgspec.json.Decoder(Raw).decode
_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_head = msgspec.json.Decoder(_Head).decode
_decode_heads = msgspec.json.Decoder(list[_Head]).decode
_decode_order = msgspec.json.Decoder(_Order).decode
_decode_text = msgspec.json.Decoder(str).decode

_COINM_SYMBOL = re.compile(r"[A-Z0-9]+USD_(PERP|\d{6})")
_USDM_DELIVERY_SYMBOL = re.compile(r"[A-Z0-9]+_\d{6}")


def classify(body: bytes) -> Payload | Snapshot | ControlReply | str:
    """Return what a recorded JSON document is; a `str` is the reason why it is nothing known."""
    try:
        envelope = _decode_envelope(body)
    except msgspec.ValidationError:
        return _classify_array(body)
    except (ValueError, RecursionError) as error:
        return f"malformed JSON: {error}"
    if not envelope.stream:
        return _classify_bare(body)
    data = bytes(envelope.data)
    if not data:
        return "combined frame without data"
    if envelope.stream.endswith(REST_DEPTH_SUFFIX):
        return Snapshot(envelope.stream.removesuffix(REST_DEPTH_SUFFIX).upper(), data)
    return Payload(envelope.stream, data)


def _classify_bare(body: bytes) -> Payload | Snapshot | ControlReply | str:
    try:
        head = _decode_head(body)
    except (ValueError, RecursionError) as error:
        return f"payload of no known kind: {error}"
    if head.last_update_id is not UNSET and head.bids is not UNSET:
        return Snapshot(head.symbol, body.strip())
    if not head.e and (head.result is not UNSET or head.error is not UNSET or head.code is not UNSET):
        return ControlReply.CONTROL_REPLY
    stream = _stream_of(head)
    return Payload(stream, body.strip()) if stream else "payload that names neither its stream nor its event"


def _classify_array(body: bytes) -> Payload | str:
    try:
        heads = _decode_heads(body)
    except (ValueError, RecursionError) as error:
        return f"payload of no known kind: {error}"
    stream = _ARRAYS.get(heads[0].e) if heads else None
    return Payload(stream, body.strip()) if stream else "array of no known stream"


_ARRAYS = {
    "24hrTicker": "!ticker@arr",
    "24hrMiniTicker": "!miniTicker@arr",
    "markPriceUpdate": "!markPrice@arr",
    "assetIndexUpdate": "!assetIndex@arr",
    "1hTicker": "!ticker_1h@arr",
    "4hTicker": "!ticker_4h@arr",
    "1dTicker": "!ticker_1d@arr",
}
_SUFFIXES = {
    "depthUpdate": "depth",
    "24hrTicker": "ticker",
    "24hrMiniTicker": "miniTicker",
    "markPriceUpdate": "markPrice",
    "indexPriceUpdate": "indexPrice",
    "assetIndexUpdate": "assetIndex",
    "1hTicker": "ticker_1h",
    "4hTicker": "ticker_4h",
    "1dTicker": "ticker_1d",
}
_WITHOUT_SYMBOL = {"contractInfo": "!contractInfo", "serverShutdown": "!serverShutdown"}


def _stream_of(head: _Head) -> str:  # noqa: PLR0911 - one return per naming rule of the venue
    """Return the stream that a bare payload came on, as far as it tells; depth without its speed."""
    if head.e in _WITHOUT_SYMBOL:
        return _WITHOUT_SYMBOL[head.e]
    if head.e == "forceOrder" and head.o is not UNSET:
        return f"{_decode_order(head.o).s.lower()}@forceOrder"
    interval = head.k.i if head.k is not UNSET else ""
    if head.e == "continuous_kline":
        return f"{head.ps}_{head.ct}".lower() + f"@continuousKline_{interval}"
    symbol = _symbol_of(head).lower()
    if not symbol:
        return ""
    if head.e.endswith("kline") and interval:
        return f"{symbol}@{head.e.replace('_k', 'K')}_{interval}"
    if not head.e:
        is_book_ticker = head.u is not UNSET and head.b is not UNSET and head.B is not UNSET
        return f"{symbol}@bookTicker" if is_book_ticker else ""
    return f"{symbol}@{_SUFFIXES.get(head.e, head.e)}"


def _symbol_of(head: _Head) -> str:
    if head.s is not UNSET:
        return head.s
    if head.e == "indexPriceUpdate" and head.i is not UNSET:
        return _decode_text(head.i)
    return head.ps


def why_no_json(body: bytes) -> str:
    """Return why a document is no JSON; empty if it is."""
    try:
        _decode_raw(body)
    except (ValueError, RecursionError) as error:
        return f"malformed JSON: {error}"
    return ""


def event_ms(data: bytes) -> int:
    """Return a payload's event time, of an array its first element's; 0 if there is none.

    Raises:
        ValueError: It is malformed.
    """
    try:
        return _decode_event_time(data).event_ms
    except msgspec.ValidationError:
        elements = _decode_event_times(data)
        return elements[0].event_ms if elements else 0


def market_of_host(url: str) -> Market:
    """Return the market that a host or URL of Binance (or of its national exchanges) serves."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    host = parts.hostname or ""
    if host.startswith(("dstream", "dapi", "ws-dapi", "demo-dapi", "demo-dstream")) or "/dapi/" in parts.path:
        return Market.COINM
    if "fstream" in host or "fapi" in host or "binancefuture" in host or "/fapi/" in parts.path:
        return Market.USDM
    return Market.SPOT


_SPOT_EVENTS = frozenset({"avgPrice", "referencePrice", "blockTrade", "1hTicker", "4hTicker", "1dTicker"})
_FUTURES_EVENTS = frozenset(
    {"markPriceUpdate", "forceOrder", "compositeIndex", "contractInfo", "assetIndexUpdate", "continuous_kline"}
)


def market_of_payload(document: Payload | Snapshot) -> Market | None:
    """Return the market that the shape of a payload gives away; None where it fits more than one.

    Binance's spot and futures payloads differ in keys (``pu``, ``X``, ``T`` on futures, ``M`` on spot), COIN-M
    symbols in their form: ``…USD_PERP``, ``…USD_yymmdd``.
    """
    try:
        if isinstance(document, Snapshot):
            return _market_of_snapshot(_decode_head(document.body), document.symbol)
        if document.data[:1] == b"[":
            return None
        head = _decode_head(document.data)
        symbol = document.stream.partition("@")[0].upper()
        return _market_of_symbol(symbol) or _market_of_head(head)
    except ValueError:
        return None


def _market_of_snapshot(head: _Head, symbol: str) -> Market:
    by_symbol = _market_of_symbol(symbol or head.symbol)
    if by_symbol:
        return by_symbol
    return Market.SPOT if head.E is UNSET and head.T is UNSET else Market.USDM


def _market_of_symbol(symbol: str) -> Market | None:
    if _COINM_SYMBOL.fullmatch(symbol):
        return Market.COINM
    return Market.USDM if _USDM_DELIVERY_SYMBOL.fullmatch(symbol) else None


def _market_of_head(head: _Head) -> Market | None:
    if head.st in {1, 2}:
        return Market.USDM if head.st == 1 else Market.COINM
    if head.e in _SPOT_EVENTS:
        return Market.SPOT
    if head.e in _FUTURES_EVENTS:
        return Market.USDM
    futures = {
        "depthUpdate": head.pu is not UNSET,
        "trade": head.X is not UNSET or head.M is UNSET,
        "aggTrade": head.M is UNSET,
        "24hrTicker": head.x is UNSET and head.b is UNSET,
        "bookTicker": True,
        "": head.E is not UNSET,
    }.get(head.e)
    if futures is None:
        return None
    return Market.USDM if futures else Market.SPOT
