"""What every reader must find, worked out from the raw records in plain Python: JSON, Decimal and nothing of ours."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal, localcontext
from typing import Any, Final

from tests.compat.comparing import MinuteId
from tests.compat.logs import Entry


__all__ = ["Minutes", "candles_of", "minutes_of", "trades_of"]

Minutes = dict[MinuteId, dict[str, Decimal]]

_MINUTE_MS: Final = 60_000
_DIGITS: Final = 60
"""More than any sum here has."""


def trades_of(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Return each trade of a raw trade topic once, by symbol and id, in the order of the ids."""
    trades = {}
    for entry in entries:
        trade = json.loads(entry.value)
        trades[trade["s"], trade["t"]] = trade
    return [trades[key] for key in sorted(trades)]


def minutes_of(trades: Iterable[dict[str, Any]]) -> Minutes:
    """Add up each symbol's trades by minute of trade time; the trades come in the order of their ids."""
    minutes: Minutes = {}
    with localcontext(prec=_DIGITS):
        for trade in trades:
            key = (trade["s"], trade["T"] // _MINUTE_MS * _MINUTE_MS)
            price, quantity = Decimal(trade["p"]), Decimal(trade["q"])
            minute = minutes.setdefault(key, _flat(price))
            minute["trades"] += 1
            minute["high"] = max(minute["high"], price)
            minute["low"] = min(minute["low"], price)
            minute["close"] = price
            minute["base_volume"] += quantity
            minute["quote_volume"] += price * quantity
    return minutes


def candles_of(minutes: Minutes, end_ms: int) -> Minutes:
    """Return the candle of each minute from a symbol's first trade to the end; without trades it stands still."""
    candles: Minutes = {}
    for symbol in sorted({symbol for symbol, _ in minutes}):
        start = min(time for owner, time in minutes if owner == symbol)
        close = Decimal()
        for time in range(start, end_ms, _MINUTE_MS):
            candle = minutes.get((symbol, time)) or _flat(close)
            candles[symbol, time] = candle
            close = candle["close"]
    return candles


def _flat(price: Decimal) -> dict[str, Decimal]:
    zero = Decimal()
    prices = dict.fromkeys(("open", "high", "low", "close"), price)
    return {**prices, "trades": zero, "base_volume": zero, "quote_volume": zero}
