"""Answers to questions about one moment of the store.

Each is what its JSON will say. Decimals are text, exact to the last digit, and times are ms since the epoch, UTC.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import msgspec

from dashboard.core.book import Book
from dashboard.core.store import Store
from dashboard.errors import NothingToldError, UnknownSymbolError
from schemas.decimals import format_scaled
from schemas.derived import AlertKind, AlertStatus, BookState, Candle, Trade
from schemas.documents import to_document
from schemas.markets import Market


__all__ = [
    "Document",
    "Moment",
    "alerts_answer",
    "book_answer",
    "books_answer",
    "candles_answer",
    "candles_document",
    "find_book",
    "flow_answer",
    "liquidity_answer",
    "standing_of",
    "symbols_answer",
    "ticker_answer",
    "trades_answer",
    "trades_document",
]

Document: TypeAlias = dict[str, Any]
"""What JSON will say."""

_REASONS: Final = {
    BookState.SYNCING: "no snapshot joined the diffs yet, or a gap broke the book; the workers ask for a new snapshot",
    BookState.STALE: "no heartbeat vouches for the book any more: its stream is silent, or ingest is away",
}


class Moment(msgspec.Struct, frozen=True):
    """When a question is answered, and what stands against the answer."""

    now_ms: int
    """By this machine's clock."""
    obstacle: str | None = None
    """Why what is known may be of the past; None: nothing stands against it."""
    at_s: float = 0.0
    """The same moment by a monotonic clock."""


class Standing(msgspec.Struct, frozen=True):
    """Whether a book can be relied on."""

    state: BookState
    reason: str | None
    """Why it is not live."""


def standing_of(book: Book, moment: Moment) -> Standing:
    """Return how a book stands: as it said last, and stale where nothing can be heard."""
    state = book.state or BookState.SYNCING
    if state is BookState.LIVE and moment.obstacle is not None:
        return Standing(BookState.STALE, moment.obstacle)
    return Standing(state, _REASONS.get(state))


def find_book(store: Store, market: Market, symbol: str) -> Book:
    """Return the book of a symbol.

    Raises:
        UnknownSymbolError: nothing was ever told of the symbol.
        NothingToldError: it has no book.
    """
    book = store.book(market, symbol)
    if book is None:
        _require_known(store, market, symbol)
        raise NothingToldError(market, symbol, "book")
    return book


def symbols_answer(store: Store, market: Market) -> Document:
    """Return the symbols of a market."""
    states = dict(store.books(market))
    return {
        "market": market,
        "symbols": [
            {"symbol": symbol, "book_state": states[symbol].state if symbol in states else None}
            for symbol in store.symbols(market)
        ],
    }


def book_answer(store: Store, market: Market, symbol: str, depth: int, moment: Moment) -> Document:
    """Return a book to a depth: its last snapshot, with the newest top beside it.

    Raises:
        UnknownSymbolError: nothing was ever told of the symbol.
        NothingToldError: it has no book.
    """
    book = find_book(store, market, symbol)
    snapshot = book.snapshot
    return {
        **_summary(market, symbol, book, moment),
        "snapshot_time": None if snapshot is None else snapshot.snapshot_time,
        "snapshot_update_id": None if snapshot is None else snapshot.update_id,
        "levels_known": 0 if snapshot is None else max(len(snapshot.bid_prices), len(snapshot.ask_prices)),
        "bids": [] if snapshot is None else _levels(snapshot.bid_prices, snapshot.bid_quantities, depth),
        "asks": [] if snapshot is None else _levels(snapshot.ask_prices, snapshot.ask_quantities, depth),
        "top": None if book.top is None else to_document("top-of-book", book.top),
    }


def books_answer(
    store: Store, markets: Iterable[Market], moment: Moment, *, state: BookState | None = None
) -> Document:
    """Return how every book stands, and how many stand how."""
    books = [_summary(market, symbol, book, moment) for market in markets for symbol, book in store.books(market)]
    counts = Counter(book["state"] for book in books)
    return {
        "counts": {str(one): counts[one] for one in BookState},
        "books": [book for book in books if state is None or book["state"] == state],
    }


def candles_answer(store: Store, market: Market, symbol: str, interval: str, limit: int) -> Document:
    """Return the last candles of a symbol, oldest first; none, where there was no trade.

    Raises:
        UnknownSymbolError: nothing was ever told of the symbol.
    """
    _require_known(store, market, symbol)
    series = store.candles(market, symbol, interval)
    return candles_document(market, symbol, interval, [] if series is None else series.last(limit))


