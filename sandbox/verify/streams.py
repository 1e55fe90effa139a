"""Which topic a stream's payloads belong to, told from the stream's name."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import msgspec

from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["Carried", "Element", "carried", "elements"]

_OF_SYMBOLS: Final = {
    "trade": RawType.TRADE,
    "aggTrade": RawType.AGG_TRADE,
    "bookTicker": RawType.BOOK_TICKER,
    "miniTicker": RawType.MINI_TICKER,
    "ticker": RawType.TICKER,
}
_OF_FUTURES: Final = {
    "markPrice": RawType.MARK_PRICE,
    "markPrice@1s": RawType.MARK_PRICE,
    "forceOrder": RawType.FORCE_ORDER,
}
_OF_MARKETS: Final = {
    "!miniTicker@arr": RawType.MINI_TICKER,
    "!ticker@arr": RawType.TICKER,
    "!markPrice@arr": RawType.MARK_PRICE,
    "!markPrice@arr@1s": RawType.MARK_PRICE,
    "!bookTicker": RawType.BOOK_TICKER,
    "!forceOrder@arr": RawType.FORCE_ORDER,
}
_SPOT_OF_MARKETS: Final = frozenset({"!miniTicker@arr"})
_DEPTH: Final = re.compile(r"depth(?P<levels>5|10|20)?(@(?P<speed>[0-9]+)ms)?")
_SPOT_SPEEDS: Final = frozenset({None, "100", "1000"})
_FUTURES_SPEEDS: Final = frozenset({None, "0", "100", "250", "500"})
_KLINE: Final = re.compile(r"kline_([1-9][0-9]*[mhdwM]|1s)")
_FUTURES_TYPES: Final = {1: Market.USDM, 2: Market.COINM}


class Carried(msgspec.Struct, frozen=True):
    """A stream that the pipeline carries."""

    raw_type: RawType
    symbol: str
    """Empty for streams of a whole market: each payload names its own."""


@lru_cache(maxsize=65_536)
def carried(market: Market, stream: str) -> Carried | None:
    """Return where payloads of a stream go; None for stream types that have no topic.

    >>> carried(Market.SPOT, "btcusdt@depth@100ms")
    Carried(raw_type=<RawType.DEPTH: 'depth'>, symbol='BTCUSDT')
    """
    if stream.startswith("!"):
        offered = market.is_futures or stream in _SPOT_OF_MARKETS
        raw_type = _OF_MARKETS.get(stream) if offered else None
        return None if raw_type is None else Carried(raw_type, "")
    symbol, _, name = stream.partition("@")
    raw_type = _type_of(market, name)
    return None if raw_type is None else Carried(raw_type, symbol.upper())


def _type_of(market: Market, name: str) -> RawType | None:
    if depth := _DEPTH.fullmatch(name):
        speeds = _FUTURES_SPEEDS if market.is_futures else _SPOT_SPEEDS
        if depth["speed"] not in speeds:
            return None
        return RawType.PARTIAL_DEPTH if depth["levels"] else RawType.DEPTH
    if _KLINE.fullmatch(name):
        return RawType.KLINE
    return _OF_SYMBOLS.get(name) or (_OF_FUTURES.get(name) if market.is_futures else None)


class Element(msgspec.Struct, frozen=True, gc=False):
    """One payload of one symbol, as it stands in the raw topic."""

    market: Market
    symbol: str
    data: bytes | memoryview
    version: tuple[int, int] | None = None
    """Event time and update id of what streams of the whole market carry on both futures hosts since 2026-06-30: one
    copy of each is published."""


class _Names(msgspec.Struct, frozen=True):
    """The keys that say whose a payload is; a liquidation has them inside its order, or beside it, or both."""

    symbol: str = msgspec.field(name="s", default="")
    futures_type: int | None = msgspec.field(name="st", default=None)


class _Head(_Names, frozen=True):
    event_time: int = msgspec.field(name="E", default=0)
    update_id: int = msgspec.field(name="u", default=0)
    order: msgspec.Raw = msgspec.field(name="o", default=msgspec.Raw())


_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_head = msgspec.json.Decoder(_Head).decode
_decode_order = msgspec.json.Decoder(_Names).decode


def elements(market: Market, stream: Carried, data: bytes) -> list[Element]:
    """Take a payload apart into what is published of it: a record per symbol.

    Of a merged futures array each element goes to the market that its ``st`` names.

    Raises:
        msgspec.DecodeError: the payload does not tell its symbols.
    """
    if data[:1] != b"[":
        return [Element(market, stream.symbol, data)] if stream.symbol else [_element(market, data)]
    return [_element(market, memoryview(element)) for element in _decode_array(data)]


def _element(market: Market, data: bytes | memoryview) -> Element:
    head = _decode_head(data)
    symbol, futures_type = head.symbol, head.futures_type
    if not symbol and bytes(head.order):
        order = _decode_order(head.order)
        symbol, futures_type = order.symbol, futures_type or order.futures_type
    if not symbol:
        raise msgspec.ValidationError("the payload names no symbol")
    if not market.is_futures:
        return Element(market, symbol, data)
    owner = _FUTURES_TYPES.get(futures_type or 0, market)
    return Element(owner, symbol, data, (head.event_time, head.update_id))
