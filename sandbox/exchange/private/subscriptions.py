"""Subscriptions to user data on one connection to a WebSocket API. Pure.

Source: binance-spot-api-docs, "User Data Stream subscriptions" of the WebSocket API (2026-07-21).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sandbox.exchange.private.openings import Closing


__all__ = ["Subscription", "Subscriptions"]

_LAST = 65_535
"""The last id that a connection can give."""

_encode = msgspec.json.Encoder().encode


class Subscription(msgspec.Struct, frozen=True):
    """One that lives."""

    number: int
    account: str
    key: str
    """The name of the API key that it hangs on."""
    of_session: bool
    """Whether it ends when the session is logged out."""


class Subscriptions:
    """Those that live, by the ids that they were given."""

    def __init__(self) -> None:
        self._living: dict[int, Subscription] = {}
        self._count = 0

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that are subscribed to, each once."""
        return tuple(each.account for each in self._living.values())

    @property
    def numbers(self) -> tuple[int, ...]:
        """The ids."""
        return tuple(self._living)

    def add(self, account: str, key: str, *, of_session: bool) -> int | None:
        """Add one and return its id; None when the ids are used up."""
        number = self._count
        if number > _LAST:
            return None
        self._count += 1
        self._living[number] = Subscription(number, account, key, of_session)
        return number

    def end(self, is_over: Callable[[Subscription], bool], now_ms: int) -> tuple[Closing, ...]:
        """Forget subscriptions; return what becomes of their feeds."""
        over = [each for each in self._living.values() if is_over(each)]
        for each in over:
            del self._living[each.number]
        farewell = _encode({"e": "eventStreamTerminated", "E": now_ms})
        return tuple(Closing(each.account, each.key, farewell) for each in over)
