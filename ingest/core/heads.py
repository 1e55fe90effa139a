"""The few fields of each payload that ingest reads; the rest is skipped over and passed on untouched.

The types are cut out of :mod:`schemas.wire`, which alone knows the venue's letters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Protocol

import msgspec
from msgspec.structs import fields

from schemas import rest, wire
from schemas.markets import Market
from schemas.topics import RawType


__all__ = [
    "DepthNumbers",
    "Head",
    "HeadDecoder",
    "NumberedHead",
    "depth_numbers_decoder",
    "event_type_of",
    "head_decoder",
    "number_decoder",
]


class Head(Protocol):
    """What every payload type shows; a field that a payload cannot have is None."""

    @property
    def event_type(self) -> str | None:
        """What the payload says it is."""

    @property
    def event_time(self) -> int | None:
        """When the venue made it."""

    @property
    def symbol(self) -> str | None:
        """Which instrument it is about."""

    @property
    def futures_type(self) -> int | None:
        """1 USD-M, 2 COIN-M; None: not said."""


class NumberedHead(Protocol):
    """What the search for holes reads of a trade or an aggregate trade."""

    @property
    def record_id(self) -> int:
        """Its id, consecutive per symbol."""

    @property
    def time(self) -> int:
        """When it was traded."""

    @property
    def through(self) -> int:
        """The newest trade that it tells of; -1: not known."""


class DepthNumbers(Protocol):
    """What the search for holes reads of a depth diff, or of a snapshot beside it."""

    @property
    def first_update_id(self) -> int | None:
        """Of a diff."""

    @property
    def final_update_id(self) -> int | None:
        """Of a diff."""

    @property
    def previous_final_update_id(self) -> int | None:
        """Of a diff on futures."""

    @property
    def event_time(self) -> int:
        """When the venue made it; 0: not said."""

    @property
    def last_update_id(self) -> int | None:
        """Of a snapshot."""


HeadDecoder = Callable[[bytes], Head]

_EVENT_TYPES = {
    RawType.TRADE: "trade",
    RawType.AGG_TRADE: "aggTrade",
    RawType.DEPTH: "depthUpdate",
    RawType.BOOK_TICKER: "bookTicker",
    RawType.PARTIAL_DEPTH: "depthUpdate",
    RawType.MINI_TICKER: "24hrMiniTicker",
    RawType.TICKER: "24hrTicker",
    RawType.KLINE: "kline",
    RawType.MARK_PRICE: "markPriceUpdate",
    RawType.FORCE_ORDER: "forceOrder",
}
_NAMELESS_ON_SPOT = frozenset({RawType.BOOK_TICKER, RawType.PARTIAL_DEPTH})


def event_type_of(market: Market, raw_type: RawType) -> str | None:
    """Return what the payloads of a type say they are; None: they say nothing, and have no event time either."""
    if market is Market.SPOT and raw_type in _NAMELESS_ON_SPOT:
        return None
    return _EVENT_TYPES[raw_type]


@cache
def head_decoder(market: Market, raw_type: RawType) -> HeadDecoder:
    """Return the decoder of a payload type's head: one for all streams of the type, as a class takes long to make.

    It raises ``msgspec.ValidationError`` where a field that the head needs is missing or mistyped, and
    ``msgspec.DecodeError`` where the bytes are not JSON.
    """
    return msgspec.json.Decoder(_head_type(market, raw_type)).decode


def number_decoder(raw_type: RawType) -> Callable[[bytes], NumberedHead]:
    """Return the decoder of the id and time of ``trade`` or ``agg-trade`` records; it raises as a head's does."""
    message, name = _NUMBERED[raw_type]
    known = {field.name: field.encode_name for field in fields(message)}
    head_fields: list[tuple[str, type, Any]] = [
        ("record_id", int, msgspec.field(name=known[name])),
        ("time", int, msgspec.field(name=known["trade_time"])),
    ]
    namespace: dict[str, Any] = {}
    if raw_type is RawType.AGG_TRADE:
        head_fields.append(("through", int, msgspec.field(name=known["last_trade_id"], default=-1)))
    else:
        namespace["through"] = property(lambda one: one.record_id)
    head = msgspec.defstruct(
        f"Numbered{message.__name__}",
        head_fields,
        namespace=namespace,
        frozen=True,
        gc=False,
    )
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(head)
    return decoder.decode


