from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from dashboard.core import answers
from dashboard.core.answers import Moment
from dashboard.core.store import Limits, Store
from dashboard.errors import NothingToldError, UnknownSymbolError
from schemas.avro import load_schema
from schemas.codec import TYPES
from schemas.decimals import parse_scaled
from schemas.derived import AlertStatus, BookState
from schemas.documents import is_array, scales_of, to_document
from schemas.markets import Market
from tests.unit.dashboard.values import ONE, SYMBOL, alert, candle, flow, snapshot, ticker, top


SPOT = Market.SPOT
NOW = Moment(1_723_161_700_000)


@pytest.fixture
def store() -> Store:
    one = Store(Limits())
    one.take(SPOT, "book-snapshot", snapshot(), NOW.now_ms - 40)
    one.take(SPOT, "top-of-book", top(12, update_id=60_000_000), NOW.now_ms - 30)
    return one


@given(st.integers(-(10**38) + 1, 10**38 - 1))
def test_decimals_are_text_exact_to_the_last_digit(number: int) -> None:
    text = to_document("candle", candle(0, quote_volume=number))["quote_volume"]

    assert parse_scaled(text, 16, 38) == number
    assert -Decimal(text).as_tuple().exponent == 16  # type: ignore[operator]  # a number, no infinity


@pytest.mark.parametrize("schema", sorted(Store(Limits()).schemas & TYPES.keys()))
def test_every_array_of_numbers_says_its_scale(schema: str) -> None:
    arrays = {field["name"] for field in load_schema(schema)["fields"] if is_array(field)}

    assert arrays <= scales_of(schema).keys()


def test_arrays_are_text_like_single_numbers() -> None:
    assert to_document("book-snapshot", snapshot(bid_prices=[5, 10**9]))["bid_prices"] == ["0.00000005", "10.00000000"]


def test_nothing_is_null_that_is_zero() -> None:
    document = to_document("candle", candle(0, base_volume=0, contract_volume=None))

    assert document["base_volume"] == "0.00000000"
    assert document["contract_volume"] is None


def test_a_book_is_cut_to_the_depth_and_tells_how_much_is_known(store: Store) -> None:
    book = answers.book_answer(store, SPOT, SYMBOL, 1, NOW)

    assert book["bids"] == [["61736.99000000", "2.00000000"]]
    assert book["asks"] == [["61737.00000000", "1.00000000"]]
    assert book["levels_known"] == 2
    assert (book["state"], book["reason"]) == ("live", None)
    assert (book["update_id"], book["snapshot_update_id"]) == (60_000_000, 50_112_345)
    assert book["heard_ms_ago"] == 30
    assert book["age_ms"] == NOW.now_ms - book["event_time"]


@pytest.mark.parametrize("state", [BookState.SYNCING, BookState.STALE])
def test_a_book_that_is_not_live_says_why(store: Store, state: BookState) -> None:
    store.take(SPOT, "top-of-book", top(13, state), 0)

    book = answers.book_answer(store, SPOT, SYMBOL, 1, NOW)

    assert book["state"] == state
    assert book["reason"]


def test_no_book_is_live_while_the_broker_is_away(store: Store) -> None:
    away = Moment(NOW.now_ms, "the broker has not answered for 12 s")

    books = answers.books_answer(store, [SPOT], away)

    assert books["counts"] == {"syncing": 0, "live": 0, "stale": 1}
    assert books["books"][0]["reason"] == "the broker has not answered for 12 s"


def test_books_in_one_state_are_asked_for_and_all_are_counted(store: Store) -> None:
    store.take(SPOT, "top-of-book", top(1, BookState.SYNCING, symbol="ETHUSDT"), 0)

    books = answers.books_answer(store, [SPOT, Market.USDM], NOW, state=BookState.SYNCING)

    assert books["counts"] == {"syncing": 1, "live": 1, "stale": 0}
    assert [book["symbol"] for book in books["books"]] == ["ETHUSDT"]


def test_a_symbol_of_which_nothing_was_told_is_unknown(store: Store) -> None:
    with pytest.raises(UnknownSymbolError, match='symbol "NOSUCH": no derived topic of market spot'):
        answers.candles_answer(store, SPOT, "NOSUCH", "1m", 5)


def test_a_known_symbol_without_what_is_asked_for_is_told_apart(store: Store) -> None:
    assert answers.candles_answer(store, SPOT, SYMBOL, "1m", 5)["candles"] == []
    assert answers.flow_answer(store, SPOT, SYMBOL, "1s", 5)["flow"] == []
    with pytest.raises(NothingToldError, match="has told no ticker"):
        answers.ticker_answer(store, SPOT, SYMBOL, NOW)
    with pytest.raises(NothingToldError, match="has told no liquidity"):
        answers.liquidity_answer(store, SPOT, SYMBOL, NOW)
    store.take(SPOT, "ticker", ticker(0, symbol="ETHUSDT"), 0)
    with pytest.raises(NothingToldError, match="has told no book"):
        answers.book_answer(store, SPOT, "ETHUSDT", 5, NOW)


def test_the_newest_windows_come_oldest_first(store: Store) -> None:
    for number in (3, 1, 2):
        store.take(SPOT, "candle", candle(number * 60_000), 0)
        store.take(SPOT, "trade-flow", flow(number * 1_000), 0)

    candles = answers.candles_answer(store, SPOT, SYMBOL, "1m", 2)["candles"]
    windows = answers.flow_answer(store, SPOT, SYMBOL, "1s", 2)["flow"]

    assert [one["open_time"] for one in candles] == [120_000, 180_000]
    assert [one["open_time"] for one in windows] == [2_000, 3_000]


def test_alerts_are_picked_by_symbol_kind_and_status(store: Store) -> None:
    store.take(SPOT, "alert", alert(1), 0)
    store.take(SPOT, "alert", alert(2, symbol="ETHUSDT"), 0)
    store.take(SPOT, "alert", alert(3, status=AlertStatus.CLOSED), 0)

    def opened(**wanted: object) -> list[int]:
        return [one["opened_time"] for one in answers.alerts_answer(store, SPOT, 9, **wanted)["alerts"]]  # type: ignore[arg-type]

    assert opened() == [3, 2, 1]
    assert opened(symbol=SYMBOL) == [3, 1]
    assert opened(status=AlertStatus.OPEN) == [2, 1]
    assert answers.alerts_answer(store, SPOT, 1)["alerts"][0]["value"] == "0.9500000000000000"


def test_symbols_come_with_the_state_of_their_book(store: Store) -> None:
    store.take(SPOT, "ticker", ticker(0, symbol="AAVEUSDT", last_price=ONE), 0)

    assert answers.symbols_answer(store, SPOT)["symbols"] == [
        {"symbol": "AAVEUSDT", "book_state": None},
        {"symbol": SYMBOL, "book_state": "live"},
    ]
