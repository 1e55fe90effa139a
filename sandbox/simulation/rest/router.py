"""From a path to its answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from sandbox.exchange.source import RestReply, error_reply, json_reply
from sandbox.simulation.rest import market_data, tickers
from sandbox.simulation.rest.exchange_info import exchange_info
from sandbox.simulation.rest.requests import RefusedError, Request
from schemas.markets import Market


__all__ = ["answer", "whole_book"]

_PREFIX: Final = re.compile(r"/(api|fapi|dapi)/v[123]/")
_BOTH: Final[Mapping[str, Callable[[Request], RestReply]]] = {
    "ping": lambda _: json_reply({}),
    "time": lambda request: json_reply({"serverTime": request.clock_ms}),
    "exchangeInfo": exchange_info,
    "depth": market_data.depth,
    "trades": market_data.trades,
    "historicalTrades": market_data.historical_trades,
    "aggTrades": market_data.agg_trades,
    "klines": market_data.klines,
    "ticker/24hr": tickers.day,
    "ticker/price": tickers.price,
    "ticker/bookTicker": tickers.book_ticker,
}
_ENDPOINTS: Final[Mapping[Market, Mapping[str, Callable[[Request], RestReply]]]] = {
    Market.SPOT: {**_BOTH, "uiKlines": market_data.klines},
    Market.USDM: {**_BOTH, "premiumIndex": tickers.premium_index},
    Market.COINM: {**_BOTH, "premiumIndex": tickers.premium_index},
}


def answer(path: str, request: Request) -> RestReply:
    """Answer a request, or refuse it as the venue would."""
    endpoint = _ENDPOINTS[request.market].get(_PREFIX.sub("", path, count=1))
    if endpoint is None:
        return error_reply(404, -5000, f"Path {path}, Method GET is invalid")
    try:
        return endpoint(request)
    except RefusedError as refused:
        return error_reply(refused.status, refused.code, refused.message)


def whole_book(request: Request) -> RestReply:
    """Answer every level of a book, which the venue itself never does."""
    try:
        return market_data.whole_book(request)
    except RefusedError as refused:
        return error_reply(refused.status, refused.code, refused.message)
