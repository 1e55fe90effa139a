"""When a book's snapshot is asked for: at once, not yet, or once more."""

from __future__ import annotations

from typing import Final

import msgspec

from processors.core.book_results import NeedSnapshot
from schemas.control import SnapshotReason


__all__ = ["BookRequests", "RequestsState"]

START_PATIENCE_MS: Final = 5_000
"""Event time for which a new symbol waits for the snapshot that ingest takes unasked."""
ASK_AGAIN_MS: Final = 30_000
"""Event time after which an unanswered request is repeated."""
REACH_AGAIN_MS: Final = 600_000
"""Event time between requests because the price left what snapshots told of; a thin book does so often."""


class RequestsState(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept in a checkpoint; fields as of :class:`BookRequests`."""

    ask_from: int | None
    asked: NeedSnapshot | None
    asked_time: int
    reach_from: int


class BookRequests:
    """What was asked for one book, and when."""

    __slots__ = ("_ask_from", "_asked", "_asked_time", "_reach_from")

    def __init__(self) -> None:
        self._ask_from: int | None = None
        """Event time from which a new symbol asks; None: it has none yet."""
        self._asked: NeedSnapshot | None = None
        self._asked_time = 0
        self._reach_from = 0

    def begin(self, event_time: int) -> None:
        """Take the first event time of a symbol."""
        if self._ask_from is None:
            self._ask_from = event_time + START_PATIENCE_MS

    def at_once(self) -> None:
        """Be patient with no first snapshot."""
        self._ask_from = 0

    def answered(self) -> None:
        """Forget what was asked for."""
        self._asked = None

    def due(self, need: NeedSnapshot, now: int) -> bool:
        """Return whether to ask now, and take it as done.

        Args:
            need: what is wanted.
            now: event time.
        """
        if need.reason is SnapshotReason.START and (self._ask_from is None or now < self._ask_from):
            return False
        if need == self._asked and now < self._asked_time + ASK_AGAIN_MS:
            return False
        self._asked, self._asked_time = need, now
        return True

    def reach_due(self, now: int) -> bool:
        """Return whether a price that nobody told of may be asked about now, and take it as done."""
        if now < self._reach_from:
            return False
        self._reach_from = now + REACH_AGAIN_MS
        return True

    def dump(self) -> RequestsState:
        """Return the whole state."""
        return RequestsState(
            ask_from=self._ask_from, asked=self._asked, asked_time=self._asked_time, reach_from=self._reach_from
        )

    def load(self, state: RequestsState) -> None:
        """Take over a whole state."""
        self._ask_from, self._asked = state.ask_from, state.asked
        self._asked_time, self._reach_from = state.asked_time, state.reach_from
