from __future__ import annotations

from hypothesis import given, strategies as st

from dashboard.core.store import Limits, Store
from schemas.derived import AlertStatus, BookState, Candle, TickerSource
from schemas.markets import Market
from schemas.topics import partition_of
from tests.unit.dashboard.values import SYMBOL, alert, candle, flow, snapshot, ticker, top


SPOT = Market.SPOT
PARTITION = partition_of(SYMBOL)


def store(**limits: int) -> Store:
    return Store(Limits(**limits))


def candles_of(store: Store, symbol: str, interval: str) -> list[Candle]:
    series = store.candles(SPOT, symbol, interval)
    return [] if series is None else series.last(9)


@given(st.lists(st.integers(0, 8), min_size=1))
def test_a_book_never_goes_back_to_a_smaller_input_offset(offsets: list[int]) -> None:
    one = store()
    news = []
    for number, offset in enumerate(offsets):
        news.append(one.take(SPOT, "top-of-book", top(offset, update_id=number), 0))
        one.take(SPOT, "book-snapshot", snapshot(offset, update_id=number), 0)

    book = one.book(SPOT, SYMBOL)

    last = max(index for index, offset in enumerate(offsets) if offset == max(offsets))
    assert book is not None
    assert book.top == top(max(offsets), update_id=last)
    assert book.snapshot == snapshot(max(offsets), update_id=last)
    assert news == [offset == max(offsets[: index + 1]) for index, offset in enumerate(offsets)]


def test_the_state_of_a_book_is_what_its_top_said_though_a_snapshot_came_later() -> None:
    one = store()
    one.take(SPOT, "top-of-book", top(20, BookState.STALE), 0)
    one.take(SPOT, "book-snapshot", snapshot(21, state=BookState.LIVE), 0)

    book = one.book(SPOT, SYMBOL)

    assert book is not None
    assert book.state is BookState.STALE


def test_markets_do_not_mix() -> None:
    one = store()
    one.take(Market.USDM, "top-of-book", top(), 0)

    assert one.book(SPOT, SYMBOL) is None
    assert not one.knows(SPOT, SYMBOL)
    assert one.symbols(Market.USDM) == [SYMBOL]


def test_a_ticker_goes_by_event_time_because_two_streams_feed_it() -> None:
    one = store()
    one.take(SPOT, "ticker", ticker(1_000, 900, source=TickerSource.TICKER), 0)

    assert one.take(SPOT, "ticker", newer := ticker(2_000, 5, source=TickerSource.MINI_TICKER), 0)
    assert not one.take(SPOT, "ticker", ticker(1_500, 901, source=TickerSource.TICKER), 0)
    assert not one.take(SPOT, "ticker", ticker(2_000, 4, source=TickerSource.MINI_TICKER), 0)
    assert one.ticker(SPOT, SYMBOL) == newer


def test_an_alert_that_closed_stays_closed_and_open_ones_are_kept_longest() -> None:
    one = store(alerts=2)
    one.take(SPOT, "alert", alert(1), 0)
    assert one.take(SPOT, "alert", closed := alert(1, status=AlertStatus.CLOSED, time=5), 0)
    assert not one.take(SPOT, "alert", alert(1), 0)
    one.take(SPOT, "alert", second := alert(2), 0)
    assert one.alerts(SPOT) == [closed, second]

    one.take(SPOT, "alert", third := alert(3), 0)

    assert one.alerts(SPOT) == [third, second]


def test_what_a_replaced_partition_said_is_forgotten_and_nothing_else() -> None:
    other = next(name for name in ("ETHUSDT", "NKNUSDT", "SOLUSDT") if partition_of(name) != PARTITION)
    one = store()
    for symbol in (SYMBOL, other):
        one.take(SPOT, "top-of-book", top(symbol=symbol), 0)
        one.take(SPOT, "book-snapshot", snapshot(symbol=symbol), 0)
        one.take(SPOT, "candle", candle(0, symbol=symbol), 0)
        one.take(SPOT, "candle", candle(0, symbol=symbol, interval="5m"), 0)
        one.take(SPOT, "trade-flow", flow(0, symbol=symbol), 0)
        one.take(SPOT, "ticker", ticker(0, symbol=symbol), 0)
        one.take(SPOT, "alert", alert(0, symbol=symbol), 0)

    for schema in ("top-of-book", "ticker", "trade-flow", "alert"):
        one.forget(SPOT, schema, PARTITION)
    one.forget(SPOT, "candle", PARTITION, interval="1m")

    book = one.book(SPOT, SYMBOL)
    assert book is not None
    assert (book.top, book.snapshot) == (None, snapshot())
    assert one.candles(SPOT, SYMBOL, "1m") is None
    assert len(candles_of(one, SYMBOL, "5m")) == 1
    assert one.flow(SPOT, SYMBOL, "1s") is None
    assert one.ticker(SPOT, SYMBOL) is None
    assert [one.symbol for one in one.alerts(SPOT)] == [other]
    assert one.ticker(SPOT, other) is not None
    assert len(candles_of(one, other, "1m")) == 1

    one.forget(SPOT, "book-snapshot", PARTITION)
    assert one.take(SPOT, "book-snapshot", snapshot(0), 0), "offsets begin anew"
