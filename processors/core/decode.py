"""Reading payloads that strangers sent: a typed message, or why not; never an exception."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Final, Generic, TypeVar

import msgspec

from processors.core.records import Rejected
from schemas.rest import DepthSnapshot
from schemas.wire import AggTrade, DepthDiff, MiniTicker, Ticker, Trade


__all__ = [
    "AGG_TRADE",
    "DIFF",
    "MINI_TICKER",
    "SNAPSHOT",
    "TICKER",
    "TRADE",
    "Decoder",
    "decode_depth",
    "decode_trade_id",
]

MessageT = TypeVar("MessageT", bound=msgspec.Struct)
"""The type that a decoder makes."""

_LARGEST: Final = (1 << 63) - 1
"""Ids and times are 64-bit integers; JSON knows larger ones."""


class Decoder(Generic[MessageT]):
    """Reads one type of payload.

    Args:
        message_type: what to make.
        event_type: what the payload's ``e`` must be; None: it has none.
        integers: the fields that must be integers of 64 bits.
        least: the least that these may be.
    """

    def __init__(self, message_type: type[MessageT], event_type: str | None, *integers: str, least: int = 0) -> None:
        self._decode: Callable[[bytes], MessageT] = msgspec.json.Decoder(message_type).decode
        self._event_type = event_type
        self._least = least
        self._integers: Callable[[MessageT], tuple[int, ...]] = attrgetter(*integers, integers[0])
        self._event_type_of: Callable[[MessageT], str] = attrgetter("event_type")

    def __call__(self, value: bytes) -> MessageT | Rejected:
        """Return the message, or the reason why there is none."""
        try:
            message = self._decode(value)
        except msgspec.ValidationError as error:
            detail = str(error)
            return Rejected("missing-field" if "missing required field" in detail else "mistyped-field", detail)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Rejected("malformed-json", str(error))
        except RecursionError:
            return Rejected("malformed-json", "nested too deeply")
        if self._event_type is not None and self._event_type_of(message) != self._event_type:
            return Rejected(
                "unknown-event", f'event type "{self._event_type_of(message)[:40]}", expected "{self._event_type}"'
            )
        integers = self._integers(message)
        if min(integers) < self._least or max(integers) > _LARGEST:
            return Rejected("bad-number", "an id or time is negative or beyond 64 bits")
        return message


TRADE: Final = Decoder(Trade, "trade", "trade_id", "trade_time", "event_time")
AGG_TRADE: Final = Decoder(
    AggTrade,
    "aggTrade",
    "aggregate_trade_id",
    "first_trade_id",
    "last_trade_id",
    "trade_time",
    "event_time",
)
DIFF: Final = Decoder(DepthDiff, "depthUpdate", "first_update_id", "final_update_id", "event_time")
SNAPSHOT: Final = Decoder(DepthSnapshot, None, "last_update_id")
TICKER: Final = Decoder(
    Ticker,
    "24hrTicker",
    "event_time",
    "open_time",
    "close_time",
    "first_trade_id",
    "last_trade_id",
    "trade_count",
    least=-1,  # the trade ids of a day without trades
)
MINI_TICKER: Final = Decoder(MiniTicker, "24hrMiniTicker", "event_time")


def decode_depth(value: bytes) -> DepthDiff | DepthSnapshot | Rejected:
    """Read a record of the raw depth topic, which holds diffs and snapshots."""
    diff = DIFF(value)
    if isinstance(diff, DepthDiff):
        previous = diff.previous_final_update_id
        ordered = diff.first_update_id <= diff.final_update_id and (previous or 0) <= diff.final_update_id
        return diff if ordered else Rejected("bad-number", "the update ids do not follow each other")
    snapshot = SNAPSHOT(value)
    if isinstance(snapshot, Rejected):
        return diff
    if not 0 <= (snapshot.event_time or 0) <= _LARGEST:
        return Rejected("bad-number", "the event time is negative or beyond 64 bits")
    return snapshot


class _TradeId(msgspec.Struct, frozen=True):
    value: int = msgspec.field(name="t")


class _AggregateTradeId(msgspec.Struct, frozen=True):
    value: int = msgspec.field(name="a")


_trade_id: Final = msgspec.json.Decoder(_TradeId)
_aggregate_trade_id: Final = msgspec.json.Decoder(_AggregateTradeId)


def decode_trade_id(value: bytes, *, aggregate: bool) -> int | None:
    """Return the id in a payload that was rejected; None where not even that can be read."""
    try:
        trade_id = _aggregate_trade_id.decode(value).value if aggregate else _trade_id.decode(value).value
    except (ValueError, RecursionError):
        return None
    return trade_id if 0 <= trade_id <= _LARGEST else None
