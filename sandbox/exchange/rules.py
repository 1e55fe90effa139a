"""What the venue demands of a connection, by market.

Source: binance-spot-api-docs, "WebSocket Streams for Binance" (2026-07-21); derivatives documentation, "Connect" and
change log of USD-M (2025-07-02) and COIN-M (2026-05-28).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import msgspec

from schemas.markets import Market


__all__ = ["RULES", "MarketRules"]


class MarketRules(msgspec.Struct, frozen=True):
    """The rules of one market's stream connections."""

    ping_interval_s: float
    """How often the server pings."""
    pong_deadline_s: float
    """How long the answer to a ping may take before the server closes the connection."""
    messages_per_second: int
    """How many frames a client may send: requests, pings and pongs together."""
    takes_text_ids: bool
    """Whether a request id may be text, negative or null; futures take unsigned integers only."""
    streams_per_connection: int = 1_024
    lifetime_s: float = 86_400
    """How long a connection may last; it is then cut without notice."""
    attempts: int = 300
    """Handshakes that an address may ask for within `attempts_window_s`; futures state no number, spot's is taken."""
    attempts_window_s: float = 300
    request_bytes: int = 8_192
    """Longest request; Binance states no number, clients were dropped above some 8,000 characters."""

    def hastened(self, factor: float, least_deadline_s: float = 0.0) -> MarketRules:
        """Return the same rules on a clock that runs `factor` times as fast as the client's.

        Messages still count by the client's second, for a client can send no faster than it does; it may send as many
        more as it must to answer the pings. A deadline is not shortened below `least_deadline_s`: a machine is no
        faster for a clock that is.
        """
        if factor == 1:
            return self
        interval_s = self.ping_interval_s / factor
        return msgspec.structs.replace(
            self,
            ping_interval_s=interval_s,
            pong_deadline_s=max(self.pong_deadline_s / factor, min(self.pong_deadline_s, least_deadline_s)),
            lifetime_s=self.lifetime_s / factor,
            attempts_window_s=self.attempts_window_s / factor,
            messages_per_second=self.messages_per_second + ceil(1 / interval_s),
        )


_FUTURES = MarketRules(ping_interval_s=180, pong_deadline_s=600, messages_per_second=10, takes_text_ids=False)

RULES: Mapping[Market, MarketRules] = {
    Market.SPOT: MarketRules(ping_interval_s=20, pong_deadline_s=60, messages_per_second=5, takes_text_ids=True),
    Market.USDM: _FUTURES,
    Market.COINM: _FUTURES,
}
