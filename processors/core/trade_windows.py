"""All that is made of one symbol's trades window by window: its candles and its trade flow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from processors.core.candle_series import CandleSeries, HoleName
from processors.core.flow_alerts import AlertRules
from processors.core.trade_flow_series import FlowRecord, FlowSeries
from processors.core.trades import Match
from schemas.derived import Candle, TradeSource


__all__ = ["TradeWindows", "WindowRecord"]

WindowRecord = Candle | FlowRecord


class TradeWindows:
    """Candles and trade flow of one symbol from one source.

    Every method returns the records to send, in order.

    Args:
        symbol: the symbol.
        source: the stream that the trades come from.
        contracts: whether quantities are contracts (COIN-M).
        covered_since: the time since when the input is known to be whole; None: not known.
        rules: when alerts about the flow open and close.
    """

    __slots__ = ("candles", "flow")

    def __init__(
        self,
        symbol: str,
        source: TradeSource,
        *,
        contracts: bool,
        covered_since: int | None = None,
        rules: AlertRules | None = None,
    ) -> None:
        self.candles = CandleSeries(symbol, source, contracts=contracts, covered_since=covered_since)
        self.flow = FlowSeries(symbol, source, contracts=contracts, covered_since=covered_since, rules=rules)

    def add(self, match: Match) -> Sequence[WindowRecord]:
        """Take one trade."""
        return self._both(self.candles.add(match), self.flow.add(match))

    def vouch(self, until: int) -> Sequence[WindowRecord]:
        """Take the promise that every trade before ``until`` has come."""
        return self._both(self.candles.vouch(until), self.flow.vouch(until))

    def cover(self, since: int | None) -> Sequence[WindowRecord]:
        """Learn since when the input is known to be whole, should that be known only now."""
        return self._both(self.candles.cover(since), self.flow.cover(since))

    def open_hole(self, name: HoleName, previous_time: int, next_time: int) -> Sequence[WindowRecord]:
        """Learn that trades between two times are missing."""
        candles = self.candles.open_hole(name, previous_time, next_time)
        return self._both(candles, self.flow.open_hole(name, previous_time, next_time))

    def narrow_hole(self, name: HoleName, spans: Iterable[tuple[int, int]]) -> Sequence[WindowRecord]:
        """Learn that what is still missing of a hole lies between these pairs of times."""
        spans = tuple(spans)
        return self._both(self.candles.narrow_hole(name, spans), self.flow.narrow_hole(name, spans))

    def close_hole(self, name: HoleName, *, recovered: bool) -> Sequence[WindowRecord]:
        """Learn that nothing more will come into a hole."""
        candles = self.candles.close_hole(name, recovered=recovered)
        return self._both(candles, self.flow.close_hole(name, recovered=recovered))

    def end(self) -> Sequence[WindowRecord]:
        """Learn that the trades come from another source now: nothing is left open."""
        return self.flow.end()

    @staticmethod
    def _both(candles: Sequence[Candle], flow: Sequence[FlowRecord]) -> Sequence[WindowRecord]:
        return [*candles, *flow] if flow else candles
