"""Names of Binance's public streams: what can be subscribed to, what comes of it, and on which socket.

A *stream type* is a stream's name without its symbol, as the configuration spells it (``depth@100ms``, ``kline_1m``,
``!miniTicker@arr``). Each belongs to one type of raw record.

Source: binance-spot-api-docs, "Web Socket Streams for Binance" (2026-07-21); derivatives documentation, "USD-M" and
"COIN-M Futures: Websocket Market Streams" (2026-05-28); "Important CM-UM Integration Notice" (2026-09).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Final

from msgspec import Struct

from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["Framing", "Route", "Stream", "StreamType", "UnknownStreamTypeError", "parse", "stream_of", "stream_types"]


class Route(StrEnum):
    """Which socket of a market carries a stream.

    On USD-M the classes are served by different addresses since 2026-04-23; a stream asked for on the wrong one is
    acknowledged and stays silent.
    """

    ALL = "all"
    """Spot and COIN-M: one address for everything."""
    PUBLIC = "public"
    """USD-M: the order book's streams, and trades."""
    MARKET = "market"
    """USD-M: all other market data."""
    PRIVATE = "private"
    """What happens to one account; on every market an address of its own."""


class Framing(StrEnum):
    """What a frame of the stream holds."""

    ONE = "one"
    """One event of the stream's symbol."""
    ANY = "any"
    """One event of any symbol."""
    ARRAY = "array"
    """An array of events, each of another symbol."""


class StreamType(Struct, frozen=True):
    """A kind of stream that a market offers."""

    text: str
    """As the configuration spells it: ``depth@100ms``."""
    raw_type: RawType
    framing: Framing
    route: Route

    @property
    def is_depth_diff(self) -> bool:
        """Whether it carries depth diffs, of which a symbol may have one speed only."""
        return self.raw_type is RawType.DEPTH


class Stream(Struct, frozen=True):
    """One stream to subscribe to."""

    market: Market
    name: str
    """The venue's name: ``btcusdt@depth@100ms``."""
    symbol: str | None
    """None: it carries many symbols."""
    type: StreamType

    @property
    def raw_type(self) -> RawType:
        """The type of its records."""
        return self.type.raw_type


class UnknownStreamTypeError(ValueError):
    """A stream type that the market does not offer."""

    def __init__(self, market: Market, text: str) -> None:
        self.market = market
        self.text = text
        super().__init__(market, text)

    def __str__(self) -> str:
        return f'stream type "{self.text}" does not exist on {self.market}; allowed: {_allowed(self.market)}'


_KLINE_INTERVALS: Final = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")
# The last of each are undocumented and may be gone from production; recordings have them.
_SPOT_SPEEDS: Final = ("", "@100ms", "@1000ms")
_FUTURES_SPEEDS: Final = ("", "@100ms", "@500ms", "@250ms", "@0ms")
_PUBLIC: Final = frozenset({RawType.TRADE, RawType.DEPTH, RawType.PARTIAL_DEPTH, RawType.BOOK_TICKER})
"""USD-M: what the book's socket serves. ``trade`` is undocumented there, and works."""

_COMMON: Final[Mapping[str, RawType]] = {
    "trade": RawType.TRADE,
    "aggTrade": RawType.AGG_TRADE,
    "bookTicker": RawType.BOOK_TICKER,
    "miniTicker": RawType.MINI_TICKER,
    "ticker": RawType.TICKER,
}
_FUTURES: Final[Mapping[str, RawType]] = {
    "markPrice": RawType.MARK_PRICE,
    "markPrice@1s": RawType.MARK_PRICE,
    "forceOrder": RawType.FORCE_ORDER,
}
# Spot's `!bookTicker` is gone, its `!ticker@arr` was retired on 2026-03-26.
_SPOT_ALL_MARKET: Final[Mapping[str, tuple[RawType, Framing]]] = {
    "!miniTicker@arr": (RawType.MINI_TICKER, Framing.ARRAY),
}
_FUTURES_ALL_MARKET: Final[Mapping[str, tuple[RawType, Framing]]] = {
    "!miniTicker@arr": (RawType.MINI_TICKER, Framing.ARRAY),
    "!ticker@arr": (RawType.TICKER, Framing.ARRAY),
    "!markPrice@arr": (RawType.MARK_PRICE, Framing.ARRAY),
    "!markPrice@arr@1s": (RawType.MARK_PRICE, Framing.ARRAY),
    # In spite of the name of the second, both send single objects.
    "!bookTicker": (RawType.BOOK_TICKER, Framing.ANY),
    "!forceOrder@arr": (RawType.FORCE_ORDER, Framing.ANY),
}


