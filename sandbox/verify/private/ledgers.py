"""Amounts that the venue states now and then, and the changes between, which have to add up.

A wallet, a position: the venue says how much there is at a time, and tells of each change with a time. A statement of a
time holds every change before it, and of those of the very same millisecond any number, in their order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import accumulate

import msgspec

from sandbox.verify.private.order_laws import Finding


__all__ = ["Change", "Statement", "judge_ledger"]


class Statement(msgspec.Struct, frozen=True):
    """How much there is, as the venue says."""

    time_ms: int
    amount: Decimal
    place: str


class Change(msgspec.Struct, frozen=True):
    """What came or went."""

    time_ms: int
    amount: Decimal
    number: int = 0
    """Which of one millisecond is the earlier: the trade id of a fill."""


def judge_ledger(
    what: str,
    statements: Sequence[Statement],
    changes: Sequence[Change],
    tolerance: Decimal = Decimal(0),
    unknown_ms: Sequence[int] = (),
) -> Iterator[Finding]:
    """Yield each statement that does not follow from the one before it.

    Args:
        what: what has to hold.
        statements: in the order in which they came.
        changes: in any order.
        tolerance: how much rounding a change may account for.
        unknown_ms: when something happened of which is not known what it changes: what is stated then, and after it,
            does not have to follow from what was stated before.
    """
    told = sorted(statements, key=lambda statement: statement.time_ms)
    ordered = sorted(changes, key=lambda change: (change.time_ms, change.number))
    times = [change.time_ms for change in ordered]
    sums = list(accumulate((change.amount for change in ordered), initial=Decimal(0)))
    bases: set[Decimal] = set()
    """What there may have been before the first change, as what is stated up to here tells."""
    earliest = 0
    """How many changes the last statement holds at least."""
    since_ms = -1
    for statement in told:
        first, last = bisect_left(times, statement.time_ms), bisect_right(times, statement.time_ms)
        possible = {statement.amount - sums[count] for count in range(first, last + 1)}
        slack = tolerance * (last - earliest)
        agreed = {base for base in possible if any(abs(base - other) <= slack for other in bases)}
        if any(since_ms < time_ms <= statement.time_ms for time_ms in unknown_ms):
            agreed = set()
        elif bases and not agreed:
            closest = min(bases, key=lambda base: min(abs(base - other) for other in possible))
            expected = min((closest + sums[count] for count in range(first, last + 1)), key=_distance(statement.amount))
            yield Finding(what, f"{statement.amount:f}", f"{expected:f}", statement.place)
        bases, earliest, since_ms = agreed or possible, first, statement.time_ms


def _distance(amount: Decimal) -> Callable[[Decimal], Decimal]:
    return lambda other: abs(other - amount)
