"""Trades, candles and flow of one partition of the raw trade topics: all state, and all that comes of a record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from processors.core.decode import AGG_TRADE, TRADE, decode_trade_id
from processors.core.heartbeats import run_of
from processors.core.records import DeadLetter, Output, RawRecord, Rejected
from processors.core.sequencer import Hole, HoleClosed, HoleNarrowed, InOrder, Late, SequenceResult
from processors.core.trade_states import TradeStates
from processors.core.trade_windows import TradeWindows, WindowRecord
from processors.core.traded_symbol import SourceFlow, TradedSymbol
from processors.core.trades import (
    Match,
    contract_size_of,
    hole_record,
    match_of_agg_trade,
    match_of_trade,
    trade_record,
)
from schemas import wire
from schemas.control import Gap, Heartbeat
from schemas.derived import Candle, Trade, TradeFlow
from schemas.keys import candle_key
from schemas.markets import Market
from schemas.topics import CANDLE_INTERVALS, DerivedType, RawType, candle_type


__all__ = ["TradePartition"]

AHEAD_MS: Final = 30 * 60_000
"""A trade this much newer than its event has a wrong time: it would end candles that are not over."""

_CANDLE_TYPES: Final = {interval: candle_type(interval) for interval in CANDLE_INTERVALS}


class TradePartition(TradeStates):
    """Trades, candles and trade flow of one partition, of all markets and both sources.

    Every method returns what to write, in order. The same records give the same trades, by identity, and the same last
    candle of every key, however the topics are interleaved; but ``late``, ``revision`` and the holes tell what came
    first.
    """

    def feed(self, record: RawRecord) -> list[Output | DeadLetter]:
        """Take one raw record of trades or aggregate trades."""
        flow = self._flows[record.market, record.type]
        outputs: list[Output | DeadLetter] = []
        if not flow.aggregate or record.header("carries_trades") == b"1":
            self._take(flow, record, outputs)
        else:
            self._pass_over(flow, record, outputs)
        gate = flow.gate
        gate.next_offset = record.offset + 1
        if len(gate):
            for heartbeat in gate.due():
                self._vouch(flow, heartbeat, outputs)
        return outputs

    def heartbeat(self, heartbeat: Heartbeat) -> list[Output | DeadLetter]:
        """Take a heartbeat; it counts once the records that it vouches for were fed."""
        flow = self._flow_of(heartbeat.market, heartbeat.stream)
        outputs: list[Output | DeadLetter] = []
        if flow is None:
            return outputs
        flow.rosters.note(heartbeat)
        if flow.coverage.note(heartbeat):
            for symbol in flow.symbols.values():
                if symbol.series is not None:
                    symbol.changed = True
                    since = flow.coverage.since(symbol.first_offset, symbol.name)
                    outputs.extend(_candles(flow, symbol.series.cover(since)))
        for due in flow.gate.offer(heartbeat):
            self._vouch(flow, due, outputs)
        return outputs

    def gap(self, gap: Gap) -> list[Output | DeadLetter]:
        """Take an entry of the ledger."""
        flow = self._flow_of(gap.market, gap.stream)
        outputs: list[Output | DeadLetter] = []
        if flow is not None:
            symbol = self._symbol(flow, gap.symbol.encode(), gap.symbol)
            symbol.changed = True
            self._go_on(flow, symbol, symbol.sequencer.decide(gap), outputs)
        return outputs

    def _flow_of(self, market: Market, stream: str) -> SourceFlow | None:
        return self._flows.get((market, RawType(stream))) if stream in {RawType.TRADE, RawType.AGG_TRADE} else None

    def _take(self, flow: SourceFlow, record: RawRecord, outputs: list[Output | DeadLetter]) -> None:
        """Take a record that trades and candles are made from."""
        key = record.key or b""
        symbol = flow.symbols.get(key)
        if symbol is None:
            try:
                symbol = self._symbol(flow, key, key.decode())
            except UnicodeDecodeError:
                outputs.append(DeadLetter("does-not-fit", "the key is no symbol", record))
                return
        if record.offset < symbol.loaded_below:
            return
        symbol.next_offset, symbol.changed = record.offset + 1, True
        trade = _decode(flow, record)
        if isinstance(trade, Rejected):
            outputs.append(DeadLetter(trade.reason, trade.detail, record))
            trade_id = decode_trade_id(record.value or b"", aggregate=flow.aggregate)
            if trade_id is not None:
                self._lose(flow, symbol, trade_id, record, outputs)
        elif trade.symbol != symbol.name:
            outputs.append(DeadLetter("does-not-fit", f'symbol "{trade.symbol[:40]}" is not the key', record))
        else:
            self._place(flow, symbol, trade, record, outputs)

    def _place(
        self,
        flow: SourceFlow,
        symbol: TradedSymbol,
        trade: wire.Trade | wire.AggTrade,
        record: RawRecord,
        outputs: list[Output | DeadLetter],
    ) -> None:
        """Give a trade its place in the sequence of ids."""
        match: Match | Rejected | None
        # The contract size matters on COIN-M alone, and the other markets are the busy ones.
        size = contract_size_of(record.header("contract_size")) if flow.market is Market.COINM else None
        if isinstance(trade, wire.Trade):
            trade_id = trade.trade_id
            match = match_of_trade(trade, flow.market, size, record.offset)
        else:
            trade_id = trade.aggregate_trade_id
            match = match_of_agg_trade(trade, flow.market, size, record.offset)
        latest = _latest_plausible(symbol, record, trade.event_time)
        if trade.trade_time > latest:
            match = Rejected("implausible-time", f"trade time {trade.trade_time}, event time {trade.event_time}")
        if isinstance(match, Rejected):
            outputs.append(DeadLetter(match.reason, match.detail, record))
            self._lose(flow, symbol, trade_id, record, outputs)
        elif match is None:
            results = symbol.sequencer.consume(trade_id, trade.trade_time, record.offset)
            self._go_on(flow, symbol, results, outputs)
        else:
            results = symbol.sequencer.feed(trade_id, trade.trade_time, record.offset, match)
            self._go_on(flow, symbol, results, outputs)

    def _lose(
        self,
        flow: SourceFlow,
        symbol: TradedSymbol,
        trade_id: int,
        record: RawRecord,
        outputs: list[Output | DeadLetter],
    ) -> None:
        """Count a trade that cannot be read as missing: whoever finds holes by their ids finds none here."""
        sequencer, time = symbol.sequencer, record.timestamp_ms
        if sequencer.started:
            time = min(time, sequencer.latest_time + AHEAD_MS)
        self._go_on(flow, symbol, sequencer.lose(trade_id, time, record.offset), outputs)

    def _pass_over(self, flow: SourceFlow, record: RawRecord, outputs: list[Output | DeadLetter]) -> None:
        """Count the id of a record that nothing is made from, should that have been otherwise before."""
        symbol = flow.symbols.get(record.key or b"")
        if symbol is not None and symbol.sequencer.started and record.offset >= symbol.loaded_below:
            symbol.next_offset, symbol.changed = record.offset + 1, True
            trade = _decode(flow, record)
            if isinstance(trade, wire.AggTrade):
                results = symbol.sequencer.consume(trade.aggregate_trade_id, trade.trade_time, record.offset)
                self._go_on(flow, symbol, results, outputs)

    def _go_on(
        self,
        flow: SourceFlow,
        symbol: TradedSymbol,
        results: Iterable[SequenceResult[Match]],
        outputs: list[Output | DeadLetter],
    ) -> None:
        """Write what the sequence lets go."""
        for result in results:
            if isinstance(result, InOrder):
                match = result.item
                trade = trade_record(match, symbol.name, flow.source, result.epoch, late=False)
                outputs.append(_trade(flow, symbol, trade))
                series = symbol.series or self._series(flow, symbol, match.trade_time, match.input_offset, outputs)
                if series is not None and (candles := series.add(match)):
                    outputs.extend(_candles(flow, candles, match.trade_time))
            elif isinstance(result, Late):
                match = result.item
                trade = trade_record(match, symbol.name, flow.source, result.epoch, late=True)
                outputs.append(_trade(flow, symbol, trade))
                if symbol.series is not None:
                    outputs.extend(_candles(flow, symbol.series.add(match), match.trade_time))
            elif isinstance(result, Hole):
                outputs.append(_trade(flow, symbol, hole_record(result, symbol.name, flow.source)))
                self._open_hole(flow, symbol, result, outputs)
            elif isinstance(result, HoleNarrowed | HoleClosed) and symbol.series is not None:
                name = result.epoch, result.first_id
                if isinstance(result, HoleNarrowed):
                    candles = symbol.series.narrow_hole(name, result.spans)
                else:
                    candles = symbol.series.close_hole(name, recovered=result.recovered)
                outputs.extend(_candles(flow, candles))
        if symbol.promises and (until := symbol.promises.due(symbol.sequencer.waits_since())) is not None:
            symbol.changed = True
            _vouch_windows(flow, symbol, until, outputs)

    def _open_hole(
        self, flow: SourceFlow, symbol: TradedSymbol, hole: Hole, outputs: list[Output | DeadLetter]
    ) -> None:
        if hole.absent:
            return
        series = self._series(flow, symbol, hole.next_time, hole.input_offset, outputs)
        if series is not None:
            candles = series.open_hole((hole.epoch, hole.first_id), hole.previous_time, hole.next_time)
            outputs.extend(_candles(flow, candles))

    def _series(
        self, flow: SourceFlow, symbol: TradedSymbol, time: int, offset: int, outputs: list[Output | DeadLetter]
    ) -> TradeWindows | None:
        """Return the windows that a trade belongs to; None: they are made from the other source.

        A symbol's candles have one source at a time. Which one is configuration, and may change: the source whose
        trades are newer takes over, and begins anew.
        """
        if symbol.series is not None:
            return symbol.series
        other = symbol.other
        if other is not None and other.series is not None:
            if time <= other.sequencer.latest_time:
                return None
            outputs.extend(_candles(flow, other.series.end()))
            other.series = None
        # Who vouches now does not know what was lost of a symbol that begins anew.
        symbol.first_offset, symbol.anew = (-1 if symbol.anew else offset), False
        symbol.series = flow.new_series(
            symbol.name, covered_since=flow.coverage.since(symbol.first_offset, symbol.name)
        )
        return symbol.series

    def _vouch(self, flow: SourceFlow, heartbeat: Heartbeat, outputs: list[Output | DeadLetter]) -> None:
        """End the windows before a time, of each symbol once every trade below an offset is in them."""
        until, offset, run = heartbeat.vouched_until, heartbeat.offset, run_of(heartbeat)
        for symbol in flow.symbols.values():
            # Nobody knows what happens to a symbol that is no longer taken: its windows are not closed.
            if flow.rosters.hold(run, symbol.name):
                waits_since = symbol.sequencer.waits_since()
                if waits_since is None or waits_since >= offset:
                    _vouch_windows(flow, symbol, until, outputs)
                elif symbol.promises.add(offset, until):
                    symbol.changed = True


def _vouch_windows(flow: SourceFlow, symbol: TradedSymbol, until: int, outputs: list[Output | DeadLetter]) -> None:
    if symbol.series is not None and (records := symbol.series.vouch(until)):
        symbol.changed = True
        outputs.extend(_candles(flow, records))


def _decode(flow: SourceFlow, record: RawRecord) -> wire.Trade | wire.AggTrade | Rejected:
    value = record.value or b""
    return AGG_TRADE(value) if flow.aggregate else TRADE(value)


def _latest_plausible(symbol: TradedSymbol, record: RawRecord, event_time: int) -> int:
    """Return the latest trade time that can be true of a record.

    Ingest stamps a record with its event time, unless that cannot be. Then only the trades before tell the time.
    """
    reference = record.timestamp_ms
    if event_time != reference and symbol.sequencer.started:
        reference = symbol.sequencer.latest_time
    return reference + AHEAD_MS


def _trade(flow: SourceFlow, symbol: TradedSymbol, trade: Trade) -> Output:
    return Output(flow.market, DerivedType.TRADE, symbol.key, trade, trade.trade_time)


def _candles(flow: SourceFlow, records: Iterable[WindowRecord], time: int = 0) -> list[Output]:
    """Return candles and flow as records, stamped with the end of their window; provisional candles with ``time``."""
    return [_output(flow.market, record, time) for record in records]


def _output(market: Market, record: WindowRecord, time: int) -> Output:
    if isinstance(record, Candle):
        candle_time = record.close_time if record.final else time
        return Output(market, _CANDLE_TYPES[record.interval], candle_key(record), record, candle_time)
    if isinstance(record, TradeFlow):
        return Output(market, DerivedType.TRADE_FLOW, record.symbol.encode(), record, record.close_time)
    return Output(market, DerivedType.ALERT, record.symbol.encode(), record, record.time)
