"""The routes: each asks the core about this moment and writes its answer."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from fastapi import APIRouter, Query, Request, Response

from dashboard.api import documents
from dashboard.api.asking import (
    MOST_LEVELS,
    Interval,
    MarketPath,
    SymbolPath,
    documented,
    json_answer,
    reader_for,
    reader_of,
)
from dashboard.core import answers, quotes
from schemas.derived import AlertKind, AlertStatus, BookState, TakerSide
from schemas.markets import Market


__all__ = ["router"]

_MOST: Final = 10_000
_BOOK: Final = ("book-snapshot", "top-of-book", "book-verification")
_ABOUT_SYMBOLS: Final = (*_BOOK, "candle", "trade", "trade-flow", "ticker", "liquidity")

Window: TypeAlias = Literal["1s", "10s", "1m"]

router = APIRouter(prefix="/api/v1")


@router.get("/markets/{market}/symbols", **documented("symbols", documents.SymbolsAnswer, 422, 503, tag="symbols"))
async def symbols(request: Request, market: MarketPath) -> Response:
    """List the symbols of a market of which anything was told."""
    reader = reader_for(request, [market], _ABOUT_SYMBOLS)
    return json_answer(answers.symbols_answer(reader.store, market))


@router.get("/books", **documented("books", documents.BooksAnswer, 422, 503, tag="books"))
async def books(
    request: Request,
    market: Annotated[Market | None, Query(description="Of this market only.")] = None,
    state: Annotated[BookState | None, Query(description="In this state only; the counts are of all.")] = None,
) -> Response:
    """Tell how every book stands: right, or why not; how old; when it was last held against the venue's."""
    markets = reader_of(request).markets if market is None else [market]
    reader = reader_for(request, markets, _BOOK)
    return json_answer(answers.books_answer(reader.store, markets, reader.moment(), state=state))


@router.get("/markets/{market}/books/{symbol}", **documented("book", documents.BookAnswer, 404, 422, 503, tag="books"))
async def book(
    request: Request,
    market: MarketPath,
    symbol: SymbolPath,
    depth: Annotated[int, Query(ge=1, le=MOST_LEVELS, description="Levels of each side, at most.")] = 20,
) -> Response:
    """Give a book to a depth, from its last snapshot, with the newest best prices beside it.

    A book that is not live is given as well: `state` and `reason` say so, and the levels are of when it was.
    """
    reader = reader_for(request, [market], _BOOK)
    return json_answer(answers.book_answer(reader.store, market, symbol, depth, reader.moment()))


@router.get(
    "/markets/{market}/books/{symbol}/slippage",
    **documented("slippage", documents.SlippageAnswer, 404, 422, 503, tag="books"),
)
async def slippage(
    request: Request,
    *,
    market: MarketPath,
    symbol: SymbolPath,
    side: Annotated[TakerSide, Query(description="BUY takes asks, SELL takes bids.")],
    quantity: Annotated[
        str | None, Query(description="Size in base asset, on COIN-M in contracts.", examples=["1.5"], max_length=64)
    ] = None,
    quote_quantity: Annotated[
        str | None, Query(description="Or size in quote asset; not on COIN-M.", examples=["100000"], max_length=64)
    ] = None,
) -> Response:
    """Say what an order that takes from the book now would get, as far as levels are known.

    Give one of `quantity` and `quote_quantity`. Where the known levels end first, `exhausted` is true and the numbers
    are of what they give. Fees are left out. Only a live book is asked.
    """
    size = quotes.size_of(market, quantity, quote_quantity)
    reader = reader_for(request, [market], _BOOK)
    return json_answer(
        quotes.slippage_answer(reader.store, market, symbol, side=side, size=size, moment=reader.moment())
    )


@router.get(
    "/markets/{market}/candles/{symbol}", **documented("candles", documents.CandlesAnswer, 404, 422, 503, tag="trades")
)
async def candles(
    request: Request,
    market: MarketPath,
    symbol: SymbolPath,
    interval: Annotated[Interval, Query(description="Length of a candle.")] = "1m",
    limit: Annotated[int, Query(ge=1, le=_MOST, description="Newest candles, at most; fewer may be known.")] = 100,
) -> Response:
    """Give the last candles, oldest first."""
    reader = reader_for(request, [market], ["candle"])
    return json_answer(answers.candles_answer(reader.store, market, symbol, interval, limit))


@router.get(
    "/markets/{market}/trades/{symbol}", **documented("trades", documents.TradesAnswer, 404, 422, 503, tag="trades")
)
async def trades(
    request: Request,
    market: MarketPath,
    symbol: SymbolPath,
    limit: Annotated[int, Query(ge=1, le=_MOST, description="Newest trades, at most; fewer may be known.")] = 100,
) -> Response:
    """Give the last trades, oldest first, and the holes between them.

    A trade that was filled in later stands where it was told, with `late`.
    """
    reader = reader_for(request, [market], ["trade"])
    return json_answer(answers.trades_answer(reader.store, market, symbol, limit))


@router.get("/markets/{market}/flow/{symbol}", **documented("flow", documents.FlowAnswer, 404, 422, 503, tag="trades"))
async def flow(
    request: Request,
    market: MarketPath,
    symbol: SymbolPath,
    window: Annotated[Window, Query(description="Length of a window.")] = "10s",
    limit: Annotated[int, Query(ge=1, le=_MOST, description="Newest windows, at most; fewer may be known.")] = 100,
) -> Response:
    """Give the last windows of flow, oldest first: who traded how much."""
    reader = reader_for(request, [market], ["trade-flow"])
    return json_answer(answers.flow_answer(reader.store, market, symbol, window, limit))


@router.get(
    "/markets/{market}/tickers/{symbol}", **documented("ticker", documents.TickerAnswer, 404, 422, 503, tag="trades")
)
async def ticker(request: Request, market: MarketPath, symbol: SymbolPath) -> Response:
    """Give the rolling 24 h statistics, as the venue sent them last."""
    reader = reader_for(request, [market], ["ticker"])
    return json_answer(answers.ticker_answer(reader.store, market, symbol, reader.moment()))


@router.get(
    "/markets/{market}/liquidity/{symbol}",
    **documented("liquidity", documents.LiquidityAnswer, 404, 422, 503, tag="books"),
)
async def liquidity(request: Request, market: MarketPath, symbol: SymbolPath) -> Response:
    """Give the last word on liquidity: depth near the mid price, imbalance, slippage of fixed sizes."""
    reader = reader_for(request, [market], ["liquidity"])
    return json_answer(answers.liquidity_answer(reader.store, market, symbol, reader.moment()))


@router.get("/markets/{market}/alerts", **documented("alerts", documents.AlertsAnswer, 422, 503, tag="alerts"))
async def alerts(
    request: Request,
    *,
    market: MarketPath,
    symbol: Annotated[str | None, Query(description="About this symbol only.", max_length=64)] = None,
    kind: Annotated[AlertKind | None, Query(description="Of this kind only.")] = None,
    status: Annotated[AlertStatus | None, Query(description="`open`: those that are not over.")] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST, description="Newest alerts, at most.")] = 100,
) -> Response:
    """Give the last alerts of a market, the newest first."""
    reader = reader_for(request, [market], ["alert"])
    return json_answer(answers.alerts_answer(reader.store, market, limit, symbol=symbol, kind=kind, status=status))
