"""Money in whole hundred-millionths, and the names of all roundings that the venue does.

Every amount of an asset is an `int` of units of the eighth decimal: sums are exact. Where a quotient does not fit, one
of the functions here rounds it, and nothing else does.
"""

from __future__ import annotations

import re
from typing import Final

from sandbox.simulation.grid import Grid
from sandbox.simulation.instruments import Instrument


__all__ = [
    "ONE",
    "PLACES",
    "cut_off",
    "fixed",
    "half_away",
    "plain",
    "price_units",
    "quantity_units",
    "units_of",
    "value_units",
]

PLACES: Final = 8
ONE: Final = 10**PLACES
"""Units in one of an asset."""

_AMOUNT: Final = re.compile(r"([+-]?)([0-9]{1,20})(?:\.([0-9]{1,8}))?")


def units_of(text: str) -> int:
    """Return an amount in units.

    Raises:
        ValueError: it is no decimal number with at most eight decimals.
    """
    found = _AMOUNT.fullmatch(text)
    if found is None:
        msg = f'amount "{text}": is no decimal number with at most eight decimals'
        raise ValueError(msg)
    sign, whole, fraction = found.groups()
    units = int(whole) * ONE + int((fraction or "").ljust(PLACES, "0"))
    return -units if sign == "-" else units


def fixed(units: int) -> str:
    """Write an amount with all eight decimals, as spot does."""
    sign, units = ("-", -units) if units < 0 else ("", units)
    return f"{sign}{units // ONE}.{units % ONE:08d}"


def plain(units: int) -> str:
    """Write an amount without trailing zeros, as the futures' events do."""
    text = fixed(units).rstrip("0")
    return text.removesuffix(".")


def cut_off(numerator: int, denominator: int) -> int:
    """Return a quotient rounded towards zero: what is charged is never more than the rate says."""
    quotient = abs(numerator) // abs(denominator)
    return quotient if (numerator < 0) == (denominator < 0) else -quotient


def half_away(numerator: int, denominator: int) -> int:
    """Return a quotient rounded to the nearest, halves away from zero: prices that are averages, and profits."""
    quotient = (2 * abs(numerator) + abs(denominator)) // (2 * abs(denominator))
    return quotient if (numerator < 0) == (denominator < 0) else -quotient


def price_units(each: Instrument, ticks: int) -> int:
    """Return a price in hundred-millionths; exact, for no tick is finer."""
    return ticks * each.price.step_units * _finer(each.price)


def quantity_units(each: Instrument, steps: int) -> int:
    """Return a quantity in hundred-millionths (of the base asset; COIN-M: of a contract); exact."""
    return steps * each.quantity.step_units * _finer(each.quantity)


def value_units(each: Instrument, ticks: int, steps: int) -> int:
    """Return what a quantity at a price is worth, in units of the quote asset; COIN-M: of the base asset.

    Exact, but on COIN-M, where the instrument rounds each trade.
    """
    return each.second_quantity(ticks, steps) * each.second.step_units * _finer(each.second)


def _finer(grid: Grid) -> int:
    """Return how many hundred-millionths are in the last place of a grid."""
    if grid.places > PLACES:
        msg = f"grid of {grid.places} places: accounts keep {PLACES}"
        raise ValueError(msg)
    units: int = 10 ** (PLACES - grid.places)
    return units
