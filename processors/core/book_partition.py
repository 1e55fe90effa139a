"""The books of one partition of the raw depth topics: all state, and all that comes of a record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from processors.core.book_alerts import BOOK_ALERTS
from processors.core.book_market import BookMarket, dump_shared, load_shared
from processors.core.book_results import Applied, BadLevels, Gap, Synchronised, SyncResult, Verified
from processors.core.checkpoint_rounds import CheckpointError, Entity
from processors.core.decode import decode_depth
from processors.core.heartbeats import run_of
from processors.core.liquidity import LiquidityPlan
from processors.core.records import DeadLetter, Output, RawRecord, Rejected
from processors.core.reported_book import ReportedBook
from schemas.control import Heartbeat, SnapshotReason
from schemas.derived import Alert, BookState, VerificationResult
from schemas.markets import Market
from schemas.rest import DepthSnapshot
from schemas.topics import RawType
from schemas.wire import DepthDiff


__all__ = ["BookPartition", "BookStatus"]


class BookStatus(msgspec.Struct, frozen=True):
    """How one book is."""

    market: Market
    symbol: str
    state: BookState
    update_id: int
    """-1: nowhere yet."""
    event_time: int | None
    """Of its newest diff."""
    said_time: int
    """Of what readers were told last; 0: they were told nothing."""


class BookPartition:
    """The books of one partition, of all markets.

    Every method returns what to write, in order.

    Args:
        depth: levels a side in book snapshots.
        interval_ms: event time between book snapshots.
        liquidity: how liquidity is measured; None: it is not.
    """

    def __init__(self, *, depth: int = 20, interval_ms: int = 1_000, liquidity: LiquidityPlan | None = None) -> None:
        self.requests_enabled = True
        """Whether snapshots may be asked for; what is needed while they may not is asked for later, if it still is."""
        self._verified: list[tuple[Market, Verified]] = []
        self._gaps: Counter[Market] = Counter()
        self._requested: Counter[tuple[Market, SnapshotReason]] = Counter()
        self._depth = depth
        self._interval_ms = interval_ms
        self._liquidity = liquidity
        self._markets: dict[Market, BookMarket] = {market: BookMarket() for market in Market}

    def statuses(self) -> Iterator[BookStatus]:
        """Return how each book is."""
        for market in self._markets.values():
            for book in market.books.values():
                state = book.state or BookState.SYNCING
                yield BookStatus(book.market, book.symbol, state, book.sync.update_id, book.event_time, book.said_time)

    def take_verifications(self) -> list[tuple[Market, Verified]]:
        """Return the comparisons with snapshots since the last call, for whoever counts them."""
        taken, self._verified = self._verified, []
        return taken

    def take_gaps(self) -> Counter[Market]:
        """Return how many gaps in the diffs books met since the last call, by market, for whoever counts them."""
        taken, self._gaps = self._gaps, Counter()
        return taken

    def take_requested(self) -> Counter[tuple[Market, SnapshotReason]]:
        """Return how many snapshots were asked for since the last call, by market and reason."""
        taken, self._requested = self._requested, Counter()
        return taken

    def feed(self, record: RawRecord) -> list[Output | DeadLetter]:
        """Take one raw depth record."""
        market = self._markets[record.market]
        book = market.books.get(record.key or b"")
        outputs: list[Output | DeadLetter]
        if book is not None and record.offset < book.next_offset:
            outputs = []  # it came back from a checkpoint in a newer state
        elif isinstance(message := decode_depth(record.value or b""), Rejected):
            outputs = [DeadLetter(message.reason, message.detail, record)]
        else:
            book = book or self._new_book(market, record)
            if book is None or book.symbol != (message.symbol or book.symbol):
                detail = f'key "{(record.key or b"").decode(errors="replace")[:40]}" is not the symbol'
                outputs = [DeadLetter("does-not-fit", detail, record)]
            else:
                outputs = self._take(book, message, record)
                book.next_offset = record.offset + 1
        gate = market.gate
        gate.next_offset = record.offset + 1
        for heartbeat in gate.due():
            outputs.extend(self._vouch(market, heartbeat))
        return outputs

    def heartbeat(self, heartbeat: Heartbeat) -> list[Output | DeadLetter]:
        """Take a heartbeat; it counts once the records that it vouches for were fed."""
        if heartbeat.stream != RawType.DEPTH:
            return []
        market = self._markets[heartbeat.market]
        market.rosters.note(heartbeat)
        market.voices.hear(heartbeat)
        return [output for due in market.gate.offer(heartbeat) for output in self._vouch(market, due)]

    def tick(self, now_ms: int) -> list[Output | DeadLetter]:
        """Take the time: books that nobody vouched for for long, and that do not move, are stale.

        A snapshot that could not be asked for while the records were old is asked for here where no further record
        comes, as when the venue waits for the question.

        A market without heartbeats from the start is left alone: nobody promised any.

        Args:
            now_ms: a clock of the caller's.
        """
        outputs: list[Output | None] = []
        for market in self._markets.values():
            market.voices.tick(now_ms)
            for book in market.books.values() if market.voices.promised else ():
                if not market.voices.vouch_for(book.symbol):
                    if not book.moved:
                        outputs.append(book.tell_unvouched(now_ms))
                        outputs.extend(_alerts_of(book))
                    book.moved = False
            if self.requests_enabled:
                waiting = (book for book in market.books.values() if book.sync.need is not None)
                outputs.extend(self._ask(book, book.event_time or 0) for book in waiting)
        return [output for output in outputs if output is not None]

    def _ask(self, book: ReportedBook, now: int) -> Output | None:
        if (request := book.due_request(now)) is not None and book.sync.need is not None:
            self._requested[book.market, book.sync.need.reason] += 1
        return request

    def _new_book(self, market: BookMarket, record: RawRecord) -> ReportedBook | None:
        try:
            symbol = (record.key or b"").decode()
        except UnicodeDecodeError:
            return None
        if not symbol:
            return None
        book = ReportedBook(record.market, symbol, self._interval_ms)
        book.first_offset = record.offset
        market.books[symbol.encode()] = book
        return book

    def _take(
        self, book: ReportedBook, message: DepthDiff | DepthSnapshot, record: RawRecord
    ) -> list[Output | DeadLetter]:
        outputs: list[Output | DeadLetter | None] = []
        results: tuple[SyncResult, ...]
        if isinstance(message, DepthDiff):
            # Ingest stamps a record with its event time, unless that cannot be: then it moves nothing here.
            event_time = message.event_time if message.event_time == record.timestamp_ms else None
            if event_time is not None:
                outputs.append(book.due_snapshot(event_time, self._depth))
                outputs.append(book.due_liquidity(event_time, self._liquidity))
                book.pass_time(event_time)
                book.see(event_time)
            results = book.sync.feed_diff(message, event_time)
        else:
            results = book.sync.feed_snapshot(message, message.event_time)
        for result in results:
            if isinstance(result, Applied | Synchronised):
                outputs.append(book.tell(result, record))
            elif isinstance(result, Verified | BadLevels):
                outputs.extend(self._judged(book, result, record))
            elif isinstance(result, Gap):
                self._gaps[record.market] += 1
        if not book.sync.live:
            outputs.append(book.tell_syncing(record))
        if book.sync.need is not None and self.requests_enabled:
            outputs.append(self._ask(book, book.event_time or record.timestamp_ms))
        if book.alerts:
            outputs.extend(_alerts_of(book))
        return [output for output in outputs if output is not None]

    def _judged(
        self, book: ReportedBook, result: Verified | BadLevels, record: RawRecord
    ) -> Iterator[Output | DeadLetter | None]:
        if isinstance(result, BadLevels):
            yield DeadLetter("bad-number", result.detail, record)
            return
        self._verified.append((record.market, result))
        yield book.tell_verified(result, record)
        if result.result is VerificationResult.DIFFERENT:
            yield book.tell_syncing(record)

    def _vouch(self, market: BookMarket, heartbeat: Heartbeat) -> list[Output | DeadLetter]:
        outputs: list[Output | None] = []
        until, run = heartbeat.vouched_until, run_of(heartbeat)
        market.vouched_until = max(market.vouched_until, until)
        for book in market.books.values():
            if not market.rosters.hold(run, book.symbol):
                continue  # nobody knows how it stands: diffs of it are no longer taken
            outputs.append(book.tell_vouched(until))
            if heartbeat.offset > book.first_offset and book.vouch(until):
                outputs.append(book.due_snapshot(until, self._depth))
                outputs.append(book.due_liquidity(until, self._liquidity))
                outputs.append(book.tell_distrusted(until))
                if self.requests_enabled and book.sync.need is not None:
                    outputs.append(self._ask(book, max(until, book.event_time or 0)))
            outputs.extend(_alerts_of(book))
        return [output for output in outputs if output is not None]

    # Checkpoints: :class:`~processors.core.checkpoint_rounds.Checkpointed`

    def entities(self) -> list[Entity]:
        """Return all books."""
        return [Entity(book.market, book.symbol) for market in self._markets.values() for book in market.books.values()]

    def entities_changed(self) -> list[Entity]:
        """Return the books that changed since each was last dumped or loaded."""
        return [
            Entity(book.market, book.symbol)
            for market in self._markets.values()
            for book in market.books.values()
            if book.changed_since_dump
        ]

    def dump(self, entity: Entity) -> bytes:
        """Return the whole state of a book."""
        return self._markets[entity.market].books[entity.key.encode()].dump()

    def load(self, entity: Entity, state: bytes) -> None:
        """Take over a book.

        Raises:
            CheckpointError: it cannot be read; nothing changed.
        """
        book = ReportedBook(entity.market, entity.key, self._interval_ms)
        try:
            book.load(state)
        except (ValueError, msgspec.MsgspecError) as error:
            raise CheckpointError(str(error)) from error
        self._markets[entity.market].books[entity.key.encode()] = book

    def dump_shared(self) -> bytes:
        """Return what heartbeats told so far, and which of them wait."""
        return dump_shared(self._markets)

    def load_shared(self, state: bytes) -> None:
        """Take over what heartbeats told.

        Raises:
            CheckpointError: it cannot be read; nothing changed.
        """
        try:
            load_shared(self._markets, state)
        except (ValueError, msgspec.MsgspecError) as error:
            raise CheckpointError(str(error)) from error

    def start_anew(self, entity: Entity) -> None:
        """Begin a book whose checkpoint is lost: not right, and in want of a snapshot."""
        market = self._markets[entity.market]
        book = ReportedBook(entity.market, entity.key, self._interval_ms)
        book.start_anew(market.gate.next_offset)
        market.books[entity.key.encode()] = book

    def close_forgotten(self, told: Sequence[tuple[Entity, Alert]]) -> None:
        """Close those of alerts that were told to be open which no book knows of, with what is announced next.

        At the newest event time that is known of the book.
        """
        for entity, alert in told:
            market = self._markets[entity.market]
            book = market.books.get(entity.key.encode())
            if alert.kind in BOOK_ALERTS and book is not None:
                book.close_forgotten(alert, market.vouched_until)

    def announce(self) -> list[Output]:
        """Return how each book is: whoever had the partition before may have said otherwise last."""
        books = [book for market in self._markets.values() for book in market.books.values()]
        return [output for book in books for output in (*_alerts_of(book), book.announce())]


def _alerts_of(book: ReportedBook) -> list[Output]:
    """Take what a book has to alert of."""
    alerts, book.alerts = book.alerts, []
    return alerts
