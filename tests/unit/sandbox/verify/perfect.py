"""A small recording made by hand, and what a pipeline without faults makes of it.

Three minutes of one spot symbol: trades in the first and the last, none between; five depth diffs from one snapshot; a
book ticker for each; klines of every minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from sandbox.verify.evidence import Evidence
from sandbox.verify.naive import NaiveWalk
from sandbox.verify.outcome import REST_DEPTH, Outcome
from sandbox.verify.report import Report
from sandbox.verify.symbols import SymbolId
from sandbox.verify.verification import Given, verify
from schemas.decimals import ONE
from schemas.derived import (
    FLOW_WINDOWS,
    Alert,
    AlertKind,
    AlertStatus,
    BookState,
    Candle,
    TakerSide,
    TopOfBook,
    Trade,
    TradeFlow,
    TradeKind,
    TradeSource,
)
from schemas.markets import Market
from schemas.topics import RawType


MINUTE = 60_000
START = 1_700_000_040_000  # a full minute
SYMBOL = SymbolId(Market.SPOT, "ABCUSDT")

Frame = tuple[str, bytes]
"""Stream and payload."""
RawRecord = tuple[RawType, bytes, str, str]
"""Type, value, stream, origin."""

SNAPSHOT = b'{"lastUpdateId":100,"bids":[["10","5"],["9","1"]],"asks":[["11","5"],["12","1"]]}'

TRADES = ((1, START + 5_000), (2, START + 30_000), (3, START + 2 * MINUTE + 1_000), (4, START + 2 * MINUTE + 2_000))
"""Id and time; the price is 10 + id, the quantity 1, buyers are takers."""


def diff(first: int, final: int, bid_quantity: int, at: int) -> Frame:
    levels = f'"b":[["10","{bid_quantity}"]],"a":[]'
    payload = f'{{"e":"depthUpdate","E":{at},"s":"ABCUSDT","U":{first},"u":{final},{levels}}}'
    return "abcusdt@depth@100ms", payload.encode()


def ticker(update_id: int, bid_quantity: int) -> Frame:
    payload = f'{{"u":{update_id},"s":"ABCUSDT","b":"10.00","B":"{bid_quantity}.0","a":"11.00","A":"5.0"}}'
    return "abcusdt@bookTicker", payload.encode()


def trade(trade_id: int, at: int) -> Frame:
    values = f'"t":{trade_id},"p":"{10 + trade_id}.0","q":"1.0","T":{at},"m":false'
    payload = f'{{"e":"trade","E":{at + 3},"s":"ABCUSDT",{values}}}'
    return "abcusdt@trade", payload.encode()


def kline(minute: int, prices: str, ids: str, *, count: int, quote: int) -> Frame:
    opened = START + minute * MINUTE
    bar = (
        f'{{"t":{opened},"T":{opened + MINUTE - 1},"i":"1m",{ids},{prices},"v":"{count}","n":{count},"x":true,'
        f'"q":"{quote}","V":"{count}","Q":"{quote}"}}'
    )
    payload = f'{{"e":"kline","E":{opened + MINUTE + 10},"s":"ABCUSDT","k":{bar}}}'
    return "abcusdt@kline_1m", payload.encode()


FRAMES: tuple[Frame, ...] = (
    diff(98, 99, 7, START - 500),
    ticker(99, 7),
    diff(100, 104, 6, START),
    ticker(104, 6),
    trade(*TRADES[0]),
    trade(*TRADES[1]),
    ticker(110, 5),
    diff(105, 110, 5, START + 31_000),
    kline(0, '"o":"11","c":"12","h":"12","l":"11"', '"f":1,"L":2', count=2, quote=23),
    diff(111, 115, 4, START + MINUTE + 20),
    ticker(115, 4),
    kline(1, '"o":"12","c":"12","h":"12","l":"12"', '"f":-1,"L":-1', count=0, quote=0),
    trade(*TRADES[2]),
    trade(*TRADES[3]),
    diff(116, 120, 3, START + 2 * MINUTE + 5_000),
    ticker(120, 3),
    kline(2, '"o":"13","c":"14","h":"14","l":"13"', '"f":3,"L":4', count=2, quote=27),
    diff(121, 121, 3, START + 3 * MINUTE + 100),
)


def top(update_id: int, bid_quantity: int, state: BookState = BookState.LIVE) -> TopOfBook:
    live = state is BookState.LIVE
    return TopOfBook(
        symbol="ABCUSDT",
        update_id=update_id,
        state=state,
        event_time=None,
        bid_price=10 * ONE if live else None,
        bid_quantity=bid_quantity * ONE if live else None,
        ask_price=11 * ONE if live else None,
        ask_quantity=5 * ONE if live else None,
        spread=ONE if live else None,
        input_offset=0,
    )


def derived_trade(trade_id: int, at: int) -> Trade:
    return Trade(
        kind=TradeKind.TRADE,
        symbol="ABCUSDT",
        source=TradeSource.TRADE,
        epoch=0,
        trade_id=trade_id,
        last_missing_id=None,
        first_trade_id=trade_id,
        last_trade_id=trade_id,
        trade_time=at,
        price=(10 + trade_id) * ONE,
        quantity=ONE,
        base_quantity=ONE,
        quote_quantity=(10 + trade_id) * ONE * ONE,
        taker_side=TakerSide.BUY,
        late=False,
        input_offset=0,
    )


def hole(first: int, last: int) -> Trade:
    return Trade(
        kind=TradeKind.HOLE,
        symbol="ABCUSDT",
        source=TradeSource.TRADE,
        epoch=0,
        trade_id=first,
        last_missing_id=last,
        first_trade_id=None,
        last_trade_id=None,
        trade_time=0,
        price=None,
        quantity=None,
        base_quantity=None,
        quote_quantity=None,
        taker_side=None,
        late=False,
        input_offset=0,
    )


def candle(minute: int, prices: tuple[int, int, int, int], ids: tuple[int, int], quote: int) -> Candle:
    count = 0 if ids[0] < 0 else ids[1] - ids[0] + 1
    opened, high, low, close = prices
    return Candle(
        symbol="ABCUSDT",
        interval="1m",
        open_time=START + minute * MINUTE,
        close_time=START + (minute + 1) * MINUTE,
        open=opened * ONE,
        high=high * ONE,
        low=low * ONE,
        close=close * ONE,
        base_volume=count * ONE,
        quote_volume=quote * ONE * ONE,
        contract_volume=None,
        trade_count=count,
        taker_buy_base_volume=count * ONE,
        taker_buy_quote_volume=quote * ONE * ONE,
        taker_buy_contract_volume=None,
        first_trade_id=ids[0],
        last_trade_id=ids[1],
        source=TradeSource.TRADE,
        final=True,
        complete=True,
        revision=False,
        input_offset=0,
    )


def flow(window: str, second: int, *ids: int, complete: bool = True) -> TradeFlow:
    """Return a window that begins so many seconds after the start and holds these trades."""
    count, price, quote = len(ids), 10 + ids[0], sum(10 + number for number in ids)
    return TradeFlow(
        symbol="ABCUSDT",
        window=window,
        open_time=START + second * 1_000,
        close_time=START + second * 1_000 + FLOW_WINDOWS[window],
        source=TradeSource.TRADE,
        base_volume=count * ONE,
        quote_volume=quote * ONE * ONE,
        contract_volume=None,
        trade_count=count,
        taker_buy_base_volume=count * ONE,
        taker_buy_quote_volume=quote * ONE * ONE,
        taker_sell_base_volume=0,
        taker_sell_quote_volume=0,
        vwap=quote * ONE // count,
        largest_trade_id=ids[0],
        largest_price=price * ONE,
        largest_quantity=ONE,
        largest_quote_quantity=price * ONE * ONE,
        largest_taker_side=TakerSide.BUY,
        complete=complete,
        revision=False,
        input_offset=0,
    )


def alert(second: int, status: AlertStatus, opened: int | None = None) -> Alert:
    return Alert(
        symbol="ABCUSDT",
        kind=AlertKind.ONE_SIDED_FLOW,
        status=status,
        opened_time=START + 1_000 * (second if opened is None else opened),
        time=START + 1_000 * second,
        window="10s",
        side=TakerSide.BUY,
        value=None,
        threshold=None,
        baseline=None,
        input_offset=0,
    )


FLOWS: tuple[TradeFlow, ...] = (
    flow("1s", 5, 1),
    flow("10s", 0, 1),
    flow("1s", 30, 2),
    flow("10s", 30, 2),
    flow("1m", 0, 1, 2),
    flow("1s", 121, 3),
    flow("1s", 122, 4),
    flow("10s", 120, 3, 4),
    flow("1m", 120, 3, 4),
)
FLOWS_WITHOUT_2: tuple[TradeFlow, ...] = (*FLOWS[:2], flow("1m", 0, 1, complete=False), *FLOWS[5:])
"""What is told where the second trade is in nobody's hands."""

