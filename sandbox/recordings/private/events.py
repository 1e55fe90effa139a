"""What a recorded object about an account is: in which envelope it came, of what type and market it is, and when.

Source of the envelopes: reference "User data": the WebSocket API wraps an event with its ``subscriptionId`` (before
2025-08-12 in ``event`` alone), a combined stream in ``stream`` and ``data``, a raw one not at all.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from schemas.markets import Market


__all__ = ["FUTURES_TYPES", "SIGNALS", "Channel", "Envelope", "EventHead", "Family", "NoEvent", "open_envelope"]

SIGNALS: Final = frozenset({"listenKeyExpired", "eventStreamTerminated", "serverShutdown"})
"""Events about the connection that was recorded, which no other connection is to be told."""

FUTURES_TYPES: Final = frozenset(
    {
        "ORDER_TRADE_UPDATE",
        "TRADE_LITE",
        "ACCOUNT_UPDATE",
        "ALGO_UPDATE",
        "MARGIN_CALL",
        "ACCOUNT_CONFIG_UPDATE",
        "CONDITIONAL_ORDER_TRIGGER_REJECT",
        "STRATEGY_UPDATE",
        "GRID_UPDATE",
    }
)
"""Whoever connects to USD-M names the types that it wants: others do not come."""
_SPOT: Final = frozenset(
    {"executionReport", "listStatus", "outboundAccountPosition", "balanceUpdate", "externalLockUpdate"}
)
_COINM_SYMBOL: Final = re.compile(r"[A-Z0-9]+USD_(?:PERP|\d{6})")
_MICROSECONDS_FROM: Final = 10**14
"""No time in milliseconds is as large before the year 5138."""
_DEPTH: Final = 3
"""Envelopes within envelopes that are opened."""


class Family(StrEnum):
    """What an event tells of its market."""

    SPOT = "spot"
    USDM = "usdm"
    COINM = "coinm"
    FUTURES = "futures"
    """One of the two markets of futures."""
    UNKNOWN = "unknown"

    @property
    def market(self) -> Market | None:
        """The market, if it is told."""
        return _MARKETS.get(self)


_MARKETS: Final = {Family(str(market)): market for market in Market}


class Channel(msgspec.Struct, frozen=True):
    """What a connection of several accounts tells them apart by."""

    kind: str = ""
    """``subscription``, ``stream``, or empty for an event without an envelope."""
    name: str = ""
    """The id or the stream's name without the event's type. A listen key is a secret: not to be shown."""


class Envelope(msgspec.Struct, frozen=True):
    """An event out of its envelope."""

    channel: Channel
    data: bytes
    """The event, verbatim but for line breaks between its parts, which a recorder may have added."""
    head: EventHead


class NoEvent(msgspec.Struct, frozen=True):
    """An object that is no event."""

    what: str


class _Symbol(msgspec.Struct):
    s: str = ""
    ma: str | UnsetType = UNSET
    i: Raw | UnsetType = UNSET
    aid: int = 0


class _Positions(msgspec.Struct):
    P: list[_Symbol] = []


class EventHead(msgspec.Struct):
    """The keys of an event that tell what it is."""

    e: str
    E: int | str = 0
    s: str | UnsetType = UNSET
    i: int | str | UnsetType = UNSET
    o: _Symbol | str | UnsetType = UNSET
    a: _Positions | str | int | UnsetType = UNSET
    p: list[_Symbol] | str | UnsetType = UNSET
    ac: _Symbol | UnsetType = UNSET
    su: _Symbol | UnsetType = UNSET
    gu: _Symbol | UnsetType = UNSET
    or_: _Symbol | UnsetType = msgspec.field(name="or", default=UNSET)

    @property
    def event_time_ms(self) -> int:
        """When it was sent; 0 where it does not say."""
        time = self.E if isinstance(self.E, int) else int(self.E) if self.E.isdecimal() else 0
        return time // 1_000 if time >= _MICROSECONDS_FROM else time

    @property
    def in_microseconds(self) -> bool:
        """Whether its times are in microseconds, as a client of spot may ask for."""
        return isinstance(self.E, int) and self.E >= _MICROSECONDS_FROM

    @property
    def family(self) -> Family:
        """The market, as far as type and shape tell it."""
        if self.e in _SPOT:
            return Family.SPOT
        symbols = self.symbols
        if isinstance(self.i, str) or any(_COINM_SYMBOL.fullmatch(symbol) for symbol in symbols):
            return Family.COINM
        if isinstance(self.o, _Symbol) and self.o.ma is not UNSET:
            return Family.COINM
        if self.e not in FUTURES_TYPES:
            return Family.UNKNOWN
        return Family.USDM if symbols else Family.FUTURES

    @property
    def symbols(self) -> list[str]:
        """The symbols that it names."""
        parts = [self.o, self.ac, self.su, self.gu, self.or_]
        named = [part.s for part in parts if isinstance(part, _Symbol)]
        named += [self.s] if isinstance(self.s, str) else []
        listed = self.a.P if isinstance(self.a, _Positions) else self.p if isinstance(self.p, list) else []
        return [symbol for symbol in (*named, *(position.s for position in listed)) if symbol]

    @property
    def order(self) -> tuple[str, str] | None:
        """Symbol and id of the order that it is about, which no two accounts have in common."""
        if self.e in {"executionReport", "TRADE_LITE"} and isinstance(self.s, str) and isinstance(self.i, int):
            return self.s, str(self.i)
        if isinstance(self.o, _Symbol) and self.o.s:
            if self.e == "ORDER_TRADE_UPDATE" and isinstance(self.o.i, Raw):
                return self.o.s, bytes(self.o.i).decode()
            if self.e == "ALGO_UPDATE" and self.o.aid:
                return self.o.s, f"algo:{self.o.aid}"
        return None


class _Wrapping(msgspec.Struct):
    """The keys that tell one envelope from another, and a reply from an event."""

    e: str | UnsetType = UNSET
    event: Raw | UnsetType = UNSET
    subscription_id: int | str | None = msgspec.field(name="subscriptionId", default=None)
    stream: str | UnsetType = UNSET
    data: Raw | UnsetType = UNSET
    status: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    method: Raw | UnsetType = UNSET


_decode_wrapping = msgspec.json.Decoder(_Wrapping).decode
_decode_head = msgspec.json.Decoder(EventHead).decode
_decode_type = msgspec.json.Decoder(dict[str, Raw]).decode
_MICROSECONDS: Final = re.compile(rb'("(?:E|T|O|W|D|u)"\s*:\s*\d{13})\d{3}(?!\d)')
"""Times of spot's events; as an id `u` is shorter."""


