"""Bringing a book into step with its diffs, and keeping it there.

Binance, "How to manage a local order book correctly" (spot: Web Socket Streams, 2026-07-21, text of 2025-11-12;
USD-M and COIN-M: "How to manage a local order book correctly", 2026-05-28). The steps are named at the lines that do
them. Two things are wider than the page, because the log may merge several connections, which cut the same changes at
different ids (architecture §4.3):

* a diff continues the book when it *covers* everything after it, not only when it starts exactly where it ended;
* a diff that came too early is kept, and the book goes on by itself when what was missing comes.
"""

from __future__ import annotations

from bisect import insort
from typing import Final

import msgspec

from processors.core.book import Level, OrderBook, Top, parse_levels
from schemas.control import SnapshotReason
from schemas.rest import DepthSnapshot
from schemas.wire import DepthDiff


__all__ = [
    "Applied",
    "BadLevels",
    "BookSync",
    "Buffered",
    "Gap",
    "NeedSnapshot",
    "Stale",
    "SyncResult",
    "Synchronised",
]

BUFFER_LIMIT: Final = 20_000
"""Levels kept in diffs while there is no book. Of the busiest symbols that is 40 s; a snapshot takes a few."""

WENT_BACK_MS: Final = 60_000
"""A diff whose id went back although its time is this much newer is no repetition: the venue counts anew."""


class Applied(msgspec.Struct, frozen=True):
    """The book changed by one diff."""

    update_id: int
    event_time: int | None
    top: Top


class Synchronised(msgspec.Struct, frozen=True):
    """The book is right again: it took a snapshot, or a diff that had been missing came after all.

    The diffs that were kept follow as :class:`Applied`.
    """

    update_id: int
    event_time: int | None
    top: Top


class Stale(msgspec.Struct, frozen=True):
    """A diff or snapshot that brings nothing new; the book is as it was."""

    update_id: int


class Gap(msgspec.Struct, frozen=True):
    """At least one diff is missing: the book is no longer right."""

    update_id: int
    """Where the book stands."""
    covered_from: int
    """The diff that came covers what follows this id."""


class Buffered(msgspec.Struct, frozen=True):
    """A diff or snapshot that waits for another; the book is as it was."""

    update_id: int


class BadLevels(msgspec.Struct, frozen=True):
    """A price or quantity cannot be read; none of the diff or snapshot was taken over."""

    detail: str


class NeedSnapshot(msgspec.Struct, frozen=True):
    """Only a snapshot can make the book right."""

    after_update_id: int
    reason: SnapshotReason


SyncResult = Applied | Synchronised | Stale | Gap | Buffered | BadLevels | NeedSnapshot


class _Diff(msgspec.Struct, frozen=True):
    """A diff in numbers."""

    covers_after: int
    """It holds every change after this id."""
    final_id: int
    event_time: int | None
    bids: list[Level]
    asks: list[Level]

    @property
    def order(self) -> tuple[int, int]:
        return self.covers_after, self.final_id

    @property
    def size(self) -> int:
        return len(self.bids) + len(self.asks) + 1


class _Snapshot(msgspec.Struct, frozen=True):
    last_id: int
    event_time: int | None
    bids: list[Level]
    asks: list[Level]


