"""What an asset is worth: the hidden price that the crowd of traders feels its way along.

A random walk whose volatility comes in clusters, with a shock now and then that lasts a second, and a weak pull back
to where it started, so that an endless run stays in sight of real prices. It moves on a fixed grid of time: who asks,
and when, changes nothing.
"""

from __future__ import annotations

from math import exp, log, sqrt
from random import Random


__all__ = ["AssetValue", "PairValue"]

_STEP_US = 100_000
_STEP_S = _STEP_US / 1e6
_DAY_S = 86_400.0
_CLUSTER_S = 300.0
"""Memory of the volatility."""
_CLUSTER_SPREAD = 0.5
"""Standard deviation of the volatility's logarithm."""
_HOME_S = 2 * _DAY_S
"""Time scale of the pull back to the first value."""
_SHOCK_EVERY_S = 90.0
_SHOCK_STEPS = 10
_SHOCK_SIZE = 8.0
"""Typical size of a shock, in standard deviations of one second."""
_AVERAGE_S = 60.0


class AssetValue:
    """The value of one asset in US dollars."""

    __slots__ = (
        "_home",
        "_log_value",
        "_log_volatility",
        "_next_us",
        "_rng",
        "_shock_left",
        "_shock_step",
        "_step_deviation",
        "average",
        "now",
        "turbulence",
    )

    def __init__(self, rng: Random, initial: float, daily_volatility: float, start_us: int) -> None:
        """Start at `initial`; `daily_volatility` is a standard deviation of the logarithm, 0 for a stable coin."""
        self._rng = rng
        self._home = self._log_value = log(initial)
        self._log_volatility = 0.0
        self._step_deviation = daily_volatility * sqrt(_STEP_S / _DAY_S)
        self._shock_left = 0
        self._shock_step = 0.0
        self._next_us = start_us + _STEP_US
        self.now = initial
        """Value at the time last moved to."""
        self.average = initial
        """Moving average over about a minute."""
        self.turbulence = 1.0
        """How much more than usual is going on: 1 on average, several in a shock."""

    def move_to(self, now_us: int) -> None:
        """Walk on to a time, never back."""
        if self._step_deviation:
            while self._next_us <= now_us:
                self._step()
                self._next_us += _STEP_US

    def _step(self) -> None:
        rng = self._rng
        pull = _STEP_S / _CLUSTER_S
        kick = _CLUSTER_SPREAD * sqrt(2 * pull) * rng.gauss(0.0, 1.0)
        self._log_volatility += kick - pull * self._log_volatility
        if self._shock_left:
            self._shock_left -= 1
        elif rng.random() < _STEP_S / _SHOCK_EVERY_S:
            self._shock_left = _SHOCK_STEPS
            size = _SHOCK_SIZE * rng.gauss(0.0, 1.0) / sqrt(_STEP_S)
            self._shock_step = size * self._step_deviation / _SHOCK_STEPS
        volatility = exp(self._log_volatility)
        move = volatility * self._step_deviation * rng.gauss(0.0, 1.0)
        if self._shock_left:
            move += self._shock_step
        self._log_value += move + (self._home - self._log_value) * _STEP_S / _HOME_S
        self.now = exp(self._log_value)
        self.average += (self.now - self.average) * _STEP_S / _AVERAGE_S
        self.turbulence = volatility * (6.0 if self._shock_left else 1.0)


class PairValue:
    """The value of a base asset in a quote asset, from the same walks for every market that trades the two."""

    __slots__ = ("_base", "_quote")

    def __init__(self, base: AssetValue, quote: AssetValue) -> None:
        self._base = base
        self._quote = quote

    def at(self, now_us: int) -> float:
        """Return the value at a time, which never goes back."""
        self._base.move_to(now_us)
        self._quote.move_to(now_us)
        return self._base.now / self._quote.now

    @property
    def average(self) -> float:
        """The moving average over about a minute, at the time last asked for."""
        return self._base.average / self._quote.average

    @property
    def turbulence(self) -> float:
        """How much more than usual is going on, at the time last asked for."""
        return self._base.turbulence
