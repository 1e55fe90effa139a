"""Holding snapshots against a book that is as far as they are, and mending it where it was wrong."""

from __future__ import annotations

import msgspec

from processors.core.book import OrderBook
from processors.core.book_inputs import Diff, Snapshot
from processors.core.book_results import NeedSnapshot, Verified
from processors.core.book_trail import Trail
from schemas.control import SnapshotReason
from schemas.derived import VerificationResult


__all__ = ["BookCheck", "Checked"]


class Checked(msgspec.Struct, frozen=True):
    """How a book compared, and what came of it."""

    verified: Verified
    changed: bool
    """Whether the book is another now: it was wrong, or learned something."""
    event_time: int | None
    """Of the newest change that is in it."""
    confirm: NeedSnapshot | None
    """The snapshot that is to confirm a book that was wrong."""


class BookCheck:
    """The diffs that may have changed something behind a snapshot, and how the last comparisons went."""

    __slots__ = ("differed", "right_id", "trail")

    def __init__(self) -> None:
        self.trail = Trail()
        self.right_id = -1
        """Where a snapshot last showed that the book was right."""
        self.differed = False
        """Whether the last snapshot that was compared differed."""

    def begin(self, update_id: int) -> None:
        """Begin with a book that is a snapshot at this id; -1: with none."""
        self.trail.clear(update_id)
        self.right_id, self.differed = update_id, False

    def applied(self, diff: Diff, *, wanted: bool) -> None:
        """Take a diff that was applied, and whether a snapshot is wanted: then more of them is remembered."""
        trail = self.trail
        if wanted or trail.reaches_back:
            trail.reach_back(wanted)
        trail.add(diff)

    def check(self, book: OrderBook, snapshot: Snapshot) -> Checked:
        """Hold a snapshot against the book; where it differs, it is the book that was wrong."""
        later = self.trail.behind(snapshot.last_id)
        changes = [book.levels_at(*self.trail.touched_behind(snapshot.last_id))]
        changes += [(diff.bids, diff.asks) for diff in later]
        comparison = book.compare(snapshot.bids, snapshot.asks, changes)
        right = comparison.equal == comparison.compared
        verified = Verified(
            snapshot.last_id,
            VerificationResult.EQUAL if right else VerificationResult.DIFFERENT,
            comparison.compared,
            comparison.equal,
            comparison.left_out,
        )
        confirm = None
        if right:
            changed = book.learn(comparison)
        else:
            changed = True
            book.load(snapshot.bids, snapshot.asks)
            self.trail.start(snapshot.last_id)
            for bids, asks in changes:
                book.apply(bids, asks)
            if not self.differed:
                # Another is to confirm the book. Were that to differ as well, asking again and again would not help.
                before = min(self.right_id, snapshot.last_id - 1)
                confirm = NeedSnapshot(snapshot.last_id, SnapshotReason.SNAPSHOT_DIFFERS, before)
        self.right_id, self.differed = max(self.right_id, snapshot.last_id), not right
        return Checked(verified, changed, later[-1].event_time if later else snapshot.event_time, confirm)
