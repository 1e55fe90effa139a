"""One symbol's book together with what readers were told about it."""

from __future__ import annotations

from typing import Final

import msgspec

from processors.core.book import Top
from processors.core.book_alerts import BookAlerts
from processors.core.book_records import Said, snapshot_record, top_record, verification_record
from processors.core.book_requests import BookRequests
from processors.core.book_results import Applied, Synchronised, Verified
from processors.core.book_states import ReportedState, decoded, encode
from processors.core.book_sync import BookSync
from processors.core.liquidity import LiquidityPlan, liquidity_of
from processors.core.records import Output, OutputValue, RawRecord
from processors.core.windows import start_of
from schemas.control import SnapshotReason, SnapshotRequest
from schemas.derived import Alert, AlertStatus, BookState
from schemas.markets import Market
from schemas.topics import ControlType, DerivedType


__all__ = ["ReportedBook"]

STALE_LIMIT_MS: Final = 60_000
"""How long a book may be stale without being compared with a snapshot afterwards."""

_NOTHING: Final[Top] = (None, None, None, None)


class ReportedBook:
    """A book, and what was said about it last: so that only changes are said."""

    __slots__ = (
        "_alerts",
        "_boundary",
        "_changed",
        "_dumped_offset",
        "_interval_ms",
        "_key",
        "_offset",
        "_requests",
        "_said",
        "_said_time",
        "_spoke",
        "_stale_from_ms",
        "_stale_ms",
        "_top",
        "_unmeasured",
        "_vouched_until",
        "alerts",
        "event_time",
        "first_offset",
        "market",
        "moved",
        "next_offset",
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
        self.first_offset = -1
        """Where its first record lies; for the owner to set. What heartbeats say of the log below is not about it."""
        self.moved = False
        """Whether a diff or snapshot was taken over; for the owner to reset."""
        self.next_offset = 0
        """Raw records below it are in the book; for the owner to set."""
        self.alerts: list[Output] = []
        """Alerts to write; for the owner to take away."""
        self._alerts = BookAlerts(symbol)
        self._key = symbol.encode()
        self._offset = -1
        self._interval_ms = interval_ms
        self._top: Top = _NOTHING
        self._boundary = 0
        self._changed = False
        self._unmeasured = False
        self._requests = BookRequests()
        self._said: Said = -1, None, -1
        """What was said last."""
        self._said_time = 0
        self._vouched_until = -1
        """What a heartbeat of no later time brings was done already."""
        self._stale_from_ms: int | None = None
        self._stale_ms = 0
        self._dumped_offset = 0
        self._spoke = False
        """Whether something changed since the last dump that no raw record brought."""

    def due_snapshot(self, until: int, depth: int) -> Output | None:
        """Return the book at the boundary behind its last change, if that is not after ``until``; each once.

        At later boundaries the book is the same until it changes again: they are not sent.
        """
        if not self._changed or not 0 < self._boundary <= until:
            return None
        self._changed, self._spoke = False, True
        shown = self.sync.book if self.sync.live else None
        value = snapshot_record(
            self.symbol,
            self._boundary,
            shown,
            depth=depth,
            update_id=self.sync.update_id,
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
        self._unmeasured, self._spoke = False, True
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
            self.event_time = event_time
            self._requests.begin(event_time)
        elif event_time > self.event_time:
            self.event_time = event_time
        self._boundary = max(self._boundary, start_of(event_time, self._interval_ms) + self._interval_ms)

    def pass_time(self, now: int) -> None:
        """Let event time pass: a top that is crossed or locked for long is told, and at last not believed."""
        if self._alerts.watching and self.sync.live:
            self._alert(self._alerts.due(now, self._offset))
            if self._alerts.wrong(now):
                self.sync.distrust(SnapshotReason.CROSSED_BOOK)

    def tell(self, result: Applied | Synchronised, record: RawRecord) -> Output | None:
        """Return the top of the book after a diff or snapshot was taken over, if that changed it."""
        self._changed = self._unmeasured = self.moved = True
        self._offset = record.offset
        if self.sync.need is None:
            self._requests.answered()
        top = result.top
        if top == self._top and self.state is BookState.LIVE:
            return None
        event_time = result.event_time
        if self.state is BookState.STALE:
            self._end_stale()
        self.state, self._top = BookState.LIVE, top
        self._look_at(top, self.event_time or record.timestamp_ms)
        return self._say(result.update_id, event_time, record.timestamp_ms if event_time is None else event_time)

    def _look_at(self, top: Top, now: int) -> None:
        """See whether a top that is new can be, and whether it is known to be the best."""
        bid, _, ask, _ = top
        if self._alerts.watching or (bid is not None and ask is not None and bid >= ask):
            self._alert(self._alerts.see(top, now, self._offset))
        if self.sync.book.out_of_reach and self._requests.reach_due(now):
            self.sync.doubt(SnapshotReason.OUT_OF_REACH)

    def tell_syncing(self, record: RawRecord) -> Output | None:
        """Return that the book is not right, if that is news."""
        if self.state is BookState.SYNCING:
            return None
        if self.state is BookState.STALE:
            self._end_stale()
        self._offset = record.offset
        self._changed = True
        self.state, self._top = BookState.SYNCING, _NOTHING
        return self._say(self.sync.update_id, self.event_time, record.timestamp_ms)

    def tell_distrusted(self, now: int) -> Output | None:
        """Return that the book is not right any more because of what heartbeats told, if that is news."""
        if self.sync.live or self.state is not BookState.LIVE:
            return None
        self._changed = True
        self.state, self._top = BookState.SYNCING, _NOTHING
        return self._say(self.sync.update_id, self.event_time, now)

    def tell_verified(self, result: Verified, record: RawRecord) -> Output:
        """Return how the book compared with a snapshot."""
        self._offset = record.offset
        time = self.event_time or record.timestamp_ms
        value = verification_record(self.symbol, time, result, record.offset)
        return Output(self.market, DerivedType.BOOK_VERIFICATION, self._key, value, time)

    def tell_vouched(self, until: int) -> Output | None:
        """Return that somebody vouches for a stale book again, if that is news.

        A heartbeat of before it became stale is none: they are read again after the book came back.

        Args:
            until: event time that is vouched for.
        """
        if self.state is not BookState.STALE or until <= self._vouched_until:
            return None
        self._end_stale()
        self.state = BookState.LIVE
        return self._say_again(until)

    def tell_unvouched(self, now_ms: int) -> Output | None:
        """Return that nobody vouches for a live book any more, if that is news.

        Args:
            now_ms: a clock of the caller's.
        """
        if self.state is BookState.STALE and self._stale_from_ms is not None:
            self._stale_ms = now_ms - self._stale_from_ms
        if self.state is not BookState.LIVE:
            return None
        self.state = BookState.STALE
        self._stale_from_ms, self._stale_ms = now_ms, 0
        time = self.event_time or self._said_time
        # A book that does not move may become stale time and again, each time an alert of its own.
        self._alert(self._alerts.stale(max(time, self._vouched_until), self._offset))
        return self._say_again(time)

    def _end_stale(self) -> None:
        """The book is told of as it is again; what became of it meanwhile, a snapshot is to show."""
        self._alert(self._alerts.not_stale(self.event_time or self._said_time, self._offset))
        if self.sync.live and self._stale_ms >= STALE_LIMIT_MS:
            self.sync.doubt(SnapshotReason.STALE_BOOK)
        self._stale_from_ms, self._stale_ms = None, 0

    def vouch(self, until: int) -> bool:
        """Take that everything up to an event time is in the book; return whether that is news."""
        if until <= self._vouched_until:
            return False
        self._vouched_until = until
        self.pass_time(until)
        return True

    def due_request(self, now: int) -> Output | None:
        """Return a request for a snapshot, if one is needed and not on its way.

        Args:
            now: event time.
        """
        need = self.sync.need
        if need is None or not self._requests.due(need, now, live=self.sync.live):
            return None
        request = SnapshotRequest(
            market=self.market,
            symbol=self.symbol,
            after_update_id=None if need.after_update_id < 0 else need.after_update_id,
            reason=need.reason,
            event_time=self.event_time,
            input_offset=self._offset,
            right_update_id=need.right_update_id,
        )
        return self._output(ControlType.SNAPSHOT_REQUEST, request, now)

    def announce(self) -> Output:
        """Return how the book is, once more: whoever had it before may have said otherwise."""
        self.state = self.state or BookState.SYNCING
        return self._say_again(max(self._said_time, self.event_time or 0))

    def start_anew(self, next_offset: int) -> None:
        """Know nothing of the book; a snapshot may be asked for at once.

        Args:
            next_offset: raw records below it were read: a snapshot among them is no answer.
        """
        self._offset = next_offset - 1
        self.sync.start_anew()
        self._requests.at_once()
        self._spoke = True

    def close_forgotten(self, alert: Alert, vouched_until: int) -> None:
        """Close an alert that readers were told of, unless it is known here.

        Args:
            alert: as it was opened.
            vouched_until: event time that is vouched for.
        """
        if self._alerts.knows(alert):
            return
        time = max(alert.time, self.event_time or 0, vouched_until)
        offset = max(alert.input_offset, self._offset)
        closed = msgspec.structs.replace(alert, status=AlertStatus.CLOSED, time=time, value=None, input_offset=offset)
        self._alert(closed)

    @property
    def said_time(self) -> int:
        """The time of what readers were told last; 0: they were told nothing."""
        return self._said_time

    @property
    def changed_since_dump(self) -> bool:
        """Whether the last checkpoint is old."""
        return self._spoke or self.next_offset != self._dumped_offset

    def dump(self) -> bytes:
        """Return the whole state, which is what the last checkpoint holds from then on."""
        self._dumped_offset, self._spoke = self.next_offset, False
        state = ReportedState(
            sync=self.sync.dump(),
            alerts=self._alerts.dump(),
            state=self.state,
            event_time=self.event_time,
            first_offset=self.first_offset,
            next_offset=self.next_offset,
            offset=self._offset,
            said=self._said,
            said_time=self._said_time,
            boundary=self._boundary,
            changed=self._changed,
            unmeasured=self._unmeasured,
            requests=self._requests.dump(),
            vouched_until=self._vouched_until,
        )
        return encode(state)

    def load(self, dumped: bytes) -> None:
        """Take over a whole state.

        Raises:
            ValueError: it cannot be read; this object is of no use then.
        """
        state = decoded(dumped)
        self.sync.load(state.sync)
        self._alerts.load(state.alerts)
        self.state, self.event_time = state.state, state.event_time
        self._said, self._said_time = state.said, state.said_time
        self.next_offset = self._dumped_offset = state.next_offset
        self.first_offset, self._offset = state.first_offset, state.offset
        self._top = self.sync.book.best() if self.sync.live else _NOTHING
        self._requests.load(state.requests)
        self._boundary, self._changed, self._unmeasured = state.boundary, state.changed, state.unmeasured
        self._vouched_until = state.vouched_until

    def _alert(self, alert: Alert | None) -> None:
        if alert is not None:
            self.alerts.append(self._output(DerivedType.ALERT, alert, alert.time))

    def _output(self, of: DerivedType | ControlType, value: OutputValue, timestamp_ms: int) -> Output:
        self._spoke = True
        return Output(self.market, of, self._key, value, timestamp_ms)

    def _say(self, update_id: int, event_time: int | None, timestamp_ms: int) -> Output:
        self._said = update_id, event_time, self._offset
        return self._say_again(timestamp_ms)

    def _say_again(self, timestamp_ms: int) -> Output:
        self._said_time, self._spoke = timestamp_ms, True
        value = top_record(self.symbol, self.state or BookState.SYNCING, self._top, self._said)
        return Output(self.market, DerivedType.TOP_OF_BOOK, self._key, value, timestamp_ms)
