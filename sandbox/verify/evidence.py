"""What the venue sent, laid out for comparison: per symbol, sorted, on disk.

The evidence comes from a recording, or, where the venue itself was the source, from the raw topics. It shares no code
with the services: payloads are decoded here by :mod:`schemas.wire` alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from sandbox.verify.fingerprints import Fingerprints
from sandbox.verify.heads import publishable_head
from sandbox.verify.klines import Kline, kline_of_bar
from sandbox.verify.spans import Spans
from sandbox.verify.spill import SortedRows
from sandbox.verify.streams import Carried, carried, elements
from sandbox.verify.symbols import SymbolId
from schemas import rest, wire
from schemas.decimals import to_scaled
from schemas.derived import TakerSide, TradeSource
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["NO_ID", "UNREADABLE", "Evidence", "SymbolEvidence", "TradeIds"]

NO_ID: Final = -1
"""Stands in rows for an id that a payload does not have."""
UNREADABLE: Final = -1
"""Stands in rows of trades, for the taker, where price or quantity makes no sense."""
_VERSIONS: Final = 8
"""How far one futures host may lag behind the other in what both carry."""


class TradeIds:
    """Gives each trade its epoch: an id that goes back while the trade time advances starts a new one."""

    def __init__(self) -> None:
        self._epoch = 0
        self._highest = (NO_ID, NO_ID)

    def epoch_of(self, trade_id: int, trade_time: int) -> int:
        """Return the epoch of a trade in order of arrival; repetitions and stragglers stay in theirs."""
        highest_id, highest_time = self._highest
        if trade_id > highest_id:
            self._highest = (trade_id, max(trade_time, highest_time))
        elif trade_time > highest_time:
            self._epoch += 1
            self._highest = (trade_id, trade_time)
        return self._epoch


class SymbolEvidence:
    """Everything that the venue sent about one symbol."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self.raw: dict[RawType, Fingerprints] = {}
        """Every payload of each type, as it was sent."""
        self.diffs = SortedRows(directory / "diffs")
        """Final update id, first update id, previous final update id or `NO_ID`."""
        self.snapshots: list[int] = []
        """Update ids of the depth snapshots."""
        self.tickers = SortedRows(directory / "tickers")
        """Update id, number, bid price, bid quantity, ask price, ask quantity; an empty side is 0, 0."""
        self.trades: dict[TradeSource, SortedRows] = {}
        """Epoch, id, time, price, quantity, 1 if the taker bought, first and last trade id.

        Price and quantity are 0 where the id stands for no match; the taker is `UNREADABLE` where it should have."""
        self.klines: dict[tuple[str, int], Kline] = {}
        """The venue's own final candles, by interval and open time."""
        self.spans: set[int] = set()
        """In which stretches of its market's recording the symbol occurs, by number."""
        self._ids: defaultdict[TradeSource, TradeIds] = defaultdict(TradeIds)
        self._versions: defaultdict[RawType, deque[tuple[int, int]]] = defaultdict(lambda: deque(maxlen=_VERSIONS))

    def first_copy(self, raw_type: RawType, version: tuple[int, int]) -> bool:
        """Return whether a version of a whole-market payload was not seen yet; the other host sends it again."""
        seen = self._versions[raw_type]
        if version in seen:
            return False
        seen.append(version)
        return True

    def fingerprint(self, raw_type: RawType, data: bytes | memoryview) -> None:
        """Note that a payload was sent."""
        if raw_type not in self.raw:
            self.raw[raw_type] = Fingerprints(self._directory / f"raw-{raw_type}")
        self.raw[raw_type].add(data)

    def add_trade(self, source: TradeSource, row: tuple[int, ...]) -> None:
        """Take in a trade, a row without its epoch."""
        if source not in self.trades:
            self.trades[source] = SortedRows(self._directory / f"trades-{source}")
        self.trades[source].add((self._ids[source].epoch_of(row[0], row[1]), *row))


