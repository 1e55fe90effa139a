"""The routes about accounts: only where private topics are read."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from fastapi import APIRouter, Query, Request, Response

from dashboard.api import documents
from dashboard.api.asking import documented, json_answer, reader_of
from dashboard.core.accounts import ACCOUNT_SCHEMAS, Accounts
from dashboard.errors import PrivateOffError
from schemas.markets import Market


__all__ = ["router"]

_MOST: Final = 10_000

AccountQuery: TypeAlias = Annotated[str | None, Query(description="Of this account only, by its label.", max_length=64)]
MarketQuery: TypeAlias = Annotated[Market | None, Query(description="Of this market only.")]

router = APIRouter(prefix="/api/v1/accounts")


@router.get("/orders", **documented("orders", documents.OrdersAnswer, 404, 422, 503, tag="accounts"))
async def orders(
    request: Request,
    account: AccountQuery = None,
    market: MarketQuery = None,
    ended: Annotated[int, Query(ge=0, le=_MOST, description="Orders that are over, at most; the newest.")] = 100,
) -> Response:
    """Give the orders of accounts: all that are open, then those that ended last."""
    return json_answer({"orders": _accounts(request, market).orders(account, market, ended=ended)})


@router.get("/balances", **documented("balances", documents.BalancesAnswer, 404, 422, 503, tag="accounts"))
async def balances(request: Request, account: AccountQuery = None, market: MarketQuery = None) -> Response:
    """Give what accounts have of each asset."""
    return json_answer({"balances": _accounts(request, market).balances(account, market)})


@router.get("/positions", **documented("positions", documents.PositionsAnswer, 404, 422, 503, tag="accounts"))
async def positions(request: Request, account: AccountQuery = None, market: MarketQuery = None) -> Response:
    """Give the positions of accounts on futures."""
    return json_answer({"positions": _accounts(request, market).positions(account, market)})


def _accounts(request: Request, market: Market | None) -> Accounts:
    """Return what is known of accounts.

    Raises:
        PrivateOffError: they are not read.
        NotSynchronisedError: not to their present yet.
    """
    reader = reader_of(request)
    if reader.accounts is None:
        raise PrivateOffError
    reader.require(reader.markets if market is None else [market], tuple(ACCOUNT_SCHEMAS))
    return reader.accounts
