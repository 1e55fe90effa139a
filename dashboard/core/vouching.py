"""Up to when ingest vouches for its streams, as its heartbeats tell."""

from __future__ import annotations

from typing import Final

import msgspec

from schemas.control import Heartbeat
from schemas.markets import Market


__all__ = ["Vouched", "Vouching"]

_QUIET_S: Final = 6.0
"""Heartbeats come once a second; one may wait for the broker."""
_RETIRED_S: Final = 600.0
"""A partition that nobody vouches for while others are, for so long, has no symbols any more."""


class Vouched(msgspec.Struct, frozen=True):
    """How far a stream is vouched for."""

    until: int
    """The smallest time over its partitions, ms."""
    quiet: int
    """Partitions whose heartbeats stopped."""
    partitions: int
    symbols: int | None
    """How many, where the heartbeats name them."""


class _Last(msgspec.Struct):
    until: int
    heard_s: float
    symbols: int | None


class Vouching:
    """The last heartbeat of each market, stream and partition."""

    def __init__(self) -> None:
        self._last: dict[tuple[Market, str], dict[int, _Last]] = {}

    def take(self, value: Heartbeat, heard_s: float) -> bool:
        """Take a heartbeat; returns whether it is news: of several replicas the one that is ahead counts."""
        partitions = self._last.setdefault((value.market, value.stream), {})
        known = partitions.get(value.partition)
        symbols = None if value.symbols is None else len(value.symbols)
        if known is None:
            partitions[value.partition] = _Last(value.vouched_until, heard_s, symbols)
            return True
        known.heard_s = heard_s
        known.symbols = known.symbols if symbols is None else symbols
        if value.vouched_until < known.until:
            return False
        known.until = value.vouched_until
        return True

    def streams(self) -> set[tuple[Market, str]]:
        """Return the markets and streams that were ever vouched for."""
        return set(self._last)

    def of(self, market: Market, stream: str, at_s: float) -> Vouched | None:
        """Return how far a stream is vouched for; None: nobody ever did."""
        every = self._last.get((market, stream))
        if not every:
            return None
        newest = max(one.heard_s for one in every.values())
        counted = [one for one in every.values() if newest - one.heard_s < _RETIRED_S]
        symbols = [one.symbols for one in counted if one.symbols is not None]
        return Vouched(
            until=min(one.until for one in counted),
            quiet=sum(at_s - one.heard_s > _QUIET_S for one in counted),
            partitions=len(counted),
            symbols=sum(symbols) if symbols else None,
        )
