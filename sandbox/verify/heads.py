"""What a payload must have to be published: the rest of the pipeline could do nothing with it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import msgspec
from msgspec.structs import fields

from schemas import wire
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["LONGEST_PAYLOAD", "publishable_head"]

LONGEST_PAYLOAD: Final = 900_000
"""Bytes; what is longer does not fit into a record and is set aside."""

_EVENT: Final = ("event_type", "event_time", "symbol")
_NEEDED: Final[Mapping[RawType, tuple[type[msgspec.Struct], tuple[str, ...], str]]] = {
    RawType.TRADE: (wire.Trade, (*_EVENT, "trade_id", "trade_time"), "trade"),
    RawType.AGG_TRADE: (wire.AggTrade, (*_EVENT, "aggregate_trade_id", "trade_time"), "aggTrade"),
    RawType.DEPTH: (wire.DepthDiff, (*_EVENT, "first_update_id", "final_update_id"), "depthUpdate"),
    RawType.PARTIAL_DEPTH: (wire.DepthDiff, (*_EVENT, "first_update_id", "final_update_id"), "depthUpdate"),
    RawType.BOOK_TICKER: (wire.BookTicker, ("event_type", "event_time", "symbol", "update_id"), "bookTicker"),
    RawType.MINI_TICKER: (wire.MiniTicker, _EVENT, "24hrMiniTicker"),
    RawType.TICKER: (wire.Ticker, _EVENT, "24hrTicker"),
    RawType.KLINE: (wire.Kline, _EVENT, "kline"),
    RawType.MARK_PRICE: (wire.MarkPrice, _EVENT, "markPriceUpdate"),
    RawType.FORCE_ORDER: (wire.ForceOrder, ("event_type", "event_time"), "forceOrder"),
}
# On spot these two say neither what they are nor when they were made.
_NAMELESS: Final[Mapping[RawType, tuple[type[msgspec.Struct], tuple[str, ...]]]] = {
    RawType.BOOK_TICKER: (wire.BookTicker, ("symbol", "update_id")),
    RawType.PARTIAL_DEPTH: (wire.PartialDepth, ("last_update_id",)),
}


def publishable_head(market: Market, raw_type: RawType, data: bytes | memoryview) -> Any:
    """Return what a payload's raw type needs of it, under the names of :mod:`schemas.wire`.

    Raises:
        ValueError: it has not, is of another event type, or too long.
    """
    if len(data) > LONGEST_PAYLOAD:
        msg = f"longer than {LONGEST_PAYLOAD} bytes"
        raise ValueError(msg)
    decoder, event_type = _decoder(market, raw_type)
    head = decoder.decode(data)
    if event_type is not None and head.event_type != event_type:
        msg = f'event type "{head.event_type}" where "{event_type}" belongs'
        raise ValueError(msg)
    return head


@cache
def _decoder(market: Market, raw_type: RawType) -> tuple[msgspec.json.Decoder[Any], str | None]:
    """Return the decoder of what is needed of a raw type, and its event type."""
    if market is Market.SPOT and raw_type in _NAMELESS:
        message, names = _NAMELESS[raw_type]
        return msgspec.json.Decoder(_part_of(message, names)), None
    message, names, event_type = _NEEDED[raw_type]
    return msgspec.json.Decoder(_part_of(message, names)), event_type


def _part_of(message: type[msgspec.Struct], names: tuple[str, ...]) -> Any:
    known = {field.name: field for field in fields(message)}
    needed = [(name, _needed_type(known[name].type), msgspec.field(name=known[name].encode_name)) for name in names]
    return msgspec.defstruct(f"{message.__name__}Part", needed, frozen=True, gc=False, kw_only=True)


def _needed_type(annotation: Any) -> Any:
    """Return a field's type without None: where it is needed, it is there."""
    return {str | None: str, int | None: int}.get(annotation, annotation)
