"""All comparisons of one symbol: the evidence against the outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from sandbox.verify.books import BookComparison, NaiveQuotes, compare_books, judge_differences
from sandbox.verify.candles import CandleComparison, TradedTime, compare_candles, minutes_of, truths_of
from sandbox.verify.coverage import BookCoverage
from sandbox.verify.evidence import NO_ID, Evidence, SymbolEvidence
from sandbox.verify.fingerprints import Fingerprints, compare_fingerprints
from sandbox.verify.flows import FlowComparison, alert_counts, compare_flows, judge_alerts
from sandbox.verify.klines import INTERVALS, KlineFile
from sandbox.verify.outcome import Outcome, SymbolOutcome
from sandbox.verify.report import RawCounts, SymbolReport
from sandbox.verify.spans import Spans
from sandbox.verify.spill import SortedRows
from sandbox.verify.symbols import SymbolId
from sandbox.verify.trades import Hole, TradeComparison, compare_trades, holes_of, merged, unreadable_of
from schemas.derived import TradeSource
from schemas.markets import Market
from schemas.topics import CANDLE_INTERVALS, RawType


__all__ = ["Given", "SymbolVerification"]


class Given(msgspec.Struct, frozen=True):
    """What is known beside the recording's frames.

    Attributes:
        naive_book: builds a symbol's book from the recording alone, by other code than the pipeline's.
        klines: the venue's klines from files.
        contract_sizes: COIN-M: quote asset per contract, where known.
        raw_is_evidence: the evidence was taken from the raw topics; they cannot be compared with themselves.
        unsettled_ms: how much of the end of the evidence nobody waited for: candles that close in it need not be final.
    """

    naive_book: Callable[[SymbolId], NaiveQuotes]
    klines: Sequence[tuple[SymbolId, KlineFile]] = ()
    contract_sizes: Mapping[SymbolId, int] = {}
    raw_is_evidence: bool = False
    unsettled_ms: int = 0


class SymbolVerification:
    """The comparisons of one symbol.

    Args:
        symbol_id: whose.
        evidence: from the recording.
        outcome: from the topics.
        given: what else is known.
        directory: does not exist yet; for files.
    """

    def __init__(
        self, symbol_id: SymbolId, evidence: Evidence, outcome: Outcome, given: Given, directory: Path
    ) -> None:
        directory.mkdir()
        self._id = symbol_id
        self._given = given
        self._directory = directory
        self._evidence = evidence.symbols.get(symbol_id) or SymbolEvidence(directory / "no-evidence")
        self._outcome = outcome.symbols.get(symbol_id) or SymbolOutcome(directory / "no-outcome")
        spans = evidence.spans.get(symbol_id.market, Spans()).only(self._evidence.spans)
        self._spans = spans.shortened(given.unsettled_ms)
        self._problems: list[str] = []
        self._not_compared: list[str] = []

    def report(self) -> SymbolReport:
        """Return everything that was found."""
        source = _source(self._evidence)
        raw = self._compare_raw()
        book = self._compare_books()
        trades = self._compare_trades(source)
        gaps, recorded_gaps = self._compare_gaps(book)
        return SymbolReport(
            raw=raw,
            gaps=gaps,
            recorded_gaps=recorded_gaps,
            book=book,
            candles=self._compare_candles(source),
            trades=trades,
            trade_source=source,
            flows=self._compare_flows(source),
            alerts=self._judge_alerts(),
            snapshots=self._outcome.snapshots,
            problems=self._problems,
            not_compared=self._not_compared,
        )

    def _compare_raw(self) -> dict[str, RawCounts]:
        counts: dict[str, RawCounts] = {}
        for raw_type in sorted({*self._evidence.raw, *self._outcome.raw}):
            counts[raw_type] = self._compare_raw_type(raw_type)
        return counts

    def _compare_raw_type(self, raw_type: RawType) -> RawCounts:
        nothing = Fingerprints(self._directory / "nothing")
        published = self._outcome.raw.get(raw_type, nothing)
        if self._given.raw_is_evidence:
            return RawCounts(None, len(published), 0)
        recorded = self._evidence.raw.get(raw_type, nothing)
        found = compare_fingerprints(recorded, published)
        if found.missing or found.duplicates or found.foreign:
            self._problems.append(
                f"raw {raw_type}: {found.missing} recorded payloads not published, {found.duplicates} published more "
                f"often than recorded, {found.foreign} published that were not recorded"
            )
        return RawCounts(len(recorded), len(published), found.duplicates, found.missing, found.foreign)

    def _compare_books(self) -> BookComparison:
        evidence = self._evidence
        differences = SortedRows(self._directory / "book-differences")
        coverage = BookCoverage(evidence.diffs.unique(), evidence.snapshots)
        result = compare_books(coverage, evidence.tickers, self._outcome.tops, differences)
        if result.different:
            judge_differences(result, differences, self._given.naive_book(self._id))
        if result.different:
            self._problems.append(
                f"book: {result.different} of {result.compared} states differ from the venue's book ticker"
            )
        if not result.diffs:
            self._not_compared.append("book: no depth diffs")
        for reason, count in sorted(result.not_compared.items()):
            self._not_compared.append(f"book: {count} of {result.diffs} states: {reason}")
        return result

    def _compare_trades(self, source: TradeSource | None) -> TradeComparison:
        for other in self._outcome.trades.keys() - {source}:
            self._problems.append(f"trades: derived from {other}, which is not the recording's source of trades")
        if source is None:
            self._not_compared.append("trades: none recorded")
            return TradeComparison()
        size = self._given.contract_sizes.get(self._id)
        derived: Iterable[tuple[int, ...]] = self._outcome.trades.get(source, ())
        result = compare_trades(self._evidence.trades[source].unique(), derived, self._id.market, size)
        if not result.proven:
            self._problems.append(
                f"trades: of {result.recorded} recorded {result.missing} missing, {result.different} with other "
                f"values, {result.duplicates} more than once, {result.foreign} derived that were not recorded"
            )
        if result.without_fill:
            self._not_compared.append(f"trades: {result.without_fill} ids without a match that could be read")
        return result

    def _compare_gaps(self, book: BookComparison) -> tuple[int, int]:
        """Return how many gaps the pipeline reported and how many the recording has."""
        reported = recorded = 0
        for source in TradeSource:
            told = merged(
                (gap.epoch, gap.first_id, gap.last_id) for gap in self._outcome.gaps.values() if gap.stream == source
            )
            true = [(hole.epoch, hole.first_id, hole.last_id) for hole in self._holes(source)]
            reported, recorded = reported + len(told), recorded + len(true)
            self._judge_holes(f"ledger of {source}", told, true)
            if source is _source(self._evidence):
                derived = merged(hole[1:] for hole in self._outcome.trade_holes if hole[0] is source)
                lost = [(hole.epoch, hole.first_id, hole.last_id) for hole in self._unreadable(source)]
                self._judge_holes(f"holes among the derived trades ({source})", derived, merged([*true, *lost]))
        lost_books = self._outcome.lost_books
        if lost_books != book.recorded_gaps:
            self._problems.append(
                f"book: lost its place in the diffs {lost_books} times, the recording has {book.recorded_gaps} gaps"
            )
        return reported + lost_books, recorded + book.recorded_gaps

    def _judge_holes(self, what: str, told: list[tuple[int, int, int]], true: list[tuple[int, int, int]]) -> None:
        if told != true:
            invented, untold = set(told) - set(true), set(true) - set(told)
            self._problems.append(
                f"{what}: {len(invented)} holes that the recording does not have {_first(invented)}, "
                f"{len(untold)} of the recording's not told {_first(untold)}"
            )

    def _holes(self, source: TradeSource) -> list[Hole]:
        rows = self._evidence.trades.get(source)
        return [] if rows is None else list(holes_of(rows.unique()))

    def _unreadable(self, source: TradeSource) -> list[Hole]:
        rows = self._evidence.trades.get(source)
        return [] if rows is None else list(unreadable_of(rows.unique()))

    def _compare_candles(self, source: TradeSource | None) -> dict[str, CandleComparison]:
        files = [file for symbol_id, file in self._given.klines if symbol_id == self._id]
        named = [{(file.interval, key): kline for key, kline in file.klines.items()} for file in files]
        truths = truths_of([*named, self._evidence.klines])
        traded = self._traded_time(source)
        may_lack = self._id.market is Market.COINM and self._id not in self._given.contract_sizes
        result: dict[str, CandleComparison] = {}
        for interval in CANDLE_INTERVALS:
            found = compare_candles(
                self._id.market, interval, truths, self._outcome.candles, traded, volumes_may_lack=may_lack
            )
            if found.compared or found.not_compared:
                result[interval] = found
            if found.different:
                self._problems.append(f"candles {interval}: {found.different} of {found.compared} differ")
            for reason, count in sorted({**found.not_compared, **found.columns_not_compared}.items()):
                self._not_compared.append(f"candles {interval}: {count}: {reason}")
        if not result:
            self._not_compared.append("candles: no interval lies wholly inside the recording")
        for interval in sorted({name for name, _ in truths} - {*CANDLE_INTERVALS}, key=INTERVALS.__getitem__):
            self._not_compared.append(f"candles {interval}: klines known, but no topic holds such candles")
        return result

    def _compare_flows(self, source: TradeSource | None) -> dict[str, FlowComparison]:
        if source is None:
            return {}
        broken = [*self._holes(source), *self._unreadable(source)]
        size = self._given.contract_sizes.get(self._id)
        told: Iterable[tuple[int, ...]] = self._outcome.flows.get(source, ())
        result = compare_flows(
            self._evidence.trades[source].unique(),
            told,
            self._id.market,
            self._spans,
            broken=broken,
            contract_size=size,
        )
        for name, found in result.items():
            if found.different:
                self._problems.append(f"trade flow {name}: {found.different} of {found.compared} windows differ")
        if not any(found.compared for found in result.values()):
            self._not_compared.append("trade flow: no window with a trade lies wholly inside the recording")
        return result

    def _judge_alerts(self) -> dict[str, int]:
        self._problems += [f"alerts: {text}" for text in judge_alerts(self._outcome.alerts)]
        return dict(alert_counts(self._outcome.alerts))

    def _traded_time(self, source: TradeSource | None) -> TradedTime:
        if source is None:
            return TradedTime(self._spans, None, None, None, frozenset())
        rows = self._evidence.trades[source]
        first_time = first_id = last_id = None
        for row in rows:
            if row[6] == NO_ID:
                continue
            first_time = row[2] if first_time is None else min(first_time, row[2])
            first_id = row[5] if first_id is None else min(first_id, row[5])
            last_id = row[6] if last_id is None else max(last_id, row[6])
        broken = minutes_of([*self._holes(source), *self._unreadable(source)])
        return TradedTime(self._spans, first_time, first_id, last_id, broken)


def _source(evidence: SymbolEvidence) -> TradeSource | None:
    """Return the stream that trades and candles are made from: trades where they are recorded."""
    return next((source for source in (TradeSource.TRADE, TradeSource.AGG_TRADE) if source in evidence.trades), None)


def _first(holes: set[tuple[int, int, int]]) -> str:
    shown = ", ".join(f"{first} to {last}" for _, first, last in sorted(holes)[:3])
    return f"({shown})" if shown else ""
