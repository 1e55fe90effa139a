from __future__ import annotations

import pytest

from dashboard.core.answers import Document, Moment
from dashboard.core.quotes import Size, size_of, slippage_answer
from dashboard.core.store import Limits, Store
from dashboard.errors import BadParameterError, BookNotLiveError, UnknownSymbolError
from schemas.derived import BookState, TakerSide
from schemas.markets import Market
from tests.unit.dashboard.values import ONE, SYMBOL, snapshot, top


NOW = Moment(1_723_161_700_000)


def ask(market: Market = Market.SPOT, side: TakerSide = TakerSide.BUY, moment: Moment = NOW, **size: str) -> Document:
    store = Store(Limits())
    store.take(
        market,
        "book-snapshot",
        snapshot(
            bid_prices=[100 * ONE, 99 * ONE],
            bid_quantities=[ONE, ONE],
            ask_prices=[101 * ONE, 103 * ONE],
            ask_quantities=[ONE, 2 * ONE],
        ),
        0,
    )
    store.take(market, "top-of-book", top(), 0)
    wanted = size_of(market, size.get("quantity"), size.get("quote_quantity"))
    return slippage_answer(store, market, SYMBOL, side=side, size=wanted, moment=moment)


def test_a_buyer_takes_asks_and_a_seller_bids() -> None:
    bought, sold = ask(quantity="2"), ask(side=TakerSide.SELL, quantity="2")

    assert (bought["average_price"], bought["worst_price"]) == ("102.00000000", "103.00000000")
    assert (sold["average_price"], sold["worst_price"]) == ("99.50000000", "99.00000000")
    assert bought["slippage_bps"] == "99.0099"
    assert not bought["exhausted"]


def test_a_size_in_quote_asset_buys_what_it_pays_for() -> None:
    bought = ask(quote_quantity="204")

    assert bought["filled_quantity"] == "2.00000000"
    assert bought["filled_quote_quantity"] == "204.0000000000000000"


def test_an_order_beyond_the_known_levels_is_told_as_such() -> None:
    bought = ask(quantity="3.5")

    assert bought["exhausted"]
    assert (bought["filled_quantity"], bought["levels_used"], bought["levels_known"]) == ("3.00000000", 2, 2)


def test_contracts_are_averaged_by_what_they_buy() -> None:
    bought = ask(Market.COINM, quantity="2")

    assert bought["unit"] == "contracts"
    assert bought["average_price"] == "101.99019608"  # 2 / (1/101 + 1/103), the harmonic mean
    assert bought["filled_quote_quantity"] is None


def test_contracts_have_no_size_in_quote_asset() -> None:
    with pytest.raises(BadParameterError, match="quantities on COIN-M are contracts"):
        ask(Market.COINM, quote_quantity="5")


@pytest.mark.parametrize(
    ("quantity", "quote_quantity", "complaint"),
    [
        (None, None, "give either"),
        ("1", "1", "give either"),
        ("0", None, "must be positive"),
        ("-1", None, "must be positive"),
        ("1e3", None, "not a decimal number"),
        ("0.000000001", None, "more than 8 decimal places"),
        (None, "nan", "not a decimal number"),
        ("9" * 13, None, "more than 12 digits before the point"),
    ],
)
def test_sizes_that_cannot_be_are_refused(quantity: str | None, quote_quantity: str | None, complaint: str) -> None:
    with pytest.raises(BadParameterError, match=complaint):
        size_of(Market.SPOT, quantity, quote_quantity)


@pytest.mark.parametrize("state", [BookState.SYNCING, BookState.STALE])
def test_a_book_that_is_not_live_quotes_nothing(state: BookState) -> None:
    store = Store(Limits())
    store.take(Market.SPOT, "book-snapshot", snapshot(), 0)
    store.take(Market.SPOT, "top-of-book", top(11, state), 0)

    with pytest.raises(BookNotLiveError, match=f'book "BTCUSDT": {state}: '):
        slippage_answer(store, Market.SPOT, SYMBOL, side=TakerSide.BUY, size=Size(ONE, None), moment=NOW)


def test_a_live_book_without_levels_quotes_nothing_either() -> None:
    store = Store(Limits())
    store.take(Market.SPOT, "top-of-book", top(), 0)

    with pytest.raises(BookNotLiveError, match="no levels of it were told"):
        slippage_answer(store, Market.SPOT, SYMBOL, side=TakerSide.BUY, size=Size(ONE, None), moment=NOW)
    with pytest.raises(UnknownSymbolError):
        slippage_answer(store, Market.SPOT, "NOSUCH", side=TakerSide.BUY, size=Size(ONE, None), moment=NOW)


def test_nothing_is_quoted_while_the_broker_is_away() -> None:
    with pytest.raises(BookNotLiveError, match="has not answered"):
        ask(moment=Moment(NOW.now_ms, "the broker has not answered for 12 s"), quantity="1")
