"""The one rounding of the cores: half even, on whole numbers."""

from __future__ import annotations


__all__ = ["half_even"]


def half_even(dividend: int, divisor: int) -> int:
    """Return a quotient rounded to the nearest integer, from half way to the even one.

    Args:
        dividend: of any sign.
        divisor: positive.
    """
    quotient, rest = divmod(dividend, divisor)
    twice = 2 * rest
    return quotient + (twice > divisor or (twice == divisor and quotient & 1))
