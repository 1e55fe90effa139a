"""Candles are compared where the recording holds everything and the venue's kline is known, exactly."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from sandbox.verify.candles import CandleComparison, TradedTime, compare_candles, minutes_of, truths_of
from sandbox.verify.klines import Kline
from sandbox.verify.spans import Spans
from sandbox.verify.trades import Hole
from schemas.decimals import ONE
from schemas.derived import Candle, TradeSource
from schemas.markets import Market


MINUTE = 60_000
HOLE = "holds a hole of the recording, or a trade that cannot be read"


def kline(minute: int, **changes: Any) -> Kline:
    found = Kline(
        open_time=minute * MINUTE,
        close_time=(minute + 1) * MINUTE,
        open=Decimal(10),
        high=Decimal(12),
        low=Decimal(9),
        close=Decimal(11),
        volume=Decimal(3),
        second_volume=Decimal(33),
        trade_count=2,
        taker_buy_volume=Decimal(1),
        taker_buy_second_volume=Decimal(11),
        first_trade_id=100 + 2 * minute,
        last_trade_id=101 + 2 * minute,
        origin="truth",
    )
    return msgspec.structs.replace(found, **changes)


def candle(minute: int, **changes: Any) -> Candle:
    found = Candle(
        symbol="BTCUSDT",
        interval="1m",
        open_time=minute * MINUTE,
        close_time=(minute + 1) * MINUTE,
        open=10 * ONE,
        high=12 * ONE,
        low=9 * ONE,
        close=11 * ONE,
        base_volume=3 * ONE,
        quote_volume=33 * ONE * ONE,
        contract_volume=None,
        trade_count=2,
        taker_buy_base_volume=ONE,
        taker_buy_quote_volume=11 * ONE * ONE,
        taker_buy_contract_volume=None,
        first_trade_id=100 + 2 * minute,
        last_trade_id=101 + 2 * minute,
        source=TradeSource.TRADE,
        final=True,
        complete=True,
        revision=False,
        input_offset=7,
    )
    return msgspec.structs.replace(found, **changes)


def traded(minutes: int = 3, *, start: int = 0, first_time: int | None = 5, holes: tuple[Hole, ...] = ()) -> TradedTime:
    spans = Spans()
    spans.observe(start)
    spans.observe(minutes * MINUTE)
    return TradedTime(spans, first_time, 100, 100 + 2 * minutes, minutes_of(holes))


def compare(
    klines: list[Kline], candles: list[Candle], when: TradedTime | None = None, market: Market = Market.SPOT
) -> CandleComparison:
    truths = truths_of([{("1m", k.open_time): k for k in klines}])
    return compare_candles(market, "1m", truths, {("1m", c.open_time): c for c in candles}, when or traded())


KLINES = [kline(minute) for minute in range(3)]
CANDLES = [candle(minute) for minute in range(3)]


def test_equal_candles_are_equal() -> None:
    result = compare(KLINES, CANDLES)

    assert (result.compared, result.equal, result.different) == (3, 3, 0)
    assert not result.not_compared


@pytest.mark.parametrize(
    "changes",
    [
        {"open": 10 * ONE + 1},
        {"high": 12 * ONE + 1},
        {"low": 9 * ONE - 1},
        {"close": 11 * ONE + 1},
        {"base_volume": 3 * ONE + 1},
        {"quote_volume": 33 * ONE * ONE + 1},
        {"trade_count": 3},
        {"taker_buy_base_volume": ONE - 1},
        {"taker_buy_quote_volume": 11 * ONE * ONE + 1},
        {"first_trade_id": 1},
        {"last_trade_id": 1},
        {"close_time": 2 * MINUTE + 1},
        {"final": False},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_any_wrong_column_is_a_difference(changes: dict[str, object]) -> None:
    result = compare(KLINES, [CANDLES[0], candle(1, **changes), CANDLES[2]])

    assert (result.equal, result.different) == (2, 1)
    assert result.differences[0]["open_time"] == MINUTE


def test_a_missing_candle_is_a_difference() -> None:
    result = compare(KLINES, [CANDLES[0], CANDLES[2]])

    assert (result.equal, result.different) == (2, 1)
    assert result.differences == [{"open_time": MINUTE, "truth": "truth", "missing": True}]


def test_without_klines_nothing_is_equal() -> None:
    result = compare([], CANDLES)

    assert result.compared == 0
    assert result.not_compared == Counter({"no kline": 3})


def test_intervals_that_are_not_wholly_inside_are_left_out() -> None:
    wrong = [candle(minute, close=1) for minute in (0, 2)]

    result = compare(KLINES, [wrong[0], CANDLES[1], wrong[1]], traded(2, start=1))

    assert (result.compared, result.equal) == (1, 1)


@pytest.mark.parametrize(("previous", "following"), [(MINUTE, MINUTE), (MINUTE + 5, 2 * MINUTE - 1)])
def test_a_minute_with_a_hole_of_the_recording_cannot_be_compared(previous: int, following: int) -> None:
    hole = Hole(0, 102, 103, previous, following)

    result = compare(KLINES, [CANDLES[0], candle(1, close=1), CANDLES[2]], traded(holes=(hole,)))

    assert (result.equal, result.different) == (2, 0)
    assert result.not_compared == Counter({HOLE: 1})


def test_a_hole_over_the_border_touches_both_minutes() -> None:
    hole = Hole(0, 102, 103, MINUTE - 1, MINUTE)

    assert compare(KLINES, CANDLES, traded(holes=(hole,))).not_compared == Counter({HOLE: 2})


EMPTY_KLINE = {
    "open": Decimal(11),
    "high": Decimal(11),
    "low": Decimal(11),
    "close": Decimal(11),
    "volume": Decimal(0),
    "second_volume": Decimal(0),
    "trade_count": 0,
    "taker_buy_volume": Decimal(0),
    "taker_buy_second_volume": Decimal(0),
    "first_trade_id": None,
    "last_trade_id": None,
}
EMPTY_CANDLE = {
    "open": 11 * ONE,
    "high": 11 * ONE,
    "low": 11 * ONE,
    "close": 11 * ONE,
    "base_volume": 0,
    "quote_volume": 0,
    "trade_count": 0,
    "taker_buy_base_volume": 0,
    "taker_buy_quote_volume": 0,
    "first_trade_id": -1,
    "last_trade_id": -1,
}


def test_an_empty_minute_is_compared_like_any_other() -> None:
    klines = [KLINES[0], kline(1, **EMPTY_KLINE), KLINES[2]]

    right = compare(klines, [CANDLES[0], candle(1, **EMPTY_CANDLE), CANDLES[2]])
    left_out = compare(klines, [CANDLES[0], CANDLES[2]])
    wrong = compare(klines, [CANDLES[0], candle(1, **EMPTY_CANDLE | {"open": 10 * ONE}), CANDLES[2]])

    assert (right.equal, right.different) == (3, 0)
    assert (left_out.equal, left_out.different) == (2, 1)
    assert (wrong.equal, wrong.different) == (2, 1)


def test_before_the_first_recorded_trade_an_empty_minute_cannot_be_known() -> None:
    klines = [kline(0, **EMPTY_KLINE), *KLINES[1:]]

    result = compare(klines, CANDLES[1:], traded(first_time=MINUTE + 5))

    assert (result.equal, result.different) == (2, 0)
    assert result.not_compared == Counter({"before the first recorded trade": 1})


def test_a_kline_with_trades_that_the_recording_lacks_is_not_compared() -> None:
    """Its own ids say that the trade stream was not recorded from the start."""
    klines = [kline(0, first_trade_id=90), *KLINES[1:]]

    assert compare(klines, CANDLES).not_compared == Counter({"the kline holds trades that the recording does not": 1})


def test_two_truths_must_both_agree() -> None:
    truths = truths_of([{("1m", 0): kline(0)}, {("1m", 0): kline(0, close=Decimal(1))}])

    result = compare_candles(Market.SPOT, "1m", truths, {("1m", 0): candle(0)}, traded(1))

    assert (result.equal, result.different) == (0, 1)


def test_a_short_truth_proves_what_it_tells() -> None:
    short = kline(
        0,
        second_volume=None,
        trade_count=None,
        taker_buy_volume=None,
        taker_buy_second_volume=None,
        first_trade_id=None,
        last_trade_id=None,
    )

    assert compare([short], [candle(0, trade_count=9)], traded(1)).equal == 1
    assert compare([short], [candle(0, base_volume=9)], traded(1)).different == 1


def test_longer_candles_are_compared_with_the_roll_up_where_no_kline_tells_them() -> None:
    truths = truths_of([{("1m", minute * MINUTE): kline(minute) for minute in range(5)}])
    five = candle(
        0,
        interval="5m",
        close_time=5 * MINUTE,
        base_volume=15 * ONE,
        quote_volume=165 * ONE * ONE,
        trade_count=10,
        taker_buy_base_volume=5 * ONE,
        taker_buy_quote_volume=55 * ONE * ONE,
    )

    right = compare_candles(Market.SPOT, "5m", truths, {("5m", 0): five}, traded(5))
    wrong = compare_candles(Market.SPOT, "5m", truths, {("5m", 0): msgspec.structs.replace(five, low=ONE)}, traded(5))

    assert (right.equal, dict(right.truths)) == (1, {"rolled up from truth": 1})
    assert wrong.different == 1


def test_the_venues_own_long_kline_comes_before_a_roll_up() -> None:
    own = kline(0, close_time=5 * MINUTE, origin="own")

    truths = truths_of([{("1m", m * MINUTE): kline(m) for m in range(5)}, {("5m", 0): own}])

    assert truths["5m", 0] == [own]


COINM = {
    "base_volume": 3 * ONE,
    "contract_volume": 33 * ONE,
    "taker_buy_base_volume": ONE,
    "taker_buy_contract_volume": 11 * ONE,
}
COINM_KLINE = {
    "volume": Decimal(33),
    "second_volume": Decimal(3),
    "taker_buy_volume": Decimal(11),
    "taker_buy_second_volume": Decimal(1),
}


@pytest.mark.parametrize(("error", "equal"), [(0, 1), (2, 1), (-2, 1), (3, 0), (-3, 0)])
@pytest.mark.parametrize("column", ["base_volume", "taker_buy_base_volume"])
def test_coinm_base_volumes_agree_to_1e_8_per_trade(column: str, error: int, equal: int) -> None:
    ours = candle(0, **COINM | {column: COINM[column] + error})

    assert compare([kline(0, **COINM_KLINE)], [ours], traded(1), Market.COINM).equal == equal


@pytest.mark.parametrize("column", ["contract_volume", "taker_buy_contract_volume"])
def test_coinm_contracts_are_exact(column: str) -> None:
    ours = candle(0, **COINM | {column: COINM[column] + 1})

    assert compare([kline(0, **COINM_KLINE)], [ours], traded(1), Market.COINM).different == 1


def test_only_an_unknown_contract_size_excuses_a_missing_volume() -> None:
    truths = truths_of([{("1m", 0): kline(0, **COINM_KLINE)}])
    ours = {("1m", 0): candle(0, **COINM | {"base_volume": None, "taker_buy_base_volume": None})}

    unknown = compare_candles(Market.COINM, "1m", truths, ours, traded(1), volumes_may_lack=True)
    known = compare_candles(Market.COINM, "1m", truths, ours, traded(1))

    assert (unknown.equal, unknown.different) == (1, 0)
    assert unknown.columns_not_compared == Counter(
        {"base_volume: contract size not known": 1, "taker_buy_base_volume: contract size not known": 1}
    )
    assert (known.equal, known.different) == (0, 1)


@pytest.mark.parametrize("column", ["quote_volume", "base_volume"])
def test_a_missing_volume_elsewhere_is_a_difference(column: str) -> None:
    assert compare([kline(0)], [candle(0, **{column: None})], traded(1)).different == 1
