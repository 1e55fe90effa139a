"""The check as a whole: every raw and control record once, then the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from sandbox.soak.checker.book import WholeBook
from sandbox.soak.checker.books import BookCheck, BookFindings, SymbolKey
from sandbox.soak.checker.causes import Causes
from sandbox.soak.checker.ledger import Ledger, LedgerFindings
from sandbox.soak.checker.spans import BACKFILLED, LIVE
from sandbox.soak.checker.trades import StreamFindings, TradeCheck
from sandbox.soak.checker.truth import StreamKey, Truth
from sandbox.verify.topics import Record
from schemas.codec import Codec, DecodeError
from schemas.control import Connection, Gap
from schemas.markets import Market
from schemas.topics import ControlType, Layer, RawType, Topic, TopicTable


__all__ = ["Checker", "DropFindings", "Verdict", "topics_to_read"]

REST_DEPTH: Final = "rest:depth"
"""The `stream` header of depth snapshots."""
_SHOWN: Final = 10


class DropFindings(msgspec.Struct):
    """What became of the trades that the fault `drop` kept from a connection."""

    ids: int = 0
    live: int = 0
    """Another connection, or the same one later, delivered them."""
    backfilled: int = 0
    missing: int = 0


class Verdict(msgspec.Struct):
    """What the check found."""

    records: Counter[str] = msgspec.field(default_factory=Counter)
    """Records by topic type."""
    dead_letters: Counter[str] = msgspec.field(default_factory=Counter)
    """By reason."""
    streams: dict[str, StreamFindings] = {}
    """By market, type and symbol."""
    books: dict[str, BookFindings] = {}
    """By market and symbol."""
    ledger: LedgerFindings = msgspec.field(default_factory=LedgerFindings)
    drops: DropFindings = msgspec.field(default_factory=DropFindings)
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    """What the exchange's faults did, by fault."""
    disconnects: Counter[str] = msgspec.field(default_factory=Counter)
    """Ends of connections that ingest told, by reason."""
    undecodable: list[str] = []
    objections: list[str] = []
    """Everything that is not as it must be; empty: all holds."""

    @property
    def holds(self) -> bool:
        """Whether all is as it must be."""
        return not self.objections

    def total(self, name: str) -> int:
        """Return the sum of a count over all streams of trades."""
        return sum(getattr(findings, name) for findings in self.streams.values())


class Checker:
    """Takes records of the raw and control topics, each partition in its order.

    Args:
        table: names the topics.
        codec: decodes the control topics.
        truth: the exchange's log of trades.
        causes: what happened.
    """

    def __init__(self, table: TopicTable, codec: Codec, truth: Truth, causes: Causes) -> None:
        self._table = table
        self._codec = codec
        self._truth = truth
        self._causes = causes
        self._trades = TradeCheck(truth)
        self._books = BookCheck()
        self._ledger = Ledger()
        self._verdict = Verdict()

    def take(self, record: Record) -> None:
        """Take in one record."""
        topic = self._table[record.topic]
        self._verdict.records[str(topic.type)] += 1
        if topic.layer is Layer.RAW:
            self._take_raw(topic, record)
        elif topic.type is ControlType.DEAD_LETTER:
            self._verdict.dead_letters[record.header("reason") or "no reason"] += 1
        elif record.value is not None:
            self._take_control(record)

    def finish(self, with_books: frozenset[SymbolKey], whole_book: Callable[[SymbolKey], WholeBook | str]) -> Verdict:
        """Return the verdict, once every record was taken.

        Args:
            with_books: symbols whose depth was subscribed to.
            whole_book: tells the exchange's book of a symbol, or why there is none.
        """
        verdict, causes = self._verdict, self._causes
        streams = self._trades.findings()
        verdict.streams = {_stream_name(key): streams[key] for key in sorted(streams)}
        verdict.ledger = self._ledger.findings(self._truth, self._books.gaps(), causes)
        books = self._books.findings(with_books, whole_book)
        verdict.books = {f"{market} {symbol}": found for (market, symbol), found in books.items()}
        verdict.faults = causes.fault_lines
        verdict.drops = _drops(self._truth, causes.dropped())
        verdict.objections = [*_object(verdict)]
        return verdict

    def _take_raw(self, topic: Topic, record: Record) -> None:
        market, symbol = Market(topic.market or ""), (record.key or b"").decode(errors="replace")
        value = record.value or b""
        if topic.type in (RawType.TRADE, RawType.AGG_TRADE):
            place = f"{record.topic}[{record.partition}]@{record.offset}"
            backfill = record.header("origin") == "backfill"
            self._trades.take((market, RawType(topic.type), symbol), value, backfill=backfill, place=place)
        elif topic.type is RawType.DEPTH:
            self._books.take((market, symbol), value, snapshot=record.header("stream") == REST_DEPTH)

    def _take_control(self, record: Record) -> None:
        try:
            value = self._codec.decode(record.topic, record.partition, record.offset, record.value)
        except DecodeError as error:
            if len(self._verdict.undecodable) < _SHOWN:
                self._verdict.undecodable.append(str(error))
            return
        if isinstance(value, Gap):
            self._ledger.take(value)
        elif isinstance(value, Connection):
            self._causes.take_connection(value)
            if value.reason is not None:
                self._verdict.disconnects[value.reason.partition(":")[0]] += 1


