"""The demo's display: steps while everything starts, then books, candles, flow, alerts and speeds as they change."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sandbox.demo.board import FLOW_WINDOW, Board, Rate
from sandbox.demo.narrator import progress_line
from sandbox.demo.waiting import Progress
from sandbox.verify.symbols import SymbolId
from schemas.decimals import ONE, QUOTE_SCALE, format_scaled
from schemas.derived import Alert, AlertKind, AlertStatus, BookState, Candle, TopOfBook, TradeFlow


__all__ = ["Display"]

_REFRESH_HZ: Final = 4
_PLAIN_INTERVAL_S: Final = 5.0
_MIN_DECIMALS: Final = 2
_WIDE: Final = 140
"""Characters from which on the table shows everything."""
_COLUMNS: Final = ("symbol", "book", "bid", "ask", "spread", f"bought, {FLOW_WINDOW}")
_WIDE_COLUMNS: Final = ("1 m candle, forming", "1 m candle, last closed")
_NARROW_COLUMNS: Final = ("last 1 m close",)
_STYLES: Final = {BookState.LIVE: "green", BookState.SYNCING: "yellow", BookState.STALE: "red"}


class Display:
    """Shows a run on a terminal as it changes; elsewhere as plain lines.

    Args:
        console: where to.
        title: what runs.
        board: kept up to date by somebody else.
    """

    def __init__(self, console: Console, title: str, board: Board) -> None:
        self._console = console
        self._title = title
        self._board = board
        self._steps: list[tuple[str, float]] = []
        self._progress: Progress | None = None
        self._rate = Rate()
        self._events_per_second = 0.0
        self._counted = ""
        self._shown_s = 0.0
        self._live: Live | None = None
        if console.is_terminal:
            self._live = Live(console=console, get_renderable=self.render, refresh_per_second=_REFRESH_HZ)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def tell(self, text: str) -> None:
        """Show the step that begins."""
        self._steps.append((text, time.monotonic()))
        self._counted = ""
        if self._live is None:
            self._console.print(escape(text), highlight=False, soft_wrap=True)

    def show(self, progress: Progress) -> None:
        """Show how far the flow is."""
        self._progress = progress
        self._events_per_second = self._rate.sample(progress.elapsed_s, progress.published)
        if self._live is None and time.monotonic() - self._shown_s >= _PLAIN_INTERVAL_S:
            self._shown_s = time.monotonic()
            self._console.print(escape(progress_line(progress)), highlight=False, soft_wrap=True)
            for line in (self._books_line(), *self._flow_lines()):
                self._console.print(escape(line), highlight=False, soft_wrap=True)

    def count(self, what: str, number: int) -> None:
        """Show how many records or the like were worked on."""
        self._counted = f"{what}: {number:,}"

    def render(self) -> RenderableType:
        """Return what is to be seen now."""
        parts: list[RenderableType] = [Text(self._title, style="bold")]
        if self._progress is None:
            parts += self._step_lines(self._steps)
            return Group(*parts)
        parts.append(self._table())
        parts += [_alert(symbol_id, alert) for (symbol_id, _, _), alert in self._board.alerts.items()]
        parts.append(Text(self._speed_line()))
        parts += self._step_lines(self._steps[-1:])
        return Group(*parts)

    def _step_lines(self, steps: Sequence[tuple[str, float]]) -> list[RenderableType]:
        lines: list[RenderableType] = []
        for number, (text, _) in enumerate(steps):
            if number < len(steps) - 1:
                lines.append(Text(f"  done  {text}", style="green"))
            else:
                waited_s = time.monotonic() - steps[number][1]
                counted = f" ({self._counted})" if self._counted else ""
                lines.append(Text(f"  ...   {text}{counted}  {waited_s:.0f} s", style="cyan"))
        return lines

    def _speed_line(self) -> str:
        progress = self._progress
        if progress is None:
            return ""
        lag = ", ".join(f"{group.rpartition('-')[2]} {count:,}" for group, count in progress.lag.items())
        clock = _time(progress.exchange.clock_ms) if progress.exchange.clock_ms else "live"
        return (
            f"{self._events_per_second:,.0f} events/s · {progress.published:,} raw and {progress.derived:,} derived "
            f"records · behind: {lag} · exchange clock {clock}"
        )

    def _table(self) -> Table:
        wide = self._console.width >= _WIDE
        table = Table(header_style="bold")
        for name in (*_COLUMNS, *(_WIDE_COLUMNS if wide else _NARROW_COLUMNS)):
            table.add_column(name, justify="left" if name in {"symbol", "book"} else "right", no_wrap=True)
        for symbol_id in self._board.symbols():
            book = self._board.books.get(symbol_id)
            forming, closed = self._board.forming.get(symbol_id), self._board.closed.get(symbol_id)
            candles = (_candle(forming), _candle(closed)) if wide else (_close(closed),)
            flow = _flow(self._board.flows.get(symbol_id))
            table.add_row(escape(str(symbol_id)), *_book(book, quantities=wide), flow, *candles)
        return table

    def _books_line(self) -> str:
        books = [
            f"{symbol_id} {_number(book.bid_price)} / {_number(book.ask_price)}"
            for symbol_id, book in sorted(self._board.books.items())
        ]
        closes = [f"{symbol_id} {_close(candle)}" for symbol_id, candle in sorted(self._board.closed.items())]
        return f"  books: {', '.join(books) or 'none yet'}; candles closed at: {', '.join(closes) or 'none yet'}"

    def _flow_lines(self) -> list[str]:
        flows = sorted(self._board.flows.items())
        if not flows:
            return []
        bought = ", ".join(f"{symbol_id} {_flow(flow)}" for symbol_id, flow in flows)
        return [f"  bought by takers in {FLOW_WINDOW}: {bought}; alerts so far: {self._board.opened}"]


def _flow(flow: TradeFlow | None) -> str:
    """Say how much of the volume takers bought; on COIN-M of what base volume is known."""
    if flow is None or not flow.base_volume or flow.taker_buy_base_volume is None:
        return ""
    share = 100 * flow.taker_buy_base_volume // flow.base_volume
    return f"{share} % of {flow.trade_count:,}"


def _alert(symbol_id: SymbolId, alert: Alert) -> Text:
    is_open = alert.status is AlertStatus.OPEN
    until = "since" if is_open else f"to {_time(alert.time)} from"
    what = f"{str(alert.kind).replace('-', ' ')}, {alert.side}" if alert.side else str(alert.kind).replace("-", " ")
    line = f"  {'!' if is_open else ' '} {symbol_id}  {what} {until} {_time(alert.opened_time)}{_measure(alert)}"
    return Text(line, style="bold yellow" if is_open else "dim")


def _measure(alert: Alert) -> str:
    """Say what was measured where the alert opened."""
    if alert.status is not AlertStatus.OPEN or alert.value is None:
        return ""
    if alert.kind is AlertKind.VOLUME_SPIKE and alert.baseline:
        return f"  ({10 * alert.value // alert.baseline / 10:.1f} times the usual volume)"
    if alert.kind is AlertKind.ONE_SIDED_FLOW:
        return f"  ({100 * alert.value // (ONE * ONE)} % of the volume)"
    return f"  ({format_scaled(alert.value, QUOTE_SCALE)})"


def _book(book: TopOfBook | None, *, quantities: bool) -> tuple[RenderableType, str, str, str]:
    if book is None:
        return "", "", "", ""
    bid = _level(book.bid_price, book.bid_quantity if quantities else None)
    ask = _level(book.ask_price, book.ask_quantity if quantities else None)
    return Text(book.state, style=_STYLES[book.state]), bid, ask, _number(book.spread)


def _level(price: int | None, quantity: int | None) -> str:
    if price is None:
        return "empty"
    return _number(price) if quantity is None else f"{_number(quantity)} @ {_number(price)}"


def _close(candle: Candle | None) -> str:
    return "" if candle is None else f"{_time(candle.open_time)[:5]} {_number(candle.close)}"


def _candle(candle: Candle | None) -> str:
    if candle is None:
        return ""
    prices = (candle.open, candle.high, candle.low, candle.close)
    return f"{_time(candle.open_time)[:5]} {' '.join(map(_number, prices))}"


def _number(value: int | None) -> str:
    """Spell a scaled number without the zeros at its end, two decimal places at least."""
    if value is None:
        return "?"
    whole, _, fraction = format_scaled(value).partition(".")
    return f"{int(whole):,}.{fraction.rstrip('0').ljust(_MIN_DECIMALS, '0')}"


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%H:%M:%S")
