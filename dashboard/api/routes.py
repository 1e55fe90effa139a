"""The routes: each asks the core about this moment and writes its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response

from dashboard.api import documents
from dashboard.api.problems import problem_responses
from dashboard.core import answers, quotes
from dashboard.core.answers import Document
from dashboard.reader import Reader
from schemas.derived import AlertKind, AlertStatus, BookState, TakerSide
from schemas.markets import Market


__all__ = ["router"]

_MOST_LEVELS: Final = 1_000
_MOST: Final = 10_000
_BOOK: Final = ("book-snapshot", "top-of-book", "book-verification")
_ABOUT_SYMBOLS: Final = (*_BOOK, "candle", "trade-flow", "ticker", "liquidity")

MarketPath: TypeAlias = Annotated[Market, Path(description="`spot`, `usdm` or `coinm`.")]
SymbolPath: TypeAlias = Annotated[
    str, Path(description="The venue's name, in capitals.", examples=["BTCUSDT"], max_length=64)
]
Interval: TypeAlias = Literal["1m", "5m", "15m", "1h", "4h", "1d"]
Window: TypeAlias = Literal["1s", "10s", "1m"]

router = APIRouter(prefix="/api/v1")


def _documented(name: str, model: Any, *problems: int, tag: str) -> dict[str, Any]:
    """Return what a route's documentation says of its answers."""
    return {
        "name": name,
        "tags": [tag],
        "response_class": Response,
        "responses": {200: {"model": model}, **problem_responses(*problems)},
    }


@router.get("/markets/{market}/symbols", **_documented("symbols", documents.SymbolsAnswer, 422, 503, tag="symbols"))
async def symbols(request: Request, market: MarketPath) -> Response:
    """List the symbols of a market of which anything was told."""
    reader = _reader(request, [market], _ABOUT_SYMBOLS)
    return _json(answers.symbols_answer(reader.store, market))


@router.get("/books", **_documented("books", documents.BooksAnswer, 422, 503, tag="books"))
async def books(
    request: Request,
    market: Annotated[Market | None, Query(description="Of this market only.")] = None,
    state: Annotated[BookState | None, Query(description="In this state only; the counts are of all.")] = None,
) -> Response:
    """Tell how every book stands: right, or why not; how old; when it was last held against the venue's."""
    markets = _reader_of(request).markets if market is None else [market]
    reader = _reader(request, markets, _BOOK)
    return _json(answers.books_answer(reader.store, markets, reader.moment(), state=state))


@router.get("/markets/{market}/books/{symbol}", **_documented("book", documents.BookAnswer, 404, 422, 503, tag="books"))
async def book(
    request: Request,
    market: MarketPath,
    symbol: SymbolPath,
    depth: Annotated[int, Query(ge=1, le=_MOST_LEVELS, description="Levels of each side, at most.")] = 20,
) -> Response:
    """Give a book to a depth, from its last snapshot, with the newest best prices beside it.

    A book that is not live is given as well: `state` and `reason` say so, and the levels are of when it was.
    """
    reader = _reader(request, [market], _BOOK)
    return _json(answers.book_answer(reader.store, market, symbol, depth, reader.moment()))


@router.get(
    "/markets/{market}/books/{symbol}/slippage",
    **_documented("slippage", documents.SlippageAnswer, 404, 422, 503, tag="books"),
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
    reader = _reader(request, [market], _BOOK)
    return _json(quotes.slippage_answer(reader.store, market, symbol, side=side, size=size, moment=reader.moment()))


@router.get(
    "/markets/{market}/candles/{symbol}", **_documented("candles", documents.CandlesAnswer, 404, 422, 503, tag="trades")
)
async def candles(
    request: Request,
    market: MarketPath,
    symbol: SymbolPath,
    interval: Annotated[Interval, Query(description="Length of a candle.")] = "1m",
    limit: Annotated[int, Query(ge=1, le=_MOST, description="Newest candles, at most; fewer may be known.")] = 100,
) -> Response:
    """Give the last candles, oldest first."""
    reader = _reader(request, [market], ["candle"])
    return _json(answers.candles_answer(reader.store, market, symbol, interval, limit))


@router.get("/markets/{market}/flow/{symbol}", **_documented("flow", documents.FlowAnswer, 404, 422, 503, tag="trades"))
async def flow(
    request: Request,
    market: MarketPath,
    symbol: SymbolPath,
    window: Annotated[Window, Query(description="Length of a window.")] = "10s",
    limit: Annotated[int, Query(ge=1, le=_MOST, description="Newest windows, at most; fewer may be known.")] = 100,
) -> Response:
    """Give the last windows of flow, oldest first: who traded how much."""
    reader = _reader(request, [market], ["trade-flow"])
    return _json(answers.flow_answer(reader.store, market, symbol, window, limit))


@router.get(
    "/markets/{market}/tickers/{symbol}", **_documented("ticker", documents.TickerAnswer, 404, 422, 503, tag="trades")
)
async def ticker(request: Request, market: MarketPath, symbol: SymbolPath) -> Response:
    """Give the rolling 24 h statistics, as the venue sent them last."""
    reader = _reader(request, [market], ["ticker"])
    return _json(answers.ticker_answer(reader.store, market, symbol, reader.moment()))


@router.get(
    "/markets/{market}/liquidity/{symbol}",
    **_documented("liquidity", documents.LiquidityAnswer, 404, 422, 503, tag="books"),
)
async def liquidity(request: Request, market: MarketPath, symbol: SymbolPath) -> Response:
    """Give the last word on liquidity: depth near the mid price, imbalance, slippage of fixed sizes."""
    reader = _reader(request, [market], ["liquidity"])
    return _json(answers.liquidity_answer(reader.store, market, symbol, reader.moment()))


@router.get("/markets/{market}/alerts", **_documented("alerts", documents.AlertsAnswer, 422, 503, tag="alerts"))
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
    reader = _reader(request, [market], ["alert"])
    return _json(answers.alerts_answer(reader.store, market, limit, symbol=symbol, kind=kind, status=status))


def _reader_of(request: Request) -> Reader:
    reader = request.app.state.reader
    assert isinstance(reader, Reader)  # noqa: S101 - create_app puts nothing else there
    return reader


def _reader(request: Request, markets: Sequence[Market], schemas: Sequence[str]) -> Reader:
    """Return the reader, where it has read to their present what an answer is made of."""
    reader = _reader_of(request)
    reader.require(markets, schemas)
    return reader


def _json(document: Document) -> Response:
    return Response(msgspec.json.encode(document), headers={"Cache-Control": "no-store"}, media_type="application/json")
