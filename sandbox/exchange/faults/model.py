"""What can go wrong: one record per kind of fault, as HTTP and scenario files spell it.

Durations are seconds (or milliseconds) of the client's clock, for a fault tests what the client does about it; a
scenario's ``at``, a snapshot's ``age_s`` and ``offset_s`` are time of the venue.
"""

from __future__ import annotations

import re
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.markets import Market


__all__ = [
    "Close",
    "CutDepth",
    "Delay",
    "Delist",
    "Drop",
    "Duplicate",
    "EventTime",
    "ExpireKey",
    "Fault",
    "FaultError",
    "FrameFault",
    "HalfOpen",
    "List",
    "Reorder",
    "Reset",
    "Rest",
    "RestKind",
    "Shutdown",
    "Silence",
    "Snapshot",
    "SnapshotKind",
    "Wipe",
]

Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0)]
Connection = Annotated[str, Meta(pattern="^(all|one)$")] | Annotated[int, Meta(ge=1)]
"""``all``, ``one`` (the first that is touched, as long as it lives) or a connection's number."""


class FaultError(ValueError):
    """No such fault, or not with these fields."""


class _Any(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="fault"):
    """What every fault has."""

    market: Market | None = None
    """None: every market."""

    def concerns(self, market: Market) -> bool:
        """Return whether it happens on a market."""
        return self.market is None or self.market is market


class FrameFault(_Any, frozen=True, kw_only=True):
    """Something that happens to frames of streams."""

    stream: str
    """A stream's name, or a pattern: ``*@trade``, ``btcusdt@depth*``; of an account the type of an event."""
    account: str | None = None
    """The label of an account, or a pattern: it happens to what these alone are told; None: to what all are told."""
    connection: Connection = "one"
    count: Count = 1
    """Frames that it happens to; of all connections together, but a frame that goes to all of them counts once."""

    def matches(self, market: Market, stream: str) -> bool:
        """Return whether it can happen to frames of a stream."""
        account, slash, kind = stream.rpartition("/")
        if not self.concerns(market) or bool(slash) is (self.account is None):
            return False
        return fnmatchcase(kind, self.stream) and (self.account is None or fnmatchcase(account, self.account))


class Drop(FrameFault, frozen=True, kw_only=True, tag="drop"):
    """Frames are lost."""


class Duplicate(FrameFault, frozen=True, kw_only=True, tag="duplicate"):
    """Frames come twice."""


class Reorder(FrameFault, frozen=True, kw_only=True, tag="reorder"):
    """A frame comes behind the next one of its stream."""


class Delay(FrameFault, frozen=True, kw_only=True, tag="delay"):
    """Frames come late; those behind them overtake."""

    delay_ms: Annotated[float, Meta(gt=0)]


class EventTime(FrameFault, frozen=True, kw_only=True, tag="event-time"):
    """The event time ``E`` is wrong."""

    connection: Connection = "all"
    offset_s: float


class Silence(FrameFault, frozen=True, kw_only=True, tag="silence"):
    """A stream is acknowledged, and nothing is sent."""

    connection: Connection = "all"
    count: Count = 2**53
    seconds: Annotated[float, Meta(gt=0)]


class CutDepth(_Any, frozen=True, kw_only=True, tag="cut-depth"):
    """From now on every other connection gets two depth diffs as one: the same changes, cut at other ids."""

    stream: str = "*@depth*"
    count: Count = 2**53

    def matches(self, market: Market, stream: str) -> bool:
        """Return whether it can happen to frames of a stream: diffs alone."""
        return self.concerns(market) and fnmatchcase(stream, self.stream) and bool(_DIFFS.fullmatch(stream))


class ConnectionFault(_Any, frozen=True, kw_only=True):
    """Something that happens to connections that there are now."""

    connection: Connection = "one"
    """``one``: the one that was opened first."""
    count: Count | None = None
    """How many at most; None: one for ``one``."""
    account: str | None = None
    """The label of an account, or a pattern: only connections that get its events; None: any connection."""


class Reset(ConnectionFault, frozen=True, kw_only=True, tag="reset"):
    """The connection ends with a TCP reset."""


class HalfOpen(ConnectionFault, frozen=True, kw_only=True, tag="half-open"):
    """The socket stays, nothing is sent or answered any more."""


class Close(ConnectionFault, frozen=True, kw_only=True, tag="close"):
    """The connection is closed with a close frame."""


class ExpireKey(_Any, frozen=True, kw_only=True, tag="expire-key"):
    """Listen keys of futures expire now."""

    account: str = "*"
    """The label of an account, or a pattern."""

    def matches(self, market: Market, account: str) -> bool:
        """Return whether it happens to the listen key of an account."""
        return self.concerns(market) and fnmatchcase(account, self.account)


class Shutdown(_Any, frozen=True, kw_only=True, tag="shutdown"):
    """``serverShutdown`` is sent to all connections, which are cut some time later; spot only."""

    market: Market | None = Market.SPOT
    after_s: Seconds = 5.0


class SnapshotKind(StrEnum):
    """In which way a snapshot does not fit."""

    STALE = "stale"
    """Older than what the streams told long ago."""
    NEW = "new"
    """Newer than everything that the streams have told."""


class Snapshot(_Any, frozen=True, kw_only=True, tag="snapshot"):
    """Depth requests are answered with a book of another time."""

    symbol: str = "*"
    kind: SnapshotKind
    count: Count = 1
    age_s: Annotated[float, Meta(gt=0)] = 10.0
    """Stale: how old, by the venue's clock; new: for how many seconds diffs are held back."""

    def matches(self, market: Market, symbol: str) -> bool:
        """Return whether it can happen to a symbol."""
        return self.concerns(market) and fnmatchcase(symbol.upper(), self.symbol.upper())


class RestKind(StrEnum):
    """What a request is answered with."""

    ERROR = "5xx"
    LIMITED = "429"
    BANNED = "418"
    GARBAGE = "garbage"
    """Half of the answer, with status 200."""
    SLOW = "slow"
    """The answer, late."""


class Rest(_Any, frozen=True, kw_only=True, tag="rest"):
    """REST requests fail."""

    path: str = "*"
    """A path, or a pattern: ``*/depth``, ``/fapi/*``."""
    kind: RestKind
    count: Count | None = None
    """None: as many as come within `seconds`, or one if that is not given either."""
    seconds: Annotated[float, Meta(gt=0)] | None = None
    retry_after_s: Seconds = 5.0
    """429, 418: what ``Retry-After`` (futures: the text) says; after 418 everything is refused as long."""
    delay_s: Seconds = 5.0
    """Slow: how late."""

    def matches(self, market: Market, path: str) -> bool:
        """Return whether it can happen to a request."""
        return self.concerns(market) and fnmatchcase(path, self.path)


class List(_Any, frozen=True, kw_only=True, tag="list"):
    """A symbol is listed."""

    symbol: str


class Delist(_Any, frozen=True, kw_only=True, tag="delist"):
    """A symbol is delisted."""

    symbol: str


class Wipe(_Any, frozen=True, kw_only=True, tag="wipe"):
    """Ids start again at a low number, as in a wipe of the testnet."""

    symbol: str | None = None
    """None: every symbol of the market."""


Fault = (
    Drop
    | Duplicate
    | Reorder
    | Delay
    | Silence
    | EventTime
    | CutDepth
    | Reset
    | HalfOpen
    | Close
    | ExpireKey
    | Shutdown
    | Snapshot
    | Rest
    | List
    | Delist
    | Wipe
)

_DIFFS = re.compile(r"[^@]+@depth(@\d+ms)?")
