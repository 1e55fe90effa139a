"""The listen key of a futures account: where it leads, and when it is prolonged.

It lives for 60 minutes from when it was asked for or prolonged. It is never deleted: another process of the account has
the same one.

Source: derivatives documentation, "User Data Streams" of USD-M and COIN-M (2026-05-28); for what sources disagree on,
everything is named.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from ingest.core.secrecy import Secret
from schemas.markets import Market


__all__ = ["EVENTS", "ListenKeyLife", "user_stream_url"]

EVENTS: Final = (
    "ORDER_TRADE_UPDATE",
    "TRADE_LITE",
    "ACCOUNT_UPDATE",
    "MARGIN_CALL",
    "ACCOUNT_CONFIG_UPDATE",
    # The event is the first; one client knows the filter by the second.
    "ALGO_UPDATE",
    "ALGO_ORDER_UPDATE",
    "CONDITIONAL_ORDER_TRIGGER_REJECT",
    "STRATEGY_UPDATE",
    "GRID_UPDATE",
    "listenKeyExpired",
)
"""What USD-M is asked for: what is not named does not come."""

_RETRY_MS: Final = 60_000.0


def user_stream_url(market: Market, base: str, key: Secret) -> Secret:
    """Return the address of an account's stream on futures: whoever knows it reads the account.

    Args:
        market: which of the two.
        base: ``wss://fstream.binance.com/private/ws``, ``wss://dstream.binance.com/ws``.
        key: the listen key.
    """
    quoted = quote(key.reveal(), safe="")
    if market is Market.USDM:
        return Secret(f"{base}?listenKey={quoted}&events={'/'.join(EVENTS)}")
    return Secret(f"{base}/{quoted}")


class ListenKeyLife:
    """When a listen key is to be prolonged.

    Args:
        prolong_ms: so long after it was asked for or prolonged.
    """

    def __init__(self, prolong_ms: float) -> None:
        self._prolong_ms = prolong_ms
        self._due_ms: float | None = None

    def lives(self, now_ms: float) -> None:
        """Take note that it lives for an hour from now on."""
        self._due_ms = now_ms + self._prolong_ms

    def failed(self, now_ms: float) -> None:
        """Take note that it could not be prolonged: it is tried again soon, while the old hour lasts."""
        self._due_ms = now_ms + min(_RETRY_MS, self._prolong_ms)

    def ended(self) -> None:
        """Take note that there is none any more."""
        self._due_ms = None

    def is_due(self, now_ms: float) -> bool:
        """Return whether to prolong it now."""
        return self._due_ms is not None and now_ms >= self._due_ms
