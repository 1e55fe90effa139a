"""``depth``, ``trades``, ``historicalTrades``, ``aggTrades``, ``klines``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from sandbox.exchange.source import RestReply, json_reply
from sandbox.simulation.instruments import Instrument
from sandbox.simulation.intervals import DAY_MS, INTERVALS, interval_end, interval_start
from sandbox.simulation.klines import Kline, rolled_up
from sandbox.simulation.publishers.depth import levels_text
from sandbox.simulation.rest.requests import RefusedError, Request
from sandbox.simulation.symbol_market import SymbolMarket
from sandbox.simulation.trade_log import Aggregate, Trade
from schemas.markets import Market


__all__ = ["agg_trades", "depth", "historical_trades", "klines", "trades", "whole_book"]

_FUTURES_DEPTHS = (5, 10, 20, 50, 100, 500, 1000)
_HOUR_MS = 3_600_000
_NOT_TRADED = "Symbol is on delivering or delivered or settling or closed or pre-trading."
_COINM_KLINES_SPAN_MS = 200 * DAY_MS


def depth(request: Request) -> RestReply:
    """Answer ``depth``: the book at the update id that the next diff continues."""
    symbol = request.symbol()
    each = symbol.instrument
    if each.market is Market.SPOT:
        limit = request.limit(100, 5_000)
    else:
        limit = request.limit(500, 1_000_000)
        if limit not in _FUTURES_DEPTHS:
            raise RefusedError(-4021, f"{limit} is not valid depth limit.")
    if symbol.delisted_us is not None:
        if each.market.is_futures:
            raise RefusedError(-4108, _NOT_TRADED)
        limit = 0  # spot answers an empty book
    head = f'{{"lastUpdateId":{symbol.update_id},'
    if each.market.is_futures:
        head += f'"E":{request.clock_ms},"T":{symbol.changed_us // 1000},'
    if each.market is Market.COINM:
        head += f'"symbol":"{each.symbol}","pair":"{each.pair}",'
    return _book(symbol, head, limit)


def whole_book(request: Request) -> RestReply:
    """Answer every level of the book."""
    symbol = request.symbol()
    return _book(symbol, f'{{"lastUpdateId":{symbol.update_id},', sys.maxsize)


def _book(symbol: SymbolMarket, head: str, limit: int) -> RestReply:
    each = symbol.instrument
    bids = levels_text(each, symbol.engine.bids.top(limit))
    asks = levels_text(each, symbol.engine.asks.top(limit))
    return RestReply(200, f'{head}"bids":[{bids}],"asks":[{asks}]}}'.encode())


def trades(request: Request) -> RestReply:
    """Answer ``trades``: the newest."""
    symbol = request.symbol()
    found = symbol.trades.last(request.limit(500, 1_000))
    return json_reply([_trade(symbol.instrument, each) for each in found])


def historical_trades(request: Request) -> RestReply:
    """Answer ``historicalTrades``: from an id upward, or the newest."""
    symbol = request.symbol()
    limit = request.limit(500, 1_000) if request.market is Market.SPOT else request.limit(100, 500)
    from_id = request.integer("fromId")
    found = symbol.trades.last(limit) if from_id is None else symbol.trades.since(from_id, limit)
    return json_reply([_trade(symbol.instrument, each) for each in found])


def agg_trades(request: Request) -> RestReply:
    """Answer ``aggTrades``: from an id upward, in a span of time, or the newest."""
    symbol = request.symbol()
    limit = request.limit(500, 1_000)
    from_id, start, end = (request.integer(name) for name in ("fromId", "startTime", "endTime"))
    timed = start is not None or end is not None
    if request.market.is_futures:
        if from_id is not None and timed:
            raise RefusedError(-1128, "Combination of optional parameters invalid.")
        if start is not None and end is not None and end - start >= _HOUR_MS:
            raise RefusedError(-1127, "More than 1 hours between startTime and endTime.")
    log = symbol.aggregates
    if from_id is not None:
        found = log.since(from_id, limit)
    else:
        found = log.in_time(start, end, limit) if timed else log.last(limit)
    return json_reply([_aggregate(symbol.instrument, each) for each in found])


def klines(request: Request) -> RestReply:
    """Answer ``klines``, those in which nothing was traded among them."""
    symbol = request.symbol()
    interval = request.params.get("interval", "")
    if interval not in INTERVALS or (interval == "1s" and symbol.seconds is None):
        raise RefusedError(-1120, "Invalid interval.")
    if request.params.get("timeZone", "0") not in {"0", "0:00", "00:00", "+0", "+00:00"}:
        raise RefusedError(-1130, "Data sent for parameter 'timeZone' is not valid.")
    limit = request.limit(500, 1_500 if request.market.is_futures else 1_000)
    start, end = request.integer("startTime"), request.integer("endTime")
    coinm = request.market is Market.COINM
    if coinm and start is not None and end is None:
        end = start + _COINM_KLINES_SPAN_MS
    # There is no hole between klines: the newest `limit` of them cover a known span.
    newest_ms = request.now_ms if end is None else min(end, request.now_ms)
    span_ms = limit * (INTERVALS[interval] + DAY_MS if interval == "1M" else INTERVALS[interval])
    oldest_ms = start if start is not None and not coinm else max(start or 0, newest_ms - span_ms)
    found = [
        each
        for each in _series(symbol, interval, oldest_ms, request.now_ms)
        if (start is None or each.open_ms >= start) and (end is None or each.open_ms <= end)
    ]
    # Spot and USD-M answer the oldest from `startTime`; COIN-M the newest before `endTime`.
    # Source: COIN-M documentation, "Kline/Candlestick Data" (2026-05-28).
    found = found[:limit] if start is not None and not coinm else found[-limit:]
    return json_reply([_kline(symbol.instrument, each, interval) for each in found])


def _series(symbol: SymbolMarket, interval: str, from_ms: int, now_ms: int) -> Iterator[Kline]:
    """Yield the klines of an interval from the one that contains `from_ms` on."""
    series = symbol.seconds if interval == "1s" and symbol.seconds is not None else symbol.minutes
    series.advance(now_ms)
    return rolled_up(series.since(interval_start(interval, from_ms)), interval)


def _trade(each: Instrument, trade: Trade) -> dict[str, Any]:
    second = each.second.text(each.second_quantity(trade.price, trade.quantity))
    answer: dict[str, Any] = {
        "id": trade.trade_id,
        "price": each.price.text(trade.price),
        "qty": each.quantity.text(trade.quantity),
        "baseQty" if each.market is Market.COINM else "quoteQty": second,
        "time": trade.time_ms,
        "isBuyerMaker": trade.buyer_is_maker,
    }
    if each.market is Market.SPOT:
        answer["isBestMatch"] = True
    elif each.market is Market.USDM:
        answer["isRPITrade"] = False
    return answer


def _aggregate(each: Instrument, aggregate: Aggregate) -> dict[str, Any]:
    quantity = each.quantity.text(aggregate.quantity)
    answer: dict[str, Any] = {
        "a": aggregate.aggregate_id,
        "p": each.price.text(aggregate.price),
        "q": quantity,
        "f": aggregate.first_trade_id,
        "l": aggregate.last_trade_id,
        "T": aggregate.time_ms,
        "m": aggregate.buyer_is_maker,
    }
    if each.market is Market.SPOT:
        answer["M"] = True
    elif each.market is Market.USDM:
        answer["nq"] = quantity
    return answer


def _kline(each: Instrument, kline: Kline, interval: str) -> list[Any]:
    price, quantity, second = each.price.text, each.quantity.text, each.second.text
    return [
        kline.open_ms,
        price(kline.open),
        price(kline.high),
        price(kline.low),
        price(kline.close),
        quantity(kline.quantity),
        interval_end(interval, kline.open_ms) - 1,
        second(kline.second),
        kline.trade_count,
        quantity(kline.taker_buy_quantity),
        second(kline.taker_buy_second),
        "0",
    ]
