"""Raw records, heartbeats and entries of the ledger, for tests of whole partitions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.core.records import DeadLetter, Output, OutputValue, RawRecord
from schemas.control import Gap, GapStatus, Heartbeat
from schemas.derived import Candle, Trade, TradeFlow
from schemas.markets import Market
from schemas.topics import RawType
from schemas.wire import AggTrade, Trade as WireTrade


__all__ = [
    "agg_trade_record",
    "candles_of",
    "flows_of",
    "gap_of",
    "heartbeat_of",
    "interleaved",
    "last_candles",
    "last_flows",
    "letters_of",
    "record_of",
    "trade_record",
    "trades_of",
    "values_of",
]

Headers = Sequence[tuple[str, bytes]]


def record_of(
    raw_type: RawType,
    value: msgspec.Struct | bytes | None,
    offset: int,
    timestamp_ms: int = 0,
    *,
    key: bytes | None = b"BTCUSDT",
    market: Market = Market.SPOT,
    headers: Headers = (),
) -> RawRecord:
    """Return a raw record of a payload; of a message that has one, with its event time."""
    if isinstance(value, msgspec.Struct):
        timestamp_ms = getattr(value, "event_time", None) or timestamp_ms
        value = msgspec.json.encode(value)
    return RawRecord(market, raw_type, 0, offset, timestamp_ms, key, value, headers)


def trade_record(
    trade_id: int,
    time: int,
    offset: int,
    *,
    price: str = "100",
    quantity: str = "1",
    market: Market = Market.SPOT,
    headers: Headers = (),
) -> RawRecord:
    """Return the raw record of a trade."""
    trade = WireTrade(
        event_type="trade",
        event_time=time,
        symbol="BTCUSDT",
        trade_id=trade_id,
        price=price,
        quantity=quantity,
        trade_time=time,
        buyer_is_maker=bool(trade_id % 2),
    )
    return record_of(RawType.TRADE, trade, offset, market=market, headers=headers)


def agg_trade_record(
    aggregate_id: int, time: int, offset: int, *, carries: bool = True, first_id: int = 1, last_id: int = 1
) -> RawRecord:
    """Return the raw record of an aggregate trade."""
    trade = AggTrade(
        event_type="aggTrade",
        event_time=time,
        symbol="BTCUSDT",
        aggregate_trade_id=aggregate_id,
        price="100",
        quantity="1",
        first_trade_id=first_id,
        last_trade_id=last_id,
        trade_time=time,
        buyer_is_maker=False,
    )
    return record_of(RawType.AGG_TRADE, trade, offset, headers=[("carries_trades", b"1")] if carries else [])


def heartbeat_of(
    vouched_until: int,
    offset: int,
    *,
    stream: str = "trade",
    market: Market = Market.SPOT,
    ingest_id: str = "a",
    begin_offset: int | None = None,
    symbols: list[str] | None = None,
    run: int | None = None,
) -> Heartbeat:
    """Return a heartbeat."""
    return Heartbeat(
        market=market,
        stream=stream,
        partition=0,
        vouched_until=vouched_until,
        offset=offset,
        ingest_id=ingest_id,
        begin_offset=begin_offset,
        symbols=symbols,
        run=run,
    )


def gap_of(
    first_id: int,
    last_id: int,
    times: tuple[int, int],
    status: GapStatus = GapStatus.DEFERRED,
    *,
    stream: str = "trade",
    symbol: str = "BTCUSDT",
) -> Gap:
    """Return an entry of the ledger; ``times`` are those of the trades before and after."""
    return Gap(
        market=Market.SPOT,
        stream=stream,
        symbol=symbol,
        epoch=0,
        first_id=first_id,
        last_id=last_id,
        status=status,
        reason=None,
        previous_time=times[0],
        next_time=times[1],
        opened_time=0,
        updated_time=0,
    )


def values_of(outputs: Iterable[Output | DeadLetter]) -> list[OutputValue]:
    """Return the values to write."""
    return [output.value for output in outputs if isinstance(output, Output) and output.value is not None]


def trades_of(outputs: Iterable[Output | DeadLetter]) -> list[Trade]:
    """Return the derived trades and holes."""
    return [value for value in values_of(outputs) if isinstance(value, Trade)]


def candles_of(outputs: Iterable[Output | DeadLetter]) -> list[Candle]:
    """Return the final candles."""
    return [value for value in values_of(outputs) if isinstance(value, Candle) and value.final]


def last_candles(outputs: Iterable[Output | DeadLetter]) -> dict[tuple[str, int], Candle]:
    """Return the last final candle of every interval and open time."""
    return {(candle.interval, candle.open_time): candle for candle in candles_of(outputs)}


def flows_of(outputs: Iterable[Output | DeadLetter]) -> list[TradeFlow]:
    """Return the windows of trade flow among outputs."""
    return [value for value in values_of(outputs) if isinstance(value, TradeFlow)]


def last_flows(outputs: Iterable[Output | DeadLetter]) -> dict[tuple[str, int], TradeFlow]:
    """Return the last record of every window and open time, whether told once or again."""
    return {(flow.window, flow.open_time): replace(flow, revision=False) for flow in flows_of(outputs)}


def letters_of(outputs: Iterable[Output | DeadLetter]) -> list[DeadLetter]:
    """Return the records to set aside."""
    return [output for output in outputs if isinstance(output, DeadLetter)]


@st.composite
def interleaved(draw: st.DrawFn, *topics: Sequence[object]) -> list[object]:
    """Merge topics in any way that keeps the order of each."""
    order = draw(st.permutations([index for index, topic in enumerate(topics) for _ in topic]))
    iterators = [iter(topic) for topic in topics]
    return [next(iterators[index]) for index in order]
