"""How much an address may ask for: request weight by the minute, bans for who goes on, connection attempts.

Pure: the time is an argument, seconds of the clock of the rules (`ExchangeSettings.time_factor`).

Source: binance-spot-api-docs, "LIMITS" and "IP Limits" of the REST API (2026-07-21); derivatives documentation,
"Limits". That a ban comes with the sixth request that ignores a 429, and how it grows, is our choice: the venue states
only that bans "scale in duration for repeat offenders, from 2 minutes to 3 days".
"""

from __future__ import annotations

from collections import deque
from math import ceil

import msgspec

from schemas.markets import Market


__all__ = ["LIMITS", "Attempts", "Granted", "Pool", "Refused", "WeightLimits", "pool_of", "whole_seconds"]

Pool = str
"""Markets that share their weight: ``spot``, and ``futures`` for USD-M and COIN-M together (since 2026-06-30)."""

LIMITS: dict[Pool, int] = {"spot": 6_000, "futures": 2_400}
"""Weight per minute, as `exchangeInfo` states it."""

_MINUTE_S = 60
_PATIENCE = 5
"""Requests within a minute that was refused before the address is banned."""
_FIRST_BAN_S = 120.0
_LONGEST_BAN_S = 3 * 86_400.0
_MEMORY_S = 86_400.0
"""How long after a ban's end the next one is longer than it."""


def pool_of(market: Market) -> Pool:
    """Return the pool that a market's requests count in."""
    return "futures" if market.is_futures else "spot"


class Granted(msgspec.Struct, frozen=True):
    """The request is to be answered."""

    used: int
    """Weight used in this minute, this request included."""


class Refused(msgspec.Struct, frozen=True):
    """The request is to be refused."""

    used: int
    banned: bool
    """418 instead of 429."""
    retry_after_s: float
    """When requests are answered again, on the clock of the rules."""


class _Account:
    """What one address has used of one pool."""

    def __init__(self) -> None:
        self.minute = 0
        self.used = 0
        self.ignored = 0
        self.banned_until_s = 0.0
        self.ban_s = 0.0


class WeightLimits:
    """Weights of all addresses and pools.

    Args:
        limits: Weight per minute of each pool.
    """

    def __init__(self, limits: dict[Pool, int]) -> None:
        self._limits = limits
        self._accounts: dict[tuple[str, Pool], _Account] = {}

    def request(self, address: str, pool: Pool, weight: int, now_s: float) -> Granted | Refused:
        """Count a request and return whether it is to be answered.

        A refused request counts too. Who goes on in a minute that was refused is banned: two minutes, twice as long
        each time, three days at most; a day without a ban and all is forgotten.
        """
        account = self._accounts.setdefault((address, pool), _Account())
        minute = int(now_s // _MINUTE_S)
        if minute != account.minute:
            account.minute, account.used, account.ignored = minute, 0, 0
        account.used += weight
        if now_s < account.banned_until_s:
            return Refused(account.used, True, account.banned_until_s - now_s)
        if account.used <= self._limits[pool]:
            return Granted(account.used)
        account.ignored += 1
        if account.ignored <= _PATIENCE:
            return Refused(account.used, False, (minute + 1) * _MINUTE_S - now_s)
        self._extend_ban(account, now_s)
        return Refused(account.used, True, account.ban_s)

    def give_back(self, address: str, pool: Pool, weight: int, now_s: float) -> int:
        """Count a request of this minute no more; return the weight that is used in it."""
        account = self._accounts.setdefault((address, pool), _Account())
        if account.minute == int(now_s // _MINUTE_S):
            account.used -= weight
        return account.used

    def ban(self, address: str, pool: Pool, seconds: float, now_s: float) -> None:
        """Ban an address, whatever it did."""
        account = self._accounts.setdefault((address, pool), _Account())
        account.banned_until_s = max(account.banned_until_s, now_s + seconds)

    @staticmethod
    def _extend_ban(account: _Account, now_s: float) -> None:
        remembered = account.ban_s and now_s < account.banned_until_s + _MEMORY_S
        account.ban_s = min(2 * account.ban_s, _LONGEST_BAN_S) if remembered else _FIRST_BAN_S
        account.banned_until_s = now_s + account.ban_s
        account.ignored = 0


class Attempts:
    """Connection attempts of each address.

    Args:
        most: How many there may be within the window.
        window_s: The window, seconds.
    """

    def __init__(self, most: int, window_s: float) -> None:
        self._most = most
        self._window_s = window_s
        self._made: dict[str, deque[float]] = {}

    def attempt(self, address: str, now_s: float) -> float:
        """Count an attempt; return 0 if it may go on, otherwise how long to wait.

        A refused one is not counted: who waits as long as told gets in.
        """
        made = self._made.setdefault(address, deque())
        while made and made[0] <= now_s - self._window_s:
            made.popleft()
        if len(made) >= self._most:
            return made[0] + self._window_s - now_s
        made.append(now_s)
        return 0.0


def whole_seconds(seconds: float) -> int:
    """Return what ``Retry-After`` states: never too early, and at least one."""
    return max(1, ceil(seconds))