def topics_to_read(table: TopicTable, markets: frozenset[Market]) -> list[Topic]:
    """Return the topics that a check needs: everything raw of the markets, ledger, connections, dead letters."""
    control = [ControlType.GAP, ControlType.CONNECTION, ControlType.DEAD_LETTER]
    raw = [topic for topic in table if topic.layer is Layer.RAW and topic.market in markets]
    return [*raw, *map(table.control, control)]


def _drops(truth: Truth, dropped: Mapping[StreamKey, list[int]]) -> DropFindings:
    found = DropFindings()
    for key, numbers in dropped.items():
        for number in numbers:
            marks = max((span.marks(number) for span in truth.spans.get(key, [])), default=0)
            found.ids += 1
            found.live += bool(marks & LIVE)
            found.backfilled += bool(marks & BACKFILLED and not marks & LIVE)
            found.missing += not marks
    return found


def _stream_name(key: StreamKey) -> str:
    return " ".join(map(str, key))


def _object(verdict: Verdict) -> list[str]:
    """Return everything that is not as it must be."""
    objections = list(verdict.undecodable)
    if not verdict.total("expected"):
        objections.append("the exchange's log holds no trade: nothing was checked")
    for name, found in verdict.streams.items():
        if found.missing_count:
            shown = ", ".join(f"{first} to {last} (epoch {epoch})" for epoch, first, last in found.missing[:3])
            objections.append(f"{name}: {found.missing_count} of {found.expected} missing: {shown}")
        if found.invented_count:
            objections.append(f"{name}: {found.invented_count} that the exchange never made: {found.invented[0]}")
        if found.wrong_count:
            objections.append(f"{name}: {found.wrong_count} say something else: {found.wrong[0]}")
    for name, book in verdict.books.items():
        if not book.right:
            why = f"{book.different_count} levels differ: {'; '.join(book.different[:2])}"
            objections.append(f"{name}: book is not the exchange's: {why if book.live else 'not live at the end'}")
        if book.unreadable:
            objections.append(f"{name}: {book.unreadable} depth records cannot be read")
    ledger = verdict.ledger
    objections += [f"ledger: {text}" for text in ledger.objections]
    if ledger.objection_count > len(ledger.objections):
        objections.append(f"ledger: and {ledger.objection_count - len(ledger.objections)} more")
    objections += [f"{count} dead letters: {reason}" for reason, count in verdict.dead_letters.items()]
    return objections
