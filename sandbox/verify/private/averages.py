"""The average price of fills, and whether a rounded one is right."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Final


__all__ = ["RunningAverage"]

_EXACT: Final = Context(prec=120)
"""Sums of prices times quantities are exact in so many digits; of quotients the error is far below any rounding."""
_SHOWN: Final = Context(prec=40)


class RunningAverage:
    """The average price of fills that come one by one: each costs the same, however many came before.

    Args:
        inverse: whether quantities are contracts worth a fixed amount of quote asset (COIN-M).
    """

    def __init__(self, *, inverse: bool = False) -> None:
        self._inverse = inverse
        self._quantity = Decimal(0)
        self._weight = Decimal(0)
        """Sum of quantity times price, inverse: of quantity by price."""
        self._places = 0
        self.known = False
        """Whether there is an average: fills came, and each had a price."""
        self._priceless = False

    def add(self, price: Decimal, quantity: Decimal) -> None:
        """Take a fill in."""
        if price <= 0:
            self._priceless, self.known = True, False
            return
        weigh = _EXACT.divide if self._inverse else _EXACT.multiply
        self._quantity = _EXACT.add(self._quantity, quantity)
        self._weight = _EXACT.add(self._weight, weigh(quantity, price))
        self._places = max(self._places, _places(price))
        self.known = not self._priceless and bool(self._quantity) and bool(self._weight)

    @property
    def exact(self) -> Decimal:
        """The average to 40 digits."""
        return self._average().normalize(_SHOWN)

    def holds(self, said: Decimal) -> bool:
        """Whether a said average price is that of the fills, but for its rounding.

        How many places Binance rounds to is nowhere told: fewer than the average or the prices have is never the case.
        """
        places = max(_places(said), self._places)
        return abs(_EXACT.subtract(said, self._average())) < Decimal(1).scaleb(-places)

    def _average(self) -> Decimal:
        if self._inverse:
            return _EXACT.divide(self._quantity, self._weight)
        return _EXACT.divide(self._weight, self._quantity)


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
