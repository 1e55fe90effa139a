"""What an asset is worth: the hidden price that the crowd of traders feels its way along.

A random walk whose volatility comes in clusters, with a shock now and then that lasts a second, and a weak pull back
to where it started, so that an endless run stays in sight of real prices. It moves on a fixed grid of time: who asks,
and when, changes nothing.
"""

from __future__ import annotations

from math import cos, exp, log, pi, sin, sqrt
from random import Random


__all__ = ["STEP_US", "AssetValue", "PairValue"]

STEP_US = 100_000
"""The grid of time where nothing else is asked for."""
_DAY_S = 86_400.0
_CLUSTER_S = 300.0
"""Memory of the volatility."""
_CLUSTER_SPREAD = 0.5
"""Standard deviation of the volatility's logarithm."""
_HOME_S = 2 * _DAY_S
"""Time scale of the pull back to the first value."""
_SHOCK_EVERY_S = 90.0
_SHOCK_S = 1.0
_SHOCK_SIZE = 8.0
"""Typical size of a shock, in standard deviations of one second."""
_AVERAGE_S = 60.0


class AssetValue:
    """The value of one asset in US dollars."""

    __slots__ = (
        "_average_part",
        "_home",
        "_home_part",
        "_kick",
        "_log_value",
        "_log_volatility",
        "_pull",
        "_random",
        "_shock_chance",
        "_shock_left",
        "_shock_spread",
        "_shock_step",
        "_shock_steps",
        "_spare",
        "_step_deviation",
        "_step_us",
        "average",
        "next_us",
        "now",
        "turbulence",
    )

    def __init__(
        self, rng: Random, initial: float, daily_volatility: float, start_us: int, step_us: int = STEP_US
    ) -> None:
        """Start at `initial`; `daily_volatility` is a standard deviation of the logarithm, 0 for a stable coin."""
        step_s = step_us / 1e6
        self._random = rng.random
        self._spare: float | None = None
        self._home = self._log_value = log(initial)
        self._log_volatility = 0.0
        self._step_us = step_us
        self._step_deviation = daily_volatility * sqrt(step_s / _DAY_S)
        self._pull = step_s / _CLUSTER_S
        self._kick = _CLUSTER_SPREAD * sqrt(2 * self._pull)
        self._home_part = step_s / _HOME_S
        self._average_part = step_s / _AVERAGE_S
        self._shock_chance = step_s / _SHOCK_EVERY_S
        self._shock_steps = max(1, round(_SHOCK_S / step_s))
        self._shock_spread = _SHOCK_SIZE / sqrt(step_s) * self._step_deviation / self._shock_steps
        self._shock_left = 0
        self._shock_step = 0.0
        self.next_us = start_us + step_us
        """When the value moves next."""
        self.now = initial
        """Value at the time last moved to."""
        self.average = initial
        """Moving average over about a minute."""
        self.turbulence = 1.0
        """How much more than usual is going on: 1 on average, several in a shock."""

    def move_to(self, now_us: int) -> None:
        """Walk on to a time, never back."""
        while self.next_us <= now_us:
            self.next_us += self._step_us
            if self._step_deviation:
                self._step()

    def _step(self) -> None:
        self._log_volatility += self._kick * self._gauss() - self._pull * self._log_volatility
        if self._shock_left:
            self._shock_left -= 1
        elif self._random() < self._shock_chance:
            self._shock_left = self._shock_steps
            self._shock_step = self._shock_spread * self._gauss()
        volatility = exp(self._log_volatility)
        move = volatility * self._step_deviation * self._gauss()
        if self._shock_left:
            move += self._shock_step
        self._log_value += move + (self._home - self._log_value) * self._home_part
        self.now = exp(self._log_value)
        self.average += (self.now - self.average) * self._average_part
        self.turbulence = volatility * (6.0 if self._shock_left else 1.0)

    def _gauss(self) -> float:
        """Return a normally distributed number; Box and Muller make two at a time."""
        spare = self._spare
        if spare is not None:
            self._spare = None
            return spare
        angle = 2.0 * pi * self._random()
        radius = sqrt(-2.0 * log(1.0 - self._random()))
        self._spare = radius * sin(angle)
        return radius * cos(angle)


class PairValue:
    """The value of a base asset in a quote asset, from the same walks for every market that trades the two."""

    __slots__ = ("_base", "_next_us", "_now", "_quote")

    def __init__(self, base: AssetValue, quote: AssetValue) -> None:
        self._base = base
        self._quote = quote
        self._now = 0.0
        self._next_us = 0

    def at(self, now_us: int) -> float:
        """Return the value at a time, which never goes back."""
        if now_us >= self._next_us:
            self._base.move_to(now_us)
            self._quote.move_to(now_us)
            self._next_us = min(self._base.next_us, self._quote.next_us)
            self._now = self._base.now / self._quote.now
        return self._now

    @property
    def average(self) -> float:
        """The moving average over about a minute, at the time last asked for."""
        return self._base.average / self._quote.average

    @property
    def turbulence(self) -> float:
        """How much more than usual is going on, at the time last asked for."""
        return self._base.turbulence
