"""Depth diffs cut at other ids: two in a row of one symbol told as one."""

from __future__ import annotations

from typing import Any

import msgspec


__all__ = ["merge"]

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


def merge(first: bytes, second: bytes) -> bytes | None:
    """Return the diff that changes a book as `first` and then `second` do.

    It begins where the first began (``U``, futures ``pu``) and ends where the second ends, at its times; of a level
    that both name, the second's quantity counts. None: the second does not continue the first, and one diff of both
    would hide that.
    """
    early, late = _decode(first), _decode(second)
    if not _continues(early, late):
        return None
    merged = dict(late)
    for name in ("U", "pu"):
        if name in early:
            merged[name] = early[name]
    for side in ("b", "a"):
        merged[side] = list((_by_price(early[side]) | _by_price(late[side])).values())
    return _encode(merged)


def _continues(early: dict[str, Any], late: dict[str, Any]) -> bool:
    return bool(late["pu"] == early["u"] if "pu" in late else late["U"] == early["u"] + 1)


def _by_price(levels: list[list[str]]) -> dict[str, list[str]]:
    return {level[0]: level for level in levels}
