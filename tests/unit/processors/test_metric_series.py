"""What is counted when somebody asks for it."""

from __future__ import annotations

import pytest

from processors import metrics
from processors.core.book_partition import BookPartition
from processors.metric_series import show_books, show_lag
from schemas.markets import Market
from schemas.topics import RawType
from tests.support.strategies import START_MS, DepthHistory
from tests.unit.processors.core.records import heartbeat_of, record_of


HISTORY = DepthHistory(tuple((True, price, 1) for price in range(1, 60)), futures=False)
DAY_MS = 24 * 3_600_000


def counted(state: str) -> float | None:
    return metrics.REGISTRY.get_sample_value("processors_books", {"market": "spot", "state": state})


def show(books: BookPartition, now_ms: int) -> None:
    show_books([books], [Market.SPOT], now_ms)  # type: ignore[list-item]  # the rest of a state is not looked at


def test_books_are_counted_by_state_and_what_is_gone_is_counted_no_more() -> None:
    books, tickers = BookPartition(), object()
    books.feed(record_of(RawType.DEPTH, HISTORY.snapshot(0), 0, START_MS, key=b"BTCUSDT"))

    show_books([books, tickers], [Market.SPOT], START_MS)  # type: ignore[list-item]  # what is no book is passed over
    states = {state: counted(state) for state in ("live", "syncing")}
    show_books([], [Market.SPOT], START_MS)

    assert states == {"live": 1, "syncing": 0}
    assert counted("live") == 0


@pytest.mark.parametrize("state", ["syncing", "stale"])
def test_a_book_that_was_left_is_counted_for_a_day_and_then_no_more(state: str) -> None:
    """Nobody can mend it: an alert on it would never end."""
    books = BookPartition()
    if state == "stale":
        books.feed(record_of(RawType.DEPTH, HISTORY.snapshot(0), 0, START_MS))
        books.heartbeat(heartbeat_of(START_MS, 1, stream="depth"))
        for now_ms in (1_000, 12_000, 13_000):
            books.tick(now_ms)
    else:
        books.feed(record_of(RawType.DEPTH, HISTORY.diff(0, 1), 0))
    last_ms = max(max(status.event_time or 0, status.said_time) for status in books.statuses())

    show(books, last_ms + DAY_MS)
    at_first = counted(state)
    show(books, last_ms + DAY_MS + 1)

    assert (at_first, counted(state)) == (1, 0)


def test_a_book_that_is_right_is_counted_however_quiet_its_symbol_is() -> None:
    books = BookPartition()
    books.feed(record_of(RawType.DEPTH, HISTORY.snapshot(0), 0, START_MS))

    show(books, START_MS + 30 * DAY_MS)

    assert counted("live") == 1


def test_a_topic_that_is_no_longer_assigned_lags_no_more() -> None:
    labels = {"topic": "t"}

    show_lag(["t"], {"t": 7})
    assert metrics.REGISTRY.get_sample_value("processors_lag_records", labels) == 7
    show_lag(["t"], {})
    assert metrics.REGISTRY.get_sample_value("processors_lag_records", labels) == 0
