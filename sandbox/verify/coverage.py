"""Where a recording holds enough to know the book: a snapshot, joined to diffs without a gap.

Told from ids alone, by the rule of architecture §4.3; the books themselves are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from sandbox.verify.evidence import NO_ID


__all__ = ["BookCoverage", "Known"]


class Known(StrEnum):
    """Whether the recording tells the book after a diff, and if not, why."""

    YES = "yes"
    NO_SNAPSHOT = "no depth snapshot in the recording"
    BEFORE_SNAPSHOT = "before the recorded depth snapshot"
    IN_SNAPSHOT = "the recorded depth snapshot holds the diff already"
    AFTER_GAP = "after a gap in the recorded diffs, no snapshot since"


class BookCoverage:
    """Walks the diffs of a symbol.

    Args:
        diffs: final, first and previous final update id, ascending.
        snapshots: update ids of the recorded snapshots, in any order.
    """

    def __init__(self, diffs: Iterable[tuple[int, ...]], snapshots: Sequence[int]) -> None:
        self._diffs = diffs
        self._snapshots = sorted(snapshots)
        self.gaps = 0
        """Gaps of the recording that break a known book; complete when the walk is."""

    def __iter__(self) -> Iterator[tuple[int, Known]]:
        """Yield the final update id of each diff, and whether the book after it is known."""
        last: int | None = None
        known = Known.BEFORE_SNAPSHOT if self._snapshots else Known.NO_SNAPSHOT
        for final, first, previous in self._diffs:
            if final == last:
                continue
            # Spot ids are consecutive; on futures, where all symbols share them, only `pu` proves continuity.
            is_spot = previous == NO_ID
            reaches_back_to = first - 1 if is_spot else previous
            if last is not None and reaches_back_to > last and known is Known.YES:
                self.gaps += 1
                known = Known.AFTER_GAP
            told = known
            if known is not Known.YES:
                joined = [snapshot for snapshot in self._snapshots if reaches_back_to <= snapshot <= final]
                if joined:
                    told = known = Known.YES
                    # Binance drops it there: `u <= lastUpdateId` on spot, but `u < lastUpdateId` on futures.
                    if is_spot and joined == [final]:
                        told = Known.IN_SNAPSHOT
            last = final
            yield final, told
