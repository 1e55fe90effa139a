"""How many orders an account may place within a time. Pure; times are seconds of the clock of the rules.

An order counts when the venue took it, whatever becomes of it. (On spot a fill gives it back; here it does not.)

Source: binance-spot-api-docs, "LIMITS" of the REST API (2026-07-21); the numbers are those of `exchangeInfo`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from sandbox.exchange.limits import Pool
from sandbox.exchange.source import RestReply, error_reply


__all__ = ["ORDER_LIMITS", "OrderCounts", "OrderLimit"]


class OrderLimit(msgspec.Struct, frozen=True):
    """How many orders there may be in each span of time."""

    interval: str
    """As `exchangeInfo` spells it: ``SECOND``, ``MINUTE``, ``DAY``."""
    number: int
    """Of such intervals."""
    limit: int

    @property
    def span_s(self) -> int:
        """Its length in seconds."""
        return self.number * {"SECOND": 1, "MINUTE": 60, "DAY": 86_400}[self.interval]

    @property
    def header(self) -> str:
        """Where a reply tells the count."""
        return f"X-MBX-ORDER-COUNT-{self.number}{self.interval[0]}"


ORDER_LIMITS: dict[Pool, tuple[OrderLimit, ...]] = {
    "spot": (OrderLimit("SECOND", 10, 100), OrderLimit("DAY", 1, 200_000)),
    "futures": (OrderLimit("SECOND", 10, 300), OrderLimit("MINUTE", 1, 1_200)),
}
"""USD-M and COIN-M count together."""


class OrderCounts:
    """Orders of all accounts."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, Pool, OrderLimit], tuple[int, int]] = {}

    def refusal(self, account: str, pool: Pool, orders: int, now_s: float) -> RestReply | None:
        """Return the answer to an account that would place too many."""
        for limit in ORDER_LIMITS[pool]:
            if self._count(account, pool, limit, now_s) + orders > limit.limit:
                text = f"current limit is {limit.limit} orders per {limit.number} {limit.interval}."
                return error_reply(429, -1015, f"Too many new orders; {text}")
        return None

    def add(self, account: str, pool: Pool, orders: int, now_s: float) -> None:
        """Count orders."""
        for limit in ORDER_LIMITS[pool]:
            count = self._count(account, pool, limit, now_s) + orders
            self._counts[account, pool, limit] = int(now_s // limit.span_s), count

    def headers(self, account: str, pool: Pool, now_s: float) -> dict[str, str]:
        """Return what the reply to an order tells."""
        return {limit.header: str(self._count(account, pool, limit, now_s)) for limit in ORDER_LIMITS[pool]}

    def described(self, account: str, pool: Pool, now_s: float) -> Sequence[dict[str, Any]]:
        """Return the counts as ``rateLimit/order`` and the WebSocket API tell them."""
        return [
            {
                "rateLimitType": "ORDERS",
                "interval": limit.interval,
                "intervalNum": limit.number,
                "limit": limit.limit,
                "count": self._count(account, pool, limit, now_s),
            }
            for limit in ORDER_LIMITS[pool]
        ]

    def _count(self, account: str, pool: Pool, limit: OrderLimit, now_s: float) -> int:
        span, count = self._counts.get((account, pool, limit), (0, 0))
        return count if span == int(now_s // limit.span_s) else 0
