"""The replay of a recording as a source of the exchange server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

import msgspec

from sandbox.exchange.source import Halt, RestReply, StreamEvent, error_reply, json_reply
from sandbox.recordings import Frame, RestAnswer, Summary, read
from sandbox.recordings.clock import VenueClock
from sandbox.recordings.payloads import event_ms
from sandbox.recordings.streams import DIFF_DEPTH, symbol_of
from sandbox.replay.depth import UNKNOWN_CODE, RecordedBooks
from sandbox.replay.exchange_info import synthesise
from sandbox.replay.klines import KlineLog
from sandbox.replay.recent import ForgottenError
from sandbox.replay.trades import AggTradeLog, TradeLog
from schemas.markets import Market


__all__ = ["ReplaySource"]

_NS_PER_MS = 1_000_000

Observe = Callable[[bytes], int]
"""Takes a payload into the replay's state and returns its event time in ms, 0 if it has none.

Raises ValueError where the payload is malformed: it is served all the same, and changes nothing here.
"""


class _ContractSize(msgspec.Struct):
    symbol: str
    size: Decimal | None = msgspec.field(name="contractSize", default=None)


class _ContractSizes(msgspec.Struct):
    symbols: list[_ContractSize]


_decode_contract_sizes = msgspec.json.Decoder(_ContractSizes).decode


class ReplaySource:
    """Serves what a recording holds: each frame once, in order, verbatim; REST from what was shown up to the clock.

    An event is applied to the state when it is passed, so REST never runs ahead of the streams. Memory is bounded:
    a book per symbol, the last trades and klines per stream, the snapshots that are still needed.

    Args:
        summary: The survey of the recording.
        contract_sizes: COIN-M contract sizes by symbol, where the recording holds no exchangeInfo.
    """

    def __init__(self, summary: Summary, contract_sizes: Mapping[str, Decimal] | None = None) -> None:
        self.malformed_count = 0
        """Payloads passed whose content could not be taken into books and logs."""
        self._summary = summary
        self._streams = {market: summary.stream_names(market) for market in Market}
        self._symbols = {market: frozenset(summary.symbol_names(market)) for market in Market}
        self._clock = VenueClock(summary.first_ns, summary.first_event_ms)
        self._contract_sizes = _recorded_contract_sizes(summary) | dict(contract_sizes or {})
        self._books = RecordedBooks(summary.snapshots)
        self._trades: dict[tuple[Market, str], TradeLog] = {}
        self._agg_trades: dict[tuple[Market, str], AggTradeLog] = {}
        self._klines: dict[tuple[Market, str, str], KlineLog] = {}
        self._observers: dict[tuple[Market, str], Observe] = {}

    @property
    def event_count(self) -> int:
        """How many events the replay yields in all."""
        return self._summary.frame_count

    def streams(self, market: Market) -> frozenset[str]:
        """Return the names of the recorded streams of a market."""
        return self._streams[market]

    def clock_ms(self) -> int:
        """Return the venue's clock as the recording shows it."""
        return self._clock.now_ms

    def advance_clock(self, to_ms: int) -> None:
        """Move the clock on to `to_ms`; never back."""
        self._clock.advance(to_ms)

    def events(self) -> Iterator[StreamEvent | Halt]:
        """Yield every recorded frame; `due_ns` is its receive time, or its predecessor's where that is later.

        After a gap in the recorded diffs it halts at the snapshot that was recorded next, until whoever kept the book
        has asked for it.
        """
        due_ns = 0
        for entry in read(self._summary.recording, symbols=self._summary.snapshot_symbols):
            if isinstance(entry, Frame):
                due_ns = max(due_ns, entry.receive_time_ns)
                yield StreamEvent(due_ns, entry.market, entry.stream, entry.data)
                self._pass_frame(entry, due_ns)
            else:
                due_ns = max(due_ns, entry.time_ns)
                if self._is_awaited(entry):
                    yield self._halt_at(entry)
                self._pass_answer(entry, due_ns)

    def rest(self, market: Market, path: str, params: Mapping[str, str]) -> RestReply:
        """Answer a request from what the recording has shown up to the clock."""
        endpoint = path.rpartition("/")[2]
        if endpoint == "exchangeInfo":
            return self._exchange_info(market)
        symbol = params.get("symbol", "")
        if symbol not in self._symbols[market]:
            return error_reply(400, -1121, "Invalid symbol.")
        answers: dict[str, Callable[[Market, str, Mapping[str, str]], RestReply]] = {
            "depth": self._depth,
            "trades": self._recent_trades,
            "historicalTrades": self._recent_trades,
            "aggTrades": self._recent_agg_trades,
            "klines": self._recent_klines,
        }
        answer = answers.get(endpoint)
        if answer is None:
            return error_reply(404, -1020, "This operation is not supported.")
        try:
            return answer(market, symbol, params)
        except ForgottenError as error:
            return error_reply(400, UNKNOWN_CODE, f"{symbol}: {error}.")

    def _pass_frame(self, frame: Frame, due_ns: int) -> None:
        key = frame.market, frame.stream
        observe = self._observers.get(key)
        if observe is None:
            observe = self._observers[key] = self._observer(*key)
        try:
            time_ms = observe(frame.data)
        except ValueError:
            self.malformed_count += 1
            time_ms = 0
        self._clock.observe(due_ns, time_ms)

    def _pass_answer(self, answer: RestAnswer, due_ns: int) -> None:
        self._clock.observe(due_ns, 0)
        symbol = answer.params.get("symbol", "").upper()
        if symbol and answer.path.endswith("/depth"):
            try:
                self._books.snapshot(answer.market, symbol, answer)
            except ValueError:
                self.malformed_count += 1

    def _is_awaited(self, answer: RestAnswer) -> bool:
        symbol = answer.params.get("symbol", "").upper()
        if not symbol or not answer.path.endswith("/depth"):
            return False
        return self._books.is_awaited(answer.market, symbol, answer)

    def _halt_at(self, answer: RestAnswer) -> Halt:
        return Halt(f"depth snapshot of {answer.params['symbol']}", lambda: not self._is_awaited(answer))

    def _observer(self, market: Market, stream: str) -> Observe:
        """Return what takes in the payloads of a stream."""
        symbol = symbol_of(stream)
        kind = stream.partition("@")[2]
        if DIFF_DEPTH.fullmatch(stream):
            return lambda data: self._books.diff(market, symbol, data)
        if kind == "trade":
            size = self._contract_sizes.get(symbol)
            return self._trades.setdefault((market, symbol), TradeLog(market, size)).add
        if kind == "aggTrade":
            return self._agg_trades.setdefault((market, symbol), AggTradeLog()).add
        if kind.startswith("kline_"):
            return self._klines.setdefault((market, symbol, kind.removeprefix("kline_")), KlineLog()).add
        return event_ms

    def _exchange_info(self, market: Market) -> RestReply:
        recorded = self._summary.exchange_info.get(market)
        if recorded is not None:
            return RestReply(200, recorded)
        symbols = [symbol for symbol in self._summary.symbols if symbol.market is market]
        return json_reply(synthesise(market, symbols, self._contract_sizes, self.clock_ms()))

    def _depth(self, market: Market, symbol: str, params: Mapping[str, str]) -> RestReply:
        return self._books.answer(market, symbol, int(params["limit"]))

    def _recent_trades(self, market: Market, symbol: str, params: Mapping[str, str]) -> RestReply:
        if f"{symbol.lower()}@trade" not in self._streams[market]:
            return _not_recorded(symbol, "trade")
        log = self._trades.get((market, symbol))
        if log is None:
            return json_reply([])
        first_id = _integer(params, "fromId")
        count = int(params["limit"])
        return json_reply(log.latest(count) if first_id is None else log.since(first_id, count))

    def _recent_agg_trades(self, market: Market, symbol: str, params: Mapping[str, str]) -> RestReply:
        if f"{symbol.lower()}@aggTrade" not in self._streams[market]:
            return _not_recorded(symbol, "aggTrade")
        log = self._agg_trades.get((market, symbol))
        if log is None:
            return json_reply([])
        first_id = _integer(params, "fromId")
        count = int(params["limit"])
        if first_id is not None:
            return json_reply(log.since(first_id, count))
        return json_reply(log.between(_integer(params, "startTime"), _integer(params, "endTime"), count))

    def _recent_klines(self, market: Market, symbol: str, params: Mapping[str, str]) -> RestReply:
        interval = params["interval"]
        if f"{symbol.lower()}@kline_{interval}" not in self._streams[market]:
            return _not_recorded(symbol, f"kline_{interval}")
        log = self._klines.get((market, symbol, interval))
        start_ms, end_ms = _integer(params, "startTime"), _integer(params, "endTime")
        # COIN-M returns the newest bars where both ends are given; the others the oldest from the start.
        newest = start_ms is None or (market is Market.COINM and end_ms is not None)
        bars = [] if log is None else log.between(start_ms, end_ms, int(params["limit"]), newest=newest)
        return json_reply(bars)


def _integer(params: Mapping[str, str], name: str) -> int | None:
    text = params.get(name)
    return None if text is None else int(text)


def _not_recorded(symbol: str, kind: str) -> RestReply:
    return error_reply(400, UNKNOWN_CODE, f"The recording holds no {kind} stream of {symbol}.")


def _recorded_contract_sizes(summary: Summary) -> dict[str, Decimal]:
    recorded = summary.exchange_info.get(Market.COINM)
    if recorded is None:
        return {}
    try:
        symbols = _decode_contract_sizes(recorded).symbols
    except ValueError:
        return {}
    return {symbol.symbol: symbol.size for symbol in symbols if symbol.size is not None}
