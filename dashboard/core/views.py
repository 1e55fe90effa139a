"""What one page is told, and when: the newest state of each thing that changed, at most once a beat.

Nothing is queued. A view remembers what it told last of each kind; asked at the next beat, or long after because its
reader is slow, it says what differs from that, once, as it is then.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Final, Protocol

import msgspec

from dashboard.core import answers
from dashboard.core.accounts import Accounts
from dashboard.core.answers import Document, Moment
from dashboard.core.series import Series
from dashboard.core.store import Store
from dashboard.core.tape import Tape
from schemas.derived import Candle
from schemas.markets import Market


__all__ = ["EVENTS", "Beat", "MarketView", "OperationsView", "Push", "View"]

EVENTS: Final = (
    "accounts",
    "alerts",
    "book",
    "candle",
    "candles",
    "flow",
    "liquidity",
    "operations",
    "status",
    "ticker",
    "trades",
)
"""All that there are."""
CANDLES: Final = 300
"""Told at first; then those that change."""
TRADES: Final = 100
"""Told at first, and at most at once."""
FLOW_WINDOW: Final = "10s"
FLOW: Final = 30
ALERTS: Final = 50
_REPEAT_S: Final = 0.95
"""After so long a book and the status are told again, changed or not: their ages have. Less than ten beats by half a
one, so that it is at the tenth."""


class Push(msgspec.Struct, frozen=True):
    """One event for a page."""

    event: str
    key: Hashable
    """Two pushes of one beat with equal keys say the same, so that it is written once for all pages."""
    document: Callable[[], Document]


class Beat(Protocol):
    """One moment for all pages."""

    @property
    def moment(self) -> Moment:
        """Now."""

    def status(self) -> Document:
        """Return where data come from, and whether they are of the present."""

    def operations(self) -> Document:
        """Return what operators are told."""

    def readable(self, market: Market, schema: str) -> bool:
        """Whether a topic is read to its present: before that its records are history, and not pushed."""


class View(Protocol):
    """What a page looks at."""

    def due(self, beat: Beat) -> Iterator[Push]:
        """Yield what is to be told now."""


class _Statement:
    """A document that is told once a second.

    Args:
        event: its name.
        document: returns it.
    """

    def __init__(self, event: str, document: Callable[[Beat], Document]) -> None:
        self._event = event
        self._document = document
        self._told_at = -_REPEAT_S

    def due(self, beat: Beat) -> Iterator[Push]:
        """Yield the document, once a second."""
        if beat.moment.at_s - self._told_at >= _REPEAT_S:
            self._told_at = beat.moment.at_s
            yield Push(self._event, self._event, lambda: self._document(beat))


class OperationsView:
    """What operators are told."""

    def __init__(self) -> None:
        self._status = _Statement("status", lambda beat: beat.status())
        self._operations = _Statement("operations", lambda beat: beat.operations())

    def due(self, beat: Beat) -> Iterator[Push]:
        """Yield both, once a second."""
        yield from self._status.due(beat)
        yield from self._operations.due(beat)


class MarketView:
    """A view of one symbol.

    Args:
        store: what is known.
        accounts: what is known of accounts; None: they are not read.
        market: the symbol's.
        symbol: whose book, candles and trades.
        interval: of the candles.
        depth: levels of the book.
    """

    def __init__(
        self, store: Store, accounts: Accounts | None, market: Market, symbol: str, *, interval: str, depth: int
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._market = market
        self._symbol = symbol
        self._interval = interval
        self._depth = depth
        self._status = _Statement("status", lambda beat: beat.status())
        self._told: dict[str, tuple[object, ...]] = {}
        self._book_at = 0.0
        # Where a topic is replaced another series or tape begins.
        self._candles_told: tuple[Series[Candle] | None, int] = (None, 0)
        self._trades_told: tuple[Tape | None, int] = (None, 0)

    def due(self, beat: Beat) -> Iterator[Push]:
        """Yield what changed since the last time."""
        yield from self._status.due(beat)
        if beat.readable(self._market, "top-of-book") and beat.readable(self._market, "book-snapshot"):
            yield from self._book(beat)
        if beat.readable(self._market, "candle"):
            yield from self._candles()
        if beat.readable(self._market, "trade"):
            yield from self._trades()
        yield from self._rest(beat)
        if self._accounts is not None:
            accounts = self._accounts
            if self._is_news("accounts", accounts.mark):
                yield Push("accounts", ("accounts",), accounts.document)

    def _book(self, beat: Beat) -> Iterator[Push]:
        book = self._store.book(self._market, self._symbol)
        if book is None:
            return
        state = answers.standing_of(book, beat.moment).state
        news = self._is_news("book", book.snapshot, book.top, book.verification, state)
        if news or beat.moment.at_s - self._book_at >= _REPEAT_S:
            self._book_at = beat.moment.at_s
            store, market, symbol, depth = self._store, self._market, self._symbol, self._depth
            yield Push(
                "book",
                ("book", market, symbol, depth),
                lambda: answers.book_answer(store, market, symbol, depth, beat.moment),
            )

    def _candles(self) -> Iterator[Push]:
        series = self._store.candles(self._market, self._symbol, self._interval)
        known, mark = self._candles_told
        if series is None or (series is known and series.mark == mark):
            return
        self._candles_told = (series, series.mark)
        first = series is not known
        market, symbol, interval = self._market, self._symbol, self._interval
        values = series.last(CANDLES) if first else series.since(mark)
        yield Push(
            "candles" if first else "candle",
            ("candle", market, symbol, interval, None if first else mark),
            lambda: answers.candles_document(market, symbol, interval, values),
        )

    def _trades(self) -> Iterator[Push]:
        tape = self._store.tape(self._market, self._symbol)
        known, mark = self._trades_told
        if tape is None or (tape is known and tape.mark == mark):
            return
        self._trades_told = (tape, tape.mark)
        market, symbol = self._market, self._symbol
        trades = tape.since(mark if tape is known else 0, TRADES)
        yield Push(
            "trades", ("trades", market, symbol, len(trades)), lambda: answers.trades_document(market, symbol, trades)
        )

    def _rest(self, beat: Beat) -> Iterator[Push]:
        store, market, symbol = self._store, self._market, self._symbol
        flow = store.flow(market, symbol, FLOW_WINDOW)
        if flow is not None and beat.readable(market, "trade-flow") and self._is_news("flow", flow, flow.mark):
            yield Push(
                "flow", ("flow", market, symbol), lambda: answers.flow_answer(store, market, symbol, FLOW_WINDOW, FLOW)
            )
        ticker = store.ticker(market, symbol)
        if ticker is not None and beat.readable(market, "ticker") and self._is_news("ticker", ticker):
            yield Push(
                "ticker", ("ticker", market, symbol), lambda: answers.ticker_answer(store, market, symbol, beat.moment)
            )
        liquidity = store.liquidity(market, symbol)
        if liquidity is not None and beat.readable(market, "liquidity") and self._is_news("liquidity", liquidity):
            yield Push(
                "liquidity",
                ("liquidity", market, symbol),
                lambda: answers.liquidity_answer(store, market, symbol, beat.moment),
            )
        if beat.readable(market, "alert") and self._is_news("alerts", store.alert_mark(market)):
            yield Push(
                "alerts",
                ("alerts", market, symbol),
                lambda: answers.alerts_answer(store, market, ALERTS, symbol=symbol, open_first=True),
            )

    def _is_news(self, kind: str, *state: object) -> bool:
        """Whether a kind is not as it was told last; from now on it is."""
        known = self._told.get(kind)
        if known is not None and all(one is other or one == other for one, other in zip(known, state, strict=True)):
            return False
        self._told[kind] = state
        return True
