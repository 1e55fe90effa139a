"""What the demo shows."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from sandbox.demo.board import Board, Rate
from sandbox.demo.display import Display
from sandbox.demo.exchange_control import ExchangeStatus
from sandbox.demo.narrator import Narrator, progress_line
from sandbox.demo.waiting import Progress
from sandbox.verify.symbols import SymbolId
from schemas.derived import AlertStatus, BookState
from schemas.markets import Market
from tests.unit.sandbox.verify.perfect import alert, candle, flow, top


PROGRESS = Progress(
    exchange=ExchangeStatus("running", clock_ms=1_700_000_040_000, frames_sent=1_500, events_total=2_000),
    published=1_400,
    lag={"binance-processors-books": 12, "binance-processors-trades": 0},
    derived=300,
    missing_heartbeats=2,
    elapsed_s=10.0,
)
SYMBOL = SymbolId(Market.SPOT, "ABCUSDT")


@pytest.fixture
def board() -> Board:
    board = Board()
    board.take(Market.SPOT, top(100, 5))
    board.take(Market.SPOT, candle(0, (11, 12, 11, 12), (1, 2), 23))
    forming = msgspec.structs.replace(candle(1, (12, 13, 12, 13), (3, 4), 25), final=False)
    board.take(Market.SPOT, forming)
    return board


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def shown(display: Display, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(display.render())
    return text_of(console)


def test_progress_in_one_line() -> None:
    assert progress_line(PROGRESS) == (
        "10 s · 1,500 of 2,000 events sent · 1,400 published · 300 derived · behind: books 12, trades 0"
        " · waiting for 2 heartbeats"
    )


def test_steps_are_shown_until_something_flows(board: Board) -> None:
    display = Display(Console(file=io.StringIO(), width=160), "title", board)
    display.tell("first")
    display.tell("second")

    text = shown(display, 160)

    assert "done  first" in text
    assert "...   second" in text
    assert "ABCUSDT" not in text


def test_books_candles_speed_and_lag_are_shown_while_it_flows(board: Board) -> None:
    display = Display(Console(file=io.StringIO(), width=160), "title", board)
    display.show(PROGRESS)
    display.show(msgspec.structs.replace(PROGRESS, elapsed_s=12.0, published=2_400))

    text = shown(display, 160)

    assert "5.00 @ 10.00" in text
    assert "1.00" in text
    assert "live" in text
    assert "22:14 11.00 12.00 11.00 12.00" in text
    assert "22:15 12.00 13.00 12.00 13.00" in text
    assert "500 events/s" in text
    assert "behind: books 12, trades 0" in text


def test_flow_and_alerts_are_shown_once_there_are_any(board: Board) -> None:
    opened = msgspec.structs.replace(alert(30, AlertStatus.OPEN), value=96 * 10**14)
    board.take(Market.SPOT, flow("10s", 30, 2))
    board.take(Market.SPOT, flow("1m", 60, 3))
    for told in (alert(10, AlertStatus.OPEN), alert(20, AlertStatus.CLOSED, 10), opened):
        board.take(Market.SPOT, told)
    display = Display(Console(file=io.StringIO(), width=160), "title", board)
    display.show(PROGRESS)

    text = shown(display, 160)

    assert "100 % of 1" in text
    assert "one sided flow, BUY to 22:14:20 from 22:14:10" in text
    assert "! spot:ABCUSDT  one sided flow, BUY since 22:14:30  (96 % of the volume)" in text


def test_only_the_last_alerts_are_shown() -> None:
    board = Board()
    for second in range(20):
        board.take(Market.SPOT, alert(second, AlertStatus.OPEN))

    assert (len(board.alerts), board.opened) == (5, 20)


def test_a_narrow_terminal_shows_prices_and_last_closes(board: Board) -> None:
    display = Display(Console(file=io.StringIO(), width=100), "title", board)
    display.show(PROGRESS)

    text = shown(display, 100)

    assert "spot:ABCUSDT" in text
    assert "22:14 12.00" in text
    assert "…" not in text


def test_without_a_terminal_it_is_plain_lines(board: Board) -> None:
    console = Console(file=io.StringIO(), width=160)
    with Display(console, "title", board) as display:
        display.tell("a step [with brackets]")
        display.show(PROGRESS)

    lines = text_of(console).splitlines()
    assert lines == [
        "a step [with brackets]",
        progress_line(PROGRESS),
        "  books: spot:ABCUSDT 10.00 / 11.00; candles closed at: spot:ABCUSDT 22:14 12.00",
    ]


def test_the_narrator_is_plain_without_a_terminal() -> None:
    console = Console(file=io.StringIO(), width=160)
    with Narrator(console) as narrator:
        narrator.tell("a step")
        narrator.show(PROGRESS)
        narrator.show(PROGRESS)
        narrator.count("records read", 5)

    lines = text_of(console).splitlines()
    assert lines == ["a step", progress_line(PROGRESS)]


def test_the_board_keeps_the_newest_of_each() -> None:
    board = Board()
    board.take(Market.SPOT, candle(1, (12, 12, 12, 12), (-1, -1), 0))
    board.take(Market.SPOT, candle(0, (11, 12, 11, 12), (1, 2), 23))
    board.take(Market.SPOT, top(100, 5))
    board.take(Market.SPOT, top(110, 0, BookState.SYNCING))

    assert board.closed[SYMBOL].open_time == candle(1, (0, 0, 0, 0), (-1, -1), 0).open_time
    assert board.books[SYMBOL].state is BookState.SYNCING
    assert board.symbols() == [SYMBOL]


def test_a_rate_is_taken_over_the_last_samples() -> None:
    rate = Rate()

    assert [rate.sample(at_s, count) for at_s, count in [(0.0, 0), (1.0, 100), (2.0, 300)]] == [0.0, 100.0, 150.0]
