"""Volume spikes and one-sided flow of one symbol: alerts that open once and close once.

Judged are windows that are final, each once and in order; one without trades counts as a window in which nothing was
traded. Whole numbers and fractions of them alone, so that the same windows give the same alerts to the last digit.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import msgspec

from processors.core.trade_flow import FlowWindow
from processors.core.wide import Wide, keep, read
from schemas.derived import FLOW_WINDOWS, Alert, AlertKind, AlertStatus, TakerSide


__all__ = ["AlertRules", "AlertState", "FlowAlerts", "remainder_of"]

FRACTION_BITS: Final = 32
"""Binary places of the baseline's factor, weight and sum."""
_ONE: Final = 1 << FRACTION_BITS
_PERCENT: Final = 10**14
"""One percent in the scale of alerts, 10**16."""
_WIDEN: Final = 10**8
"""From the scale of quantities to that of alerts."""


class AlertRules(msgspec.Struct, frozen=True, kw_only=True):
    """When alerts open and close. Percentages are whole numbers."""

    window: str = "10s"
    """Which windows are judged."""
    spike_half_life: int = 60
    """Windows after which a window counts half as much in the baseline."""
    spike_warm_up: int = 30
    """Windows that the baseline must know of before a spike can open."""
    spike_open_percent: int = 500
    """Volume in percent of the baseline from which on a spike opens."""
    spike_close_percent: int = 200
    """Volume in percent of the baseline below which it closes."""
    spike_min_trades: int = 20
    """Trades that a window must have to open a spike."""
    one_sided_open_percent: int = 90
    """Share of one taker side in the volume from which on flow is one-sided."""
    one_sided_close_percent: int = 75
    """Share below which it is no longer."""
    one_sided_min_trades: int = 50
    """Trades that a window must have to open it."""


class _Opened(msgspec.Struct, frozen=True, array_like=True):
    """An alert that is open."""

    time: int
    side: TakerSide | None = None


