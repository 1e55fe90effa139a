"""How many holes the ledger tells of, and how many of them are open."""

from __future__ import annotations

from collections import Counter
from typing import Final, TypeAlias

from schemas.control import Gap, GapStatus
from schemas.markets import Market


__all__ = ["Holes"]

_OPEN: Final = frozenset({GapStatus.OPEN, GapStatus.DEFERRED})
_KEPT: Final = 50_000

Place: TypeAlias = tuple[Market, str]
"""Market and stream."""
HoleId: TypeAlias = tuple[Market, str, str, int]
"""Market, stream, symbol and first id: the ledger's key."""


class Holes:
    """The ledger's holes, counted.

    Args:
        kept: holes that are told apart; of more the first that were settled are only counted.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._known: dict[HoleId, tuple[GapStatus, int]] = {}
        self._totals: Counter[Place] = Counter()
        self._open: Counter[Place] = Counter()

    def take(self, gap: Gap) -> bool:
        """Take an entry; returns whether it is news: not older than what is known of the hole."""
        identity = (gap.market, gap.stream, gap.symbol, gap.first_id)
        place = (gap.market, gap.stream)
        known = self._known.pop(identity, None)
        if known is not None and gap.updated_time < known[1]:
            self._known[identity] = known
            return False
        if known is None:
            self._totals[place] += 1
        elif known[0] in _OPEN:
            self._open[place] -= 1
        if gap.status in _OPEN:
            self._open[place] += 1
        self._known[identity] = (gap.status, gap.updated_time)
        if len(self._known) > self._kept:
            self._drop_one()
        return True

    def total(self, market: Market, stream: str) -> int:
        """Return how many holes there ever were."""
        return self._totals[market, stream]

    def open(self, market: Market, stream: str) -> int:
        """Return how many are not settled."""
        return self._open[market, stream]

    def _drop_one(self) -> None:
        """Forget the settled hole that was told of longest ago, or where all are open, the oldest of those."""
        settled = (identity for identity, (status, _) in self._known.items() if status not in _OPEN)
        identity = next(settled, None) or next(iter(self._known))
        status, _ = self._known.pop(identity)
        if status in _OPEN:
            self._open[identity[0], identity[1]] -= 1
