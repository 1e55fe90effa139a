"""The last trades of a symbol, each once, with the holes between them."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TypeAlias

from schemas.derived import Trade, TradeKind, TradeSource


__all__ = ["Tape"]

TradeId: TypeAlias = tuple[TradeSource, int, TradeKind, int]
"""Source, epoch, kind and id: what makes two records the same trade or hole."""


class Tape:
    """The newest trades and holes in the order in which they were told, and no more than so many.

    Args:
        kept: how many.
    """

    __slots__ = ("_kept", "_known", "_trades", "mark")

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._trades: deque[Trade] = deque()
        self._known: set[TradeId] = set()
        self.mark = 0
        """Counts what was ever taken; what a reader has seen so far is named by it."""

    def take(self, value: Trade) -> bool:
        """Take a record; returns whether it is news: not one that is here, nor from before all that is here."""
        identity = _identity(value)
        if identity in self._known:
            return False
        if len(self._trades) >= self._kept:
            # What a worker repeats after a restart may lie before all that is kept.
            oldest = self._trades[0]
            if value.source is oldest.source and value.input_offset < oldest.input_offset:
                return False
            self._known.discard(_identity(self._trades.popleft()))
        self._trades.append(value)
        self._known.add(identity)
        self.mark += 1
        return True

    def last(self, count: int) -> list[Trade]:
        """Return the newest, oldest first."""
        return list(islice(self._trades, max(0, len(self._trades) - count), None))

    def since(self, mark: int, count: int) -> list[Trade]:
        """Return what was taken after a mark, oldest first; of more than ``count`` the newest."""
        return self.last(min(count, self.mark - mark))


def _identity(value: Trade) -> TradeId:
    return value.source, value.epoch, value.kind, value.trade_id