def depth_numbers_decoder() -> Callable[[bytes], DepthNumbers]:
    """Return the decoder of the ids of ``depth`` records, diffs and snapshots; it raises as a head's does."""
    names = ("first_update_id", "final_update_id", "previous_final_update_id")
    diff = {field.name: field.encode_name for field in fields(wire.DepthDiff)}
    snapshot = {field.name: field.encode_name for field in fields(rest.DepthSnapshot)}
    head = msgspec.defstruct(
        "DepthNumbers",
        [
            *((name, int | None, msgspec.field(name=diff[name], default=None)) for name in names),
            ("event_time", int, msgspec.field(name=diff["event_time"], default=0)),
            ("last_update_id", int | None, msgspec.field(name=snapshot["last_update_id"], default=None)),
        ],
        frozen=True,
        gc=False,
    )
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(head)
    return decoder.decode


_NUMBERED: Mapping[RawType, tuple[type[msgspec.Struct], str]] = {
    RawType.TRADE: (wire.Trade, "trade_id"),
    RawType.AGG_TRADE: (wire.AggTrade, "aggregate_trade_id"),
}
_COMMON = ("event_type", "event_time", "symbol", "futures_type")
_FIELDS: Mapping[RawType, tuple[type[msgspec.Struct], tuple[str, ...]]] = {
    # The ids and times are what the search for holes will need: a record without them is caught here.
    RawType.TRADE: (wire.Trade, (*_COMMON, "trade_id", "trade_time")),
    RawType.AGG_TRADE: (wire.AggTrade, (*_COMMON, "aggregate_trade_id", "trade_time")),
    RawType.DEPTH: (wire.DepthDiff, (*_COMMON, "first_update_id", "final_update_id")),
    RawType.PARTIAL_DEPTH: (wire.DepthDiff, (*_COMMON, "first_update_id", "final_update_id")),
    RawType.BOOK_TICKER: (wire.BookTicker, (*_COMMON, "update_id")),
    RawType.MINI_TICKER: (wire.MiniTicker, _COMMON),
    RawType.TICKER: (wire.Ticker, _COMMON),
    RawType.KLINE: (wire.Kline, ("event_type", "event_time", "symbol")),
    RawType.MARK_PRICE: (wire.MarkPrice, _COMMON),
}


def _head_type(market: Market, raw_type: RawType) -> Any:
    if raw_type is RawType.FORCE_ORDER:
        return _force_order_head()
    if raw_type is RawType.PARTIAL_DEPTH and market is Market.SPOT:
        return _cut(wire.PartialDepth, "last_update_id")
    message, names = _FIELDS[raw_type]
    return _cut(message, *names)


def _force_order_head() -> Any:
    order = _cut(wire.LiquidationOrder, "symbol", "futures_type")
    head = _cut(wire.ForceOrder, "event_type", "event_time")
    # `st` stands beside the order, inside it, or nowhere: sources and captures disagree.
    outer = {field.name: field for field in fields(wire.ForceOrder)}
    return msgspec.defstruct(
        "ForceOrderHead",
        [
            ("order", order, msgspec.field(name=outer["order"].encode_name)),
            ("beside", int | None, msgspec.field(name=outer["futures_type"].encode_name, default=None)),
        ],
        bases=(head,),
        namespace={
            "symbol": property(lambda self: self.order.symbol),
            "futures_type": property(lambda self: self.order.futures_type if self.beside is None else self.beside),
        },
        frozen=True,
        gc=False,
        kw_only=True,
    )


def _cut(message: type[msgspec.Struct], *names: str) -> Any:
    """Return a type with some of a message's fields; of the common ones, those that it cannot have are None."""
    known = {field.name: field for field in fields(message)}
    return msgspec.defstruct(
        f"{message.__name__}Head",
        [
            (name, known[name].type, msgspec.field(name=known[name].encode_name, default=known[name].default))
            for name in names
        ],
        namespace=dict.fromkeys(set(_COMMON) - known.keys()),
        frozen=True,
        gc=False,
        kw_only=True,
    )