class Evidence:
    """Everything that the venue sent.

    Args:
        directory: an empty directory for the files.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.symbols: dict[SymbolId, SymbolEvidence] = {}
        self.spans: defaultdict[Market, Spans] = defaultdict(Spans)
        """Which stretches of time the recording of each market covers."""
        self.frames = 0
        """Frames of streams that are compared."""
        self.unreadable: Counter[str] = Counter()
        """Payloads that the types of the wire do not fit, by stream type and reason."""
        self.left_out: Counter[str] = Counter()
        """Frames of streams that are not compared, by stream type and reason."""
        self.remarks: list[str] = []
        """What else of the recording could not be used."""
        self._readers: dict[RawType, Callable[[SymbolId, SymbolEvidence, bytes | memoryview], int | None]] = {
            RawType.TRADE: self._read_trade,
            RawType.AGG_TRADE: self._read_agg_trade,
            RawType.DEPTH: self._read_diff,
            RawType.BOOK_TICKER: self._read_ticker,
            RawType.KLINE: self._read_kline,
        }

    def symbol(self, symbol_id: SymbolId) -> SymbolEvidence:
        """Return the evidence of a symbol, empty at first."""
        found = self.symbols.get(symbol_id)
        if found is None:
            # A name that no file system minds; symbols may be any text.
            directory = self._directory / f"{symbol_id.market}-{len(self.symbols)}"
            found = self.symbols[symbol_id] = SymbolEvidence(directory)
        return found

    def add_frame(self, market: Market, stream: str, data: bytes) -> None:
        """Take in one payload of a stream."""
        kind = carried(market, stream)
        if kind is None:
            self.leave_out(market, stream, "no topic carries it")
            return
        self.frames += 1
        try:
            parts = elements(market, kind, data)
        except msgspec.DecodeError as error:
            self.unreadable[f"{market} {kind.raw_type}: {error}"] += 1
            return
        for part in parts:
            symbol_id = SymbolId(part.market, part.symbol)
            if part.version is None or self.symbol(symbol_id).first_copy(kind.raw_type, part.version):
                self._add_element(symbol_id, kind, part.data)

    def leave_out(self, market: Market, stream: str, reason: str) -> None:
        """Note one frame of a stream that is not compared."""
        name = stream if stream.startswith("!") else stream.partition("@")[2]
        self.left_out[f"{market} {name}: {reason}"] += 1

    def add_snapshot(self, symbol_id: SymbolId, data: bytes) -> None:
        """Take in one depth snapshot as answered by REST."""
        try:
            snapshot = _SNAPSHOT.decode(data)
        except msgspec.DecodeError as error:
            self.unreadable[f"{symbol_id.market} depth snapshot: {error}"] += 1
            return
        self.symbol(symbol_id).snapshots.append(snapshot.last_update_id)

    def _add_element(self, symbol_id: SymbolId, kind: Carried, data: bytes | memoryview) -> None:
        evidence = self.symbol(symbol_id)
        read = self._readers.get(kind.raw_type)
        try:
            head = publishable_head(symbol_id.market, kind.raw_type, data)
            evidence.fingerprint(kind.raw_type, data)
            try:
                event_time = None if read is None else read(symbol_id, evidence, data)
            except ValueError:
                _keep_id(evidence, kind.raw_type, head)
                raise
        except ValueError as error:  # of which msgspec's are a kind
            self.unreadable[f"{symbol_id.market} {kind.raw_type}: {error}"] += 1
            return
        if event_time is not None:
            evidence.spans.add(self.spans[symbol_id.market].observe(event_time))

    def _read_trade(self, symbol_id: SymbolId, evidence: SymbolEvidence, data: bytes | memoryview) -> int:
        trade = _TRADE.decode(data)
        numbers, side = _numbers(trade.price, trade.quantity), _side(trade.buyer_is_maker)
        trade_id = trade.trade_id
        evidence.add_trade(TradeSource.TRADE, (trade_id, trade.trade_time, *numbers, side, trade_id, trade_id))
        return trade.event_time

    def _read_agg_trade(self, symbol_id: SymbolId, evidence: SymbolEvidence, data: bytes | memoryview) -> int:
        trade = _AGG_TRADE.decode(data)
        numbers, side = _numbers(trade.price, trade.quantity), _side(trade.buyer_is_maker)
        identity, covered = (trade.aggregate_trade_id, trade.trade_time), (trade.first_trade_id, trade.last_trade_id)
        evidence.add_trade(TradeSource.AGG_TRADE, (*identity, *numbers, side, *covered))
        return trade.event_time

    def _read_diff(self, symbol_id: SymbolId, evidence: SymbolEvidence, data: bytes | memoryview) -> int:
        diff = _DIFF.decode(data)
        for price, quantity in (*diff.bids, *diff.asks):
            to_scaled(price)
            to_scaled(quantity)
        previous = diff.previous_final_update_id
        evidence.diffs.add((diff.final_update_id, diff.first_update_id, NO_ID if previous is None else previous))
        return diff.event_time

    def _read_ticker(self, symbol_id: SymbolId, evidence: SymbolEvidence, data: bytes | memoryview) -> int | None:
        ticker = _TICKER.decode(data)
        bid = _level(ticker.bid_price, ticker.bid_quantity)
        ask = _level(ticker.ask_price, ticker.ask_quantity)
        evidence.tickers.add((ticker.update_id, len(evidence.tickers), *bid, *ask))
        return ticker.event_time

    def _read_kline(self, symbol_id: SymbolId, evidence: SymbolEvidence, data: bytes | memoryview) -> int:
        kline = _KLINE.decode(data)
        if kline.bar.final:
            found = kline_of_bar(kline.bar)
            evidence.klines[kline.bar.interval, found.open_time] = found
        return kline.event_time


_TRADE = msgspec.json.Decoder(wire.Trade)
_AGG_TRADE = msgspec.json.Decoder(wire.AggTrade)
_DIFF = msgspec.json.Decoder(wire.DepthDiff)
_TICKER = msgspec.json.Decoder(wire.BookTicker)
_KLINE = msgspec.json.Decoder(wire.Kline)
_SNAPSHOT = msgspec.json.Decoder(rest.DepthSnapshot)


def _keep_id(evidence: SymbolEvidence, raw_type: RawType, head: Any) -> None:
    """Take in the id of a trade that cannot be read: it is not missing from the log."""
    if raw_type is RawType.TRADE:
        source, trade_id = TradeSource.TRADE, head.trade_id
    elif raw_type is RawType.AGG_TRADE:
        source, trade_id = TradeSource.AGG_TRADE, head.aggregate_trade_id
    else:
        return
    evidence.add_trade(source, (trade_id, head.trade_time, 0, 0, UNREADABLE, NO_ID, NO_ID))


def _side(buyer_is_maker: bool) -> int:
    return int(wire.taker_side(buyer_is_maker) is TakerSide.BUY)


def _numbers(price: str, quantity: str) -> tuple[int, int]:
    """Return price and quantity; both are above zero, or both zero."""
    numbers = to_scaled(price), to_scaled(quantity)
    if min(numbers) <= 0 and any(numbers):
        msg = f'price "{price}", quantity "{quantity}": a trade has both'
        raise ValueError(msg)
    return numbers


def _level(price: str, quantity: str) -> tuple[int, int]:
    """Return a best price and quantity; an empty side, however the venue spells it, is 0, 0."""
    scaled_price, scaled_quantity = to_scaled(price), to_scaled(quantity)
    return (scaled_price, scaled_quantity) if scaled_price and scaled_quantity else (0, 0)
