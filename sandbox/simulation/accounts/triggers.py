"""When a conditional order goes off."""

from __future__ import annotations

from sandbox.simulation.engine import Side


__all__ = ["comes_back", "goes_off", "reaches", "waits_for_rise"]

_HUNDREDTHS_OF_PERCENT = 10_000


def waits_for_rise(order_type: str, side: Side) -> bool:
    """Return whether a price at or above the stop price sets it off; else one at or below does."""
    return order_type.startswith("TAKE_PROFIT") == (side is Side.SELL)


def goes_off(order_type: str, side: Side, stop_price: int, price: int) -> bool:
    """Return whether a price sets off a conditional order; both in the same unit."""
    return price >= stop_price if waits_for_rise(order_type, side) else price <= stop_price


def reaches(side: Side, activation_price: int, price: int) -> bool:
    """Return whether a price lets a trailing stop begin to follow: one that sells waits for a higher one."""
    return price >= activation_price if side is Side.SELL else price <= activation_price


def comes_back(side: Side, callback: int, extreme: int, price: int) -> bool:
    """Return whether a price is so far from the best one that a trailing stop goes off."""
    if side is Side.SELL:
        return price * _HUNDREDTHS_OF_PERCENT <= extreme * (_HUNDREDTHS_OF_PERCENT - callback)
    return price * _HUNDREDTHS_OF_PERCENT >= extreme * (_HUNDREDTHS_OF_PERCENT + callback)
