"""What a soak of accounts is made of: who trades what, and how often what happens to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from schemas.markets import Market


__all__ = ["LABELS", "AccountsPlan"]

LABELS: Final[Mapping[str, str]] = {"main": "hmac", "hedge": "ed25519"}
"""The accounts, and how their keys sign: of the second, spot's streams begin with a log-on."""
_SYMBOLS: Final = {
    Market.SPOT: ("BTCUSDT", "ETHUSDT"),
    Market.USDM: ("BTCUSDT", "ETHUSDT"),
    Market.COINM: ("BTCUSD_PERP",),
}


class AccountsPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who trades what, and how often what happens; the seed says when, and to whom."""

    orders: int = 5_000
    """Orders that are placed at least, by all accounts on all markets together."""
    symbols: dict[Market, tuple[str, ...]] = msgspec.field(default_factory=lambda: dict(_SYMBOLS))
    """What is traded, by market."""
    resets: int = 0
    """How often all private sockets of an account end by a TCP reset."""
    half_opens: int = 0
    """How often those of an account on a market stay, and nothing comes any more."""
    closes: int = 0
    """How often those of an account on a market are closed."""
    drops: int = 0
    """How often some events of an account are lost though its sockets stay."""
    dropped_events: int = 8
    """How many each time."""
    duplicates: int = 0
    """How often some events of an account come twice."""
    silences: int = 0
    """How often an account is told nothing on any market for two seconds of the wall's clock."""
    key_expiries: int = 0
    """How often the listen keys of futures, and spot's subscriptions, of an account end."""
    new_keys: int = 0
    """How often an account gets a new API key, and the old one is good for nothing a little later."""
    transfers: int = 0
    """How often something arrives at an account, or leaves it."""
    ingest_restarts: int = 0
    ingest_kills: int = 0
    worker_kills: int = 0
    interval_s: float = 15.0
    """Seconds of ingest's clock between comparisons that nothing else causes."""
