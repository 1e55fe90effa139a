"""What an order would cost, walked down the levels that are known."""

from __future__ import annotations

from typing import Final

import msgspec

from dashboard.core.answers import Document, Moment, find_book, standing_of
from dashboard.core.store import Store
from dashboard.errors import BadParameterError, BookNotLiveError
from processors.core.slippage import BPS_SCALE, ContractFill, Fill, walk, walk_contracts
from schemas.decimals import QUOTE_SCALE, SCALE, format_scaled, parse_scaled
from schemas.derived import BookState, TakerSide
from schemas.markets import Market


__all__ = ["Size", "size_of", "slippage_answer"]

_QUANTITY_DIGITS: Final = 20
_QUOTE_DIGITS: Final = 38


class Size(msgspec.Struct, frozen=True):
    """How much is to be traded; one of the two."""

    quantity: int | None
    """Scaled by 10^8."""
    quote_quantity: int | None
    """Scaled by 10^16."""


def size_of(market: Market, quantity: str | None, quote_quantity: str | None) -> Size:
    """Return the size that two parameters ask for.

    Raises:
        BadParameterError: not one of them is given, or it is no positive decimal number that fits.
    """
    if (quantity is None) == (quote_quantity is None):
        raise BadParameterError("quantity", "give either quantity or quote_quantity")
    if quantity is not None:
        return Size(_number("quantity", quantity, SCALE, _QUANTITY_DIGITS), None)
    if market is Market.COINM:
        reason = "quantities on COIN-M are contracts of a fixed worth: give quantity, the number of contracts"
        raise BadParameterError("quote_quantity", reason)
    return Size(None, _number("quote_quantity", quote_quantity or "", QUOTE_SCALE, _QUOTE_DIGITS))


def slippage_answer(
    store: Store, market: Market, symbol: str, *, side: TakerSide, size: Size, moment: Moment
) -> Document:
    """Return what taking from a book would cost, as far as its last snapshot goes.

    Args:
        store: what is known.
        market: the symbol's.
        symbol: whose book.
        side: of the taker: BUY takes asks.
        size: how much.
        moment: now.

    Raises:
        UnknownSymbolError: nothing was ever told of the symbol.
        NothingToldError: it has no book.
        BookNotLiveError: the book is not right, or no levels of it are known.
    """
    book = find_book(store, market, symbol)
    standing, snapshot = standing_of(book, moment), book.snapshot
    if standing.state is not BookState.LIVE:
        raise BookNotLiveError(symbol, standing.state, standing.reason or "")
    if snapshot is None or snapshot.state is not BookState.LIVE:
        raise BookNotLiveError(symbol, BookState.SYNCING, "it is live again, but no levels of it were told since")
    buys = side is TakerSide.BUY
    prices = snapshot.ask_prices if buys else snapshot.bid_prices
    quantities = snapshot.ask_quantities if buys else snapshot.bid_quantities
    return {
        "market": market,
        "symbol": symbol,
        "side": side,
        "quantity": _text(size.quantity),
        "quote_quantity": _text(size.quote_quantity, QUOTE_SCALE),
        **_filled(market, prices, quantities, size),
        "best_price": _text(prices[0] if prices else None),
        "levels_known": len(prices),
        "update_id": snapshot.update_id,
        "snapshot_time": snapshot.snapshot_time,
        "age_ms": max(0, moment.now_ms - snapshot.snapshot_time),
    }


def _filled(market: Market, prices: list[int], quantities: list[int], size: Size) -> Document:
    fill: Fill | ContractFill
    amounts: tuple[int, int | None, str]
    if market is Market.COINM:
        fill = walk_contracts(prices, quantities, quantity=size.quantity or 0)
        amounts = (fill.filled_contracts, None, "contracts")
    else:
        fill = walk(prices, quantities, quantity=size.quantity, quote_quantity=size.quote_quantity)
        amounts = (fill.filled_quantity, fill.filled_quote_quantity, "base asset")
    return {
        "filled_quantity": _text(amounts[0]),
        "filled_quote_quantity": _text(amounts[1], QUOTE_SCALE),
        "unit": amounts[2],
        "average_price": _text(fill.average_price),
        "worst_price": _text(fill.worst_price),
        "slippage_bps": _text(fill.slippage_bps, BPS_SCALE),
        "levels_used": fill.levels_used,
        "exhausted": fill.exhausted,
    }


def _number(parameter: str, text: str, scale: int, digits: int) -> int:
    try:
        number = parse_scaled(text, scale, digits)
    except ValueError as error:
        raise BadParameterError(parameter, str(error)) from error
    if number <= 0:
        raise BadParameterError(parameter, f'"{text[:40]}" must be positive')
    return number


def _text(number: int | None, scale: int = SCALE) -> str | None:
    return None if number is None else format_scaled(number, scale)
