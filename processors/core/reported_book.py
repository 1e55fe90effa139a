"""One symbol's book together with what readers were told about it."""

from __future__ import annotations

from typing import Final

from processors.core.book import Top
from processors.core.book_sync import Applied, BookSync, NeedSnapshot, Synchronised
from processors.core.liquidity import LiquidityPlan, liquidity_of
from processors.core.records import Output, RawRecord
from processors.core.windows import start_of
from schemas.control import SnapshotReason, SnapshotRequest
from schemas.derived import BookSnapshot, BookState, TopOfBook
from schemas.markets import Market
from schemas.topics import ControlType, DerivedType


__all__ = ["ReportedBook"]

START_PATIENCE_MS: Final = 5_000
"""Event time for which a new symbol waits for the snapshot that ingest takes unasked."""
ASK_AGAIN_MS: Final = 30_000
"""Event time after which an unanswered request is repeated."""

_NOTHING: Final[Top] = (None, None, None, None)


class ReportedBook:
    """A book, and what was said about it last: so that only changes are said."""

    __slots__ = (
        "_asked",
        "_asked_time",
        "_boundary",
        "_changed",
        "_first_time",
        "_interval_ms",
        "_key",
        "_offset",
        "_top",
        "_unmeasured",
        "event_time",
        "market",
        "moved",
        "state",
        "symbol",
        "sync",
    )

    def __init__(self, market: Market, symbol: str, interval_ms: int) -> None:
        self.market = market
        self.symbol = symbol
        self.sync = BookSync()
        self.state: BookState | None = None
        """As said last; None: nothing was."""
        self.event_time: int | None = None
        """Newest seen."""
        self.moved = False
        """Whether a diff or snapshot was taken over; for the owner to reset."""
        self._key = symbol.encode()
        self._offset = -1
        self._interval_ms = interval_ms
        self._top: Top = _NOTHING
        self._first_time = 0
        self._boundary = 0
        self._changed = False
        self._unmeasured = False
        self._asked: NeedSnapshot | None = None
        self._asked_time = 0

    def due_snapshot(self, until: int, depth: int) -> Output | None:
        """Return the book at the boundary behind its last change, if that is not after ``until``; each once.

        At later boundaries the book is the same until it changes again: they are not sent.
        """
        if not self._changed or not 0 < self._boundary <= until:
            return None
        self._changed = False
        live = self.sync.live
        levels = self.sync.book.top(depth if live else 0)
        value = BookSnapshot(
            symbol=self.symbol,
            snapshot_time=self._boundary,
            update_id=max(self.sync.update_id, 0),
            state=BookState.LIVE if live else BookState.SYNCING,
            bid_prices=levels.bid_prices,
            bid_quantities=levels.bid_quantities,
            ask_prices=levels.ask_prices,
            ask_quantities=levels.ask_quantities,
            input_offset=self._offset,
        )
        return Output(self.market, DerivedType.BOOK_SNAPSHOT, self._key, value, self._boundary)

    def due_liquidity(self, until: int, plan: LiquidityPlan | None) -> Output | None:
        """Return the liquidity of a live book at the boundary behind its last change, as :meth:`due_snapshot` does."""
        if plan is None or not self._unmeasured or not self.sync.live or self.event_time is None:
            return None
        boundary = start_of(self.event_time, plan.interval_ms) + plan.interval_ms
        if boundary > until:
            return None
        self._unmeasured = False
        value = liquidity_of(
            self.sync.book,
            plan,
            contracts=self.market is Market.COINM,
            symbol=self.symbol,
            time=boundary,
            update_id=self.sync.update_id,
            input_offset=self._offset,
        )
        return Output(self.market, DerivedType.LIQUIDITY, self._key, value, boundary)

    def see(self, event_time: int) -> None:
        """Take the event time of a diff, after what is due at boundaries up to it."""
        if self.event_time is None:
            self._first_time = self.event_time = event_time
        elif event_time > self.event_time:
            self.event_time = event_time
        self._boundary = max(self._boundary, start_of(event_time, self._interval_ms) + self._interval_ms)

    def tell(self, result: Applied | Synchronised, record: RawRecord) -> Output | None:
        """Return the top of the book after a diff or snapshot was taken over, if that changed it."""
        self._changed = self._unmeasured = self.moved = True
        self._offset = record.offset
        self._asked = None
        if result.top == self._top and self.state is BookState.LIVE:
            return None
        event_time = result.event_time
        self.state, self._top = BookState.LIVE, result.top
        return self._say(result.update_id, event_time, record.timestamp_ms if event_time is None else event_time)

    def tell_syncing(self, record: RawRecord) -> Output | None:
        """Return that the book is not right, if that is news."""
        if self.state is BookState.SYNCING:
            return None
        self._offset = record.offset
        self._changed = True
        self.state, self._top = BookState.SYNCING, _NOTHING
        return self._say(self.sync.update_id, self.event_time, record.timestamp_ms)

    def tell_vouched(self, *, vouched: bool, timestamp_ms: int | None = None) -> Output | None:
        """Return that nobody vouches for the book, or somebody does again, if that is news.

        Args:
            vouched: whether somebody does.
            timestamp_ms: event time of the news; None: that of the last diff.
        """
        before, after = (BookState.STALE, BookState.LIVE) if vouched else (BookState.LIVE, BookState.STALE)
        if self.state is not before:
            return None
        self.state = after
        return self._say(self.sync.update_id, self.event_time, timestamp_ms or self.event_time or 0)

    def due_request(self, now: int) -> Output | None:
        """Return a request for a snapshot, if one is needed and not on its way.

        Args:
            now: event time.
        """
        need = self.sync.need
        if need is None or (need.reason is SnapshotReason.START and now < self._first_time + START_PATIENCE_MS):
            return None
        if need == self._asked and now < self._asked_time + ASK_AGAIN_MS:
            return None
        self._asked, self._asked_time = need, now
        request = SnapshotRequest(
            market=self.market,
            symbol=self.symbol,
            after_update_id=need.after_update_id,
            reason=need.reason,
            event_time=self.event_time,
            input_offset=self._offset,
        )
        return Output(self.market, ControlType.SNAPSHOT_REQUEST, self._key, request, now)

    def _say(self, update_id: int, event_time: int | None, timestamp_ms: int) -> Output:
        bid_price, bid_quantity, ask_price, ask_quantity = self._top
        value = TopOfBook(
            symbol=self.symbol,
            update_id=max(update_id, 0),
            state=self.state or BookState.SYNCING,
            event_time=event_time,
            bid_price=bid_price,
            bid_quantity=bid_quantity,
            ask_price=ask_price,
            ask_quantity=ask_quantity,
            spread=None if ask_price is None or bid_price is None else ask_price - bid_price,
            input_offset=self._offset,
        )
        return Output(self.market, DerivedType.TOP_OF_BOOK, self._key, value, timestamp_ms)