def open_envelope(value: bytes) -> Envelope | NoEvent:
    """Return the event in a JSON object."""
    channel = Channel()
    for _ in range(_DEPTH):
        try:
            wrapping = _decode_wrapping(value)
        except msgspec.DecodeError as error:
            return NoEvent(f"an object that is no event: {error}")
        if isinstance(wrapping.e, str):
            return _event(channel, value)
        if isinstance(wrapping.event, Raw):
            if wrapping.subscription_id is not None:
                channel = Channel("subscription", str(wrapping.subscription_id))
            value = bytes(wrapping.event)
        elif isinstance(wrapping.data, Raw):
            channel = Channel("stream", wrapping.stream if isinstance(wrapping.stream, str) else "")
            value = bytes(wrapping.data)
        elif UNSET is wrapping.status is wrapping.result is wrapping.error is wrapping.method:
            break
        else:
            return NoEvent("a request or a reply")
    return NoEvent("an object that is no event: it has no type `e`")


def _event(channel: Channel, data: bytes) -> Envelope | NoEvent:
    if b"\n" in data or b"\r" in data:
        data = msgspec.json.format(data, indent=-1)
    try:
        head = _decode_head(data)
    except msgspec.DecodeError:
        head = _unusual_head(data)
    if channel.kind == "stream":
        channel = Channel("stream", channel.name.replace(head.e, "").strip("@/_-"))
    if head.in_microseconds:
        data = _MICROSECONDS.sub(rb"\g<1>", data)
    return Envelope(channel, data, head)


def _unusual_head(data: bytes) -> EventHead:
    """Return what an event of an unknown shape tells: its type, and its time where that is one."""
    fields = _decode_type(data)
    time = bytes(fields.get("E", Raw(b"0"))).strip(b'"')
    return EventHead(
        e=msgspec.json.decode(fields["e"], type=str), E=int(time) if time.isdigit() and len(time) <= 19 else 0
    )
