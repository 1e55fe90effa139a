from __future__ import annotations

from hypothesis import given, strategies as st

from dashboard.core.series import Series
from schemas.derived import Candle, TradeSource
from tests.unit.dashboard.values import candle


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5))),
    st.integers(1, 5),
    st.integers(1, 8),
)
def test_it_holds_the_last_word_on_the_newest_windows(arrivals: list[tuple[int, int]], kept: int, count: int) -> None:
    series = Series[Candle](kept)
    expected: dict[int, Candle] = {}
    for number, (open_time, offset) in enumerate(arrivals):
        told = candle(open_time, offset, trade_count=number)
        series.take(told)
        if open_time not in expected or offset >= expected[open_time].input_offset:
            expected[open_time] = told

    newest = sorted(expected)[-kept:]

    assert series.last(count) == [expected[open_time] for open_time in newest[-count:]]


def test_offsets_of_two_sources_do_not_compare() -> None:
    """A symbol whose candles were made from trades is made from aggregate trades, whose topic is shorter."""
    series = Series[Candle](3)
    series.take(candle(0, 900, source=TradeSource.TRADE))

    assert series.take(later := candle(0, 5, source=TradeSource.AGG_TRADE))
    assert series.last(9) == [later]


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5))), st.integers(1, 5), st.integers(0, 60))
def test_since_a_mark_are_the_windows_that_were_told_of_after_it(
    arrivals: list[tuple[int, int]], kept: int, seen: int
) -> None:
    series = Series[Candle](kept)
    told_at: dict[int, int] = {}
    for number, (open_time, offset) in enumerate(arrivals):
        if series.take(candle(open_time, offset, trade_count=number)):
            told_at[open_time] = series.mark

    expected = [one for one in series.last(kept) if told_at[one.open_time] > seen]

    assert series.since(seen) == expected
    assert series.since(0) == series.last(kept)
    assert series.since(series.mark) == []
