"""What came out of the topics, laid out for comparison: per symbol, sorted, on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from sandbox.verify.evidence import NO_ID
from sandbox.verify.fingerprints import Fingerprints
from sandbox.verify.flows import flow_row
from sandbox.verify.spill import SortedRows
from sandbox.verify.symbols import SymbolId
from schemas.control import Gap
from schemas.derived import Alert, BookState, Candle, TakerSide, TopOfBook, Trade, TradeFlow, TradeKind, TradeSource
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["REST_DEPTH", "Outcome", "SymbolOutcome"]

REST_DEPTH: Final = "rest:depth"
"""The ``stream`` header of depth snapshots."""


class SymbolOutcome:
    """Everything that the topics hold about one symbol."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self.raw: dict[RawType, Fingerprints] = {}
        """The payloads of each raw topic, as streamed."""
        self.snapshots = 0
        """Depth snapshots among the raw records."""
        self.backfilled: Counter[RawType] = Counter()
        """Raw records that repair fetched."""
        self.tops = SortedRows(directory / "tops")
        """Update id, offset, 1 if live, bid price, bid quantity, ask price, ask quantity; an empty side is 0, 0."""
        self.lost_books = 0
        """How often the book stopped being live because diffs were missing."""
        self.trades: dict[TradeSource, SortedRows] = {}
        """As in the evidence: epoch, id, time, price, quantity, taker bought, first and last trade id; then base and
        quote quantity, `NO_ID` where not told."""
        self.trade_holes: list[tuple[TradeSource, int, int, int]] = []
        """Source, epoch, first and last id of what the derived trades say is missing."""
        self.candles: dict[tuple[str, int], Candle] = {}
        """The last version of each candle, by interval and open time."""
        self.flows: dict[TradeSource, SortedRows] = {}
        """Windows of trade flow, as :func:`~sandbox.verify.flows.flow_row` lays them out."""
        self.alerts: list[Alert] = []
        """In the order of their topic, repetitions included."""
        self.gaps: dict[tuple[str, int, int], Gap] = {}
        """The ledger: the last record of each hole, by stream, epoch and first id."""
        self._state: BookState | None = None

    def add_raw(self, raw_type: RawType, value: bytes, stream: str, origin: str) -> None:
        """Take in one raw record."""
        if stream == REST_DEPTH:
            self.snapshots += 1
        elif origin == "backfill":
            self.backfilled[raw_type] += 1
        else:
            if raw_type not in self.raw:
                self.raw[raw_type] = Fingerprints(self._directory / f"raw-{raw_type}")
            self.raw[raw_type].add(value)

    def add_top(self, top: TopOfBook, offset: int) -> None:
        """Take in one top of book, in the order of its topic."""
        if self._state is BookState.LIVE and top.state is BookState.SYNCING:
            self.lost_books += 1
        self._state = top.state
        live = top.state is BookState.LIVE
        bid = (top.bid_price or 0, top.bid_quantity or 0)
        ask = (top.ask_price or 0, top.ask_quantity or 0)
        self.tops.add((top.update_id, offset, int(live), *bid, *ask))

    def add_trade(self, trade: Trade) -> None:
        """Take in one derived trade or hole."""
        if trade.kind is TradeKind.HOLE:
            last = trade.trade_id if trade.last_missing_id is None else trade.last_missing_id
            self.trade_holes.append((trade.source, trade.epoch, trade.trade_id, last))
            return
        if trade.source not in self.trades:
            self.trades[trade.source] = SortedRows(self._directory / f"trades-{trade.source}")
        self.trades[trade.source].add(
            (
                trade.epoch,
                trade.trade_id,
                trade.trade_time,
                _or_none(trade.price),
                _or_none(trade.quantity),
                int(trade.taker_side is TakerSide.BUY),
                _or_none(trade.first_trade_id),
                _or_none(trade.last_trade_id),
                _or_none(trade.base_quantity),
                _or_none(trade.quote_quantity),
            )
        )

    def add_candle(self, candle: Candle) -> None:
        """Take in one candle record; an older version of the same candle changes nothing."""
        key = (candle.interval, candle.open_time)
        known = self.candles.get(key)
        if known is None or (candle.input_offset, candle.final) >= (known.input_offset, known.final):
            self.candles[key] = candle

    def add_flow(self, flow: TradeFlow) -> None:
        """Take in one window of trade flow."""
        if flow.source not in self.flows:
            self.flows[flow.source] = SortedRows(self._directory / f"flows-{flow.source}")
        rows = self.flows[flow.source]
        rows.add(flow_row(flow, len(rows)))

    def add_gap(self, gap: Gap) -> None:
        """Take in one record of the ledger."""
        self.gaps[gap.stream, gap.epoch, gap.first_id] = gap


def _or_none(value: int | None) -> int:
    return NO_ID if value is None else value


class Outcome:
    """Everything that the topics hold.

    Args:
        directory: an empty directory for the files.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.symbols: dict[SymbolId, SymbolOutcome] = {}
        self.dead_letters: Counter[str] = Counter()
        """By reason."""
        self.dead_letter_examples: list[dict[str, str]] = []
        """Headers of the first ten."""
        self.undecodable: list[str] = []
        """Records of ours that the codec refused: first ten."""
        self.misplaced: list[str] = []
        """Raw records outside the partition of their symbol: first ten."""

    def symbol(self, market: Market, symbol: str) -> SymbolOutcome:
        """Return the outcome of a symbol, empty at first."""
        symbol_id = SymbolId(market, symbol)
        found = self.symbols.get(symbol_id)
        if found is None:
            found = SymbolOutcome(self._directory / f"{market}-{len(self.symbols)}")
            self.symbols[symbol_id] = found
        return found

    def add_value(self, market: Market | None, value: msgspec.Struct, offset: int) -> None:
        """Take in the value of a derived or control record; types that prove nothing are passed over.

        Args:
            market: the market of the topic; None for control topics.
            value: as decoded.
            offset: the record's.
        """
        if isinstance(value, Gap):
            self.symbol(value.market, value.symbol).add_gap(value)
        elif market is not None and isinstance(value, TopOfBook):
            self.symbol(market, value.symbol).add_top(value, offset)
        elif market is not None and isinstance(value, Trade):
            self.symbol(market, value.symbol).add_trade(value)
        elif market is not None and isinstance(value, Candle):
            self.symbol(market, value.symbol).add_candle(value)
        elif market is not None and isinstance(value, TradeFlow):
            self.symbol(market, value.symbol).add_flow(value)
        elif market is not None and isinstance(value, Alert):
            self.symbol(market, value.symbol).alerts.append(value)

    def add_dead_letter(self, headers: Mapping[str, str]) -> None:
        """Take in one dead letter."""
        self.dead_letters[headers.get("reason", "no reason given")] += 1
        if len(self.dead_letter_examples) < 10:
            self.dead_letter_examples.append(dict(headers))
