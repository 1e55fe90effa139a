"""The ledger against the log: it must tell every hole, no hole that was none, and close each truthfully."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from sandbox.soak.checker.books import SymbolKey
from sandbox.soak.checker.causes import Causes
from sandbox.soak.checker.spans import BACKFILLED, LIVE, IdRange, IdSpan, cut, size
from sandbox.soak.checker.truth import StreamKey, Truth
from schemas.control import Gap, GapStatus
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["Ledger", "LedgerFindings"]

_SHOWN: Final = 10
_EntryKey = tuple[str, str, str, int, int]
"""Market, stream, symbol, epoch, first id."""


class LedgerFindings(msgspec.Struct):
    """What the ledger says, and where it is wrong."""

    records: int = 0
    entries: Counter[str] = msgspec.field(default_factory=Counter)
    """Entries by stream and last status: ``trade filled``."""
    told: Counter[str] = msgspec.field(default_factory=Counter)
    """Records by status: how often a hole was told open, deferred, and so on."""
    causes: Counter[str] = msgspec.field(default_factory=Counter)
    """Entries by what made them."""
    reasons: Counter[str] = msgspec.field(default_factory=Counter)
    """Entries that are not filled, by status and reason."""
    filled_ids: int = 0
    """Trade ids in entries that ended filled."""
    told_missing: dict[str, int] = {}
    """Ids of the exchange that are not in the log and that an entry tells as lost, by stream and symbol."""
    objection_count: int = 0
    objections: list[str] = []
    """What is wrong; the first few."""

    def object(self, text: str) -> None:
        """Add an objection."""
        self.objection_count += 1
        if len(self.objections) < _SHOWN:
            self.objections.append(text)


class Ledger:
    """The records of the topic `gap`."""

    def __init__(self) -> None:
        self._entries: dict[_EntryKey, Gap] = {}
        self._findings = LedgerFindings()

    def take(self, gap: Gap) -> None:
        """Take in one record; of one entry they must come in their order."""
        self._findings.records += 1
        self._findings.told[gap.status] += 1
        self._entries[gap.market, gap.stream, gap.symbol, gap.epoch, gap.first_id] = gap

    def findings(self, truth: Truth, book_gaps: Mapping[SymbolKey, list[IdRange]], causes: Causes) -> LedgerFindings:
        """Compare the ledger with the log.

        Args:
            truth: the exchange's log, with the marks of what is in the raw log.
            book_gaps: where diffs are missing in the raw log.
            causes: what happened, and what it did.
        """
        found = self._findings
        by_stream: dict[StreamKey, list[Gap]] = {}
        for gap in self._entries.values():
            found.entries[f"{gap.stream} {gap.status}"] += 1
            if gap.status is not GapStatus.FILLED:
                found.reasons[f"{gap.status}: {gap.reason or 'no reason'}"] += 1
            if gap.status in (GapStatus.OPEN, GapStatus.DEFERRED):
                found.object(f"{_name(gap)}: still {gap.status} at the end ({gap.reason or 'no reason'})")
            by_stream.setdefault((gap.market, RawType(gap.stream), gap.symbol), []).append(gap)
        for key in sorted(truth.spans.keys() | by_stream.keys()):
            entries = by_stream.get(key, [])
            if key[1] is RawType.DEPTH:
                self._check_depth(entries, book_gaps.get((key[0], key[2]), []), causes)
            else:
                self._check_trades(key, entries, truth.spans.get(key, []), causes)
        for (market, symbol), gaps in sorted(book_gaps.items()):
            self._check_told((market, symbol), gaps, by_stream.get((market, RawType.DEPTH, symbol), []))
        return found

    def _check_trades(self, key: StreamKey, entries: list[Gap], spans: list[IdSpan], causes: Causes) -> None:
        found = self._findings
        for gap in entries:
            span = spans[gap.epoch] if gap.epoch < len(spans) else None
            if span is None:
                found.object(f"{_name(gap)}: the exchange had no such epoch")
                continue
            for objection in _judge(gap, span):
                found.object(f"{_name(gap)}: {objection}")
            if gap.status is GapStatus.FILLED:
                found.filled_ids += gap.last_id - gap.first_id + 1
            cause = causes.of_trades(key, gap, span)
            found.causes[cause or "none found"] += 1
            if cause is None:
                found.object(f"{_name(gap)}: nothing happened that could have made it")
        for epoch, span in enumerate(spans):
            covers = sorted((gap.first_id, gap.last_id) for gap in entries if gap.epoch == epoch)
            untold = cut(list(span.not_live()), covers)
            for first, last in untold:
                name = f"{key[0]} {key[1]} {key[2]} epoch {epoch}, {first} to {last}"
                found.object(f"{name}: no connection delivered them, and the ledger does not tell")
            lost = size(list(span.missing())) - size(cut(list(span.missing()), covers))
            if lost:
                name = f"{key[0]} {key[1]} {key[2]}"
                found.told_missing[name] = found.told_missing.get(name, 0) + lost

    def _check_depth(self, entries: list[Gap], gaps: list[IdRange], causes: Causes) -> None:
        found = self._findings
        for gap in entries:
            real = any(first <= gap.last_id and gap.first_id <= last for first, last in gaps)
            cause = causes.of_depth(gap)
            found.causes[cause or "none found"] += 1
            if not real:
                found.object(f"{_name(gap)}: no diffs are missing there")
            elif cause is None:
                found.object(f"{_name(gap)}: nothing happened that could have made it")
            if gap.status is GapStatus.ABSENT:
                found.object(f"{_name(gap)}: told absent, but update ids are never absent")

    def _check_told(self, key: SymbolKey, gaps: list[IdRange], entries: Iterable[Gap]) -> None:
        told = [(entry.first_id, entry.last_id) for entry in entries]
        for first, last in gaps:
            if not any(told_first <= last and first <= told_last for told_first, told_last in told):
                text = f"{key[0]} depth {key[1]}, {first} to {last}: diffs are missing, and the ledger does not tell"
                self._findings.object(text)


def _judge(gap: Gap, span: IdSpan) -> Iterator[str]:
    """Yield what is untrue in a closed entry of trades."""
    ids = range(gap.first_id, gap.last_id + 1)
    inside = range(max(gap.first_id, span.first_id), min(gap.last_id, span.last_id) + 1)
    missing = sum(not span.marks(number) & (LIVE | BACKFILLED) for number in inside)
    if gap.status is GapStatus.FILLED:
        if missing:
            yield f"told filled, but {missing} of {len(ids)} ids are missing"
        if len(inside) < len(ids):
            yield f"told filled, but the exchange never gave {len(ids) - len(inside)} of {len(ids)} ids"
    elif gap.status is GapStatus.ABSENT and inside:
        yield f"told absent, but the exchange gave {len(inside)} of {len(ids)} ids"
    elif gap.status is GapStatus.UNFILLABLE and missing < len(inside):
        yield f"told unfillable, but {len(inside) - missing} of {len(ids)} ids are there"


def _name(gap: Gap) -> str:
    return f"{Market(gap.market)} {gap.stream} {gap.symbol} epoch {gap.epoch}, {gap.first_id} to {gap.last_id}"
