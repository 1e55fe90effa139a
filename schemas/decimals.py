"""Exact numbers: decimal text of the venue to scaled integers, and back at the edges.

A price or quantity ``p`` is carried as the integer ``p * 10**8``. Nothing here rounds: a text that does not fit the
scale is an error, and so is anything that is not a plain decimal number.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final


__all__ = ["ONE", "QUOTE_SCALE", "SCALE", "format_scaled", "from_scaled", "parse_scaled", "to_scaled"]

SCALE: Final = 8
"""Decimal places of prices and quantities."""
QUOTE_SCALE: Final = 2 * SCALE
"""Decimal places of price times quantity."""
ONE: Final = 10**SCALE

_PLAIN: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_MAX_DIGITS: Final = 20
_CACHE_LIMIT: Final = 1 << 16
_cache: dict[str, int] = {}


def to_scaled(text: str) -> int:
    """Return a decimal number's value times 10**8.

    Prices and round quantities repeat, so results are remembered: a repeated text costs one look-up.

    Raises:
        ValueError: ``text`` is not a plain decimal number, has more than 8 significant decimal places, or more than
            20 digits in all (the width of the derived topics' ``decimal(20,8)``).
    """
    try:
        return _cache[text]
    except KeyError:
        value = parse_scaled(text, SCALE, _MAX_DIGITS)
        if len(_cache) >= _CACHE_LIMIT:
            _cache.clear()
        _cache[text] = value
        return value


def parse_scaled(text: str, scale: int, digits: int) -> int:
    """Return a decimal number's value times 10**scale, for fields of another width than prices: ``decimal(28,8)``.

    Raises:
        ValueError: ``text`` is not a plain decimal number, has more than ``scale`` significant decimal places, or more
            than ``digits`` digits in all.
    """
    if not _PLAIN.fullmatch(text):
        msg = f'"{text[:40]}" is not a decimal number'
        raise ValueError(msg)
    whole, _, fraction = text.partition(".")
    if len(fraction) > scale:
        fraction = fraction.rstrip("0")
        if len(fraction) > scale:
            msg = f'"{text[:40]}" has more than {scale} decimal places'
            raise ValueError(msg)
    whole = whole.replace("-", "").lstrip("0")
    if len(whole) > digits - scale:
        msg = f'"{text[:40]}" has more than {digits - scale} digits before the point'
        raise ValueError(msg)
    value = int((whole + fraction.ljust(scale, "0")) or "0")
    return -value if text[0] == "-" else value


def from_scaled(value: int, scale: int = SCALE) -> Decimal:
    """Return the exact decimal of a scaled integer."""
    return Decimal(value).scaleb(-scale) if -(10**28) < value < 10**28 else Decimal((value < 0, _digits(value), -scale))


def _digits(value: int) -> tuple[int, ...]:
    return tuple(map(int, str(abs(value))))


def format_scaled(value: int, scale: int = SCALE) -> str:
    """Return a scaled integer as text with all its decimal places: ``61737.63000000``."""
    sign, digits = ("-" if value < 0 else ""), str(abs(value)).rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}" if scale else f"{sign}{digits}"
