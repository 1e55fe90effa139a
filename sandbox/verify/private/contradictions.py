"""What a recording says against itself."""

from __future__ import annotations

import msgspec

from schemas.markets import Market


__all__ = ["Contradiction"]


class Contradiction(msgspec.Struct, frozen=True):
    """Two things of a recording that cannot both be true, or one that cannot be true at all."""

    market: Market
    account: str
    subject: str
    """``order ACHUSDT 1281722113``, ``balance USDT``."""
    what: str
    """A sentence without its end: what must hold."""
    said: str
    demanded: str
    place: str
    """File and line of the event that says it."""

    def __str__(self) -> str:
        return (
            f"{self.place}: {self.market} {self.account}: {self.subject}: {self.what}: "
            f"recorded {self.said}, demanded {self.demanded}"
        )
