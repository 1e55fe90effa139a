"""What the derived topics said last: per symbol the book, candles, flow and ticker; per market the alerts.

Workers repeat records after a restart, and one that was stopped and came back may say something old. So nothing goes
back to a smaller ``input_offset`` (architecture §3). Everything is bounded: by the number of symbols, and by how many
records are kept of each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from dashboard.core.book import Book
from dashboard.core.series import Series
from dashboard.core.tape import Tape
from schemas.derived import (
    Alert,
    AlertStatus,
    BookSnapshot,
    BookState,
    BookVerification,
    Candle,
    Liquidity,
    Ticker,
    TopOfBook,
    Trade,
    TradeFlow,
)
from schemas.markets import Market
from schemas.topics import partition_of


__all__ = ["Limits", "Store"]

AlertId: TypeAlias = tuple[str, str, str | None, int]
"""Symbol, kind, window and opened time of an alert."""


class Limits(msgspec.Struct, frozen=True):
    """How much is kept."""

    candles: int = 500
    """Of a symbol and interval."""
    flow: int = 300
    """Windows of a symbol and length."""
    alerts: int = 1_000
    """Of a market."""
    trades: int = 200
    """Of a symbol; holes are counted as trades."""


class _Market:
    """What is known of a market."""

    __slots__ = ("alert_mark", "alerts", "books", "candles", "flow", "liquidity", "resyncs", "tapes", "tickers")

    def __init__(self) -> None:
        self.books: dict[str, Book] = {}
        self.candles: dict[str, dict[str, Series[Candle]]] = {}
        self.flow: dict[str, dict[str, Series[TradeFlow]]] = {}
        self.tickers: dict[str, Ticker] = {}
        self.liquidity: dict[str, Liquidity] = {}
        self.alerts: dict[AlertId, Alert] = {}
        self.alert_mark = 0
        self.resyncs = 0
        self.tapes: dict[str, Tape] = {}


class Store:
    """Takes the values of derived topics and keeps the last word on everything.

    Args:
        limits: how much is kept.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._markets: defaultdict[Market, _Market] = defaultdict(_Market)
        self._takers: Final[Mapping[str, Callable[[_Market, Any, int], bool]]] = {
            "alert": self._take_alert,
            "book-snapshot": self._take_snapshot,
            "book-verification": self._take_verification,
            "candle": self._take_candle,
            "liquidity": self._take_liquidity,
            "ticker": self._take_ticker,
            "top-of-book": self._take_top,
            "trade": self._take_trade,
            "trade-flow": self._take_flow,
        }

    @property
    def schemas(self) -> frozenset[str]:
        """The schemas whose values are taken."""
        return frozenset(self._takers)

    def take(self, market: Market, schema: str, value: msgspec.Struct, heard_ms: int) -> bool:
        """Take a value of a derived topic.

        Args:
            market: of the topic.
            schema: of the topic; one of :attr:`schemas`.
            value: what the record says.
            heard_ms: the time, by a clock of the caller's.

        Returns:
            Whether it is news; not: it is older than what is known, and nothing changed.
        """
        return self._takers[schema](self._markets[market], value, heard_ms)

    def forget(self, market: Market, schema: str, partition: int, *, interval: str | None = None) -> None:
        """Forget what one partition of a topic said: it was replaced by another log, whose offsets begin anew.

        Args:
            market: of the topic.
            schema: of the topic.
            partition: its number; all about a symbol is in partitions of one number.
            interval: of the candles, which have a topic each.
        """
        kept = self._markets[market]

        def gone(symbol: str) -> bool:
            return partition_of(symbol) == partition

        for symbol in filter(gone, list(kept.books)):
            _forget_of_book(kept.books, symbol, schema)
        for symbol in filter(gone, list(kept.candles) if schema == "candle" else ()):
            kept.candles[symbol].pop(interval or "", None)
            if not kept.candles[symbol]:
                del kept.candles[symbol]
        by_symbol: Mapping[str, dict[str, Any]] = {
            "trade-flow": kept.flow,
            "ticker": kept.tickers,
            "liquidity": kept.liquidity,
            "trade": kept.tapes,
        }
        for symbol in filter(gone, list(by_symbol.get(schema, ()))):
            del by_symbol[schema][symbol]
        if schema == "alert":
            kept.alerts = {key: alert for key, alert in kept.alerts.items() if not gone(alert.symbol)}
            kept.alert_mark += 1

    def symbols(self, market: Market) -> list[str]:
        """Return every symbol of which anything was told, in order."""
        kept = self._markets[market]
        return sorted({*kept.books, *kept.candles, *kept.flow, *kept.tickers, *kept.liquidity, *kept.tapes})

    def knows(self, market: Market, symbol: str) -> bool:
        """Whether anything was told of a symbol."""
        kept = self._markets[market]
        told = (kept.books, kept.tickers, kept.candles, kept.flow, kept.liquidity, kept.tapes)
        return any(symbol in one for one in told)

    def books(self, market: Market) -> Iterator[tuple[str, Book]]:
        """Yield the symbols that have a book, in order, with it."""
        for symbol, book in sorted(self._markets[market].books.items()):
            if book.state is not None:
                yield symbol, book

    def book(self, market: Market, symbol: str) -> Book | None:
        """Return a book; None: nothing was told of it."""
        book = self._markets[market].books.get(symbol)
        return book if book is not None and book.state is not None else None

    def candles(self, market: Market, symbol: str, interval: str) -> Series[Candle] | None:
        """Return the candles of an interval; None: there were none."""
        return self._markets[market].candles.get(symbol, {}).get(interval)

    def flow(self, market: Market, symbol: str, window: str) -> Series[TradeFlow] | None:
        """Return the windows of flow of a length; None: there were none."""
        return self._markets[market].flow.get(symbol, {}).get(window)

    def tape(self, market: Market, symbol: str) -> Tape | None:
        """Return the last trades; None: there were none."""
        return self._markets[market].tapes.get(symbol)

    def ticker(self, market: Market, symbol: str) -> Ticker | None:
        """Return the last ticker."""
        return self._markets[market].tickers.get(symbol)

    def liquidity(self, market: Market, symbol: str) -> Liquidity | None:
        """Return the last word on liquidity; None: there was none."""
        return self._markets[market].liquidity.get(symbol)

    def alerts(self, market: Market) -> list[Alert]:
        """Return the alerts that are kept, the newest first."""
        return sorted(self._markets[market].alerts.values(), key=lambda one: (one.time, one.symbol), reverse=True)

    def alert_mark(self, market: Market) -> int:
        """Return a number that rises with each change of a market's alerts."""
        return self._markets[market].alert_mark

    def resyncs(self, market: Market) -> int:
        """Return how often a book of a market was lost and begun anew, in what was read."""
        return self._markets[market].resyncs

    def _take_snapshot(self, market: _Market, value: BookSnapshot, heard_ms: int) -> bool:
        book = market.books.setdefault(value.symbol, Book())
        if _is_older(value, book.snapshot):
            return False
        book.snapshot, book.heard_ms = value, heard_ms
        return True

    def _take_top(self, market: _Market, value: TopOfBook, heard_ms: int) -> bool:
        book = market.books.setdefault(value.symbol, Book())
        if _is_older(value, book.top):
            return False
        was_live = book.top is not None and book.top.state is BookState.LIVE
        market.resyncs += was_live and value.state is BookState.SYNCING
        book.top, book.heard_ms = value, heard_ms
        return True

    def _take_verification(self, market: _Market, value: BookVerification, _: int) -> bool:
        book = market.books.setdefault(value.symbol, Book())
        if _is_older(value, book.verification):
            return False
        book.verification = value
        return True

    def _take_candle(self, market: _Market, value: Candle, _: int) -> bool:
        series = market.candles.setdefault(value.symbol, {})
        return series.setdefault(value.interval, Series(self._limits.candles)).take(value)

    def _take_trade(self, market: _Market, value: Trade, _: int) -> bool:
        tape = market.tapes.get(value.symbol)
        if tape is None:
            tape = market.tapes[value.symbol] = Tape(self._limits.trades)
        return tape.take(value)

    def _take_flow(self, market: _Market, value: TradeFlow, _: int) -> bool:
        series = market.flow.setdefault(value.symbol, {})
        return series.setdefault(value.window, Series(self._limits.flow)).take(value)

    def _take_ticker(self, market: _Market, value: Ticker, _: int) -> bool:
        known = market.tickers.get(value.symbol)
        # Its version is the event time: two streams feed it, whose offsets do not compare.
        if known is not None:
            if value.event_time < known.event_time:
                return False
            if value.event_time == known.event_time and value.source == known.source and _is_older(value, known):
                return False
        market.tickers[value.symbol] = value
        return True

    def _take_liquidity(self, market: _Market, value: Liquidity, _: int) -> bool:
        if _is_older(value, market.liquidity.get(value.symbol)):
            return False
        market.liquidity[value.symbol] = value
        return True

    def _take_alert(self, market: _Market, value: Alert, _: int) -> bool:
        identity = (value.symbol, value.kind, value.window, value.opened_time)
        known = market.alerts.get(identity)
        if known is not None and (known.status is AlertStatus.CLOSED or value == known):
            return False
        market.alerts[identity] = value
        market.alert_mark += 1
        if len(market.alerts) > self._limits.alerts:
            # Those that are over go first.
            oldest = min(market.alerts.items(), key=lambda one: (one[1].status is AlertStatus.OPEN, one[1].time))
            del market.alerts[oldest[0]]
        return True


def _is_older(value: Any, known: Any) -> bool:
    return known is not None and bool(value.input_offset < known.input_offset)


def _forget_of_book(books: dict[str, Book], symbol: str, schema: str) -> None:
    book = books[symbol]
    if schema == "book-snapshot":
        book.snapshot = None
    elif schema == "top-of-book":
        book.top = None
    elif schema == "book-verification":
        book.verification = None
    if book.snapshot is None and book.top is None and book.verification is None:
        del books[symbol]
