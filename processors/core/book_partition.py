"""The books of one partition of the raw depth topics: all state, and all that comes of a record."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from processors.core.book_sync import Applied, BadLevels, Synchronised, SyncResult
from processors.core.decode import decode_depth
from processors.core.heartbeats import HeartbeatGate, Rosters, Voices, run_of
from processors.core.liquidity import LiquidityPlan
from processors.core.records import DeadLetter, Output, RawRecord, Rejected
from processors.core.reported_book import ReportedBook
from schemas.control import Heartbeat
from schemas.derived import BookState
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


class _Market:
    """What is known of one market's raw partition."""

    __slots__ = ("books", "gate", "rosters", "voices")

    def __init__(self) -> None:
        self.books: dict[bytes, ReportedBook] = {}
        self.gate = HeartbeatGate()
        self.rosters = Rosters()
        self.voices = Voices(self.rosters)


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
        self._depth = depth
        self._interval_ms = interval_ms
        self._liquidity = liquidity
        self._markets: dict[Market, _Market] = {market: _Market() for market in Market}

    def statuses(self) -> Iterator[BookStatus]:
        """Return how each book is."""
        for market in self._markets.values():
            for book in market.books.values():
                state = book.state or BookState.SYNCING
                yield BookStatus(book.market, book.symbol, state, book.sync.update_id, book.event_time)

    def feed(self, record: RawRecord) -> list[Output | DeadLetter]:
        """Take one raw depth record."""
        market = self._markets[record.market]
        message = decode_depth(record.value or b"")
        if isinstance(message, Rejected):
            outputs: list[Output | DeadLetter] = [DeadLetter(message.reason, message.detail, record)]
        else:
            book = market.books.get(record.key or b"") or self._new_book(market, record)
            if book is None or book.symbol != (message.symbol or book.symbol):
                detail = f'key "{(record.key or b"").decode(errors="replace")[:40]}" is not the symbol'
                outputs = [DeadLetter("does-not-fit", detail, record)]
            else:
                outputs = self._take(book, message, record)
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
                        outputs.append(book.tell_vouched(vouched=False))
                    book.moved = False
            if self.requests_enabled:
                waiting = (book for book in market.books.values() if not book.sync.live)
                outputs.extend(book.due_request(book.event_time or 0) for book in waiting)
        return [output for output in outputs if output is not None]

    def _new_book(self, market: _Market, record: RawRecord) -> ReportedBook | None:
        try:
            symbol = (record.key or b"").decode()
        except UnicodeDecodeError:
            return None
        if not symbol:
            return None
        book = ReportedBook(record.market, symbol, self._interval_ms)
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
                book.see(event_time)
            results = book.sync.feed_diff(message, event_time)
        else:
            results = book.sync.feed_snapshot(message, message.event_time)
        for result in results:
            if isinstance(result, Applied | Synchronised):
                outputs.append(book.tell(result, record))
            elif isinstance(result, BadLevels):
                outputs.append(DeadLetter("bad-number", result.detail, record))
        if not book.sync.live:
            outputs.append(book.tell_syncing(record))
            if self.requests_enabled:
                outputs.append(book.due_request(book.event_time or record.timestamp_ms))
        return [output for output in outputs if output is not None]

    def _vouch(self, market: _Market, heartbeat: Heartbeat) -> list[Output | DeadLetter]:
        outputs: list[Output | None] = []
        until, run = heartbeat.vouched_until, run_of(heartbeat)
        for book in market.books.values():
            if not market.rosters.hold(run, book.symbol):
                continue  # nobody knows how it stands: diffs of it are no longer taken
            outputs.append(book.tell_vouched(vouched=True, timestamp_ms=until))
            outputs.append(book.due_snapshot(until, self._depth))
            outputs.append(book.due_liquidity(until, self._liquidity))
            if self.requests_enabled and not book.sync.live:
                outputs.append(book.due_request(max(until, book.event_time or 0)))
        return [output for output in outputs if output is not None]