@cache
def stream_types(market: Market) -> Mapping[str, StreamType]:
    """Return all stream types of a market by their text."""
    one = dict(_COMMON)
    if market.is_futures:
        one |= _FUTURES
    speeds = _FUTURES_SPEEDS if market.is_futures else _SPOT_SPEEDS
    one |= {f"depth{speed}": RawType.DEPTH for speed in speeds}
    one |= {f"depth{levels}{speed}": RawType.PARTIAL_DEPTH for levels in (5, 10, 20) for speed in speeds}
    intervals = _KLINE_INTERVALS if market.is_futures else ("1s", *_KLINE_INTERVALS)
    one |= {f"kline_{interval}": RawType.KLINE for interval in intervals}
    many = _FUTURES_ALL_MARKET if market.is_futures else _SPOT_ALL_MARKET
    types = {text: (raw_type, Framing.ONE) for text, raw_type in one.items()} | dict(many)
    return {
        text: StreamType(text, raw_type, framing, _route(market, raw_type))
        for text, (raw_type, framing) in types.items()
    }


def stream_of(market: Market, text: str, symbol: str | None) -> Stream:
    """Return the stream of a type and a symbol.

    Args:
        market: where it is offered.
        text: the stream type; one that begins with ``!`` is about all symbols.
        symbol: the instrument, upper case; ignored where the type is about all symbols.

    Raises:
        UnknownStreamTypeError: the market has no such stream type.
    """
    stream_type = stream_types(market).get(text)
    if stream_type is None:
        raise UnknownStreamTypeError(market, text)
    if stream_type.framing is not Framing.ONE:
        return Stream(market, text, None, stream_type)
    if not symbol:
        msg = f'stream type "{text}": needs a symbol'
        raise ValueError(msg)
    return Stream(market, f"{symbol.lower()}@{text}", symbol, stream_type)


def parse(market: Market, name: str) -> Stream | None:
    """Return the stream that a name in a frame means; None if it is none of ours."""
    stream_type = stream_types(market).get(name)
    if stream_type is not None and stream_type.framing is not Framing.ONE:
        return Stream(market, name, None, stream_type)
    symbol, _, text = name.partition("@")
    stream_type = stream_types(market).get(text)
    if not symbol or stream_type is None or stream_type.framing is not Framing.ONE:
        return None
    return Stream(market, name, symbol.upper(), stream_type)


def _route(market: Market, raw_type: RawType) -> Route:
    if market is not Market.USDM:
        return Route.ALL
    return Route.PUBLIC if raw_type in _PUBLIC else Route.MARKET


def _allowed(market: Market) -> str:
    speeds = "|".join(speed for speed in (_FUTURES_SPEEDS if market.is_futures else _SPOT_SPEEDS) if speed)
    kinds = [*_COMMON, *(_FUTURES if market.is_futures else ())]
    arrays = _FUTURES_ALL_MARKET if market.is_futures else _SPOT_ALL_MARKET
    patterns = [f"depth[{speeds}]", f"depth5|10|20[{speeds}]", "kline_<interval>"]
    return ", ".join([*kinds, *patterns, *arrays])
