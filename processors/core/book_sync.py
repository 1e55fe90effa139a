"""Bringing a book into step with its diffs, and keeping it there.

Binance, "How to manage a local order book correctly" (spot: Web Socket Streams, 2026-07-21, text of 2025-11-12;
USD-M and COIN-M: "How to manage a local order book correctly", 2026-05-28). The steps are named at the lines that do
them. Two things are wider than the page, because the log may merge several connections, which cut the same changes at
different ids (architecture §4.3):

* a diff continues the book when it *covers* everything after it, not only when it starts exactly where it ended;
* a diff that came too early is kept, and the book goes on by itself when what was missing comes.
"""

from __future__ import annotations

from typing import Final

from processors.core.book import Level, OrderBook, parse_levels
from processors.core.book_check import BookCheck
from processors.core.book_inputs import Diff, Snapshot
from processors.core.book_results import (
    Applied,
    BadLevels,
    Buffered,
    Gap,
    NeedSnapshot,
    Stale,
    Synchronised,
    SyncResult,
    Verified,
)
from processors.core.book_states import SyncState
from processors.core.waiting_diffs import WaitingDiffs
from schemas.control import SnapshotReason
from schemas.derived import VerificationResult
from schemas.rest import DepthSnapshot
from schemas.wire import DepthDiff


__all__ = ["BookSync"]

BUFFER_LIMIT: Final = 20_000
"""Levels kept in diffs while there is no book. Of the busiest symbols that is 40 s; a snapshot takes a few."""

WENT_BACK_MS: Final = 60_000
"""A diff whose id went back although its time is this much newer is no repetition: the venue counts anew."""


