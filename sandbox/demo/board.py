"""What the demo shows of the derived topics: the last state of each book, candle and flow, and the last alerts."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from sandbox.verify.symbols import SymbolId
from schemas.derived import Alert, AlertStatus, Candle, TopOfBook, TradeFlow
from schemas.markets import Market


__all__ = ["FLOW_WINDOW", "Board", "Rate"]

FLOW_WINDOW: Final = "10s"
"""The windows of trade flow that are shown."""
_ALERTS: Final = 5
_RATE_SAMPLES: Final = 10


class Board:
    """The last books, candles and windows of flow by symbol, and the last alerts."""

    def __init__(self) -> None:
        self.books: dict[SymbolId, TopOfBook] = {}
        self.forming: dict[SymbolId, Candle] = {}
        """The provisional 1 m candle."""
        self.closed: dict[SymbolId, Candle] = {}
        """The last final 1 m candle."""
        self.flows: dict[SymbolId, TradeFlow] = {}
        """The last window of trade flow."""
        self.alerts: dict[tuple[SymbolId, str, int], Alert] = {}
        """The last alerts, oldest first: the record that opened one until there is the one that closed it."""
        self.opened = 0
        """How many alerts there were."""

    def symbols(self) -> list[SymbolId]:
        """Return every symbol of which something is known, sorted."""
        return sorted({*self.books, *self.forming, *self.closed, *self.flows})

    def take(self, market: Market, value: msgspec.Struct) -> None:
        """Take in one derived record, in the order of its topic."""
        if isinstance(value, TopOfBook):
            self.books[SymbolId(market, value.symbol)] = value
        elif isinstance(value, Candle):
            self._take_candle(SymbolId(market, value.symbol), value)
        elif isinstance(value, TradeFlow) and value.window == FLOW_WINDOW:
            self._take_flow(SymbolId(market, value.symbol), value)
        elif isinstance(value, Alert):
            self._take_alert(SymbolId(market, value.symbol), value)

    def _take_flow(self, symbol_id: SymbolId, flow: TradeFlow) -> None:
        known = self.flows.get(symbol_id)
        if known is None or flow.open_time >= known.open_time:
            self.flows[symbol_id] = flow

    def _take_alert(self, symbol_id: SymbolId, alert: Alert) -> None:
        # The display reads this from another thread: it is replaced, never changed.
        self.opened += alert.status is AlertStatus.OPEN
        alerts = {**self.alerts, (symbol_id, str(alert.kind), alert.opened_time): alert}
        self.alerts = dict(list(alerts.items())[-_ALERTS:])

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
