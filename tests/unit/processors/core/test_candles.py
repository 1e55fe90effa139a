from __future__ import annotations

from functools import reduce

from hypothesis import given, strategies as st
from msgspec.structs import replace

from processors.core.candles import CandleMarks, Fold, add, finish, initial, merge
from processors.core.trades import Match
from processors.core.windows import Window
from schemas.derived import Candle, TakerSide, TradeSource
from tests.unit.processors.core.matches import match_at, matches


MARKS = CandleMarks(previous_close=77, final=True, complete=True, revision=False, input_offset=5)


def folded(trades: list[Match], *, contracts: bool = False) -> Fold:
    return reduce(add, trades, initial(contracts=contracts))


def finished(fold: Fold) -> Candle:
    return finish(fold, "BTCUSDT", TradeSource.TRADE, "1m", window=Window(0, 60_000), marks=MARKS)


@given(matches(20, 60_000))
def test_a_candle_is_what_its_definition_says(trades: list[Match]) -> None:
    bought = [trade for trade in trades if trade.taker_side is TakerSide.BUY]

    assert finished(folded(trades)) == Candle(
        symbol="BTCUSDT",
        interval="1m",
        open_time=0,
        close_time=60_000,
        open=trades[0].price,
        high=max(trade.price for trade in trades),
        low=min(trade.price for trade in trades),
        close=trades[-1].price,
        base_volume=sum(trade.quantity for trade in trades),
        quote_volume=sum(trade.price * trade.quantity for trade in trades),
        contract_volume=None,
        trade_count=len(trades),
        taker_buy_base_volume=sum(trade.quantity for trade in bought),
        taker_buy_quote_volume=sum(trade.price * trade.quantity for trade in bought),
        taker_buy_contract_volume=None,
        first_trade_id=trades[0].trade_id,
        last_trade_id=trades[-1].trade_id,
        source=TradeSource.TRADE,
        final=True,
        complete=True,
        revision=False,
        input_offset=trades[-1].input_offset,
    )


@given(matches(12, 60_000), st.data())
def test_the_order_in_which_trades_are_added_does_not_matter(trades: list[Match], data: st.DataObject) -> None:
    """Open and close follow trade time, then id."""
    assert folded(data.draw(st.permutations(trades))) == folded(trades)


@given(matches(12, 60_000), st.integers(0, 12))
def test_merging_two_folds_is_folding_all_their_trades(trades: list[Match], cut: int) -> None:
    first, second = folded(trades[:cut]), folded(trades[cut:])

    assert merge(first, second) == merge(second, first) == folded(trades)


@given(matches(5, 60_000))
def test_a_fold_of_no_trade_adds_nothing(trades: list[Match]) -> None:
    fold = folded(trades)

    assert merge(fold, initial(contracts=False)) == merge(initial(contracts=False), fold) == fold


def test_an_interval_without_trades_has_the_previous_close_as_all_its_prices() -> None:
    """As Binance has it."""
    candle = finished(initial(contracts=False))

    assert (candle.open, candle.high, candle.low, candle.close) == (77, 77, 77, 77)
    assert (candle.base_volume, candle.quote_volume, candle.trade_count) == (0, 0, 0)
    assert (candle.first_trade_id, candle.last_trade_id, candle.input_offset) == (-1, -1, 5)


def test_an_aggregate_trade_counts_the_trades_that_it_covers() -> None:
    first = replace(match_at(1, 500), first_trade_id=10, last_trade_id=14)
    second = replace(match_at(2, 501), first_trade_id=15, last_trade_id=15)

    candle = finished(folded([first, second]))

    assert (candle.trade_count, candle.first_trade_id, candle.last_trade_id) == (6, 10, 15)


@given(matches(10, 60_000))
def test_contracts_are_summed_beside_the_base_asset(trades: list[Match]) -> None:
    candle = finished(folded([replace(trade, base_quantity=3) for trade in trades], contracts=True))

    assert candle.contract_volume == sum(trade.quantity for trade in trades)
    assert candle.base_volume == 3 * len(trades)
    assert candle.taker_buy_contract_volume == sum(t.quantity for t in trades if t.taker_side is TakerSide.BUY)


@given(matches(10, 60_000), st.data())
def test_a_volume_of_which_a_part_is_not_known_is_not_known(trades: list[Match], data: st.DataObject) -> None:
    unknown = data.draw(st.sampled_from(trades))
    trades[trades.index(unknown)] = replace(unknown, base_quantity=None, quote_quantity=None)

    candle = finished(folded(trades, contracts=True))

    assert (candle.base_volume, candle.quote_volume) == (None, None)
    assert (candle.taker_buy_base_volume, candle.taker_buy_quote_volume) == (None, None)
    assert candle.contract_volume is not None


@given(matches(8, 60_000), st.booleans(), st.data())
def test_adding_a_trade_is_merging_what_it_is_alone(trades: list[Match], contracts: bool, data: st.DataObject) -> None:
    """In any order, and whatever is not known of some of them."""
    trades = [
        replace(
            trade,
            base_quantity=data.draw(st.sampled_from([None, trade.quantity])),
            quote_quantity=data.draw(st.sampled_from([None, 7])),
        )
        for trade in data.draw(st.permutations(trades))
    ]
    alone = [folded([trade], contracts=contracts) for trade in trades]

    assert folded(trades, contracts=contracts) == reduce(merge, alone)
