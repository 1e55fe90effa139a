"""How long after its acknowledgement a stream may keep silent before something is wrong.

Binance acknowledges subscriptions that never send: to a symbol that does not exist, on an address that serves another
class of streams. So every type has a deadline for its first event, as generous as a waking market allows: the venue's
update speeds say how often a frame *can* be sent, and of most types nothing is sent when nothing changed. Types that
need a trade, or a liquidation, have none.

Source: binance-spot-api-docs, "Web Socket Streams for Binance" (2026-07-21); derivatives documentation, "USD-M" and
"COIN-M Futures: Websocket Market Streams" (2026-05-28).
"""

from __future__ import annotations

from typing import Final

from ingest.core.streams import Framing, Stream
from schemas.topics import RawType


__all__ = ["READY_WITHIN_MS", "first_event_ms"]

READY_WITHIN_MS: Final = 300_000
"""Streams with a longer deadline are not waited for before the service says that it is ready."""

_BY_TYPE: Final[dict[RawType, int | None]] = {
    # One trade may be hours away on a quiet symbol, a liquidation days.
    RawType.TRADE: None,
    RawType.AGG_TRADE: None,
    RawType.FORCE_ORDER: None,
    # Sent every 3 s, or every second, whatever happens: ten frames may be missed.
    RawType.MARK_PRICE: 30_000,
    # Sent when the book changes, at most every 100 ms to 1 s. The market makers of a quiet symbol move within minutes.
    RawType.DEPTH: 300_000,
    RawType.PARTIAL_DEPTH: 300_000,
    RawType.BOOK_TICKER: 300_000,
    # Sent every 500 ms to 2 s when something of the last 24 hours changed, which includes trades that drop out of them.
    RawType.MINI_TICKER: 300_000,
    RawType.TICKER: 300_000,
}
_ALL_MARKET_MS: Final = 60_000
"""Something changes somewhere: sent every second, every 3 s (mark price), every 5 s (USD-M's book tickers)."""
_MINUTE_MS: Final = 60_000
_UNITS_MS: Final = {
    "s": 1_000,
    "m": _MINUTE_MS,
    "h": 60 * _MINUTE_MS,
    "d": 1_440 * _MINUTE_MS,
    "w": 10_080 * _MINUTE_MS,
}


def first_event_ms(stream: Stream) -> int | None:
    """Return how many milliseconds after its acknowledgement a stream's first event is overdue; None: never."""
    if stream.raw_type is RawType.KLINE:
        # A bar's last frame comes at its end, traded or not (spot 1 s and 2 s, futures 250 ms); ours began before.
        return 2 * _interval_ms(stream.type.text.partition("_")[2]) + _MINUTE_MS
    deadline_ms = _BY_TYPE[stream.raw_type]
    if deadline_ms is None or stream.type.framing is Framing.ONE:
        return deadline_ms
    return _ALL_MARKET_MS


def _interval_ms(interval: str) -> int:
    months = interval.endswith("M")
    return int(interval[:-1]) * (31 * _UNITS_MS["d"] if months else _UNITS_MS[interval[-1]])
