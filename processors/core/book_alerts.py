"""Alerts about one book: a top that cannot be, and nobody who vouches.

All is decided by event time as it stands in the log, so the same log gives the same alerts; only that nobody vouches is
a matter of the clock.
"""

from __future__ import annotations

from typing import Final

import msgspec

from processors.core.book import Top
from schemas.decimals import ONE
from schemas.derived import Alert, AlertKind, AlertStatus


__all__ = ["BOOK_ALERTS", "CROSSED_LIMIT_MS", "PATIENCE_MS", "AlertsState", "BookAlerts"]

BOOK_ALERTS: Final = frozenset({AlertKind.CROSSED_BOOK, AlertKind.LOCKED_BOOK, AlertKind.STALE_BOOK})
"""What is told of books."""
PATIENCE_MS: Final = 1_000
"""How long a top must be crossed or locked before that is told: at a seam it is so for a diff."""
CROSSED_LIMIT_MS: Final = 5_000
"""How long a crossed book is shown as right."""
CROSSED_AGAIN_MS: Final = 60_000
"""How long it is, after a snapshot that was crossed itself."""


class AlertsState(msgspec.Struct, frozen=True, kw_only=True):
    """What the alerts of a book keep in a checkpoint; fields as of :class:`BookAlerts`."""

    kind: AlertKind | None
    since: int
    opened: bool
    overlap: int
    wrong_from: int
    stale_since: int | None


class BookAlerts:
    """What is wrong with one book at present, and what was told of it."""

    __slots__ = ("_kind", "_opened", "_overlap", "_since", "_stale_since", "_symbol", "_wrong_from", "watching")

    def __init__(self, symbol: str) -> None:
        self.watching = False
        """Whether the top is crossed or locked: then :meth:`due` is to be asked as time goes on."""
        self._symbol = symbol
        self._kind: AlertKind | None = None
        self._since = 0
        self._opened = False
        self._overlap = 0
        """Best bid less best ask."""
        self._wrong_from = 0
        """Event time from which the crossed book counts as wrong."""
        self._stale_since: int | None = None

    def see(self, top: Top, time: int, input_offset: int) -> Alert | None:
        """Take the top of a live book that changed; return the end of an alert, if that ends one."""
        bid, _, ask, _ = top
        overlap = -1 if bid is None or ask is None else bid - ask
        kind = None if overlap < 0 else AlertKind.CROSSED_BOOK if overlap else AlertKind.LOCKED_BOOK
        self._overlap = overlap
        if kind is self._kind:
            return None
        closed = self._alert(AlertStatus.CLOSED, time, input_offset) if self._opened and self._kind else None
        self._kind, self._since, self._opened = kind, time, False
        self._wrong_from = time + CROSSED_LIMIT_MS
        self.watching = kind is not None
        return closed

    def due(self, now: int, input_offset: int) -> Alert | None:
        """Return the alert that opens, if the top has been as it is for long enough.

        Args:
            now: event time; everything before it was applied.
            input_offset: of the last record that was.
        """
        if self._kind is None or self._opened or now < self._since + PATIENCE_MS:
            return None
        self._opened = True
        return self._alert(AlertStatus.OPEN, self._since, input_offset)

    def wrong(self, now: int) -> bool:
        """Return whether the book has been crossed for too long to be right; then not again for a while.

        A snapshot may be crossed itself, as before trading begins: the book is shown then, and asked for now and then.
        """
        if self._kind is not AlertKind.CROSSED_BOOK or now < self._wrong_from:
            return False
        self._wrong_from = now + CROSSED_AGAIN_MS
        return True

    def stale(self, time: int, input_offset: int) -> Alert | None:
        """Take that nobody vouches for the book any more; return the alert that opens."""
        if self._stale_since is not None:
            return None
        self._stale_since = time
        return self._plain(AlertStatus.OPEN, time, time, input_offset)

    def not_stale(self, time: int, input_offset: int) -> Alert | None:
        """Take that the book is stale no more; return the alert that closes, if one was open."""
        since, self._stale_since = self._stale_since, None
        return None if since is None else self._plain(AlertStatus.CLOSED, since, max(since, time), input_offset)

    def knows(self, alert: Alert) -> bool:
        """Return whether an alert that was opened will be closed."""
        if alert.kind is AlertKind.STALE_BOOK:
            return self._stale_since == alert.opened_time
        return self._opened and (self._kind, self._since) == (alert.kind, alert.opened_time)

    def dump(self) -> AlertsState:
        """Return the whole state."""
        return AlertsState(
            kind=self._kind,
            since=self._since,
            opened=self._opened,
            overlap=self._overlap,
            wrong_from=self._wrong_from,
            stale_since=self._stale_since,
        )

    def load(self, state: AlertsState) -> None:
        """Take over a whole state."""
        self._kind, self._since, self._opened = state.kind, state.since, state.opened
        self._overlap, self._wrong_from, self._stale_since = state.overlap, state.wrong_from, state.stale_since
        self.watching = state.kind is not None

    def _alert(self, status: AlertStatus, time: int, input_offset: int) -> Alert:
        assert self._kind is not None  # noqa: S101 - there is an alert
        # How far the book is crossed where it opens; where it closes it is so no more.
        value = self._overlap * ONE if status is AlertStatus.OPEN else None
        return msgspec.structs.replace(
            self._plain(status, self._since, time, input_offset), kind=self._kind, value=value
        )

    def _plain(self, status: AlertStatus, since: int, time: int, input_offset: int) -> Alert:
        return Alert(
            symbol=self._symbol,
            kind=AlertKind.STALE_BOOK,
            status=status,
            opened_time=since,
            time=time,
            window=None,
            side=None,
            value=None,
            threshold=None,
            baseline=None,
            input_offset=input_offset,
        )
