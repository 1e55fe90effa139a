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
LONGEST_WAIT_MS: Final = 3_600_000
"""Event time between repetitions, of which each waits twice as long, where the book is shown meanwhile."""
REACH_AGAIN_MS: Final = 600_000
"""Event time between requests because the price left what snapshots told of; a thin book does so often."""


class RequestsState(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept in a checkpoint; fields as of :class:`BookRequests`."""

    ask_from: int | None
    asked: NeedSnapshot | None
    asked_time: int
    reach_from: int
    repeated: int = 0


class BookRequests:
    """What was asked for one book, and when."""

    __slots__ = ("_ask_from", "_asked", "_asked_time", "_reach_from", "_repeated")

    def __init__(self) -> None:
        self._ask_from: int | None = None
        """Event time from which a new symbol asks; None: it has none yet."""
        self._asked: NeedSnapshot | None = None
        self._asked_time = 0
        self._repeated = 0
        """How often what is wanted was asked for again."""
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
        self._asked, self._repeated = None, 0

    def due(self, need: NeedSnapshot, now: int, *, live: bool) -> bool:
        """Return whether to ask now, and take it as done.

        A snapshot costs the venue's patience. Where a book that is shown as right only wants to be compared, and the
        answers do not serve or do not come, it is asked for less and less often; a book that is not right has to have
        one.

        Args:
            need: what is wanted.
            now: event time.
            live: whether the book is shown meanwhile.
        """
        if need.reason is SnapshotReason.START and (self._ask_from is None or now < self._ask_from):
            return False
        again = need == self._asked
        if again:
            wait_ms = min(ASK_AGAIN_MS << self._repeated, LONGEST_WAIT_MS) if live else ASK_AGAIN_MS
            if now < self._asked_time + wait_ms:
                return False
        # Beyond the longest wait there is nothing to count.
        self._repeated = min(self._repeated + 1, 16) if again else 0
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
            ask_from=self._ask_from,
            asked=self._asked,
            asked_time=self._asked_time,
            reach_from=self._reach_from,
            repeated=self._repeated,
        )

    def load(self, state: RequestsState) -> None:
        """Take over a whole state."""
        self._ask_from, self._asked = state.ask_from, state.asked
        self._asked_time, self._reach_from, self._repeated = state.asked_time, state.reach_from, state.repeated
