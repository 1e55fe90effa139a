"""Whole numbers of steps, written as the venue writes decimals."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cache, lru_cache
from typing import Self


__all__ = ["Grid", "divide_half_up"]

_TEXTS_REMEMBERED = 1 << 16


def divide_half_up(numerator: int, denominator: int) -> int:
    """Return the quotient of two positive numbers, rounded to the nearest integer, halves up."""
    return (2 * numerator + denominator) // (2 * denominator)


class Grid:
    """Decimals that are whole multiples of a step, printed with a fixed number of places.

    The engine counts in steps (ticks of the price, steps of the quantity); only text knows the places. A step may be
    coarser than the last place: BTCUSDT on USD-M moves by 0.10 and is printed with two places.
    """

    __slots__ = ("_scale", "places", "step_units", "text")

    def __init__(self, step_units: int, places: int, *, remember: bool = False) -> None:
        """Take the step in units of the last printed place; `remember` where the same numbers come again."""
        if step_units < 1 or places < 0:
            msg = f"step of {step_units} units with {places} places"
            raise ValueError(msg)
        self.step_units = step_units
        self.places = places
        self._scale: int = 10**places
        self.text: Callable[[int], str] = (_remembering_writer if remember else _writer)(step_units, places)
        """Write a number of steps."""

    @classmethod
    def of(cls, step: Decimal, places: int | None = None, *, remember: bool = False) -> Self:
        """Make the grid of a step as the venue states it, printed with `places`, by default those of the step."""
        if places is None:
            places = max(0, -int(step.as_tuple().exponent))
        units = step.scaleb(places)
        if units != units.to_integral_value():
            msg = f"step {step} is finer than {places} places"
            raise ValueError(msg)
        return cls(int(units), places, remember=remember)

    def nearest(self, value: float) -> int:
        """Return the number of steps nearest to a value."""
        return round(self.steps(value))

    def steps(self, value: float) -> float:
        """Return a value in steps, roughly: for decisions, never for text."""
        return value * self._scale / self.step_units

    def value(self, steps: float) -> float:
        """Return what a number of steps is worth, roughly: for decisions, never for text."""
        return steps * self.step_units / self._scale


def _writer(step_units: int, places: int) -> Callable[[int], str]:
    if places == 0:
        return lambda steps: str(steps * step_units)
    scale: int = 10**places
    template = f"%d.%0{places}d"

    def write(steps: int) -> str:
        if steps < 0:
            return "-" + write(-steps)
        return template % divmod(steps * step_units, scale)

    return write


@cache
def _remembering_writer(step_units: int, places: int) -> Callable[[int], str]:
    """Share one memory among all grids of a shape: prices near the touch are written again and again."""
    return lru_cache(_TEXTS_REMEMBERED)(_writer(step_units, places))
