"""What the demo shows of the derived topics: the last state of each book and each candle."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from sandbox.verify.symbols import SymbolId
from schemas.derived import Candle, TopOfBook
from schemas.markets import Market


__all__ = ["Board", "Rate"]

_RATE_SAMPLES: Final = 10


class Board:
    """The last books and candles by symbol."""

    def __init__(self) -> None:
        self.books: dict[SymbolId, TopOfBook] = {}
        self.forming: dict[SymbolId, Candle] = {}
        """The provisional 1 m candle."""
        self.closed: dict[SymbolId, Candle] = {}
        """The last final 1 m candle."""

    def symbols(self) -> list[SymbolId]:
        """Return every symbol of which something is known, sorted."""
        return sorted({*self.books, *self.forming, *self.closed})

    def take(self, market: Market, value: msgspec.Struct) -> None:
        """Take in one derived record, in the order of its topic."""
        if isinstance(value, TopOfBook):
            self.books[SymbolId(market, value.symbol)] = value
        elif isinstance(value, Candle):
            self._take_candle(SymbolId(market, value.symbol), value)

    def _take_candle(self, symbol_id: SymbolId, candle: Candle) -> None:
        candles = self.closed if candle.final else self.forming
        known = candles.get(symbol_id)
        if known is None or candle.open_time >= known.open_time:
            candles[symbol_id] = candle


class Rate:
    """How fast a counter rises, over the last few samples."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque(maxlen=_RATE_SAMPLES)

    def sample(self, at_s: float, count: int) -> float:
        """Take the counter's value; return its rise per second."""
        self._samples.append((at_s, count))
        first_s, first = self._samples[0]
        return (count - first) / (at_s - first_s) if at_s > first_s else 0.0
