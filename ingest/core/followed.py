"""The symbols that patterns stand for, as listings come and go.

The venue's list is asked for again and again. A symbol that begins to trade is taken at once. One that stops is kept
for a while: maintenance halts every symbol of a market, and whoever had left would miss the first minutes after it. One
that the list no longer holds must be missing twice in a row, because one cut answer must not end a thousand streams.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from ingest.core.patterns import Resolution, Wishes, resolve


__all__ = ["Followed", "Seen"]

_LOOKS_MISSING: Final = 2


class Seen(Struct, frozen=True):
    """What one look at the venue's list came to."""

    resolution: Resolution
    """Its ``symbols`` hold those too that are kept although they do not trade."""
    added: tuple[str, ...]
    """Symbols to take from now on, sorted."""
    removed: Mapping[str, str]
    """Symbols to take no more, and why."""


class _Absence:
    """Since when a symbol does not trade, and in how many answers running it was not listed."""

    def __init__(self, since_ms: float) -> None:
        self.since_ms = since_ms
        self.missing_count = 0


class Followed:
    """Follows one market's symbols.

    Args:
        wishes: which.
        grace_ms: how long a listed symbol that does not trade is kept.
    """

    def __init__(self, wishes: Wishes, grace_ms: float) -> None:
        self._wishes = wishes
        self._grace_ms = grace_ms
        self._trading: Mapping[str, bool] | None = None
        """The venue's list as last seen; None: not yet."""
        self._symbols = frozenset(wishes.names)
        self._absences: dict[str, _Absence] = {}

    @property
    def symbols(self) -> frozenset[str]:
        """What is taken at present: before the first look only what is named in full."""
        return self._symbols

    @property
    def resolved(self) -> bool:
        """Whether the patterns, if there are any, were compared with the venue's list."""
        return self._trading is not None or not self._wishes.patterns

    def wish(self, wishes: Wishes, now_ms: float) -> Seen:
        """Take other wishes, and compare them with the list as last seen."""
        self._wishes = wishes
        return self._compare(now_ms)

    def look(self, trading: Mapping[str, bool], now_ms: float) -> Seen:
        """Take the venue's list: each symbol, and whether it trades."""
        self._trading = dict(trading)
        for symbol in list(self._absences):
            if trading.get(symbol):
                del self._absences[symbol]
        for symbol in self._symbols:
            if not trading.get(symbol):
                absence = self._absences.setdefault(symbol, _Absence(now_ms))
                absence.missing_count = 0 if symbol in trading else absence.missing_count + 1
        return self._compare(now_ms)

    def _compare(self, now_ms: float) -> Seen:
        before, wishes = self._symbols, self._wishes
        resolution = resolve(wishes, self._trading or {})
        if self._trading is None:
            # Of a list that nobody has seen it cannot be said what it lacks.
            resolution = Resolution(resolution.symbols)
        removed: dict[str, str] = {}
        kept: set[str] = set()
        for symbol in sorted(before.difference(resolution.symbols)):
            if reason := self._reason_to_leave(symbol, now_ms):
                removed[symbol] = reason
                self._absences.pop(symbol, None)
            else:
                kept.add(symbol)
        self._symbols = frozenset(resolution.symbols) | kept
        resolution = replace(resolution, symbols=tuple(sorted(self._symbols)))
        return Seen(resolution, tuple(sorted(self._symbols - before)), removed)

    def _reason_to_leave(self, symbol: str, now_ms: float) -> str | None:
        """Say why a symbol that is taken, but is not among the trading ones, is to be left; None: it is kept."""
        if not self._wishes.match(symbol):
            return "not asked for any more"
        absence = self._absences.get(symbol)
        if absence is None:
            return None
        if absence.missing_count >= _LOOKS_MISSING:
            return "not listed any more"
        if now_ms - absence.since_ms >= self._grace_ms:
            return "does not trade any more"
        return None
