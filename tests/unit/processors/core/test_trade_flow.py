from __future__ import annotations

from fractions import Fraction

import msgspec
from hypothesis import given, strategies as st
from msgspec.structs import replace

from processors.core.rounding import half_even
from processors.core.trade_flow import FlowWindow, merge, take, told
from processors.core.trades import Match
from schemas.derived import TakerSide, TradeFlow, TradeSource
from tests.unit.processors.core.matches import match_at, matches


def folded(trades: list[Match], open_time: int = 0) -> FlowWindow:
    window = FlowWindow(open_time)
    for trade in trades:
        take(window, trade)
    return window


def as_told(window: FlowWindow, *, contracts: bool = False) -> TradeFlow:
    return told(window, "BTCUSDT", TradeSource.TRADE, "10s", contracts=contracts, revision=False)


@given(matches(20, 10_000), st.data())
def test_the_order_of_trades_does_not_matter(trades: list[Match], data: st.DataObject) -> None:
    assert folded(data.draw(st.permutations(trades))) == folded(trades)


@given(matches(20, 10_000), st.integers(0, 20))
def test_a_window_is_what_its_parts_are_together(trades: list[Match], cut: int) -> None:
    window = folded(trades[:cut])
    merge(window, folded(trades[cut:]))

    assert window == folded(trades)


@given(matches(20, 10_000))
def test_a_window_says_what_its_trades_sum_up_to(trades: list[Match]) -> None:
    flow = as_told(folded(trades))

    bought = [trade for trade in trades if trade.taker_side is TakerSide.BUY]
    sold = [trade for trade in trades if trade.taker_side is TakerSide.SELL]
    largest = min(trades, key=lambda trade: (-trade.quantity, trade.trade_time, trade.trade_id))
    base = sum(trade.quantity for trade in trades)
    quote = sum(trade.price * trade.quantity for trade in trades)
    assert flow == TradeFlow(
        symbol="BTCUSDT",
        window="10s",
        open_time=0,
        close_time=10_000,
        source=TradeSource.TRADE,
        base_volume=base,
        quote_volume=quote,
        contract_volume=None,
        trade_count=len(trades),
        taker_buy_base_volume=sum(trade.quantity for trade in bought),
        taker_buy_quote_volume=sum(trade.price * trade.quantity for trade in bought),
        taker_sell_base_volume=sum(trade.quantity for trade in sold),
        taker_sell_quote_volume=sum(trade.price * trade.quantity for trade in sold),
        vwap=round(Fraction(quote, base)),
        largest_trade_id=largest.trade_id,
        largest_price=largest.price,
        largest_quantity=largest.quantity,
        largest_quote_quantity=largest.quote_quantity,
        largest_taker_side=largest.taker_side,
        complete=True,
        revision=False,
        input_offset=max(trade.input_offset for trade in trades),
    )


@given(st.integers(0, 10**40), st.integers(1, 10**30))
def test_quotients_are_rounded_half_even(dividend: int, divisor: int) -> None:
    assert half_even(dividend, divisor) == round(Fraction(dividend, divisor))


def test_aggregate_trades_count_the_trades_in_them() -> None:
    assert folded([replace(match_at(0, 1), first_trade_id=5, last_trade_id=9)]).trade_count == 5


def test_contracts_of_unknown_size_have_no_base_and_no_quote_volume() -> None:
    known, unknown = match_at(0, 1), replace(match_at(1, 2), base_quantity=None, quote_quantity=None)

    flow = as_told(folded([known, unknown]), contracts=True)

    assert flow.contract_volume == 20
    assert {flow.base_volume, flow.quote_volume, flow.taker_buy_base_volume, flow.taker_sell_quote_volume} == {None}
    assert flow.vwap is None


def test_a_base_volume_that_rounds_to_nothing_has_no_average_price() -> None:
    assert as_told(folded([replace(match_at(0, 1), base_quantity=0)]), contracts=True).vwap is None


def test_a_window_has_nothing_that_a_collector_of_garbage_must_follow() -> None:
    """It is declared so; a field that holds a container would leak."""
    for field in msgspec.structs.fields(FlowWindow):
        assert field.type in {int, bool, int | None}, field.name
