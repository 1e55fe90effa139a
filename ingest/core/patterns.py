"""Patterns such as ``*USDT`` in place of symbols, and what they stand for at the venue.

A pattern is a symbol with wildcards: ``*`` stands for any characters or none, ``?`` for one. Letters are upper case, as
symbols are, and any Unicode: the venue lists symbols in Chinese since 2025. On futures ``BTC*`` takes delivery
contracts (``BTCUSDT_261225``) too, which end and are followed by others; ``BTC*USDT`` takes the perpetual alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from msgspec import Struct

from ingest.core.silence import TRADING, status_of
from schemas.rest import SymbolInfo


__all__ = ["Resolution", "Wishes", "is_pattern", "matches", "resolve", "trading_by_symbol"]


class Wishes(Struct, frozen=True):
    """Which symbols of a market are asked for."""

    symbols: tuple[str, ...] = ()
    """Names in full, and patterns."""
    excluded: tuple[str, ...] = ()
    """Names and patterns that no pattern stands for; a name in full is taken in any case."""

    @property
    def names(self) -> tuple[str, ...]:
        """Those named in full."""
        return tuple(text for text in self.symbols if not is_pattern(text))

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns among them."""
        return tuple(text for text in self.symbols if is_pattern(text))

    def match(self, symbol: str) -> bool:
        """Return whether a pattern stands for a symbol, and nothing excludes it."""
        return any(matches(one, symbol) for one in self.patterns) and not any(
            matches(one, symbol) for one in self.excluded
        )


class Resolution(Struct, frozen=True):
    """What wishes come to, against one list of the venue's symbols. Everything is sorted."""

    symbols: tuple[str, ...]
    """What to take: all names, and every trading symbol that a pattern stands for."""
    unlisted: tuple[str, ...] = ()
    """Names that the venue does not list: it acknowledges their streams and sends nothing."""
    halted: tuple[str, ...] = ()
    """Names that the venue lists, but that do not trade."""
    idle: tuple[str, ...] = ()
    """Patterns that stand for nothing."""


def is_pattern(text: str) -> bool:
    """Return whether a text is a pattern, not a symbol."""
    return "*" in text or "?" in text


def matches(pattern: str, symbol: str) -> bool:
    """Return whether a pattern, or a name in full, stands for a symbol."""
    return _compiled(pattern).fullmatch(symbol) is not None


def trading_by_symbol(symbols: Iterable[SymbolInfo]) -> dict[str, bool]:
    """Return what exchangeInfo lists, and whether it trades.

    A name that is empty is none: ``*`` would stand for it.
    """
    return {one.symbol: status_of(one) == TRADING for one in symbols if one.symbol}


def resolve(wishes: Wishes, trading: Mapping[str, bool]) -> Resolution:
    """Return what wishes come to.

    Args:
        wishes: what is asked for.
        trading: what the venue lists, and whether it trades.
    """
    names = set(wishes.names)
    matched = {symbol for symbol, trades in trading.items() if trades and wishes.match(symbol)}
    return Resolution(
        symbols=tuple(sorted(names | matched)),
        unlisted=tuple(sorted(names - trading.keys())),
        halted=tuple(sorted(name for name in names if trading.get(name) is False)),
        idle=_idle(wishes.patterns, matched),
    )


def _idle(patterns: Sequence[str], matched: Iterable[str]) -> tuple[str, ...]:
    symbols = tuple(matched)
    return tuple(sorted(one for one in patterns if not any(matches(one, symbol) for symbol in symbols)))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(character) or re.escape(character) for character in pattern), re.DOTALL)
