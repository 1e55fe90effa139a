"""The venue's limits, and how much of one of them is used."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct

from schemas import rest
from schemas.markets import Market


__all__ = ["KNOWN_LIMITS", "Kind", "Limit", "Pool", "Usage", "Window", "limits_of", "pool_of", "usages_of"]

_MINUTE_MS: Final = 60_000
_UNITS_MS: Final = {"SECOND": 1_000, "MINUTE": _MINUTE_MS, "HOUR": 3_600_000, "DAY": 86_400_000}
_HEADER: Final = "x-mbx-used-weight-"


class Pool(StrEnum):
    """What counts against one limit of an address."""

    SPOT = "spot"
    FUTURES = "futures"
    """USD-M and COIN-M together, since 2026-06-30."""


def pool_of(market: Market) -> Pool:
    """Return the pool that a market's requests count against."""
    return Pool.FUTURES if market.is_futures else Pool.SPOT


class Kind(StrEnum):
    """What a limit counts, as the venue spells it."""

    WEIGHT = "REQUEST_WEIGHT"
    REQUESTS = "RAW_REQUESTS"


class Limit(Struct, frozen=True):
    """So much in a window of the venue's clock."""

    kind: Kind
    window_ms: int
    limit: int


KNOWN_LIMITS: Final[Mapping[Pool, tuple[Limit, ...]]] = {
    Pool.SPOT: (Limit(Kind.WEIGHT, _MINUTE_MS, 6000), Limit(Kind.REQUESTS, 5 * _MINUTE_MS, 61_000)),
    Pool.FUTURES: (Limit(Kind.WEIGHT, _MINUTE_MS, 2400),),
}
"""What holds until exchangeInfo says otherwise: the smallest that the documentation names (2026-07-21, 2026-05-28)."""


def limits_of(rate_limits: Iterable[rest.RateLimit]) -> list[Limit]:
    """Return the limits of an exchangeInfo that market data counts against; unknown ones are left out."""
    return [
        Limit(Kind(one.kind), _UNITS_MS[one.interval] * one.interval_count, one.limit)
        for one in rate_limits
        if one.kind in frozenset(Kind) and one.interval in _UNITS_MS and one.interval_count > 0 and one.limit > 0
    ]


class Usage(Struct, frozen=True):
    """What an answer says of its address's use of a limit by weight."""

    window_ms: int
    used: int
    """In the venue's window in which the answer was made, this request included."""
    left_ms: float
    """How long that window may still last."""


def usages_of(headers: Mapping[str, str], date_ms: int | None) -> list[Usage]:
    """Read the headers ``X-MBX-USED-WEIGHT-<n><S|M|H|D>`` of an answer.

    Args:
        headers: all of the answer's.
        date_ms: when the venue made the answer, from its ``Date`` header, cut to seconds; None: it does not say.
    """
    usages: list[Usage] = []
    for name, value in headers.items():
        span = name.lower().removeprefix(_HEADER)
        window_ms = _span_ms(span) if len(span) < len(name) else 0
        if window_ms and value.isdecimal():
            left_ms = window_ms if date_ms is None else window_ms - date_ms % window_ms
            usages.append(Usage(window_ms, int(value), left_ms))
    return usages


def _span_ms(span: str) -> int:
    number, unit = span[:-1], span[-1:].upper()
    units = {name[0]: length for name, length in _UNITS_MS.items()}
    return int(number) * units[unit] if number.isdecimal() and unit in units else 0


class _Level(Struct):
    """What is known of the whole address's use in the venue's present window."""

    used: int
    unseen: int
    """Weight of our requests that ended without an answer: the venue may have counted them."""
    told_ms: float
    until_ms: float


class Window:
    """One limit and its use.

    Args:
        limit: which.
    """

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._charges: deque[tuple[float, int]] = deque()
        self._own = 0
        self._level: _Level | None = None
        self._ever_told = False

    def own(self, now_ms: float) -> int:
        """Return what our requests have used in the last window's length."""
        while self._charges and self._charges[0][0] <= now_ms:
            self._own -= self._charges.popleft()[1]
        return self._own

    def used(self, now_ms: float) -> int:
        """Return what is used, as far as it is known: by us, or by everybody at this address."""
        level = self._current(now_ms)
        return max(self.own(now_ms), 0 if level is None else level.used + level.unseen)

    def add(self, amount: int, now_ms: float) -> None:
        """Count a request that ended now."""
        self._charges.append((now_ms + self.limit.window_ms, amount))
        self._own += amount

    def told(self, usage: Usage | None, weight: int, sent_ms: float, now_ms: float) -> None:
        """Take note of what the answer to a request said.

        Of several answers in one window of the venue the highest count is the latest, in whatever order they come. A
        lower one, to a request that was sent after the higher was told, is of a new window.
        """
        level = self._current(now_ms)
        if usage is None:
            if level is not None:
                level.unseen += weight
            return
        self._ever_told = True
        if level is None or (usage.used < level.used and sent_ms >= level.told_ms):
            self._level = _Level(usage.used, 0, now_ms, now_ms + usage.left_ms)
        elif usage.used >= level.used:
            level.used, level.told_ms = usage.used, now_ms
            level.until_ms = max(level.until_ms, now_ms + usage.left_ms)

    def forgotten(self, now_ms: float) -> bool:
        """Return whether the venue's present window is one of which it has told nothing yet, although it does tell."""
        return self._ever_told and self._current(now_ms) is None

    def obstacle_ms(self, amount: int, busy: int, own_most: float, level_most: float, now_ms: float) -> float:
        """Return how long a request must wait; infinite: for the end of another.

        Args:
            amount: what it counts.
            busy: what the requests under way count.
            own_most: how much of ours there may be.
            level_most: how much of everybody's there may be.
            now_ms: the time.
        """
        own = self.own(now_ms)
        wait_ms = 0.0
        # One that is too heavy for the limit goes alone: the venue shall judge it.
        if own + busy + amount > own_most and own + busy > 0:
            wait_ms = self._drained_in_ms(own + busy + amount - own_most, now_ms)
        level = self._current(now_ms)
        if level is not None and level.used + level.unseen + busy + amount > level_most:
            wait_ms = max(wait_ms, level.until_ms - now_ms)
        return wait_ms

    def estimate_ms(self, amount: int, busy: int, own_most: float, level_most: float, now_ms: float) -> float:
        """Return about how long it takes until so much could be asked; takes what :meth:`obstacle_ms` does."""
        rounds = max(1, math.ceil(amount / max(1.0, own_most)))
        first_ms = self.obstacle_ms(min(amount, int(own_most)), busy, own_most, level_most, now_ms)
        return float((rounds - 1) * self.limit.window_ms) + (first_ms if math.isfinite(first_ms) else 0.0)

    def _drained_in_ms(self, excess: float, now_ms: float) -> float:
        """Return how long it takes until so much of ours no longer counts, or all of it."""
        drained, at_ms = 0, math.inf
        for expires_ms, amount in self._charges:
            drained, at_ms = drained + amount, expires_ms
            if drained >= excess:
                break
        return at_ms - now_ms

    def _current(self, now_ms: float) -> _Level | None:
        if self._level is not None and self._level.until_ms <= now_ms:
            self._level = None
        return self._level
