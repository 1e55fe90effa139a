"""Integers of any width in what is written down: MessagePack knows those of 64 bits."""

from __future__ import annotations


__all__ = ["Wide", "keep", "read"]

Wide = int | bytes | None
"""An integer, as bytes where it needs more than 63 bits."""

_LIMIT = 1 << 63


def keep(value: int | None) -> Wide:
    """Return a number as it is written down."""
    if value is None or -_LIMIT <= value < _LIMIT:
        return value
    return value.to_bytes((value.bit_length() + 8) >> 3, "big", signed=True)


def read(kept: Wide) -> int | None:
    """Return the number that was written down."""
    return int.from_bytes(kept, "big", signed=True) if isinstance(kept, bytes) else kept
