"""The fills of one order: each counts once, by its trade id, however often and by whom it is told."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

import msgspec

from processors.core.order_reports import Fill


__all__ = ["NO_FILLS", "Fills", "add_fill"]

_LONG: Final = 1 << 63
"""Commissions are longs on the topic."""
_BASE_LIMIT: Final = 10**28
"""``decimal(28,8)``, the width of sums of quantities."""
_QUOTE_LIMIT: Final = 10**38
"""``decimal(38,16)``, the width of sums of quote quantities."""


class Fills(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What is known of an order's fills: their ids and their sums, not the fills."""

    ids: tuple[int, ...] = ()
    """Trade ids of complete fills, as runs: first, last, first, last, …, ascending."""
    short: tuple[Fill, ...] = ()
    """Those of which only ``TRADE_LITE`` told; their commission is still to come."""
    count: int = 0
    quantity: int = 0
    quote: int = 0
    realized_profit: int = 0
    commissions: tuple[tuple[str, int], ...] = ()
    """By asset, in alphabetical order."""
    last: Fill | None = None
    """The one with the largest trade id, which any trade has rather than an allocation of smart order routing."""

    def knows(self, trade_id: int) -> bool:
        """Whether a fill counts already and nothing is missing of it."""
        at = bisect_left(self.ids, trade_id)
        return at % 2 == 1 or self.ids[at : at + 1] == (trade_id,)


NO_FILLS: Final = Fills()


def add_fill(fills: Fills, fill: Fill) -> Fills | None:
    """Return the fills with one more.

    Returns:
        The very same fills where the fill tells nothing new; None where a sum does not fit its field.
    """
    if fills.knows(fill.trade_id):
        return fills
    short = next((known for known in fills.short if known.trade_id == fill.trade_id), None)
    if short is not None and not fill.complete:
        return fills
    added = _summed(_without(fills, short) if short is not None else fills, fill)
    return added if _fits(added) else None


def _without(fills: Fills, short: Fill) -> Fills:
    """Take a fill out of the sums of which only the short form is known."""
    return msgspec.structs.replace(
        fills,
        short=tuple(known for known in fills.short if known is not short),
        count=fills.count - 1,
        quantity=fills.quantity - short.quantity,
        quote=fills.quote - short.quote,
    )


def _summed(fills: Fills, fill: Fill) -> Fills:
    last = fills.last
    if last is None or _recency(fill) >= _recency(last):
        last = fill
    return msgspec.structs.replace(
        fills,
        ids=_with_id(fills.ids, fill.trade_id) if fill.complete else fills.ids,
        short=fills.short if fill.complete else tuple(sorted((*fills.short, fill), key=_trade_id)),
        count=fills.count + 1,
        quantity=fills.quantity + fill.quantity,
        quote=fills.quote + fill.quote,
        realized_profit=fills.realized_profit + (fill.realized_profit or 0),
        commissions=_charged(fills.commissions, fill),
        last=last,
    )


def _trade_id(fill: Fill) -> int:
    return fill.trade_id


def _recency(fill: Fill) -> tuple[bool, int]:
    """Return what is larger the later a fill was: ids of allocations are negative, and fall."""
    return fill.trade_id >= 0, abs(fill.trade_id)


def _charged(commissions: tuple[tuple[str, int], ...], fill: Fill) -> tuple[tuple[str, int], ...]:
    if fill.commission_asset is None or not fill.commission:
        return commissions
    sums = dict(commissions)
    sums[fill.commission_asset] = sums.get(fill.commission_asset, 0) + fill.commission
    return tuple(sorted(sums.items()))


def _with_id(ids: tuple[int, ...], trade_id: int) -> tuple[int, ...]:
    """Add an id that is in no run, joining the runs that it touches."""
    at = bisect_left(ids, trade_id)
    joins_left = at > 0 and ids[at - 1] == trade_id - 1
    joins_right = at < len(ids) and ids[at] == trade_id + 1
    left = ids[: at - 1] if joins_left else (*ids[:at], trade_id)
    right = ids[at + 1 :] if joins_right else (trade_id, *ids[at:])
    return (*left, *right)


def _fits(fills: Fills) -> bool:
    return (
        fills.quantity < _BASE_LIMIT
        and fills.quote < _QUOTE_LIMIT
        and abs(fills.realized_profit) < _QUOTE_LIMIT
        and all(-_LONG <= sum_ < _LONG for _, sum_ in fills.commissions)
    )
