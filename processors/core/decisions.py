"""What the ledger says about ids that the flow has yet to pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from schemas.control import Gap, GapStatus


__all__ = ["Decision", "Decisions"]

DECISION_LIMIT: Final = 10_000
"""Entries of the ledger kept for holes yet to be met; beyond it the oldest are forgotten."""

_RANK: Final = {GapStatus.OPEN: 0, GapStatus.DEFERRED: 1}
"""What may still change comes first; what is settled stays as it is."""


class Decision(msgspec.Struct, frozen=True, array_like=True):
    """An entry of the ledger, as far as it matters here. ``first_id`` names it."""

    first_id: int
    last_id: int
    status: GapStatus
    previous_time: int
    """Trade time of the last id before it."""
    next_time: int
    """Trade time of the first id after it."""
    updated_time: int

    @classmethod
    def of(cls, gap: Gap) -> Decision:
        """Return what an entry says."""
        return cls(gap.first_id, gap.last_id, gap.status, gap.previous_time, gap.next_time, gap.updated_time)

    @property
    def version(self) -> tuple[int, int]:
        """Of two entries of one name the one with the greater version holds."""
        return self.updated_time, _RANK.get(self.status, 2)


class Decisions:
    """The entries about ids that the flow has yet to pass, by name.

    An entry that is told again, after newer ones of its name, changes nothing: a restored state reads a stretch of the
    ledger that it knows already.
    """

    __slots__ = ("_by_name",)

    def __init__(self, kept: Iterable[Decision] = ()) -> None:
        self._by_name = {decision.first_id: decision for decision in kept}
        self._limit()

    def __bool__(self) -> bool:
        return bool(self._by_name)

    def tell(self, decision: Decision) -> None:
        """Take an entry, unless it is older than what is known."""
        known = self._by_name.get(decision.first_id)
        if known is not None:
            if decision.version < known.version:
                return
            if known.status is GapStatus.DEFERRED and decision.status is GapStatus.FILLED:
                # It let the flow go on, whenever that was read: what was filled comes late. Otherwise it would depend
                # on how the ledger is read beside the log whether the trades behind the hole wait for it.
                return
            del self._by_name[decision.first_id]
        self._by_name[decision.first_id] = decision
        self._limit()

    def about(self, trade_id: int, next_time: int, released_time: int) -> Decision | None:
        """Return the entry that covers an id between two times.

        Times tell the epochs apart: the ledger may have counted more of them than this log still shows.
        """
        exact = self._by_name.get(trade_id)
        candidates = (exact,) if exact is not None else self._by_name.values()
        for decision in candidates:
            covers = decision.first_id <= trade_id <= decision.last_id
            if covers and decision.previous_time <= next_time and decision.next_time >= released_time:
                return decision
        return None

    def overlapping(self, first_id: int, last_id: int) -> list[Decision]:
        """Return the entries about any of these ids."""
        return [one for one in self._by_name.values() if one.first_id <= last_id and one.last_id >= first_id]

    def forget_passed(self, next_id: int, latest_time: int) -> None:
        """Drop what was said about ids that the flow has passed."""
        self._drop(self._passed(next_id, latest_time))

    def forget_until(self, time: int) -> None:
        """Drop what was said about times that are over."""
        self._drop(name for name, one in self._by_name.items() if one.next_time <= time)

    def kept(self, next_id: int | None, latest_time: int) -> list[Decision]:
        """Return, oldest first, what is still of use to a flow that goes on with ``next_id``."""
        passed = set() if next_id is None else set(self._passed(next_id, latest_time))
        return [one for name, one in self._by_name.items() if name not in passed]

    def _passed(self, next_id: int, latest_time: int) -> Iterator[int]:
        for name, one in self._by_name.items():
            if one.last_id < next_id and one.next_time <= latest_time:
                yield name

    def _drop(self, names: Iterable[int]) -> None:
        for name in list(names):
            del self._by_name[name]

    def _limit(self) -> None:
        while len(self._by_name) > DECISION_LIMIT:
            del self._by_name[next(iter(self._by_name))]
