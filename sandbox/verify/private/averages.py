"""Average prices of fills, exact, and whether a rounded one is right."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction


__all__ = ["average_holds", "exact_average"]

_DIGITS = 40


def exact_average(fills: Sequence[tuple[Decimal, Decimal]], *, inverse: bool = False) -> Decimal:
    """Return the average price of fills to 40 digits.

    Args:
        fills: price and quantity of each.
        inverse: whether quantities are contracts worth a fixed amount of quote asset (COIN-M).
    """
    average = _average(fills, inverse=inverse)
    with localcontext(prec=_DIGITS):
        return (Decimal(average.numerator) / Decimal(average.denominator)).normalize()


def average_holds(said: Decimal, fills: Sequence[tuple[Decimal, Decimal]], *, inverse: bool = False) -> bool:
    """Whether a said average price is that of the fills, but for its rounding.

    How many places Binance rounds to is nowhere told: fewer than the average or the prices have is never the case.
    """
    places = max(_places(said), *(_places(price) for price, _ in fills))
    return abs(Fraction(said) - _average(fills, inverse=inverse)) < Fraction(1, 10**places)


def _average(fills: Sequence[tuple[Decimal, Decimal]], *, inverse: bool) -> Fraction:
    quantity = sum((Fraction(quantity) for _, quantity in fills), Fraction())
    if not quantity:
        return Fraction()
    if inverse:
        return quantity / sum(Fraction(quantity) / Fraction(price) for price, quantity in fills)
    return sum(Fraction(price) * Fraction(quantity) for price, quantity in fills) / quantity


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
