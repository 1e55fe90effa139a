"""``ticker/24hr``, ``ticker/price``, ``ticker/bookTicker``, and the futures' ``premiumIndex``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.exchange.source import RestReply, json_reply
from sandbox.simulation.klines import Kline
from sandbox.simulation.publishers.mark_price import mark_price
from sandbox.simulation.rest.requests import Request
from sandbox.simulation.statistics import figures
from sandbox.simulation.symbol_market import SymbolMarket
from schemas.markets import Market


__all__ = ["book_ticker", "day", "premium_index", "price"]

_Answer = dict[str, Any]


def day(request: Request) -> RestReply:
    """Answer ``ticker/24hr``; of a symbol that has not traded all figures are zero."""
    return _answer(request, lambda symbol: _day(symbol, request.now_ms))


def price(request: Request) -> RestReply:
    """Answer ``ticker/price``."""
    return _answer(request, _price)


def book_ticker(request: Request) -> RestReply:
    """Answer ``ticker/bookTicker``."""
    return _answer(request, _book_ticker)


def premium_index(request: Request) -> RestReply:
    """Answer ``premiumIndex``: mark price and funding."""
    return _answer(request, lambda symbol: _premium_index(symbol, request))


def _answer(request: Request, write: Callable[[SymbolMarket], _Answer]) -> RestReply:
    """Answer an object for one `symbol`, an array otherwise; COIN-M always answers an array."""
    selected = request.selected()
    symbols = request.trading() if selected is None else selected
    answers = [write(each) for each in symbols]
    single = bool(request.params.get("symbol")) and request.market is not Market.COINM
    return json_reply(answers[0] if single else answers)


def _head(symbol: SymbolMarket, pair_key: str = "ps") -> _Answer:
    each = symbol.instrument
    return {"symbol": each.symbol} | ({pair_key: each.pair} if each.market is Market.COINM else {})


def _price(symbol: SymbolMarket) -> _Answer:
    last = symbol.last_trade
    answer = _head(symbol) | {"price": symbol.instrument.price.text(last.price if last else 0)}
    return answer | ({"time": last.time_ms if last else 0} if symbol.instrument.market.is_futures else {})


def _book_ticker(symbol: SymbolMarket) -> _Answer:
    each, top = symbol.instrument, symbol.top
    answer: _Answer = {"lastUpdateId": symbol.update_id} if each.market.is_futures else {}
    answer |= _head(symbol, "pair") | {
        "bidPrice": each.price.text(top.bid_price),
        "bidQty": each.quantity.text(top.bid_quantity),
        "askPrice": each.price.text(top.ask_price),
        "askQty": each.quantity.text(top.ask_quantity),
    }
    return answer | ({"time": symbol.changed_us // 1000} if each.market.is_futures else {})


def _day(symbol: SymbolMarket, now_ms: int) -> _Answer:
    each, last = symbol.instrument, symbol.last_trade
    window = symbol.day.at(now_ms) or Kline(symbol.day.open_ms(now_ms), 0, 0, 0, 0)
    f = figures(each, window)
    answer = _head(symbol, "pair") | {
        "priceChange": f.price_change,
        "priceChangePercent": f.price_change_percent,
        "weightedAvgPrice": f.weighted_average,
    }
    if each.market is Market.SPOT:
        before = symbol.day.previous_close
        answer["prevClosePrice"] = each.price.text(window.open if before is None else before)
    answer |= {"lastPrice": f.last, "lastQty": each.quantity.text(last.quantity if last else 0)}
    if each.market is Market.SPOT:
        quotes = _book_ticker(symbol)
        answer |= {key: quotes[key] for key in ("bidPrice", "bidQty", "askPrice", "askQty")}
    return answer | {
        "openPrice": f.open,
        "highPrice": f.high,
        "lowPrice": f.low,
        "volume": f.volume,
        "baseVolume" if each.market is Market.COINM else "quoteVolume": f.second_volume,
        "openTime": window.open_ms,
        "closeTime": now_ms,
        "firstId": window.first_trade_id,
        "lastId": window.last_trade_id,
        "count": window.trade_count,
    }


def _premium_index(symbol: SymbolMarket, request: Request) -> _Answer:
    now = mark_price(symbol, request.now_us)
    return _head(symbol, "pair") | {
        "markPrice": now.mark,
        "indexPrice": now.index,
        "estimatedSettlePrice": now.settle,
        "lastFundingRate": now.funding_rate,
        "interestRate": "0.00010000" if now.funding_rate else "",
        "nextFundingTime": now.next_funding_ms,
        "time": request.clock_ms,
    }
