from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from processors.core.candle_series import CandleSeries
from processors.core.trades import Match
from schemas.derived import Candle, TradeSource
from schemas.topics import CANDLE_INTERVALS
from tests.unit.processors.core.matches import match_at, matches


MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
Key = tuple[str, int]


def new_series(covered_since: int | None = 0, *, contracts: bool = False) -> CandleSeries:
    return CandleSeries("BTCUSDT", TradeSource.TRADE, contracts=contracts, covered_since=covered_since)


def fed(series: CandleSeries, trades: Iterable[Match]) -> list[Candle]:
    return [candle for trade in trades for candle in series.add(trade)]


def last(candles: Iterable[Candle]) -> dict[Key, Candle]:
    """Return the last final candle of every key."""
    return {(candle.interval, candle.open_time): candle for candle in candles if candle.final}


def minutes(candles: Iterable[Candle]) -> list[Candle]:
    return [candle for candle in candles if candle.interval == "1m" and candle.final]


def unflagged(candles: dict[Key, Candle]) -> dict[Key, Candle]:
    return {key: replace(candle, revision=False) for key, candle in candles.items()}


def naive(trades: list[Match], interval: str, end: int) -> dict[int, tuple[int, int, int, int, int, int]]:
    """Return open, high, low, close, volume and count by open time, of every interval up to ``end``."""
    length = CANDLE_INTERVALS[interval]
    first = min(trade.trade_time for trade in trades) // length * length
    rows: dict[int, tuple[int, int, int, int, int, int]] = {}
    close = 0
    for start in range(first, end // length * length, length):
        inside = [trade for trade in trades if start <= trade.trade_time < start + length]
        if inside:
            close = inside[-1].price
            prices = [trade.price for trade in inside]
            volume = sum(trade.quantity for trade in inside)
            rows[start] = (prices[0], max(prices), min(prices), close, volume, len(inside))
        else:
            rows[start] = (close, close, close, close, 0, 0)
    return rows


def row(candle: Candle) -> tuple[int, int, int, int, int | None, int]:
    return candle.open, candle.high, candle.low, candle.close, candle.base_volume, candle.trade_count


@given(matches(30, 3 * HOUR), st.integers(0, 2 * HOUR))
def test_every_interval_has_its_candle_whether_traded_or_not(trades: list[Match], more: int) -> None:
    series = new_series()
    end = trades[-1].trade_time + more
    candles = last([*fed(series, trades), *series.vouch(end)])

    for interval in CANDLE_INTERVALS:
        mine = {start: row(candle) for (name, start), candle in candles.items() if name == interval}
        assert mine == naive(trades, interval, max(end, trades[-1].trade_time // MINUTE * MINUTE))


@given(matches(20, HOUR), st.lists(st.tuples(st.integers(0, 20), st.integers(0, HOUR)), max_size=8))
def test_true_heartbeats_change_nothing_but_when_candles_end(
    trades: list[Match], promises: list[tuple[int, int]]
) -> None:
    """A heartbeat after a number of trades vouches for a time that no later trade is before."""
    plain, vouched = new_series(), new_series()
    expected = [*fed(plain, trades), *plain.vouch(HOUR)]
    candles: list[Candle] = []
    for count, trade in enumerate(trades):
        for after, time in promises:
            if after == count:
                candles.extend(vouched.vouch(min(time, trade.trade_time)))
        candles.extend(vouched.add(trade))
    candles.extend(vouched.vouch(HOUR))

    assert last(candles) == last(expected)
    assert not any(candle.revision for candle in candles)


@given(matches(15, 30 * MINUTE), st.data())
def test_late_trades_end_in_the_same_candles(trades: list[Match], data: st.DataObject) -> None:
    """Some come only after everything else; the numbers are as if they had come in order."""
    delayed = data.draw(st.sets(st.sampled_from(trades[1:]))) if len(trades) > 1 else set()
    in_time = [trade for trade in trades if trade not in delayed]
    plain, corrected = new_series(), new_series()
    expected = last([*fed(plain, trades), *plain.vouch(HOUR)])
    candles = [*fed(corrected, in_time), *corrected.vouch(HOUR)]
    candles.extend(fed(corrected, data.draw(st.permutations([trade for trade in trades if trade in delayed]))))

    # The offset of an empty candle tells which records were known: that depends on when they came.
    assert {key: row(candle) for key, candle in last(candles).items()} == {
        key: row(candle) for key, candle in expected.items()
    }


def test_longer_candles_come_right_after_the_minute_that_ends_them() -> None:
    series = new_series()
    candles = fed(series, [match_at(0, 1), match_at(5 * MINUTE, 2)])

    finals = [(candle.interval, candle.open_time) for candle in candles if candle.final]
    assert finals == [*[("1m", minute * MINUTE) for minute in range(5)], ("5m", 0)]


def test_candles_end_at_the_heartbeat_that_vouches_for_their_end_and_not_before() -> None:
    series = new_series()
    fed(series, [match_at(10, 1)])

    assert series.vouch(MINUTE - 1) == []
    (candle,) = series.vouch(MINUTE)
    assert (candle.open_time, candle.final, candle.complete) == (0, True, True)
    assert series.vouch(MINUTE) == []


def test_there_is_no_candle_before_the_first_trade() -> None:
    series = new_series()

    assert series.vouch(DAY) == []
    assert minutes(fed(series, [match_at(DAY, 1)])) == []


@given(matches(40, 10 * MINUTE))
def test_provisional_candles_come_at_most_once_a_second_of_event_time(trades: list[Match]) -> None:
    series = new_series()
    shown: list[int] = []
    for trade in trades:
        provisional = [candle for candle in series.add(trade) if not candle.final]
        assert len(provisional) <= 1
        assert all(candle.interval == "1m" for candle in provisional)
        shown.extend(trade.trade_time for _ in provisional)

    assert all(later - earlier >= 1_000 for earlier, later in pairwise(shown))
    assert shown[0] == trades[0].trade_time


def test_a_late_trade_revises_the_candles_of_every_interval_that_are_over() -> None:
    series = new_series()
    fed(series, [match_at(10, 1, price=5), match_at(HOUR, 3, price=7)])

    candles = series.add(match_at(30, 2, price=9, offset=50))

    over = [(candle.interval, candle.open_time, candle.close) for candle in candles]
    assert over == [
        # The minutes without trades that follow take the close over; so do the longer intervals.
        *[("1m", minute * MINUTE, 9) for minute in range(60)],
        *[("5m", five * 5 * MINUTE, 9) for five in range(12)],
        *[("15m", quarter * 15 * MINUTE, 9) for quarter in range(4)],
        ("1h", 0, 9),
    ]
    assert all(candle.revision and candle.final and candle.input_offset == 50 for candle in candles)
    assert series.vouch(HOUR + 2 * MINUTE)[0].close == 7


def test_a_late_trade_that_closes_nothing_revises_only_its_own_candles() -> None:
    series = new_series()
    fed(series, [match_at(10, 1), match_at(50, 3, price=7), match_at(MINUTE, 4)])

    candles = series.add(match_at(30, 2, price=200))

    assert [(candle.interval, candle.high, candle.close, candle.trade_count) for candle in candles] == [
        ("1m", 200, 7, 3)
    ]


def test_a_trade_too_late_to_correct_a_candle_still_counts_in_those_that_are_not_over() -> None:
    series = new_series()
    fed(series, [match_at(10, 1), match_at(3 * HOUR, 3)])

    assert series.add(match_at(30, 2)) == []
    assert last(series.vouch(4 * HOUR))["4h", 0].trade_count == 3


def test_a_trade_of_before_the_first_makes_an_incomplete_candle() -> None:
    series = new_series()
    fed(series, [match_at(10 * MINUTE, 5), match_at(20 * MINUTE, 6)])

    candles = series.add(match_at(30, 2))

    assert [(candle.interval, candle.open_time, candle.complete) for candle in candles] == [
        ("1m", 0, False),
        ("5m", 0, False),
        ("15m", 0, True),
    ]


@pytest.mark.parametrize(
    ("covered_since", "complete"),
    [(None, set()), (3 * MINUTE + 1, set()), (3 * MINUTE, {"1m"}), (0, {"1m", "5m", "15m", "1h", "4h", "1d"})],
)
def test_a_candle_is_complete_only_from_when_the_input_is_vouched_for(
    covered_since: int | None, complete: set[str]
) -> None:
    series = new_series(covered_since)
    candles = last([*fed(series, [match_at(3 * MINUTE + 5, 1)]), *series.vouch(DAY)])

    firsts = {
        interval: candles[interval, 3 * MINUTE // length * length] for interval, length in CANDLE_INTERVALS.items()
    }
    assert {interval for interval, candle in firsts.items() if candle.complete} == complete
    assert candles["1m", 4 * MINUTE].complete
    assert candles["5m", 5 * MINUTE].complete


def test_learning_later_since_when_the_input_is_whole_corrects_the_first_candles() -> None:
    series = new_series(None)
    fed(series, [match_at(3 * MINUTE + 5, 1)])
    series.vouch(5 * MINUTE)

    candles = series.cover(0)

    assert [(candle.interval, candle.complete, candle.revision) for candle in candles] == [
        ("1m", True, True),
        ("5m", True, True),
    ]
    assert series.cover(0) == []


def test_a_hole_makes_the_candles_that_it_touches_incomplete_on_every_interval() -> None:
    series = new_series()
    fed(series, [match_at(10, 1)])
    series.vouch(2 * MINUTE)

    revised = series.open_hole((0, 2), 10, 3 * MINUTE + 5)
    candles = last([*revised, *fed(series, [match_at(3 * MINUTE + 5, 9)]), *series.vouch(10 * MINUTE)])

    assert [(candle.open_time, candle.revision) for candle in revised] == [(0, True), (MINUTE, True)]
    incomplete = {key for key, candle in candles.items() if not candle.complete}
    assert incomplete == {("1m", 0), ("1m", MINUTE), ("1m", 2 * MINUTE), ("1m", 3 * MINUTE), ("5m", 0)}


def test_a_hole_that_is_filled_makes_its_candles_complete_again() -> None:
    series = new_series()
    fed(series, [match_at(10, 1)])
    series.open_hole((0, 2), 10, MINUTE + 5)
    candles = fed(series, [match_at(MINUTE + 5, 3), match_at(3 * MINUTE, 4)])
    candles += series.add(match_at(20, 2))
    candles += series.close_hole((0, 2), recovered=True)

    assert [(candle.open_time, candle.complete, candle.trade_count) for candle in last(candles).values()] == [
        (0, True, 2),
        (MINUTE, True, 1),
        (2 * MINUTE, True, 0),
    ]


def test_a_hole_that_is_partly_filled_leaves_incomplete_only_where_the_rest_can_lie() -> None:
    series = new_series()
    fed(series, [match_at(10, 1)])
    series.open_hole((0, 2), 10, 7 * MINUTE)
    fed(series, [match_at(7 * MINUTE, 9), match_at(20 * MINUTE, 10)])
    series.add(match_at(6 * MINUTE, 8))

    candles = series.narrow_hole((0, 2), [(6 * MINUTE, 7 * MINUTE)])

    assert [(candle.interval, candle.open_time) for candle in candles if candle.complete] == [
        *[("1m", minute * MINUTE) for minute in range(6)],
        ("5m", 0),
    ]
    assert series.narrow_hole((0, 2), [(6 * MINUTE + 5, 7 * MINUTE)]) == []
    assert [candle.interval for candle in series.close_hole((0, 2), recovered=True)] == ["1m", "1m", "5m", "15m"]


def test_two_holes_in_a_candle_must_both_be_filled() -> None:
    series = new_series()
    fed(series, [match_at(10, 1)])
    series.open_hole((0, 2), 10, 20)
    series.open_hole((0, 5), 30, 40)
    series.vouch(MINUTE)

    assert series.close_hole((0, 2), recovered=True) == []
    (candle,) = series.close_hole((0, 5), recovered=True)
    assert candle.complete


def test_a_hole_that_nobody_can_fill_leaves_its_candles_incomplete() -> None:
    series = new_series()
    fed(series, [match_at(10, 1)])
    series.open_hole((0, 2), 10, 20)
    (candle,) = series.vouch(MINUTE)

    assert not candle.complete
    assert series.close_hole((0, 2), recovered=False) == []


def test_the_candles_beside_an_open_hole_are_kept_until_it_closes() -> None:
    series = new_series()
    fed(series, [match_at(10, 1)])
    series.open_hole((0, 2), 10, 5 * MINUTE)
    fed(series, [match_at(5 * MINUTE, 4)])
    series.vouch(10 * HOUR)

    (first, *_) = series.add(match_at(2 * MINUTE, 2))
    assert (first.interval, first.open_time, first.trade_count) == ("1m", 2 * MINUTE, 1)
    assert {candle.open_time for candle in minutes(series.close_hole((0, 2), recovered=True))} == {
        minute * MINUTE for minute in range(6)
    }


def test_what_is_kept_does_not_grow() -> None:
    series = new_series()
    for minute in range(3 * 24 * 60):
        series.add(match_at(minute * MINUTE, minute))
        if minute % 20 == 0:
            series.open_hole((0, minute), minute * MINUTE, minute * MINUTE)

    assert sum(len(level.candles) for level in series._levels) < 600


def test_a_long_silence_is_filled_and_a_very_long_one_is_not() -> None:
    series = new_series()
    fed(series, [match_at(0, 1, price=5)])

    two_days = last(fed(series, [match_at(2 * DAY, 2, price=6)]))
    years = last(fed(series, [match_at(2 * DAY + 700 * DAY, 3, price=7)]))

    assert len([key for key in two_days if key[0] == "1m"]) == 2 * 24 * 60
    # What had begun ends; what lies between is not there; what comes after has seen every trade.
    assert [key for key in years if key[1] < 100 * DAY] == [(interval, 2 * DAY) for interval in CANDLE_INTERVALS]
    assert all(candle.complete for candle in years.values())
    (after,) = series.vouch(702 * DAY + MINUTE)
    assert (after.open_time, after.open, after.complete) == (702 * DAY, 7, True)


def test_candles_without_trades_of_contracts_have_zero_of_everything() -> None:
    series = new_series(contracts=True)
    series.add(replace(match_at(0, 1), base_quantity=None, quote_quantity=None))
    first, second = series.vouch(2 * MINUTE)

    assert (first.base_volume, first.quote_volume, first.contract_volume) == (None, None, 10)
    assert (second.base_volume, second.quote_volume, second.contract_volume) == (0, 0, 0)


def test_a_hole_that_is_closed_is_not_closed_again() -> None:
    """A restored state hears of it twice; the second time it is later, and would let go of more."""
    series = new_series()
    series.add(match_at(0, 1))
    series.open_hole((0, 2), 10, 20)
    series.add(match_at(20, 3))
    series.close_hole((0, 2), recovered=False)
    fed(series, [match_at(half * HOUR // 2 + 59 * MINUTE, 4 + half) for half in range(5)])
    before = series.dump()

    assert series.close_hole((0, 2), recovered=False) == []
    assert series.dump() == before


@given(matches(30, 3 * DAY), st.integers(0, 30), st.booleans())
def test_a_series_that_was_written_down_goes_on_as_it_would_have(
    trades: list[Match], after: int, contracts: bool
) -> None:
    series, other = new_series(contracts=contracts), new_series(contracts=contracts)
    wide = [replace(trade, quote_quantity=trade.price << 70, quantity=trade.quantity << 60) for trade in trades]
    fed(series, wide[:after])
    series.open_hole((1, 5), 0, MINUTE)
    other.load(series.dump())

    assert other.dump() == series.dump()
    assert fed(other, wide[after:]) == fed(series, wide[after:])
    assert other.close_hole((1, 5), recovered=True) == series.close_hole((1, 5), recovered=True)
    assert other.vouch(4 * DAY) == series.vouch(4 * DAY)


def test_a_series_of_other_intervals_is_refused() -> None:
    kept = new_series().dump()

    with pytest.raises(ValueError, match="expected 1m, 5m"):
        new_series().load(replace(kept, levels={"1m": []}))
