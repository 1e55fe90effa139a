"""Values of derived topics, as far as a test cares."""

from __future__ import annotations

from typing import Any

import msgspec

from dashboard.api.examples import example_values
from schemas.derived import Alert, BookSnapshot, BookState, Candle, Ticker, TopOfBook, Trade, TradeFlow


__all__ = ["ONE", "SYMBOL", "alert", "candle", "flow", "snapshot", "ticker", "top", "trade"]

SYMBOL = "BTCUSDT"
ONE = 10**8


def snapshot(offset: int = 10, **fields: Any) -> BookSnapshot:
    value = _like("book-snapshot", input_offset=offset, **fields)
    assert isinstance(value, BookSnapshot)
    return value


def top(offset: int = 10, state: BookState = BookState.LIVE, **fields: Any) -> TopOfBook:
    value = _like("top-of-book", input_offset=offset, state=state, **fields)
    assert isinstance(value, TopOfBook)
    return value


def candle(open_time: int, offset: int = 10, **fields: Any) -> Candle:
    value = _like("candle", open_time=open_time, input_offset=offset, **fields)
    assert isinstance(value, Candle)
    return value


def flow(open_time: int, offset: int = 10, **fields: Any) -> TradeFlow:
    value = _like("trade-flow", open_time=open_time, input_offset=offset, **fields)
    assert isinstance(value, TradeFlow)
    return value


def trade(trade_id: int, offset: int = 10, **fields: Any) -> Trade:
    value = _like("trade", trade_id=trade_id, input_offset=offset, **fields)
    assert isinstance(value, Trade)
    return value


def ticker(event_time: int, offset: int = 10, **fields: Any) -> Ticker:
    value = _like("ticker", event_time=event_time, input_offset=offset, **fields)
    assert isinstance(value, Ticker)
    return value


def alert(opened_time: int, **fields: Any) -> Alert:
    value = _like("alert", **{"opened_time": opened_time, "time": opened_time, **fields})
    assert isinstance(value, Alert)
    return value


def _like(schema: str, **fields: Any) -> msgspec.Struct:
    return msgspec.structs.replace(example_values()[schema], **fields)