def candles_document(market: Market, symbol: str, interval: str, candles: Iterable[Candle]) -> Document:
    """Return candles as they are told."""
    told = [to_document("candle", candle) for candle in candles]
    return {"market": market, "symbol": symbol, "interval": interval, "candles": told}


def flow_answer(store: Store, market: Market, symbol: str, window: str, limit: int) -> Document:
    """Return the last windows of flow, oldest first; those without trades are not told.

    Raises:
        UnknownSymbolError: nothing was ever told of the symbol.
    """
    _require_known(store, market, symbol)
    series = store.flow(market, symbol, window)
    windows = [] if series is None else series.last(limit)
    return {
        "market": market,
        "symbol": symbol,
        "window": window,
        "flow": [to_document("trade-flow", one) for one in windows],
    }


def trades_answer(store: Store, market: Market, symbol: str, limit: int) -> Document:
    """Return the last trades and holes of a symbol, oldest first.

    Raises:
        UnknownSymbolError: nothing was ever told of the symbol.
    """
    _require_known(store, market, symbol)
    tape = store.tape(market, symbol)
    return trades_document(market, symbol, [] if tape is None else tape.last(limit))


def trades_document(market: Market, symbol: str, trades: Iterable[Trade]) -> Document:
    """Return trades as they are told."""
    return {"market": market, "symbol": symbol, "trades": [to_document("trade", trade) for trade in trades]}


def ticker_answer(store: Store, market: Market, symbol: str, moment: Moment) -> Document:
    """Return the last ticker.

    Raises:
        UnknownSymbolError: nothing was ever told of the symbol.
        NothingToldError: it has no ticker.
    """
    ticker = store.ticker(market, symbol)
    if ticker is None:
        _require_known(store, market, symbol)
        raise NothingToldError(market, symbol, "ticker")
    return {"market": market, **to_document("ticker", ticker), "age_ms": _age_ms(ticker.event_time, moment)}


def liquidity_answer(store: Store, market: Market, symbol: str, moment: Moment) -> Document:
    """Return the last word on a symbol's liquidity.

    Raises:
        UnknownSymbolError: nothing was ever told of the symbol.
        NothingToldError: nothing was told of its liquidity.
    """
    liquidity = store.liquidity(market, symbol)
    if liquidity is None:
        _require_known(store, market, symbol)
        raise NothingToldError(market, symbol, "liquidity")
    return {"market": market, **to_document("liquidity", liquidity), "age_ms": _age_ms(liquidity.time, moment)}


def alerts_answer(
    store: Store,
    market: Market,
    limit: int,
    *,
    symbol: str | None = None,
    kind: AlertKind | None = None,
    status: AlertStatus | None = None,
    open_first: bool = False,
) -> Document:
    """Return the last alerts of a market, the newest first; if wanted, those that are over after all others."""
    alerts = [
        alert
        for alert in store.alerts(market)
        if (symbol is None or alert.symbol == symbol)
        and (kind is None or alert.kind == kind)
        and (status is None or alert.status == status)
    ]
    if open_first:
        alerts.sort(key=lambda one: one.status is AlertStatus.CLOSED)
    return {"market": market, "alerts": [to_document("alert", alert) for alert in alerts[:limit]]}


def _require_known(store: Store, market: Market, symbol: str) -> None:
    if not store.knows(market, symbol):
        raise UnknownSymbolError(market, symbol)


def _summary(market: Market, symbol: str, book: Book, moment: Moment) -> Document:
    standing = standing_of(book, moment)
    verification = book.verification
    return {
        "market": market,
        "symbol": symbol,
        "state": standing.state,
        "reason": standing.reason,
        "update_id": book.update_id,
        "event_time": book.event_time,
        "age_ms": _age_ms(book.event_time, moment),
        "heard_ms_ago": _age_ms(book.heard_ms, moment),
        "verification": None if verification is None else to_document("book-verification", verification),
    }


def _age_ms(time_ms: int | None, moment: Moment) -> int | None:
    return None if time_ms is None else max(0, moment.now_ms - time_ms)


def _levels(prices: list[int], quantities: list[int], depth: int) -> list[list[str]]:
    pairs = zip(prices[:depth], quantities[:depth], strict=True)
    return [[format_scaled(price), format_scaled(quantity)] for price, quantity in pairs]
