"""Positions on futures: how a fill changes one, and what it earns.

The entry price is kept to the eighth decimal, as the venue tells it, and changes only where the position grows: what a
position earns is reckoned from the price that everybody can see.
"""

from __future__ import annotations

from msgspec import Struct

from sandbox.simulation.accounts.amounts import ONE, half_away, price_units
from sandbox.simulation.instruments import Instrument


__all__ = ["Position", "break_even_units", "profit_units"]

_MILLION = 1_000_000


class Position(Struct):
    """What an account holds of one contract."""

    instrument: Instrument
    side: str = "BOTH"
    amount: int = 0
    """Signed, in steps (COIN-M: contracts); negative is short."""
    entry: int = 0
    """Entry price in hundred-millionths; 0 without a position."""
    realized: int = 0
    """All that was earned, before commissions, in units of the margin asset."""
    update_ms: int = 0
    told: bool = False
    """Whether it was ever anything."""

    def fill(self, signed: int, ticks: int, now_ms: int) -> int:
        """Take account of a fill and return what it earned, in units."""
        earned = 0
        closing = min(abs(signed), abs(self.amount)) if signed * self.amount < 0 else 0
        if closing:
            closed = closing if self.amount > 0 else -closing
            earned = profit_units(self.instrument, closed, self.entry, price_units(self.instrument, ticks))
            self.amount -= closed
            signed += closed
            if not self.amount:
                self.entry = 0
        if signed:
            self._grow(signed, price_units(self.instrument, ticks))
        self.realized += earned
        self.update_ms = now_ms
        self.told = True
        return earned

    def _grow(self, signed: int, price: int) -> None:
        held, added = abs(self.amount), abs(signed)
        if not held:
            self.entry = price
        elif self.instrument.contract_size is None:
            self.entry = half_away(self.entry * held + price * added, held + added)
        else:
            self.entry = half_away((held + added) * self.entry * price, held * price + added * self.entry)
        self.amount += signed


def profit_units(each: Instrument, amount: int, entry: int, price: int) -> int:
    """Return what a signed amount has earned between two prices, in units of the margin asset."""
    if each.contract_size is None:
        return half_away((price - entry) * amount * each.quantity.step_units, 10**each.quantity.places)
    if not entry or not price:
        return 0
    return half_away(amount * each.contract_size * ONE * ONE * (price - entry), entry * price)


def break_even_units(position: Position, rate: int) -> int:
    """Return the price at which closing would pay for itself at a rate of commission in millionths."""
    if not position.amount:
        return 0
    paid = rate if position.amount > 0 else -rate
    return half_away(position.entry * (_MILLION + paid), _MILLION - paid)