class AlertState(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Everything that alerts remember, for a checkpoint."""

    window: str
    judged_until: int
    weight: int
    volume: Wide
    windows: int
    spike: _Opened | None
    one_sided: _Opened | None


@cache
def remainder_of(half_life: int) -> int:
    """Return what is left of a weight after one window, in 2**-32: the half-life-th root of one half, rounded down."""
    target, root = 1 << (FRACTION_BITS * half_life - 1), 0
    for bit in reversed(range(FRACTION_BITS)):
        if (root | 1 << bit) ** half_life <= target:
            root |= 1 << bit
    return root


class FlowAlerts:
    """The alerts of one symbol from one source.

    Args:
        symbol: the symbol.
        rules: when they open and close.
    """

    def __init__(self, symbol: str, rules: AlertRules) -> None:
        self._symbol = symbol
        self._rules = rules
        self._length_ms = FLOW_WINDOWS[rules.window]
        self._remainder = remainder_of(rules.spike_half_life)
        self._judged_until: int | None = None
        self._weight = 0
        self._volume = 0
        self._windows = 0
        self._spike: _Opened | None = None
        self._one_sided: _Opened | None = None

    def begin(self, time: int) -> None:
        """Judge windows from ``time`` on: the first that is wholly in the input."""
        self._judged_until = time

    def judge(self, window: FlowWindow) -> list[Alert]:
        """Take the next window that something was traded in, final."""
        if self._judged_until is None or window.open_time < self._judged_until:
            return []
        alerts = self.pass_until(window.open_time, window.input_offset)
        time = window.open_time + self._length_ms
        alerts += self._judge_volume(window.quantity, window.trade_count, time, window.input_offset)
        alerts += self._judge_sides(window, time)
        self._fold(window.quantity)
        self._judged_until = time
        return alerts

    def pass_until(self, time: int, offset: int) -> list[Alert]:
        """Take every window before ``time``, the start of one, as one in which nothing was traded.

        Args:
            time: the start of the window that may still get trades.
            offset: offset of the last raw record folded in.
        """
        if self._judged_until is None or time <= self._judged_until:
            return []
        alerts: list[Alert] = []
        first_end = self._judged_until + self._length_ms
        if self._spike is not None:
            alerts += self._judge_volume(0, 0, first_end, offset)
        if self._one_sided is not None:
            alerts.append(self._close_one_sided(self._one_sided, first_end, None, offset))
        self._pass_empty((time - self._judged_until) // self._length_ms)
        self._judged_until = time
        return alerts

    def end(self, offset: int) -> list[Alert]:
        """Judge nothing any more, as the trades come from elsewhere now: close what is open.

        Args:
            offset: of the last raw record folded in.
        """
        alerts: list[Alert] = []
        if self._judged_until is not None:
            alerts += [] if self._spike is None else self._judge_volume(0, 0, self._judged_until, offset)
            if self._one_sided is not None:
                alerts.append(self._close_one_sided(self._one_sided, self._judged_until, None, offset))
        return alerts

    def would_close(self, time: int) -> bool:
        """Return whether an alert that is open closes when nothing is traded until ``time``."""
        is_open = self._spike is not None or self._one_sided is not None
        return is_open and self._judged_until is not None and time >= self._judged_until + self._length_ms

    def dump(self) -> AlertState:
        """Return everything remembered."""
        return AlertState(
            window=self._rules.window,
            judged_until=-1 if self._judged_until is None else self._judged_until,
            weight=self._weight,
            volume=keep(self._volume),
            windows=self._windows,
            spike=self._spike,
            one_sided=self._one_sided,
        )

    def load(self, state: AlertState) -> None:
        """Take over what was dumped.

        Where other windows are judged now, the baseline begins anew; what is open stays open until they close it.
        """
        self._spike, self._one_sided = state.spike, state.one_sided
        if state.judged_until >= 0:
            self._judged_until = -(-state.judged_until // self._length_ms) * self._length_ms
        if state.window == self._rules.window:
            self._weight, self._volume, self._windows = state.weight, read(state.volume) or 0, state.windows

    def _judge_volume(self, volume: int, trades: int, time: int, offset: int) -> list[Alert]:
        """Hold a window's volume against the baseline of those before it."""
        rules, opened = self._rules, self._spike
        # The baseline is volume / weight, so a volume is compared times the weight: nothing is rounded.
        scaled = volume * self._weight * 100
        if opened is None:
            warm = self._windows >= rules.spike_warm_up and self._volume > 0
            if not warm or trades < rules.spike_min_trades or scaled < self._volume * rules.spike_open_percent:
                return []
            self._spike = _Opened(time)
            return [self._volume_alert(AlertStatus.OPEN, self._spike, time, volume, offset)]
        if scaled >= self._volume * rules.spike_close_percent and volume:
            return []
        self._spike = None
        return [self._volume_alert(AlertStatus.CLOSED, opened, time, volume, offset)]

    def _volume_alert(self, status: AlertStatus, opened: _Opened, time: int, volume: int, offset: int) -> Alert:
        rules, is_open = self._rules, status is AlertStatus.OPEN
        percent = rules.spike_open_percent if is_open else rules.spike_close_percent
        # Without weight there is no baseline: a spike is open from before the windows were changed.
        weight = self._weight or 1
        return Alert(
            symbol=self._symbol,
            kind=AlertKind.VOLUME_SPIKE,
            status=status,
            opened_time=opened.time,
            time=time,
            window=rules.window,
            side=None,
            value=volume * _WIDEN,
            threshold=self._volume * percent * _WIDEN // (weight * 100),
            baseline=self._volume * _WIDEN // weight,
            input_offset=offset,
        )

    def _judge_sides(self, window: FlowWindow, time: int) -> list[Alert]:
        """Look how much of a window's volume one taker side has."""
        rules, alerts, total = self._rules, list[Alert](), window.quantity
        bought = {TakerSide.BUY: window.buy_quantity, TakerSide.SELL: total - window.buy_quantity}
        opened = self._one_sided
        if opened is not None and opened.side is not None:
            part = bought[opened.side]
            if part * 100 >= total * rules.one_sided_close_percent:
                return []
            alerts.append(self._close_one_sided(opened, time, part * 100 * _PERCENT // total, window.input_offset))
        if window.trade_count >= rules.one_sided_min_trades:
            for side, part in bought.items():
                if part * 100 >= total * rules.one_sided_open_percent:
                    self._one_sided = _Opened(time, side)
                    share = part * 100 * _PERCENT // total
                    alerts.append(self._side_alert(AlertStatus.OPEN, self._one_sided, time, share, window.input_offset))
        return alerts

    def _close_one_sided(self, opened: _Opened, time: int, share: int | None, offset: int) -> Alert:
        self._one_sided = None
        return self._side_alert(AlertStatus.CLOSED, opened, time, share, offset)

    def _side_alert(self, status: AlertStatus, opened: _Opened, time: int, share: int | None, offset: int) -> Alert:
        rules, is_open = self._rules, status is AlertStatus.OPEN
        percent = rules.one_sided_open_percent if is_open else rules.one_sided_close_percent
        return Alert(
            symbol=self._symbol,
            kind=AlertKind.ONE_SIDED_FLOW,
            status=status,
            opened_time=opened.time,
            time=time,
            window=rules.window,
            side=opened.side,
            value=share,
            threshold=percent * _PERCENT,
            baseline=None,
            input_offset=offset,
        )

    def _fold(self, volume: int) -> None:
        """Make a window part of the baseline."""
        self._weight = (self._weight * self._remainder >> FRACTION_BITS) + _ONE - self._remainder
        self._volume = (self._volume * self._remainder >> FRACTION_BITS) + volume * (_ONE - self._remainder)
        self._windows = min(self._windows + 1, self._rules.spike_warm_up)

    def _pass_empty(self, count: int) -> None:
        """Make windows without trades part of the baseline."""
        known = self._windows + count
        for _ in range(count):
            before = self._weight, self._volume
            self._fold(0)
            if before == (self._weight, self._volume):
                break  # further ones change nothing either
        self._windows = min(known, self._rules.spike_warm_up)
