"""What is counted when somebody asks for it."""

from __future__ import annotations

from processors import metrics
from processors.core.book_partition import BookPartition
from processors.metric_series import show_books, show_lag
from schemas.markets import Market
from schemas.topics import RawType
from tests.support.strategies import START_MS, DepthHistory
from tests.unit.processors.core.records import record_of


HISTORY = DepthHistory(tuple((True, price, 1) for price in range(1, 60)), futures=False)


def test_books_are_counted_by_state_and_what_is_gone_is_counted_no_more() -> None:
    books, tickers = BookPartition(), object()
    books.feed(record_of(RawType.DEPTH, HISTORY.snapshot(0), 0, START_MS, key=b"BTCUSDT"))
    value = metrics.REGISTRY.get_sample_value

    show_books([books, tickers], [Market.SPOT])  # type: ignore[list-item]  # any state but books is passed over
    states = {state: value("processors_books", {"market": "spot", "state": state}) for state in ("live", "syncing")}
    show_books([], [Market.SPOT])

    assert states == {"live": 1, "syncing": 0}
    assert value("processors_books", {"market": "spot", "state": "live"}) == 0


def test_a_topic_that_is_no_longer_assigned_lags_no_more() -> None:
    labels = {"topic": "t"}

    show_lag(["t"], {"t": 7})
    assert metrics.REGISTRY.get_sample_value("processors_lag_records", labels) == 7
    show_lag(["t"], {})
    assert metrics.REGISTRY.get_sample_value("processors_lag_records", labels) == 0
