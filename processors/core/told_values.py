"""What events and answers about accounts say in text, as exact numbers and known words; or why it cannot be read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from processors.core.order_reports import Fill
from schemas.accounts import AccountSource, OrderSide, PositionSide
from schemas.decimals import QUOTE_SCALE, SCALE, parse_scaled, to_scaled
from schemas.markets import Market


__all__ = [
    "Origin",
    "UnreadableError",
    "amount",
    "base_sum",
    "check_integers",
    "fill_of",
    "instant",
    "known",
    "optional",
    "optional_amount",
    "order_side",
    "position_side",
    "positive",
    "quote_sum",
]

_LONG: Final = 1 << 63
_LAST_MS: Final = 253_402_300_799_999
"""The end of the year 9999."""
_QUOTE_LIMIT: Final = 10**38
_NOTHING: Final = frozenset({None, "", "NONE", "0", 0})


class UnreadableError(ValueError):
    """Something that is told cannot be read; ``reason`` is the code of the dead letter."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(reason, detail)

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a record comes from, apart from what it says."""

    market: Market
    account: str
    source: AccountSource
    connection: str = ""
    """The connection that brought it; empty where no header tells."""
    sequence: int = 0
    """Counts what that connection brought."""
    receive_time_ns: int = 0
    """When ingest had it."""
    request_time: int = 0
    """Answers: the venue's time when it was asked."""


def amount(text: str) -> int:
    """Return a price or quantity, ``decimal(20,8)``."""
    try:
        return to_scaled(text)
    except ValueError as error:
        raise UnreadableError("bad-number", str(error)) from error


def _parsed(text: str, scale: int, digits: int) -> int:
    try:
        return parse_scaled(text, scale, digits)
    except ValueError as error:
        raise UnreadableError("bad-number", str(error)) from error


def base_sum(text: str) -> int:
    """Return a sum of quantities or a balance, ``decimal(28,8)``."""
    return _parsed(text, SCALE, 28)


def quote_sum(text: str | None) -> int | None:
    """Return a quote quantity, an average price or a profit, ``decimal(38,16)``; None where it is not told."""
    return None if text is None or not text else _parsed(text, QUOTE_SCALE, 38)


def optional_amount(text: str | None) -> int | None:
    """Return a price or quantity; None where it is not told."""
    return None if text is None or not text else amount(text)


def positive(number: int | None) -> int | None:
    """Return a number; None where it is 0 or less, which is how the venue says that there is none."""
    return number if number is not None and number > 0 else None


def optional(text: str | int | None) -> str | None:
    """Return a word; None where it is empty, ``NONE`` or 0."""
    return None if text in _NOTHING else str(text)


def instant(time: int) -> int:
    """Return a time that must be one."""
    if not 0 <= time <= _LAST_MS:
        raise UnreadableError("implausible-time", f"{time} is no time in milliseconds")
    return time


def known(time: int | None) -> int | None:
    """Return a time; None where the venue says 0 or -1, which is how it says that there is none."""
    return None if time is None or time <= 0 else instant(time)


def order_side(text: str) -> OrderSide:
    """Return which way an order trades."""
    try:
        return OrderSide(text)
    except ValueError as error:
        raise UnreadableError("unknown-value", f'side "{text[:40]}"') from error


def position_side(text: str | None) -> PositionSide | None:
    """Return which position an order is about; None where it is not told."""
    if text is None or not text:
        return None
    try:
        return PositionSide(text)
    except ValueError as error:
        raise UnreadableError("unknown-value", f'position side "{text[:40]}"') from error


def check_integers(*messages: msgspec.Struct) -> None:
    """Raise where an integer of a message needs more than the 64 bits that all our fields have."""
    for message in messages:
        if any(type(value) is int and not -_LONG <= value < _LONG for value in _values(message)):
            raise UnreadableError("bad-number", "an id or time is beyond 64 bits")


def _values(message: msgspec.Struct) -> Iterable[object]:
    return msgspec.structs.astuple(message)


def fill_of(
    trade_id: int,
    price: str,
    quantity: str,
    commission: str | None,
    commission_asset: str | None,
    *,
    realized_profit: str | None = None,
) -> Fill:
    """Return a fill with the commission that was charged; none is told where none was."""
    price_, quantity_ = amount(price), amount(quantity)
    quote = price_ * quantity_
    if quote >= _QUOTE_LIMIT:
        raise UnreadableError("does-not-fit", f"price {price[:40]} times quantity {quantity[:40]}")
    charged = optional_amount(commission) or 0
    if charged and not commission_asset:
        raise UnreadableError("missing-field", "commission without an asset")
    if not -_LONG <= charged < _LONG:
        raise UnreadableError("does-not-fit", f"commission {commission}")
    return Fill(trade_id, price_, quantity_, quote, charged, commission_asset or None, quote_sum(realized_profit))
