"""What a fill costs, in which asset."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from sandbox.simulation.accounts.amounts import ONE, cut_off
from sandbox.simulation.assets import asset


__all__ = ["FEE_ASSET", "FUTURES_RATES", "SPOT_RATES", "Commission", "Rates", "charge", "discounted"]

_MILLION: Final = 1_000_000
FEE_ASSET: Final = "BNB"
"""In which spot charges less."""
_DISCOUNT_PERCENT: Final = 25


class Rates(Struct, frozen=True):
    """Millionths of a fill's value."""

    maker: int
    taker: int

    def of(self, *, maker: bool) -> int:
        """Return the rate of one side of a trade."""
        return self.maker if maker else self.taker


SPOT_RATES: Final = Rates(maker=1_000, taker=1_000)
FUTURES_RATES: Final = Rates(maker=200, taker=500)


class Commission(Struct, frozen=True):
    """What one fill cost."""

    asset: str
    amount: int
    """Units."""


def charge(received_asset: str, received: int, rate: int) -> Commission:
    """Return the commission on an amount, in that amount's asset, cut off at the eighth decimal."""
    return Commission(received_asset, cut_off(received * rate, _MILLION))


def discounted(quote_asset: str, value: int, rate: int) -> Commission:
    """Return the commission on a value in BNB, a quarter cheaper, at the fixed prices of the simulated world."""
    quote, bnb = (round(asset(name).usd_price * ONE) for name in (quote_asset, FEE_ASSET))
    return Commission(FEE_ASSET, cut_off(value * rate * (100 - _DISCOUNT_PERCENT) * quote, _MILLION * 100 * bnb))
