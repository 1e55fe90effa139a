"""The trade flow of one symbol, in windows of every length, as its trades come.

Seconds are built from trades, the longer windows from final seconds. As with candles
(:mod:`processors.core.candle_series`) there is one point, the *frontier*, before which everything is final; later
trades and heartbeats move it. Unlike them, a window exists only where something was traded, and is told only when it is
final. What comes for a final window corrects it (``revision``); alerts are not judged again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from processors.core.flow_alerts import AlertRules, FlowAlerts
from processors.core.flow_holes import FlowHoles, HoleName, touches
from processors.core.trade_flow import FlowWindow, merge, take, told
from processors.core.trade_flow_state import FlowLevel, FlowState
from processors.core.trades import Match
from processors.core.windows import start_of
from schemas.derived import FLOW_WINDOWS, Alert, TradeFlow, TradeSource


__all__ = ["FlowRecord", "FlowSeries", "HoleName"]

FlowRecord = TradeFlow | Alert

KEEP_WINDOWS: Final = 16
"""Windows of each length that can be corrected: the newest in which something was traded, and those beside a hole that
may still fill. By number, not by age: what is kept does not depend on when heartbeats are read."""
HOLE_WINDOW_LIMIT: Final = 1_000
"""Seconds that are kept beside holes; beyond it the oldest hole is given up for good."""

_NOTHING: Final[Sequence[FlowRecord]] = ()


class FlowSeries:
    """The trade flow of one symbol from one source, and what is alarming in it.

    Every method returns the records to send, in order.

    Args:
        symbol: the symbol.
        source: the stream that the trades come from.
        contracts: whether quantities are contracts (COIN-M).
        covered_since: the time since when the input is known to be whole; None: not known.
        rules: when alerts open and close.
    """

    def __init__(
        self,
        symbol: str,
        source: TradeSource,
        *,
        contracts: bool,
        covered_since: int | None = None,
        rules: AlertRules | None = None,
    ) -> None:
        self._symbol = symbol
        self._source = source
        self._contracts = contracts
        self._covered_since = covered_since
        rules = rules or AlertRules()
        self._alerts = FlowAlerts(symbol, rules)
        self._judged = rules.window
        self._levels = [FlowLevel(name, length_ms) for name, length_ms in FLOW_WINDOWS.items()]
        self._seconds, *self._longer = self._levels
        self._second_ms = self._seconds.length_ms
        self._start: int | None = None
        self._frontier = 0
        self._offset = -1
        self._holes = FlowHoles(self._second_ms)
        self._now: FlowWindow | None = None
        """The second in the making, should something have been traded in it."""

    def add(self, match: Match) -> Sequence[FlowRecord]:
        """Take one trade."""
        now = self._now
        if now is not None and 0 <= match.trade_time - now.open_time < self._second_ms:
            take(now, match)
            return _NOTHING
        second = start_of(match.trade_time, self._second_ms)
        if self._start is None:
            self._begin(second)
        if second < self._frontier:
            return list(self._correct(match))
        records = self._move_to(second)
        self._now = self._at(self._seconds, second)
        take(self._now, match)
        return records

    def vouch(self, until: int) -> Sequence[FlowRecord]:
        """Take the promise that every trade before ``until`` has come.

        Where nothing comes of it nothing changes: a quiet symbol's checkpoint stays as it is.
        """
        frontier = start_of(until, self._second_ms)
        if self._start is None or frontier <= self._frontier or not self._would_tell(frontier):
            return _NOTHING
        return self._move_to(frontier)

    def cover(self, since: int | None) -> Sequence[FlowRecord]:
        """Learn since when the input is known to be whole, should that be known only now."""
        self._covered_since = since
        if self._start is None:
            return _NOTHING
        return self._judge((0, self._start))

    def open_hole(self, name: HoleName, previous_time: int, next_time: int) -> Sequence[FlowRecord]:
        """Learn that trades between two times are missing: windows that they could be in are incomplete.

        A series may begin with a hole, as candles may.
        """
        if self._start is None:
            self._begin(start_of(next_time, self._second_ms))
        records = self._judge(*self._holes.open(name, previous_time, next_time))
        self._lose(self._holes.lose_surplus())
        return records

    def narrow_hole(self, name: HoleName, spans: Iterable[tuple[int, int]]) -> Sequence[FlowRecord]:
        """Learn that what is still missing of a hole lies between these pairs of times."""
        before = self._holes.narrow(name, spans)
        if not before:
            return _NOTHING
        records = self._judge(*before)
        self._forget()
        return records

    def close_hole(self, name: HoleName, *, recovered: bool) -> Sequence[FlowRecord]:
        """Learn that nothing more is expected in a hole.

        Args:
            name: the hole.
            recovered: whether everything did come, so that the windows are complete after all: also of a hole that was
                closed without. Which of both is learned first depends on how the ledger is read beside the log.
        """
        if not recovered:
            self._holes.give_up(name)
            self._lose(self._holes.lose_surplus())
            return _NOTHING
        records = self._judge(*self._holes.recover(name))
        self._forget()
        return records

    def end(self) -> Sequence[FlowRecord]:
        """Learn that the trades come from another source now: alerts that are open end."""
        return self._alerts.end(self._offset)

    def dump(self) -> FlowState:
        """Return everything remembered."""
        open_holes, given_up, lost_spans = self._holes.dump()
        return FlowState(
            start=self._start,
            frontier=self._frontier,
            covered_since=self._covered_since,
            offset=self._offset,
            windows=tuple(level.dump() for level in self._levels),
            open_holes=open_holes,
            given_up=given_up,
            lost_spans=lost_spans,
            alerts=self._alerts.dump(),
        )

    def load(self, state: FlowState) -> None:
        """Take over what was dumped.

        Raises:
            ValueError: it is not what :meth:`dump` returns.
        """
        for level, windows in zip(self._levels, state.windows, strict=True):
            level.load(windows)
        self._alerts.load(state.alerts)
        self._start, self._frontier, self._offset = state.start, state.frontier, state.offset
        self._covered_since = state.covered_since
        self._holes.load(state.open_holes, state.given_up, state.lost_spans)
        self._now = self._seconds.windows.get(self._frontier)

    def _begin(self, second: int) -> None:
        self._start = self._frontier = second
        length_ms = FLOW_WINDOWS[self._judged]
        self._alerts.begin(start_of(second, length_ms) + length_ms)

    def _move_to(self, frontier: int) -> list[FlowRecord]:
        """Make every window that ends at or before ``frontier`` final."""
        records: list[FlowRecord] = []
        if frontier == self._frontier:
            return records
        now, before = self._now, self._frontier
        self._now, self._frontier = None, frontier
        if now is not None:
            self._offset = max(self._offset, now.input_offset)
            for level in self._longer:
                merge(self._at(level, start_of(before, level.length_ms)), now)
        for level in self._levels:
            open_time = start_of(before, level.length_ms)
            if open_time + level.length_ms > frontier:
                continue
            window = level.windows.get(open_time)
            if window is not None:
                records.append(self._told(level, window, revision=False))
            if level.name == self._judged:
                if window is not None:
                    records += self._alerts.judge(window)
                records += self._alerts.pass_until(start_of(frontier, level.length_ms), self._offset)
        return records

    def _would_tell(self, frontier: int) -> bool:
        """Return whether anything comes of moving to ``frontier``."""
        if self._now is not None:
            return True
        for level in self._levels:
            open_time = start_of(self._frontier, level.length_ms)
            if open_time in level.windows and open_time + level.length_ms <= frontier:
                return True
        return self._alerts.would_close(frontier)

    def _correct(self, match: Match) -> Iterator[FlowRecord]:
        """Put a trade into windows whose second is final."""
        self._offset = max(self._offset, match.input_offset)
        for level in self._levels:
            open_time = start_of(match.trade_time, level.length_ms)
            if open_time not in level.windows and self._is_gone(level, open_time):
                continue
            window = self._at(level, open_time)
            take(window, match)
            if open_time + level.length_ms <= self._frontier:
                yield self._told(level, window, revision=True)
        if len(self._seconds.windows) > HOLE_WINDOW_LIMIT:
            self._lose(self._holes.lose_oldest())

    def _is_gone(self, level: FlowLevel, open_time: int) -> bool:
        """Return whether a window may have been let go, so that nobody knows what else was traded in it."""
        if len(level.windows) < KEEP_WINDOWS or open_time > sorted(level.windows)[-KEEP_WINDOWS]:
            return False
        return not touches(open_time, level.length_ms, self._kept_spans())

    def _at(self, level: FlowLevel, open_time: int) -> FlowWindow:
        window = level.windows.get(open_time)
        if window is None:
            window = level.windows[open_time] = FlowWindow(open_time)
            window.lost = touches(open_time, level.length_ms, self._holes.lost)
            window.complete = self._is_complete(level, window)
            self._forget_of(level)
        return window

    def _is_complete(self, level: FlowLevel, window: FlowWindow) -> bool:
        if window.lost:
            return False
        after_start = self._start is not None and window.open_time > self._start
        covered = self._covered_since is not None and self._covered_since <= window.open_time
        if not after_start and not covered:
            return False
        return not touches(window.open_time, level.length_ms, self._holes.missing())

    def _judge(self, *spans: tuple[int, int]) -> list[FlowRecord]:
        """Look again whether the windows in these spans are complete; tell those again of which that has changed."""
        records: list[FlowRecord] = []
        for level in self._levels:
            for open_time in sorted(level.windows):
                window = level.windows[open_time]
                if not touches(open_time, level.length_ms, spans):
                    continue
                complete = self._is_complete(level, window)
                if complete != window.complete:
                    window.complete = complete
                    if open_time + level.length_ms <= self._frontier:
                        records.append(self._told(level, window, revision=True))
        return records

    def _lose(self, spans: Sequence[tuple[int, int]]) -> None:
        """Take note that what is missing in these spans stays missing."""
        if not spans:
            return
        for level in self._levels:
            for open_time, window in level.windows.items():
                window.lost = window.lost or touches(open_time, level.length_ms, spans)
        self._forget()

    def _kept_spans(self) -> list[tuple[int, int]]:
        """Return what windows are kept beside: holes, and the start until somebody vouches for it.

        Who does so is told in a topic of its own, which may be read after any number of trades.
        """
        spans = self._holes.missing()
        if self._start is not None and (self._covered_since is None or self._covered_since > self._start):
            spans.append((self._start, self._start))
        return spans

    def _forget(self) -> None:
        for level in self._levels:
            self._forget_of(level)

    def _forget_of(self, level: FlowLevel) -> None:
        """Let go of the oldest windows, but for those beside a hole that may still fill."""
        windows = level.windows
        if len(windows) <= KEEP_WINDOWS:
            return
        kept = self._kept_spans()
        for open_time in sorted(windows)[:-KEEP_WINDOWS]:
            if not touches(open_time, level.length_ms, kept):
                del windows[open_time]

    def _told(self, level: FlowLevel, window: FlowWindow, *, revision: bool) -> TradeFlow:
        return told(window, self._symbol, self._source, level.name, contracts=self._contracts, revision=revision)
