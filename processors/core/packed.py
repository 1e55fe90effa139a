"""Whole numbers as bytes: fast to write and to read where they fit 64 bits, and right where they do not."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from typing import Final


__all__ = ["pack", "unpack"]

_SWAP: Final = sys.byteorder == "big"
_WORDS: Final = b"q"
_TEXT: Final = b"t"


def pack(numbers: Sequence[int]) -> bytes:
    """Return whole numbers as bytes: 64 bits each, little-endian; as text where one is wider."""
    try:
        words = array("q", numbers)
    except OverflowError:
        return _TEXT + ",".join(map(str, numbers)).encode()
    if _SWAP:
        words.byteswap()
    return _WORDS + words.tobytes()


def unpack(packed: bytes) -> list[int]:
    """Return the whole numbers that were packed.

    Raises:
        ValueError: the bytes are not what :func:`pack` makes.
    """
    kind, body = packed[:1], memoryview(packed)[1:]
    if kind == _WORDS:
        words = array("q")
        words.frombytes(body)
        if _SWAP:
            words.byteswap()
        return words.tolist()
    if kind == _TEXT:
        return [int(text) for text in bytes(body).decode("ascii").split(",")]
    msg = f"packed numbers begin with {kind!r}"
    raise ValueError(msg)
