"""The routes that push: server-sent events of a symbol, and of the whole for operators."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from sse_starlette import EventSourceResponse

from dashboard.api.asking import MOST_LEVELS, Interval, reader_of
from dashboard.api.problems import problem_responses
from dashboard.api.pushing import Pusher
from dashboard.core.views import MarketView, OperationsView, View
from dashboard.errors import NotSynchronisedError, UnknownSymbolError
from schemas.markets import Market


__all__ = ["router"]

_SEND_LIMIT_S: Final = 30.0
"""A reader that takes nothing for so long is gone."""

router = APIRouter(prefix="/api/v1", tags=["push"])


def _streaming(name: str, *problems: int) -> dict[str, Any]:
    text = {"schema": {"type": "string"}, "example": 'event: status\ndata: {"source": "Binance", ...}\n\n'}
    return {
        "name": name,
        "response_class": EventSourceResponse,
        "responses": {
            200: {"description": "Events for as long as the page is open.", "content": {"text/event-stream": text}},
            **problem_responses(*problems),
        },
    }


@router.get("/stream", **_streaming("stream", 404, 422, 503))
async def stream(
    request: Request,
    *,
    market: Annotated[Market, Query(description="`spot`, `usdm` or `coinm`.")],
    symbol: Annotated[str, Query(description="The venue's name, in capitals.", examples=["BTCUSDT"], max_length=64)],
    interval: Annotated[Interval, Query(description="Length of a candle.")] = "1m",
    depth: Annotated[int, Query(ge=1, le=MOST_LEVELS, description="Levels of each side, at most.")] = 20,
) -> EventSourceResponse:
    """Push what changes about a symbol: the newest state of each kind, ten times a second at most.

    Events and their documents, each the answer of the route of that name: `status` at once and each second; `book`
    when it changes and each second; `candles` at first, then `candle` with those that changed; `trades`: the last 100,
    then the new ones; `flow` of 10 s, `ticker`, `liquidity`, `alerts` of the symbol, open ones first, when they change;
    `accounts` with orders, balances and positions, where accounts are read. What is not read to its present yet is not
    told until it is. Nothing is queued for a slow reader.
    """
    reader = reader_of(request)
    _require_known(request, market, symbol)
    view = MarketView(reader.store, reader.accounts, market, symbol, interval=interval, depth=depth)
    return _pushed(request, view, "market")


@router.get("/operations/stream", **_streaming("operations_stream", 503))
async def operations_stream(request: Request) -> EventSourceResponse:
    """Push `status` and `operations`, the document of the route of that name, each second."""
    return _pushed(request, OperationsView(), "operations")


def _require_known(request: Request, market: Market, symbol: str) -> None:
    """Return where a symbol may be told of.

    Raises:
        UnknownSymbolError: all is read, and nothing was ever told of it.
        NotSynchronisedError: the market is not read here, and never will be.
    """
    reader = reader_of(request)
    if market not in reader.markets:
        raise NotSynchronisedError([f"market {market} is not read here (DASHBOARD_MARKETS)"])
    # While topics are read to their present the page is served, and told so: it need not ask again.
    if not reader.synchrony.obstacles() and not reader.store.knows(market, symbol):
        raise UnknownSymbolError(market, symbol)


def _pushed(request: Request, view: View, page: str) -> EventSourceResponse:
    pusher = request.app.state.pusher
    assert isinstance(pusher, Pusher)  # noqa: S101 - create_app puts nothing else there
    return EventSourceResponse(pusher.open(view, page), ping=0, send_timeout=_SEND_LIMIT_S)
