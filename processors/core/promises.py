"""Promises that must wait: each vouches for a time, once the trades below an offset have found their place."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final


__all__ = ["WaitingPromises"]

WAITING_LIMIT: Final = 64
"""Promises that wait for the trades of one symbol. Beyond it two that follow each other become one, which counts when
the later of them would: what they vouch for together holds then."""

Promise = tuple[int, int]
"""An offset, and the time before which every trade lies below it."""


class WaitingPromises:
    """The promises that one symbol's trades keep waiting, by offset.

    A promise that is made again changes nothing: it waits already, or is kept at once.
    """

    __slots__ = ("_by_offset",)

    def __init__(self) -> None:
        self._by_offset: list[Promise] = []

    def __bool__(self) -> bool:
        return bool(self._by_offset)

    def add(self, offset: int, until: int) -> bool:
        """Let a promise wait; return whether that changes anything."""
        promises = self._by_offset
        place = bisect_left(promises, (offset,))
        if place < len(promises) and promises[place][0] == offset:
            if promises[place][1] >= until:
                return False
            promises[place] = offset, until
            return True
        promises.insert(place, (offset, until))
        if len(promises) > WAITING_LIMIT:
            earlier = [(-1, -1), *promises[1::2]]  # one more than an even number wait: each but the first has a partner
            self._by_offset = [
                (at, max(time, other)) for (at, time), (_, other) in zip(promises[::2], earlier, strict=True)
            ]
        return True

    def due(self, waits_since: int | None) -> int | None:
        """Return until when the promises vouch that need not wait any longer, each once; None: none is due.

        Args:
            waits_since: smallest offset of a trade that has no place yet; None: every trade has one.
        """
        promises = self._by_offset
        count = len(promises) if waits_since is None else bisect_left(promises, (waits_since + 1,))
        if not count:
            return None
        until = max(until for _, until in promises[:count])
        del promises[:count]
        return until

    def dump(self) -> list[Promise]:
        """Return all of them."""
        return list(self._by_offset)

    def load(self, kept: list[Promise]) -> None:
        """Take over what was dumped."""
        self._by_offset = list(kept)
