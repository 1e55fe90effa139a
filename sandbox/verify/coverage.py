"""Where a recording holds enough to know the book: a snapshot, joined to diffs without a gap.

Told from ids alone, by the rule of architecture §4.3; the books themselves are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

import msgspec

from sandbox.verify.evidence import NO_ID


__all__ = ["BookCoverage", "Known", "Step"]


class Known(StrEnum):
    """Whether the recording tells the book after a diff, and if not, why."""

    YES = "yes"
    REJOINED = "after a gap in the recorded diffs, until the pipeline had another snapshot"
    """It does, by a snapshot recorded after a gap. The pipeline must ask for one, and meanwhile the replay goes on."""
    NO_SNAPSHOT = "no depth snapshot in the recording"
    BEFORE_SNAPSHOT = "before the recorded depth snapshot"
    IN_SNAPSHOT = "the recorded depth snapshot holds the diff already"
    AFTER_GAP = "after a gap in the recorded diffs, no snapshot since"


class Step(msgspec.Struct, frozen=True):
    """One diff."""

    update_id: int
    """Its final one."""
    known: Known
    after_gap: bool = False
    """Diffs between the one before and this one are missing."""


class BookCoverage:
    """Walks the diffs of a symbol.

    Args:
        diffs: final, first and previous final update id, ascending.
        snapshots: update ids of the recorded snapshots, in any order.
    """

    def __init__(self, diffs: Iterable[tuple[int, ...]], snapshots: Sequence[int]) -> None:
        self._diffs = diffs
        self._snapshots = sorted(snapshots)
        self._joined = Known.YES

    def __iter__(self) -> Iterator[Step]:
        """Yield each diff once."""
        last: int | None = None
        known = Known.BEFORE_SNAPSHOT if self._snapshots else Known.NO_SNAPSHOT
        for final, first, previous in self._diffs:
            if final == last:
                continue
            # Spot ids are consecutive; on futures, where all symbols share them, only `pu` proves continuity.
            is_spot = previous == NO_ID
            reaches_back_to = first - 1 if is_spot else previous
            after_gap = last is not None and reaches_back_to > last
            if after_gap and known is self._joined:
                known, self._joined = Known.AFTER_GAP, Known.REJOINED
            told = known
            if known is not self._joined:
                told = self._told(reaches_back_to, final, known, is_spot=is_spot)
                known = self._joined if told in {self._joined, Known.IN_SNAPSHOT} else known
            last = final
            yield Step(final, told, after_gap)

    def _told(self, reaches_back_to: int, final: int, known: Known, *, is_spot: bool) -> Known:
        """Return what is known after a diff before which nothing was."""
        joining = [snapshot for snapshot in self._snapshots if reaches_back_to <= snapshot <= final]
        if not joining:
            return known
        # Binance drops it there: `u <= lastUpdateId` on spot, but `u < lastUpdateId` on futures.
        return Known.IN_SNAPSHOT if is_spot and joining == [final] else self._joined
