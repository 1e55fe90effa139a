"""Listen keys of the futures: each is good for an hour, and for one more every time it is kept alive. Pure.

Times are seconds of the clock of the rules (`ExchangeSettings.time_factor`).

Source: derivatives documentation, "Start User Data Stream" and "Keepalive User Data Stream" (2026-05-28).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from schemas.markets import Market


__all__ = ["LIFE_S", "ListenKey", "ListenKeys"]

LIFE_S = 3_600.0


class ListenKey(msgspec.Struct, frozen=True):
    """A key that is good."""

    market: Market
    account: str
    name: str


class ListenKeys:
    """The listen keys of all accounts, one for each account and market.

    Args:
        make_name: Returns a name that nobody can guess.
    """

    def __init__(self, make_name: Callable[[], str]) -> None:
        self._make_name = make_name
        self._keys: dict[tuple[Market, str], ListenKey] = {}
        self._until_s: dict[ListenKey, float] = {}

    @property
    def next_s(self) -> float:
        """When the next one expires; infinity without any."""
        return min(self._until_s.values(), default=float("inf"))

    def all(self) -> list[ListenKey]:
        """Return the keys that have not expired, or not been taken out."""
        return list(self._until_s)

    def start(self, market: Market, account: str, now_s: float) -> ListenKey:
        """Return an account's key, the one that it has if that is good, for an hour from now."""
        key = self._of(market, account, now_s)
        if key is None:
            key = self._keys[market, account] = ListenKey(market, account, self._make_name())
        self._until_s[key] = now_s + LIFE_S
        return key

    def keep(self, market: Market, account: str, now_s: float) -> ListenKey | None:
        """Let an account's key be good for an hour from now; None if it has none."""
        key = self._of(market, account, now_s)
        if key is not None:
            self._until_s[key] = now_s + LIFE_S
        return key

    def close(self, market: Market, account: str) -> ListenKey | None:
        """Let an account's key be good no more; return it."""
        key = self._keys.pop((market, account), None)
        if key is not None:
            del self._until_s[key]
        return key

    def named(self, market: Market, name: str, now_s: float) -> ListenKey | None:
        """Return the good key of a name."""
        for key, until_s in self._until_s.items():
            if key.name == name and key.market is market and until_s > now_s:
                return key
        return None

    def expired(self, now_s: float) -> list[ListenKey]:
        """Return the keys whose time is over, and forget them."""
        over = [key for key, until_s in self._until_s.items() if until_s <= now_s]
        for key in over:
            del self._until_s[key]
            if self._keys.get((key.market, key.account)) == key:
                del self._keys[key.market, key.account]
        return over

    def _of(self, market: Market, account: str, now_s: float) -> ListenKey | None:
        key = self._keys.get((market, account))
        return None if key is None or self._until_s[key] <= now_s else key
