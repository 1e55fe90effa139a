"""Which connections to the venue are up, as ingest's records tell, and what they carry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from dashboard.core.answers import Document
from dashboard.core.origins import UNKNOWN, Origin, origin_of
from schemas.control import Connection, ConnectionEvent
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["Connections", "raw_type_of"]

_LIFE_MS: Final = 25 * 3_600_000
"""The venue ends every connection after 24 h: one that is older and was not said to have ended is gone."""
_SILENT_S: Final = 60.0
"""After so long without a heartbeat of an ingest whose connections are vouched for, they may be gone with it."""
_VOUCHED: Final = frozenset({RawType.TRADE, RawType.AGG_TRADE, RawType.DEPTH})
"""What heartbeats are about."""
_ENDED_KEPT: Final = 20
_KEPT: Final = 2_000
_TYPES: Final[Mapping[str, RawType]] = {
    "trade": RawType.TRADE,
    "aggTrade": RawType.AGG_TRADE,
    "bookTicker": RawType.BOOK_TICKER,
    "depth": RawType.DEPTH,
    "depth5": RawType.PARTIAL_DEPTH,
    "depth10": RawType.PARTIAL_DEPTH,
    "depth20": RawType.PARTIAL_DEPTH,
    "miniTicker": RawType.MINI_TICKER,
    "ticker": RawType.TICKER,
    "markPrice": RawType.MARK_PRICE,
    "forceOrder": RawType.FORCE_ORDER,
}


def raw_type_of(stream: str) -> RawType | None:
    """Return the type of the records of a stream of the venue's; None: it is not one of public market data."""
    kind = stream[1:] if stream.startswith("!") else stream.partition("@")[2]
    kind = kind.partition("@")[0]
    return RawType.KLINE if kind.startswith("kline_") else _TYPES.get(kind)


class Connections:
    """The connections of all ingest processes."""

    def __init__(self) -> None:
        self._last: dict[str, Connection] = {}
        self._heard_s: dict[str, float] = {}
        self._listening_since_s: float | None = None

    def take(self, value: Connection) -> bool:
        """Take a record; returns whether it is news."""
        known = self._last.get(value.connection_id)
        if known is not None and value.sequence <= known.sequence:
            return False
        self._last.pop(value.connection_id, None)
        self._last[value.connection_id] = value
        if len(self._last) > _KEPT:
            ended = (key for key, one in self._last.items() if one.event is ConnectionEvent.DISCONNECTED)
            del self._last[next(ended, None) or next(iter(self._last))]
        return True

    def hear(self, ingest_id: str, at_s: float) -> None:
        """Note a sign of life of an ingest process."""
        self._heard_s[ingest_id] = at_s
        if len(self._heard_s) > _KEPT:
            del self._heard_s[min(self._heard_s, key=lambda one: self._heard_s[one])]

    def origin(self, now_ms: int, at_s: float) -> Origin:
        """Return where data come from: what is connected now, or else what was last."""
        if up := {one.url for one in self._up(now_ms, at_s)}:
            return origin_of(up)
        newest = max(self._last.values(), key=lambda one: one.time, default=None)
        return UNKNOWN if newest is None else origin_of([newest.url])

    def carriers(self, now_ms: int, at_s: float) -> dict[tuple[Market, RawType], set[str]]:
        """Return the streams that connections carry now, by market and type of record."""
        carried: dict[tuple[Market, RawType], set[str]] = {}
        for one in self._up(now_ms, at_s):
            for stream in one.streams:
                if (raw_type := raw_type_of(stream)) is not None:
                    carried.setdefault((one.market, raw_type), set()).add(stream)
        return carried

    def once_carried(self) -> set[tuple[Market, RawType]]:
        """Return the markets and types of record of all connections that are known, up or not."""
        pairs = ((one.market, raw_type_of(stream)) for one in self._last.values() for stream in one.streams)
        return {(market, raw_type) for market, raw_type in pairs if raw_type is not None}

    def documents(self, now_ms: int, at_s: float, *, private: bool) -> list[Document]:
        """Return the connections that are up, then the last that ended, the newest first.

        Args:
            now_ms: now.
            at_s: now, by the clock of :meth:`hear`.
            private: whether those that tell of accounts are among them.
        """
        shown = [one for one in self._last.values() if private or any(map(raw_type_of, one.streams))]
        shown.sort(key=lambda one: one.time, reverse=True)
        states = [(one, self._state(one, now_ms, at_s)) for one in shown]
        up = [_document(one, state) for one, state in states if state == "up"]
        return [*up, *[_document(one, state) for one, state in states if state != "up"][:_ENDED_KEPT]]

    def _up(self, now_ms: int, at_s: float) -> Iterator[Connection]:
        return (one for one in self._last.values() if self._state(one, now_ms, at_s) == "up")

    def _state(self, one: Connection, now_ms: int, at_s: float) -> str:
        if one.event is ConnectionEvent.DISCONNECTED:
            return "ended"
        if now_ms - one.time > _LIFE_MS:
            return "unheard"
        if self._listening_since_s is None:
            self._listening_since_s = at_s
        heard_s = self._heard_s.get(one.connection_id.partition(".")[0], self._listening_since_s)
        vouched = any(raw_type_of(stream) in _VOUCHED for stream in one.streams)
        return "unheard" if vouched and at_s - heard_s > _SILENT_S else "up"


def _document(one: Connection, state: str) -> Document:
    parts = urlsplit(one.url)
    return {
        "connection_id": one.connection_id,
        "market": one.market,
        # A path may hold the key of an account's stream.
        "url": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
        "since": one.time,
        "streams": len(one.streams),
        "state": state,
        "reason": one.reason,
    }
