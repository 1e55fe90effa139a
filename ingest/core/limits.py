"""What the venue allows a connection, per market.

Source: binance-spot-api-docs, "Web Socket Streams for Binance" (2026-07-21); derivatives documentation, "Connect"
(2026-05-28) and change log, entry of 2025-07-02.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from schemas.markets import Market


__all__ = ["CONNECTION_ATTEMPTS", "LIMITS", "Allowance", "MarketLimits"]


class Allowance(Struct, frozen=True):
    """So many at once, and so many a second in the long run."""

    burst: int
    per_s: float


class MarketLimits(Struct, frozen=True):
    """Limits of one connection."""

    streams_per_connection: int
    control_messages: Allowance


LIMITS: Final[Mapping[Market, MarketLimits]] = {
    # 5 messages a second, of which one pong and one ping may be ours.
    Market.SPOT: MarketLimits(1024, Allowance(1, 3.0)),
    # 10 messages a second. 1024 streams since 2025-07-02, but many clients know 200 only: that is safe everywhere.
    Market.USDM: MarketLimits(200, Allowance(1, 7.0)),
    Market.COINM: MarketLimits(200, Allowance(1, 7.0)),
}

CONNECTION_ATTEMPTS: Final = Allowance(20, 0.8)
"""300 attempts in 5 minutes per address; what remains is for other processes. Futures document none: the same."""
