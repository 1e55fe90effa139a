from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, strategies as st

from processors.core.book import EVERYWHERE, OrderBook
from processors.core.book_partition import BookPartition
from processors.core.liquidity import LiquidityPlan, liquidity_of
from processors.core.records import DeadLetter, Output, RawRecord
from schemas.decimals import ONE
from schemas.derived import Liquidity
from schemas.markets import Market
from schemas.topics import DerivedType, RawType
from tests.support.strategies import START_MS, DepthHistory, depth_histories
from tests.unit.processors.core.naive_liquidity import naive_liquidity
from tests.unit.processors.core.records import heartbeat_of, record_of, values_of


PLAN = LiquidityPlan(quote_sizes=(1, 7, 40), contracts=(1, 7, 40))
MID = 100_000
LEVELS = st.dictionaries(st.integers(1, 1_600), st.integers(1, 50 * ONE), max_size=12)
"""Quantities by distance from somewhere near the middle."""


def book_of(bids: dict[int, int], asks: dict[int, int]) -> OrderBook:
    book = OrderBook()
    book.load(bids.items(), asks.items())
    return book


def measured(book: OrderBook, plan: LiquidityPlan = PLAN, *, contracts: bool = False) -> Liquidity:
    return liquidity_of(book, plan, contracts=contracts, symbol="X", time=1, update_id=2, input_offset=3)


def known_of(book: OrderBook) -> tuple[int | None, int | None]:
    return (
        None if book.bid_reach == EVERYWHERE else book.bid_reach,
        None if book.ask_reach == EVERYWHERE else -book.ask_reach,
    )


@given(LEVELS, LEVELS, st.integers(-3, 3), st.booleans())
def test_liquidity_is_what_its_definition_says(
    below: dict[int, int], above: dict[int, int], shift: int, contracts: bool
) -> None:
    """Of books whose sides were cut or not, are empty or not, and crossed or not."""
    bids = {MID - distance + shift: quantity for distance, quantity in below.items()}
    asks = {MID + distance: quantity for distance, quantity in above.items()}
    plan = LiquidityPlan(quote_sizes=(MID, 10**6 * MID, 10**8 * MID), contracts=(1, 40 * ONE, 200 * ONE))
    book = book_of(bids, asks)

    assert measured(book, plan, contracts=contracts) == naive_liquidity(
        bids, asks, known_of(book), plan, contracts=contracts
    )


@given(LEVELS, LEVELS, st.lists(st.tuples(LEVELS, LEVELS), max_size=3), st.integers(-800, 800))
def test_levels_beyond_what_the_snapshot_told_do_not_count(
    below: dict[int, int], above: dict[int, int], diffs: list[tuple[dict[int, int], dict[int, int]]], drift: int
) -> None:
    bids = {MID - distance: quantity for distance, quantity in below.items()}
    asks = {MID + distance: quantity for distance, quantity in above.items()}
    book = book_of(bids, asks)
    known = known_of(book)
    for later_bids, later_asks in diffs:
        more_bids = {MID + drift - distance: quantity for distance, quantity in later_bids.items()}
        more_asks = {MID + drift + distance: quantity for distance, quantity in later_asks.items()}
        book.apply(more_bids.items(), more_asks.items())
        bids, asks = bids | more_bids, asks | more_asks

    assert measured(book) == naive_liquidity(bids, asks, known, PLAN)


@pytest.mark.parametrize(("count", "cut"), [(5, True), (6, False), (20, True), (1_000, True), (999, False)])
def test_a_side_of_as_many_levels_as_can_be_asked_for_is_taken_to_be_cut(count: int, cut: bool) -> None:
    book = book_of({MID - step: 1 for step in range(count)}, {MID + 1 + step: 1 for step in range(count)})
    liquidity = measured(book)

    assert liquidity.known_bid_price == (MID - count + 1 if cut else None)
    assert liquidity.known_ask_price == (MID + count if cut else None)


def test_a_band_that_ends_where_the_snapshot_ends_is_known() -> None:
    bids = {MID - 100: 5, MID - 80: 1, MID - 60: 1, MID - 40: 1, MID: 1}
    known = measured(book_of(bids, {MID: 1}))
    cut = measured(book_of({MID - 99: 5, MID - 80: 1, MID - 60: 1, MID - 40: 1, MID: 1}, {MID: 1}))

    assert (known.bid_depth_10bps, known.bid_depth_50bps) == (9, None)
    assert cut.bid_depth_10bps is None


def test_half_a_tick_decides_whether_a_level_is_within() -> None:
    """Mid price 2000.5 and 2001: 0.1 % below are 1998.4995 and 1998.999."""
    asks = {2_001: 1}
    assert measured(book_of({2_000: 1, 1_999: 1, 1_998: 1}, asks)).bid_depth_10bps == 2
    assert measured(book_of({1_998: 1, 2_001: 1, 1_999: 1}, asks)).bid_depth_10bps == 2
    assert measured(book_of({1_997: 1, 1_995: 1}, {1_999: 1})).bid_depth_10bps == 1


