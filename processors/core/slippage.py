"""What taking liquidity from one side of a book would cost.

Numbers are scaled integers as everywhere (price and quantity by 10^8, price times quantity by 10^16), sums are exact,
and each division says how it rounds. Fees, and the venue's steps of quantity, are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from processors.core.rounding import half_even


__all__ = ["BPS_SCALE", "ContractFill", "Fill", "walk", "walk_contracts"]

BPS_SCALE: Final = 4
"""Decimal places of ``slippage_bps``."""

_BPS: Final = 10_000 * 10**BPS_SCALE


class Fill(msgspec.Struct, frozen=True):
    """What an order that takes the best levels of one side would get."""

    filled_quantity: int
    """Base asset, scaled by 10^8."""
    filled_quote_quantity: int
    """The sum of price times quantity, exact, scaled by 10^16."""
    average_price: int | None
    """Quote by base quantity, rounded half even to 8 places; None: nothing was filled."""
    worst_price: int | None
    """Of the last level used; None: nothing was filled."""
    slippage_bps: int | None
    """How much worse than the best price the average is: basis points scaled by 10^4 (``BPS_SCALE``), never negative,
    rounded half even from the exact sums; None: nothing was filled."""
    levels_used: int
    """Levels that gave something."""
    exhausted: bool
    """Whether the levels ran out first: what the rest would cost is not known."""


class ContractFill(msgspec.Struct, frozen=True):
    """The same where quantities are contracts of a fixed worth in quote asset, as on COIN-M."""

    filled_contracts: int
    """Scaled by 10^8."""
    average_price: int | None
    """Contracts by the sum of contracts by price (a contract buys ``size / price`` of the base asset, so the average is
    the harmonic one), rounded half even to 8 places; None: nothing was filled."""
    worst_price: int | None
    """As in :class:`Fill`."""
    slippage_bps: int | None
    """As in :class:`Fill`."""
    levels_used: int
    """As in :class:`Fill`."""
    exhausted: bool
    """As in :class:`Fill`."""


def walk(
    prices: Sequence[int], quantities: Sequence[int], *, quantity: int | None = None, quote_quantity: int | None = None
) -> Fill:
    """Return what an order of this size would get from one side of a book: asks to buy, bids to sell.

    Of a size in quote asset, the last level gives the largest base quantity of 8 places whose quote quantity is not
    more than what is left (rounded down): so a little less than asked for may be filled, never more.

    Args:
        prices: of the levels, best first.
        quantities: at these prices.
        quantity: the size in base asset, scaled by 10^8; or
        quote_quantity: the size in quote asset, scaled by 10^16.

    Raises:
        ValueError: not exactly one size is given, it is not positive, or there are not as many quantities as prices.
    """
    if (quantity is None) == (quote_quantity is None):
        msg = "one size is wanted: quantity or quote_quantity"
        raise ValueError(msg)
    if quantity is None:
        return _fill(prices, *_for_quote(prices, quantities, _size("quote_quantity", quote_quantity)))
    return _fill(prices, *_for_base(prices, quantities, _size("quantity", quantity)))


_Taken = tuple[int, int, int, bool]
"""Base and quote quantity, the number of levels that gave them, and whether these were all."""


def _for_base(prices: Sequence[int], quantities: Sequence[int], left: int) -> _Taken:
    filled = spent = used = 0
    for price, offered in zip(prices, quantities, strict=True):
        if offered >= left:
            return filled + left, spent + price * left, used + 1, False
        filled += offered
        spent += price * offered
        left -= offered
        used += 1
    return filled, spent, used, True


def _for_quote(prices: Sequence[int], quantities: Sequence[int], size: int) -> _Taken:
    filled = used = 0
    left = size
    for price, offered in zip(prices, quantities, strict=True):
        cost = price * offered
        if left < cost + price:  # what would be left buys nothing more at this price
            taken = min(left // price, offered)
            return filled + taken, size - left + price * taken, used + bool(taken), False
        filled += offered
        left -= cost
        used += 1
    return filled, size - left, used, True


def _fill(prices: Sequence[int], filled: int, spent: int, used: int, exhausted: bool) -> Fill:
    if not filled:
        return Fill(0, 0, None, None, None, 0, exhausted)
    at_best = prices[0] * filled
    slippage = half_even(abs(spent - at_best) * _BPS, at_best)
    return Fill(filled, spent, half_even(spent, filled), prices[used - 1], slippage, used, exhausted)


def walk_contracts(prices: Sequence[int], contracts: Sequence[int], *, quantity: int) -> ContractFill:
    """Return what an order of so many contracts would get from one side of a book.

    Args:
        prices: of the levels, best first.
        contracts: at these prices.
        quantity: the size, contracts scaled by 10^8.

    Raises:
        ValueError: the size is not positive, or there are not as many quantities as prices.
    """
    left = _size("quantity", quantity)
    filled = used = 0
    worst: int | None = None
    # The base asset bought, by the worth of a contract: a fraction, because no decimal number holds it.
    base, divisor = 0, 1
    exhausted = True
    for price, offered in zip(prices, contracts, strict=True):
        taken = min(left, offered)
        if taken:
            filled += taken
            base, divisor = base * price + taken * divisor, divisor * price
            used, worst = used + 1, price
            left -= taken
        if not left:
            exhausted = False
            break
    if worst is None:
        return ContractFill(0, None, None, None, 0, exhausted)
    at_best = prices[0] * base
    slippage = half_even(abs(filled * divisor - at_best) * _BPS, at_best)
    return ContractFill(filled, half_even(filled * divisor, base), worst, slippage, used, exhausted)


def _size(name: str, size: int | None) -> int:
    if size is None or size <= 0:
        msg = f"{name} is {size}, must be positive"
        raise ValueError(msg)
    return size
