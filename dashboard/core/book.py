"""What was said of one book."""

from __future__ import annotations

from schemas.derived import BookSnapshot, BookState, BookVerification, TopOfBook


__all__ = ["Book"]


class Book:
    """What was said of one book."""

    __slots__ = ("heard_ms", "snapshot", "top", "verification")

    def __init__(self) -> None:
        self.snapshot: BookSnapshot | None = None
        self.top: TopOfBook | None = None
        self.verification: BookVerification | None = None
        self.heard_ms: int | None = None
        """When this service last heard of it, by its own clock."""

    @property
    def state(self) -> BookState | None:
        """Its state as told last; None: nothing was told.

        Every change of it is told by a top of book; snapshots come in between and know less: they never say stale.
        """
        if self.top is not None:
            return self.top.state
        return None if self.snapshot is None else self.snapshot.state

    @property
    def update_id(self) -> int | None:
        """The newest that was told."""
        told = [one.update_id for one in (self.top, self.snapshot) if one is not None]
        return max(told, default=None)

    @property
    def event_time(self) -> int | None:
        """Venue's time of the newest that was told."""
        told = [
            None if self.top is None else self.top.event_time,
            None if self.snapshot is None else self.snapshot.snapshot_time,
        ]
        return max((one for one in told if one is not None), default=None)
