"""Holding a book against a depth snapshot: which levels both can know, and whether they are the same.

A snapshot is cut at some depth, so each side of it tells of the prices from the best to its last: its *reach*. An empty
side reaches everywhere, for a venue that had one level would have sent it. A book knows the prices within the reach of
the snapshots that went into it, because every change since came as a diff; beyond, it knows the levels that changed
since, and no others. So within the snapshot's reach

* a level that both have is compared, wherever it is;
* a level that only the book has is a difference, wherever it is;
* a level that only the snapshot has is a difference within the book's reach, and news beyond it;
* what a diff touched behind the snapshot's update id may have changed since, and is left out.

Prices are keys here that grow towards the best: a bid's is its price, an ask's the price negated.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec


__all__ = ["EVERYWHERE", "SideComparison", "compare_side", "reach_of"]

EVERYWHERE: Final = -(1 << 63)
"""The reach of a side of which everything is known."""


class SideComparison(msgspec.Struct, frozen=True):
    """How one side of a book and of a snapshot compare, in levels."""

    compared: int
    equal: int
    left_out: int
    news: dict[int, int]
    """What the snapshot tells that the book could not know, by key."""
    reach: int
    """How far both together reach."""


def reach_of(keys: Collection[int]) -> int:
    """Return the least key that a snapshot's side tells of."""
    return max(min(keys, default=EVERYWHERE), EVERYWHERE)


def compare_side(
    book: Mapping[int, int],
    book_keys: Sequence[int],
    book_reach: int,
    snapshot: Mapping[int, int],
    touched: Collection[int],
) -> SideComparison:
    """Compare one side.

    Args:
        book: the book's quantities by key.
        book_keys: its keys, sorted.
        book_reach: the least key that the book knows of even where it has no level.
        snapshot: the snapshot's quantities by key, none of them zero.
        touched: keys that diffs touched behind the snapshot.
    """
    compared = equal = left_out = 0
    news: dict[int, int] = {}
    for key, quantity in snapshot.items():
        ours = book.get(key)
        if key in touched:
            left_out += 1
        elif ours is None and key < book_reach:
            news[key] = quantity
        else:
            compared += 1
            equal += ours == quantity
    reach = reach_of(snapshot)
    for key in book_keys[bisect_left(book_keys, reach) :]:
        if key in snapshot:
            continue
        if key in touched:
            left_out += 1
        else:
            compared += 1
    return SideComparison(compared, equal, left_out, news, min(reach, book_reach))