class BookSync:
    """The book of one symbol, and whether it is right.

    Feed it every diff and snapshot of the symbol in the order of the log. While ``live`` is false the book is not to be
    shown; ``need`` then says which snapshot would help.
    """

    __slots__ = (
        "_ahead",
        "_buffer",
        "_buffer_limit",
        "_buffer_size",
        "_seen_id",
        "_seen_time",
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
        """The snapshot that is wanted; None: none."""
        self._buffer: list[_Diff] = []
        self._buffer_limit = buffer_limit
        self._buffer_size = 0
        self._ahead: _Snapshot | None = None
        self._seen_id = -1
        self._seen_time = -1

    def feed_diff(self, diff: DepthDiff, event_time: int | None) -> tuple[SyncResult, ...]:
        """Take one diff.

        Args:
            diff: the diff as sent.
            event_time: when the venue made it, as far as that is known.

        Returns:
            ``Applied``; ``Stale``; ``Gap`` (then ``Buffered`` and ``NeedSnapshot``, or ``Synchronised`` where a
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
            return (self._apply(final_id, event_time, bids, asks),)
        return (*results, *self._keep(_Diff(covers_after, final_id, event_time, bids, asks)))

    def feed_snapshot(self, snapshot: DepthSnapshot, event_time: int | None) -> tuple[SyncResult, ...]:
        """Take one snapshot.

        Returns:
            ``Synchronised`` and ``Applied`` for the diffs kept; ``Stale`` where a right book is as far; ``Buffered``
            where a right book is not there yet (it is used should the diffs between be missing); ``NeedSnapshot``
            where it is older than the diffs that wait; ``BadLevels``.
        """
        last_id = snapshot.last_update_id
        if self.live and last_id <= self.update_id:
            return (Stale(last_id),)
        try:
            bids, asks = parse_levels(snapshot.bids), parse_levels(snapshot.asks)
        except ValueError as error:
            return (BadLevels(str(error)),)
        taken = _Snapshot(last_id, event_time, bids, asks)
        if self.live:
            self._ahead = taken
            return (Buffered(last_id),)
        return self._join(taken)

    def _apply(self, final_id: int, event_time: int | None, bids: list[Level], asks: list[Level]) -> Applied:
        # Spot step 6 and futures step 6: quantities are absolute, zero removes, an unknown level is normal.
        self.book.apply(bids, asks)
        self.update_id = final_id
        if self._ahead is not None and self._ahead.last_id <= final_id:
            self._ahead = None
        return Applied(final_id, event_time, self.book.best())

    def _start_again(self, final_id: int, event_time: int) -> tuple[SyncResult, ...]:
        """Forget everything: a test network was wiped, or the symbol listed anew."""
        gap = Gap(self.update_id, final_id)
        self.live, self.update_id, self.need, self._ahead = False, -1, None, None
        self._seen_id, self._seen_time = final_id, event_time
        self._buffer, self._buffer_size = [], 0
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

    def _keep(self, diff: _Diff) -> tuple[SyncResult, ...]:
        """Keep a diff that cannot be applied now, and see whether that mends the book."""
        results: list[SyncResult] = []
        if self.live:
            # Spot step 6, "if U is beyond the id of the local book + 1, discard the book and start again";
            # futures step 5 likewise for pu.
            results.append(Gap(self.update_id, diff.covers_after))
            self.live = False
        # Spot and futures step 1: buffer what the stream sends.
        insort(self._buffer, diff, key=lambda kept: kept.order)
        self._buffer_size += diff.size
        # A snapshot yet to be taken is newer than the oldest diffs: they go first.
        while self._buffer_size > self._buffer_limit and len(self._buffer) > 1:
            self._buffer_size -= self._buffer.pop(0).size
        ahead, self._ahead = self._ahead, None
        if ahead is not None and self._reaches(ahead.last_id):
            results.extend(self._join(ahead))
        elif self.update_id >= 0 and self._reaches(self.update_id):
            results.extend(self._drain(Synchronised(self.update_id, diff.event_time, self.book.best())))
        else:
            results.append(Buffered(diff.final_id))
            if self.need is None:
                reason = SnapshotReason.SEQUENCE_GAP if self.update_id >= 0 else SnapshotReason.START
                results.append(self._want(self._buffer[0].covers_after, reason))
        return tuple(results)

    def _reaches(self, update_id: int) -> bool:
        """Whether a book at ``update_id`` can go on with the diffs kept: the first newer one continues it."""
        first = next((diff for diff in self._buffer if diff.final_id > update_id), None)
        return first is None or first.covers_after <= update_id

    def _join(self, snapshot: _Snapshot) -> tuple[SyncResult, ...]:
        """Start from a snapshot, unless it ends before the diffs that wait begin."""
        if snapshot.last_id < self.update_id or not self._reaches(snapshot.last_id):
            # Spot step 3 and futures step 4: the snapshot is older than the first diff kept, get another.
            newer = (diff.covers_after for diff in self._buffer if diff.final_id > snapshot.last_id)
            after = max(min(newer, default=-1), self.update_id)
            return (self._want(after, SnapshotReason.SNAPSHOT_TOO_OLD),)
        # Spot step 5: the book is the snapshot, and stands at its id.
        self.book.load(snapshot.bids, snapshot.asks)
        self.update_id = snapshot.last_id
        return tuple(self._drain(Synchronised(snapshot.last_id, snapshot.event_time, self.book.best())))

    def _drain(self, start: Synchronised) -> list[SyncResult]:
        """Apply the diffs kept, as far as they continue the book."""
        results: list[SyncResult] = [start]
        kept, self._buffer, self._buffer_size = self._buffer, [], 0
        for position, diff in enumerate(kept):
            # Spot step 4, "drop any event where u <= lastUpdateId". Futures step 3 drops u < lastUpdateId; the one
            # with u equal holds nothing that the snapshot lacks.
            if diff.final_id <= self.update_id:
                continue
            if diff.covers_after > self.update_id:
                self._buffer = kept[position:]
                self._buffer_size = sum(left.size for left in self._buffer)
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
