from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from processors.core.records import Rejected
from processors.core.trades import Match, contract_size_of, match_of_agg_trade, match_of_trade, trade_record
from schemas.decimals import QUOTE_SCALE, from_scaled
from schemas.derived import TakerSide, TradeKind, TradeSource
from schemas.markets import Market
from schemas.wire import AggTrade, Trade
from tests.support.strategies import agg_trades, trades


PLAIN = Trade(
    event_type="trade",
    event_time=1_001,
    symbol="BTCUSDT",
    trade_id=7,
    price="61837.63000000",
    quantity="0.02000000",
    trade_time=1_000,
    buyer_is_maker=True,
)


def matched(result: Match | Rejected | None) -> Match:
    assert isinstance(result, Match)
    return result


@given(trades(), st.sampled_from([Market.SPOT, Market.USDM]))
def test_the_quote_quantity_is_exact(trade: Trade, market: Market) -> None:
    match = matched(match_of_trade(trade, market, None, 5))

    assert match.quote_quantity is not None
    assert from_scaled(match.quote_quantity, QUOTE_SCALE) == Decimal(trade.price) * Decimal(trade.quantity)
    assert match.base_quantity == match.quantity


@given(trades(), st.sampled_from(["10", "100", "0.5"]))
def test_contracts_have_a_base_quantity_rounded_half_even_and_an_exact_quote_quantity(trade: Trade, size: str) -> None:
    expected = (Decimal(trade.quantity) * Decimal(size) / Decimal(trade.price)).quantize(
        Decimal("1e-8"), ROUND_HALF_EVEN
    )
    match = match_of_trade(trade, Market.COINM, contract_size_of(size.encode()), 5)

    if isinstance(match, Rejected):
        assert match.reason == "does-not-fit"
        assert expected >= 10**12
        return
    assert match is not None
    assert match.base_quantity is not None
    assert match.quote_quantity is not None
    assert from_scaled(match.base_quantity) == expected
    assert from_scaled(match.quote_quantity, QUOTE_SCALE) == Decimal(trade.quantity) * Decimal(size)


@pytest.mark.parametrize(
    ("quantity", "price", "base"),
    [("1", "2000000000", 0), ("3", "2000000000", 2), ("5", "2000000000", 2), ("6", "2000000000", 3)],
)
def test_half_of_the_last_place_goes_to_the_even_one(quantity: str, price: str, base: int) -> None:
    """Ten dollars a contract: 0.5, 1.5, 2.5 and 3 units of the last place."""
    match = matched(match_of_trade(replace(PLAIN, quantity=quantity, price=price), Market.COINM, 10**9, 5))

    assert match.base_quantity == base


@pytest.mark.parametrize("header", [None, b"", b"abc", b"0", b"-10", b"\xff"])
def test_without_a_contract_size_contracts_have_neither_base_nor_quote_quantity(header: bytes | None) -> None:
    match = matched(match_of_trade(PLAIN, Market.COINM, contract_size_of(header), 5))

    assert (match.base_quantity, match.quote_quantity) == (None, None)
    assert match.quantity == 2_000_000


def test_the_taker_sold_to_a_buyer_who_was_maker() -> None:
    assert matched(match_of_trade(PLAIN, Market.SPOT, None, 5)).taker_side is TakerSide.SELL
    bought = replace(PLAIN, buyer_is_maker=False)
    assert matched(match_of_trade(bought, Market.SPOT, None, 5)).taker_side is TakerSide.BUY


@given(agg_trades())
def test_an_aggregate_trade_keeps_the_ids_that_it_covers(trade: AggTrade) -> None:
    match = matched(match_of_agg_trade(trade, Market.SPOT, None, 5))

    assert match.trade_id == trade.aggregate_trade_id
    assert (match.first_trade_id, match.last_trade_id) == (trade.first_trade_id, trade.last_trade_id)


@given(agg_trades())
def test_an_aggregate_trade_of_no_trades_is_refused(trade: AggTrade) -> None:
    reversed_ids = replace(trade, last_trade_id=trade.first_trade_id - 1)

    assert isinstance(match_of_agg_trade(reversed_ids, Market.SPOT, None, 5), Rejected)


def test_a_frame_of_price_and_quantity_zero_is_no_trade() -> None:
    assert match_of_trade(replace(PLAIN, price="0", quantity="0.000"), Market.USDM, None, 5) is None


@pytest.mark.parametrize(
    ("price", "quantity", "reason"),
    [
        ("abc", "1", "bad-number"),
        ("1", "", "bad-number"),
        ("0", "1", "bad-number"),
        ("1", "0", "bad-number"),
        ("-1", "1", "bad-number"),
        ("1", "-1", "bad-number"),
        ("0.000000001", "1", "bad-number"),
        ("999999999999", "999999999999", "does-not-fit"),
    ],
)
def test_numbers_that_cannot_be_are_refused_with_the_reason(price: str, quantity: str, reason: str) -> None:
    result = match_of_trade(replace(PLAIN, price=price, quantity=quantity), Market.SPOT, None, 5)

    assert isinstance(result, Rejected)
    assert result.reason == reason


def test_the_record_of_a_trade_spells_everything_out() -> None:
    match = matched(match_of_trade(PLAIN, Market.SPOT, None, 5))

    record = trade_record(match, "BTCUSDT", TradeSource.TRADE, 2, late=True)

    assert (record.kind, record.symbol, record.source, record.epoch) == (
        TradeKind.TRADE,
        "BTCUSDT",
        TradeSource.TRADE,
        2,
    )
    assert (record.trade_id, record.first_trade_id, record.last_trade_id) == (7, 7, 7)
    assert (record.price, record.quantity, record.base_quantity) == (6183763000000, 2000000, 2000000)
    assert record.quote_quantity == 6183763000000 * 2000000
    assert (record.trade_time, record.taker_side, record.late, record.input_offset) == (1_000, "SELL", True, 5)
