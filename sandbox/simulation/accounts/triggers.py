"""When a conditional order goes off."""

from __future__ import annotations

from sandbox.simulation.engine import Side


__all__ = ["goes_off", "waits_for_rise"]


def waits_for_rise(order_type: str, side: Side) -> bool:
    """Return whether a price at or above the stop price sets it off; else one at or below does."""
    return order_type.startswith("TAKE_PROFIT") == (side is Side.SELL)


def goes_off(order_type: str, side: Side, stop_price: int, price: int) -> bool:
    """Return whether a price sets off a conditional order; both in the same unit."""
    return price >= stop_price if waits_for_rise(order_type, side) else price <= stop_price
