"""Klines are folds of trades, whatever the interval."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from sandbox.simulation.intervals import DAY_MS, INTERVALS, MINUTE_MS, interval_end, interval_start
from sandbox.simulation.klines import Kline, KlineSeries, RollUp, rolled_up
from sandbox.simulation.rolling import RollingWindow
from sandbox.simulation.trade_log import Trade


START_MS = 1_793_577_600_000

market = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=150_000),
        st.integers(min_value=1, max_value=20),
        st.integers(min_value=1, max_value=9),
        st.booleans(),
    ),
    min_size=1,
    max_size=40,
)
"""Milliseconds since the trade before, price, quantity, buyer is maker."""


def trades_of(steps: Iterable[tuple[int, int, int, bool]]) -> list[Trade]:
    now_ms, trades = START_MS, []
    for trade_id, (wait_ms, price, quantity, maker) in enumerate(steps, start=100):
        now_ms += wait_ms
        trades.append(Trade(trade_id, price, quantity, now_ms, maker))
    return trades


def second(trade: Trade) -> int:
    return trade.price * trade.quantity


def fold(trades: list[Trade], open_ms: int, close_before: int) -> Kline:
    """Write down what a kline is."""
    if not trades:
        return Kline(open_ms, close_before, close_before, close_before, close_before)
    bought = [trade for trade in trades if not trade.buyer_is_maker]
    return Kline(
        open_ms,
        trades[0].price,
        max(trade.price for trade in trades),
        min(trade.price for trade in trades),
        trades[-1].price,
        sum(trade.quantity for trade in trades),
        sum(second(trade) for trade in trades),
        len(trades),
        sum(trade.quantity for trade in bought),
        sum(second(trade) for trade in bought),
        trades[0].trade_id,
        trades[-1].trade_id,
    )


def expected(trades: list[Trade], interval: str, now_ms: int) -> list[Kline]:
    found: list[Kline] = []
    open_ms = interval_start(interval, trades[0].time_ms)
    while open_ms <= now_ms:
        end_ms = interval_end(interval, open_ms)
        inside = [trade for trade in trades if open_ms <= trade.time_ms < end_ms]
        found.append(fold(inside, open_ms, found[-1].close if found else 0))
        open_ms = end_ms
    return found


@given(market, st.sampled_from(["1m", "5m", "1h"]), st.integers(min_value=0, max_value=200_000))
def test_klines_are_folds_of_the_trades_inside_and_without_a_hole(
    steps: list[tuple[int, int, int, bool]], interval: str, later_ms: int
) -> None:
    trades = trades_of(steps)
    now_ms = trades[-1].time_ms + later_ms
    series = KlineSeries(MINUTE_MS, keep=10_000)
    for trade in trades:
        series.add(trade, second(trade))
    series.advance(now_ms)

    assert list(rolled_up(series.since(0), interval)) == expected(trades, interval, now_ms)


@given(market, st.sampled_from(["1m", "3m", "15m"]))
def test_a_kline_forming_ends_as_the_finished_one(steps: list[tuple[int, int, int, bool]], interval: str) -> None:
    """Looked at after every trade and at every end, the roll-up tells the fold of what has been so far."""
    trades = trades_of(steps)
    series = KlineSeries(MINUTE_MS, keep=10_000)
    forming, finished = RollUp(series, interval), RollUp(series, interval)
    told: list[Kline] = []
    end_ms = interval_end(interval, trades[0].time_ms)
    for index, trade in enumerate(trades):
        while trade.time_ms >= end_ms:
            last = finished.finished(end_ms)
            told += [last] if last is not None else []
            end_ms = interval_end(interval, end_ms)
        series.add(trade, second(trade))

        assert forming.forming(trade.time_ms) == expected(trades[: index + 1], interval, trade.time_ms)[-1]
    assert told == expected(trades, interval, trades[-1].time_ms)[:-1]


def test_before_the_first_trade_there_is_no_kline() -> None:
    series = KlineSeries(MINUTE_MS, keep=100)
    series.advance(START_MS)

    assert RollUp(series, "1m").forming(START_MS) is None
    assert RollUp(series, "5m").finished(START_MS) is None
    assert list(rolled_up(series.since(0), "1m")) == []
    assert RollingWindow(series, DAY_MS).at(START_MS) is None


@given(market, st.sampled_from([2, 10, 60]))
def test_a_rolling_window_is_the_fold_of_its_minutes(steps: list[tuple[int, int, int, bool]], minutes: int) -> None:
    trades = trades_of(steps)
    series = KlineSeries(MINUTE_MS, keep=10_000)
    window = RollingWindow(series, minutes * MINUTE_MS)
    for index, trade in enumerate(trades):
        series.add(trade, second(trade))
        opens = window.open_ms(trade.time_ms)
        so_far = trades[: index + 1]
        before = [each for each in so_far if each.time_ms < opens]

        assert window.at(trade.time_ms) == fold([each for each in so_far if each.time_ms >= opens], opens, 0)
        assert window.previous_close == (before[-1].price if before else None)


def test_a_window_in_which_nothing_traded_keeps_the_last_price() -> None:
    series = KlineSeries(MINUTE_MS, keep=10_000)
    series.add(Trade(1, 7, 3, START_MS, buyer_is_maker=False), 21)
    later_ms = START_MS + DAY_MS + MINUTE_MS
    window = RollingWindow(series, DAY_MS)

    assert window.at(START_MS) == Kline(START_MS - DAY_MS, 7, 7, 7, 7, 3, 21, 1, 3, 21, 1, 1)
    assert window.at(later_ms) == Kline(later_ms - DAY_MS, 7, 7, 7, 7)


def test_an_interval_that_begins_without_trades_opens_with_its_first_trade() -> None:
    """The empty minutes before it, flat at the last price, count for nothing."""
    series = KlineSeries(MINUTE_MS, keep=100)
    roll_up = RollUp(series, "5m")
    early, late = (
        Trade(1, 7, 3, START_MS, buyer_is_maker=False),
        Trade(2, 9, 1, START_MS + 440_000, buyer_is_maker=True),
    )
    for trade in (early, late):
        series.add(trade, second(trade))
    expected_kline = Kline(START_MS + 300_000, 9, 9, 9, 9, 1, 9, 1, 0, 0, 2, 2)

    assert roll_up.forming(START_MS + 440_000) == expected_kline
    assert roll_up.finished(START_MS + 600_000) == expected_kline
    assert list(rolled_up(series.since(0), "5m"))[1] == expected_kline


def test_a_series_forgets_its_oldest_klines_and_counts_on() -> None:
    series = KlineSeries(MINUTE_MS, keep=10)
    series.add(Trade(1, 7, 3, START_MS, buyer_is_maker=False), 21)
    series.advance(START_MS + 25 * MINUTE_MS)
    remembered = list(series.since(0))

    assert series.closed_count == 25
    assert len(remembered) == 11
    assert remembered[0] == Kline(START_MS + 15 * MINUTE_MS, 7, 7, 7, 7)
    assert replace(remembered[0], open_ms=0) == replace(remembered[-1], open_ms=0)


@given(st.sampled_from(sorted(INTERVALS)), st.integers(min_value=0, max_value=4_000_000_000_000))
def test_every_moment_is_in_exactly_one_interval(interval: str, time_ms: int) -> None:
    start, end = interval_start(interval, time_ms), interval_end(interval, time_ms)

    assert start <= time_ms < end
    assert interval_start(interval, end - 1) == start
    assert interval_start(interval, end) == end


@pytest.mark.parametrize(
    ("interval", "start", "end"),
    [
        ("1w", 1_793_577_600_000, 1_794_182_400_000),
        ("1M", 1_793_491_200_000, 1_796_083_200_000),
        ("1d", 1_793_577_600_000, 1_793_664_000_000),
    ],
)
def test_weeks_begin_on_monday_and_months_on_the_first(interval: str, start: int, end: int) -> None:
    """2026-11-02 is a Monday."""
    assert (interval_start(interval, START_MS), interval_end(interval, START_MS)) == (start, end)
