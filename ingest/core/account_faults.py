"""What the venue's refusal of a request about an account means, and what to do about it.

Source: binance-spot-api-docs, "Error codes" (2026-07-21); derivatives documentation, "Error codes" (2026-05-28).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final


__all__ = ["Fault", "advice_for", "fault_of"]


class Fault(Enum):
    """Who has to do something."""

    CLOCK = auto()
    """We: the venue's clock shows another time than was believed."""
    KEY = auto()
    """Somebody: the key is not taken, and will not be until it is replaced or allowed."""
    LISTEN_KEY = auto()
    """We: the listen key is gone, and another one is to be had."""
    TRANSIENT = auto()
    """Nobody: trying again can help."""
    OTHER = auto()
    """We asked for something that the venue does not give."""


_CLOCK: Final = frozenset({-1021, -5028, -4188})
_LISTEN_KEY: Final = -1125
_KEY: Final[Mapping[int, str]] = {
    -1002: "the key may not do this: give it the right to read at Binance",
    -1022: "the secret or private key does not belong to the API key: replace both together",
    -2008: "the venue does not know the API key: is it of this environment, and was it deleted?",
    -2014: "the API key is not written as one: look for blanks and line ends in its file or variable",
    -2015: "the API key is unknown, was revoked, may not read, or this address is not on its list of addresses",
}
_TOO_MANY: Final = frozenset({408, 418, 429})
_BUSY: Final = frozenset({-1000, -1001, -1003, -1006, -1007, -1008})


def fault_of(status: int, code: int | None) -> Fault:
    """Return what a refusal means.

    Args:
        status: of HTTP.
        code: the venue's; None: it told none.
    """
    if code in _CLOCK:
        return Fault.CLOCK
    if code == _LISTEN_KEY:
        return Fault.LISTEN_KEY
    if code in _KEY or status == 401:
        return Fault.KEY
    if status in _TOO_MANY or status >= 500 or code in _BUSY:
        return Fault.TRANSIENT
    return Fault.OTHER


def advice_for(code: int | None) -> str:
    """Return what to do about a key that is not taken."""
    return _KEY.get(code or 0, "the venue does not take the key: look at it at Binance")