DERIVED: tuple[msgspec.Struct, ...] = (
    top(100, 5),
    top(104, 6),
    top(110, 5),
    top(115, 4),
    top(120, 3),
    *(derived_trade(*each) for each in TRADES),
    candle(0, (11, 12, 11, 12), (1, 2), 23),
    candle(1, (12, 12, 12, 12), (-1, -1), 0),
    candle(2, (13, 14, 13, 14), (3, 4), 27),
    *FLOWS,
)

_TYPES = {
    "depth@100ms": RawType.DEPTH,
    "bookTicker": RawType.BOOK_TICKER,
    "trade": RawType.TRADE,
    "kline_1m": RawType.KLINE,
}

RAW: tuple[RawRecord, ...] = (
    (RawType.DEPTH, SNAPSHOT, REST_DEPTH, "live"),
    *((_TYPES[stream.partition("@")[2]], payload, stream, "live") for stream, payload in FRAMES),
)


def report_on(
    directory: Path,
    *,
    frames: Iterable[Frame] = FRAMES,
    snapshots: Iterable[bytes] = (SNAPSHOT,),
    raw: Iterable[RawRecord] = RAW,
    derived: Iterable[msgspec.Struct] = DERIVED,
    dead_letters: Iterable[str] = (),
    raw_is_evidence: bool = False,
) -> Report:
    """Verify an outcome against a recording; by default all of it holds."""
    frames, snapshots = list(frames), list(snapshots)
    evidence, outcome = Evidence(directory / "evidence"), Outcome(directory / "outcome")
    for stream, payload in frames:
        evidence.add_frame(Market.SPOT, stream, payload)
    for snapshot in snapshots:
        evidence.add_snapshot(SYMBOL, snapshot)
    for record in raw:
        outcome.symbol(SYMBOL.market, SYMBOL.symbol).add_raw(*record)
    for offset, value in enumerate(derived):
        outcome.add_value(SYMBOL.market, value, offset)
    for reason in dead_letters:
        outcome.add_dead_letter({"reason": reason})
    diffs = [payload for stream, payload in frames if "@depth" in stream]
    given = Given(
        naive_book=lambda symbol_id: NaiveWalk(symbol_id.market, snapshots, diffs),
        raw_is_evidence=raw_is_evidence,
    )
    return verify(evidence, outcome, given, directory / "comparison", seconds=2.0)