class BookSync:
    """The book of one symbol, and whether it is right.

    Feed it every diff and snapshot of the symbol in the order of the log. While ``live`` is false the book is not to be
    shown; ``need`` then says which snapshot would help.
    """

    __slots__ = (
        "_ahead",
        "_checks",
        "_distrusted",
        "_seen_id",
        "_seen_time",
        "_waiting",
        "book",
        "live",
        "need",
        "update_id",
    )

    def __init__(self, buffer_limit: int = BUFFER_LIMIT) -> None:
        self.book = OrderBook()
        self.live = False
        """Whether the book holds every change up to ``update_id``."""
        self.update_id = -1
        """Where the book stands; -1: nowhere yet."""
        self.need: NeedSnapshot | None = None
        """The snapshot that is wanted, by a book that is not right or one that is in doubt; None: none."""
        self._waiting = WaitingDiffs(buffer_limit)
        self._ahead: Snapshot | None = None
        self._seen_id = -1
        self._seen_time = -1
        self._checks = BookCheck()
        self._distrusted = False
        """Whether no diff makes the book right again."""

    def feed_diff(self, diff: DepthDiff, event_time: int | None) -> tuple[SyncResult, ...]:
        """Take one diff.

        Args:
            diff: the diff as sent.
            event_time: when the venue made it, as far as that is known.

        Returns:
            ``Applied`` (then ``Verified`` where it reached a snapshot that waited);
            ``Stale``; ``Gap`` (then ``Buffered`` and ``NeedSnapshot``, or ``Synchronised`` where a
            snapshot was at hand); ``Buffered`` while waiting; ``Synchronised`` and ``Applied`` when it was the one
            that was missing; ``BadLevels``, and ``NeedSnapshot`` where the diff is thereby lost.
        """
        final_id = diff.final_update_id
        results: tuple[SyncResult, ...] = ()
        seen = self._seen_id, self._seen_time
        if final_id > self._seen_id:
            self._seen_id = final_id
            self._seen_time = self._seen_time if event_time is None else event_time
        elif event_time is not None and 0 <= self._seen_time < event_time - WENT_BACK_MS:
            results = self._start_again(final_id, event_time)
        # Spot step 6, "if u is before the id of the local book, ignore"; equal brings nothing new either.
        if final_id <= self.update_id:
            return (Stale(final_id),)
        try:
            bids, asks = parse_levels(diff.bids), parse_levels(diff.asks)
        except ValueError as error:
            self._seen_id, self._seen_time = seen
            return (*results, *self._lose(str(error)))
        # Spot: U follows the previous u, so everything after U - 1 is in it. Futures: ids are shared by all symbols and
        # jump; pu says what the stream sent last (futures step 5).
        previous = diff.previous_final_update_id
        covers_after = diff.first_update_id - 1 if previous is None else previous
        if self.live and covers_after <= self.update_id:
            applied = self._apply(final_id, event_time, bids, asks)
            ahead = self._ahead
            if ahead is None or ahead.last_id > final_id:
                return (applied,)
            self._ahead = None
            return (applied, *self._check(ahead))
        return (*results, *self._keep(Diff(covers_after, final_id, event_time, bids, asks)))

    def feed_snapshot(self, snapshot: DepthSnapshot, event_time: int | None) -> tuple[SyncResult, ...]:
        """Take one snapshot.

        Returns:
            ``Synchronised`` and ``Applied`` for the diffs kept; ``Verified`` where a right book is as far, and
            ``Synchronised`` where that changed it; ``Buffered`` where a right book is not there yet (it is compared
            then, or used should the diffs between be missing); ``NeedSnapshot`` where it is older than the diffs that
            wait; ``BadLevels``.
        """
        last_id = snapshot.last_update_id
        if self.live and last_id < self._checks.trail.begin:
            return (Verified(last_id, VerificationResult.NOT_COMPARABLE),)
        try:
            bids, asks = parse_levels(snapshot.bids), parse_levels(snapshot.asks)
        except ValueError as error:
            return (BadLevels(str(error)),)
        taken = Snapshot(last_id, event_time, bids, asks)
        if not self.live:
            return self._join(taken)
        if last_id <= self.update_id:
            return self._check(taken)
        replaced, self._ahead = self._ahead, taken
        if replaced is None:
            return (Buffered(last_id),)
        return (Verified(replaced.last_id, VerificationResult.NOT_COMPARABLE), Buffered(last_id))

    def doubt(self, reason: SnapshotReason) -> None:
        """Want a snapshot to hold against a book that may be right; it stays live."""
        if self.need is None:
            self._want(self.update_id, reason)

    def distrust(self, reason: SnapshotReason) -> None:
        """Take the book for wrong, whatever its ids say, until a snapshot comes."""
        self.live, self._distrusted = False, True
        self._want(self.update_id, reason)

    def start_anew(self) -> None:
        """Want any snapshot: what was known of the book is lost."""
        self._want(-1, SnapshotReason.START)

    def dump(self) -> SyncState:
        """Return the whole state."""
        ahead = self._ahead
        return SyncState(
            book=self.book.dump(),
            live=self.live,
            update_id=self.update_id,
            need=self.need,
            buffer=self._waiting.dump(),
            ahead=None if ahead is None else ahead.pack(),
            seen_id=self._seen_id,
            seen_time=self._seen_time,
            trail=self._checks.trail.dump(),
            right_id=self._checks.right_id,
            differed=self._checks.differed,
            distrusted=self._distrusted,
        )

    def load(self, state: SyncState) -> None:
        """Take over a whole state.

        Raises:
            ValueError: it cannot be read; this object is of no use then.
        """
        self.book.restore(state.book)
        self._checks.trail.load(state.trail)
        self._waiting.load(state.buffer)
        self._ahead = None if state.ahead is None else Snapshot.unpack(state.ahead)
        self.live, self.update_id, self.need = state.live, state.update_id, state.need
        self._seen_id, self._seen_time = state.seen_id, state.seen_time
        self._checks.right_id, self._checks.differed = state.right_id, state.differed
        self._distrusted = state.distrusted

    def _apply(self, final_id: int, event_time: int | None, bids: list[Level], asks: list[Level]) -> Applied:
        # Spot step 6 and futures step 6: quantities are absolute, zero removes, an unknown level is normal.
        self.book.apply(bids, asks)
        diff = Diff(self.update_id, final_id, event_time, bids, asks)
        self._checks.applied(diff, wanted=self.need is not None)
        self.update_id = final_id
        return Applied(final_id, event_time, self.book.best())

    def _check(self, snapshot: Snapshot) -> tuple[SyncResult, ...]:
        """Hold a snapshot against the book, which has reached it."""
        checked = self._checks.check(self.book, snapshot)
        if checked.confirm is not None or (self.need is not None and snapshot.last_id >= self.need.after_update_id):
            self.need = checked.confirm
        if not checked.changed:
            return (checked.verified,)
        return (checked.verified, Synchronised(self.update_id, checked.event_time, self.book.best()))

    def _start_again(self, final_id: int, event_time: int) -> tuple[SyncResult, ...]:
        """Forget everything: a test network was wiped, or the symbol listed anew."""
        gap = Gap(self.update_id, final_id)
        self.live, self.update_id, self.need, self._ahead = False, -1, None, None
        self._seen_id, self._seen_time = final_id, event_time
        self._waiting.take()
        self._checks.begin(-1)
        self._distrusted = False
        return (gap,)

    def _lose(self, detail: str) -> tuple[SyncResult, ...]:
        """A diff that cannot be read is a diff that is missing.

        Its ids are not to be trusted either: a snapshot is asked for from where the book stands. One that ends before
        the diff is told by the next diff, which names an id that can be.
        """
        if not self.live:
            return (BadLevels(detail),)
        self.live = False
        return (BadLevels(detail), self._want(self.update_id, SnapshotReason.SEQUENCE_GAP))

    def _keep(self, diff: Diff) -> tuple[SyncResult, ...]:
        """Keep a diff that cannot be applied now, and see whether that mends the book."""
        results: list[SyncResult] = []
        if self.live:
            # Spot step 6, "if U is beyond the id of the local book + 1, discard the book and start again";
            # futures step 5 likewise for pu.
            results.append(Gap(self.update_id, diff.covers_after))
            self.live, self.need = False, None
        # Spot and futures step 1: buffer what the stream sends.
        self._waiting.keep(diff)
        ahead, self._ahead = self._ahead, None
        if ahead is not None and self._waiting.reach(ahead.last_id):
            results.extend(self._join(ahead))
        elif self.update_id >= 0 and not self._distrusted and self._waiting.reach(self.update_id):
            results.extend(self._drain(Synchronised(self.update_id, diff.event_time, self.book.best())))
        else:
            results.append(Buffered(diff.final_id))
            if self.need is None:
                reason = SnapshotReason.SEQUENCE_GAP if self.update_id >= 0 else SnapshotReason.START
                results.append(self._want(self._waiting.begin, reason))
        return tuple(results)

    def _join(self, snapshot: Snapshot) -> tuple[SyncResult, ...]:
        """Start from a snapshot, unless it ends before the diffs that wait begin."""
        if snapshot.last_id < self.update_id or not self._waiting.reach(snapshot.last_id):
            # Spot step 3 and futures step 4: the snapshot is older than the first diff kept, get another.
            after = max(self._waiting.begin_behind(snapshot.last_id), self.update_id)
            return (self._want(after, SnapshotReason.SNAPSHOT_TOO_OLD),)
        # Spot step 5: the book is the snapshot, and stands at its id.
        self.book.load(snapshot.bids, snapshot.asks)
        self.update_id = snapshot.last_id
        self._checks.begin(snapshot.last_id)
        self._distrusted = False
        return tuple(self._drain(Synchronised(snapshot.last_id, snapshot.event_time, self.book.best())))

    def _drain(self, start: Synchronised) -> list[SyncResult]:
        """Apply the diffs kept, as far as they continue the book."""
        results: list[SyncResult] = [start]
        kept = self._waiting.take()
        for position, diff in enumerate(kept):
            # Spot step 4, "drop any event where u <= lastUpdateId". Futures step 3 drops u < lastUpdateId; the one
            # with u equal holds nothing that the snapshot lacks.
            if diff.final_id <= self.update_id:
                continue
            if diff.covers_after > self.update_id:
                self._waiting.keep_all(kept[position:])
                results.append(Gap(self.update_id, diff.covers_after))
                results.append(self._want(diff.covers_after, SnapshotReason.SEQUENCE_GAP))
                return results
            results.append(self._apply(diff.final_id, diff.event_time, diff.bids, diff.asks))
        self.live = True
        self.need = None
        return results

    def _want(self, after_update_id: int, reason: SnapshotReason) -> NeedSnapshot:
        self.need = NeedSnapshot(after_update_id, reason)
        return self.need