def test_an_order_may_need_far_more_levels_than_the_bands_hold() -> None:
    bids = {MID - 10 * step: ONE for step in range(300)}
    plan = LiquidityPlan(quote_sizes=(MID, 299 * MID - 10 * 299 * 298 // 2, 400 * MID))
    liquidity = measured(book_of(bids, {MID + 1: ONE}), plan)

    assert liquidity.sell_average_prices == [MID, MID - 10 * 298 // 2, None]
    assert liquidity.sell_slippages_bps == [0, 1_490_000, None]
    assert liquidity.buy_average_prices == [MID + 1, None, None]


def test_sizes_that_are_not_there_to_sell_are_there_to_buy() -> None:
    liquidity = measured(book_of({}, {MID: ONE}), LiquidityPlan(quote_sizes=(MID // 2,)))

    assert (liquidity.sell_average_prices, liquidity.buy_average_prices) == ([None], [MID])
    assert (liquidity.spread, liquidity.ask_depth_10bps, liquidity.imbalance_10bps) == (None, None, None)


def log_of(history: DepthHistory, cuts: Iterable[int], market: Market = Market.SPOT) -> list[RawRecord]:
    messages = [history.snapshot(0), *history.diffs([*cuts])]
    return [
        record_of(RawType.DEPTH, message, offset, START_MS, market=market) for offset, message in enumerate(messages)
    ]


def fed(partition: BookPartition, log: Iterable[RawRecord]) -> list[Output | DeadLetter]:
    return [output for record in log for output in partition.feed(record)]


def liquidities(outputs: Iterable[Output | DeadLetter]) -> list[Liquidity]:
    return [value for value in values_of(outputs) if isinstance(value, Liquidity)]


@given(depth_histories(least=10), st.lists(st.integers(1, 39), max_size=20), st.sampled_from([300, 1_000]))
def test_each_boundary_behind_a_change_has_the_book_of_all_that_came_before_it(
    history: DepthHistory, cuts: list[int], interval_ms: int
) -> None:
    partition = BookPartition(liquidity=LiquidityPlan(interval_ms=interval_ms))
    log = log_of(history, cuts)
    outputs = fed(partition, log)
    until = history.time_of(len(history.changes)) + interval_ms
    outputs += partition.heartbeat(heartbeat_of(until, len(log), stream="depth", symbols=["BTCUSDT"]))

    ends = sorted({*(cut for cut in cuts if cut < len(history.changes)), len(history.changes)})
    expected: dict[int, tuple[int, int | None, int | None]] = {}
    for end in ends:
        boundary = history.time_of(end) // interval_ms * interval_ms + interval_ms
        bids, asks = history.sides(end)
        expected[boundary] = (history.id_of(end), max(bids, default=None), min(asks, default=None))
    found = liquidities(outputs)
    assert {shot.time: (shot.update_id, shot.bid_price, shot.ask_price) for shot in found} == expected
    assert [shot.time for shot in found] == sorted(expected)


HISTORY = DepthHistory(tuple((bool(step % 2), 1_000 - step % 2, step + 1) for step in range(40)), futures=False)


def test_a_book_that_does_not_change_has_no_further_record() -> None:
    partition = BookPartition(liquidity=LiquidityPlan())
    outputs = fed(partition, log_of(HISTORY, range(40)))
    for second in range(6, 12):
        outputs += partition.heartbeat(heartbeat_of(START_MS + second * 1_000, 41, stream="depth", symbols=["BTCUSDT"]))

    assert [shot.time - START_MS for shot in liquidities(outputs)] == [1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000]


def test_a_book_that_is_not_right_has_no_record() -> None:
    partition = BookPartition(liquidity=LiquidityPlan())
    log = log_of(HISTORY, range(40))
    outputs = fed(partition, log[:10] + log[11:])

    assert [shot.time - START_MS for shot in liquidities(outputs)] == [1_000]


def test_without_a_plan_nothing_is_measured() -> None:
    assert liquidities(fed(BookPartition(), log_of(HISTORY, range(40)))) == []


def test_coin_m_is_measured_in_contracts() -> None:
    log = log_of(DepthHistory(HISTORY.changes, futures=True), range(40), Market.COINM)
    plan = LiquidityPlan(contracts=(5, 10**9))
    found = liquidities(fed(BookPartition(liquidity=plan), log))

    assert [(shot.sizes, shot.bid_quote_depth_10bps) for shot in found] == [([5, 10**9], None)] * len(found)
    assert (found[-1].bid_depth_10bps, found[-1].buy_average_prices) == (found[-1].bid_depth_100bps, [1_000, None])


def test_a_record_is_stamped_with_its_boundary() -> None:
    for output in fed(BookPartition(liquidity=LiquidityPlan()), log_of(HISTORY, range(40))):
        assert isinstance(output, Output)
        if isinstance(output.value, Liquidity):
            assert (output.type, output.key) == (DerivedType.LIQUIDITY, b"BTCUSDT")
            assert output.timestamp_ms == output.value.time
