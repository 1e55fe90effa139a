"""What becomes of a diff or snapshot that a book is fed."""

from __future__ import annotations

import msgspec

from processors.core.book import Top
from schemas.control import SnapshotReason
from schemas.derived import VerificationResult


__all__ = [
    "Applied",
    "BadLevels",
    "Buffered",
    "Gap",
    "NeedSnapshot",
    "Stale",
    "SyncResult",
    "Synchronised",
    "Verified",
]


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
    """Only a snapshot can make the book right, or show that it is."""

    after_update_id: int
    reason: SnapshotReason
    right_update_id: int | None = None
    """Where the book was right last, if a snapshot showed that it is so no more."""


class Verified(msgspec.Struct, frozen=True):
    """A snapshot was held against the book.

    Where it differed, :class:`Synchronised` follows: the book was built anew from it. So it does where the snapshot
    told of levels that the book could not know.
    """

    update_id: int
    """The snapshot's."""
    result: VerificationResult
    compared: int = 0
    """Levels that both can know."""
    equal: int = 0
    left_out: int = 0
    """Levels that diffs changed behind the snapshot."""


SyncResult = Applied | Synchronised | Stale | Gap | Buffered | BadLevels | NeedSnapshot | Verified
