"""Aggregate trades cover the trades exactly, by the rule of their market."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from sandbox.simulation.aggregation import Aggregator, OrderAggregator, WindowAggregator
from sandbox.simulation.trade_log import Aggregate, Trade


Order = tuple[int, bool, list[tuple[int, int]]]
"""Microseconds since the order before, whether the buyer is maker, prices and quantities of the fills."""

orders = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=150_000),
        st.booleans(),
        st.lists(st.tuples(st.integers(1, 3), st.integers(1, 5)), min_size=1, max_size=4),
    ),
    max_size=30,
)


def aggregate(aggregator: Aggregator, sequence: list[Order]) -> tuple[list[Trade], list[Aggregate]]:
    """Feed orders to the end, and let time complete the rest."""
    trades: list[Trade] = []
    complete: list[Aggregate] = []
    now_us = 0
    for wait_us, maker, fills in sequence:
        now_us += wait_us
        order = [
            Trade(len(trades) + 1 + index, price, quantity, now_us // 1000, maker)
            for index, (price, quantity) in enumerate(fills)
        ]
        trades += order
        complete += aggregator.add(order, now_us)
    return trades, complete + aggregator.settle(now_us + 100_000)


@pytest.mark.parametrize("rule", [OrderAggregator, WindowAggregator])
@given(sequence=orders)
def test_every_trade_is_in_exactly_one_aggregate_trade(
    rule: type[OrderAggregator] | type[WindowAggregator], sequence: list[Order]
) -> None:
    trades, aggregates = aggregate(rule(7), sequence)
    by_id = {trade.trade_id: trade for trade in trades}

    assert [each.aggregate_id for each in aggregates] == list(range(7, 7 + len(aggregates)))
    assert [i for each in aggregates for i in range(each.first_trade_id, each.last_trade_id + 1)] == list(by_id)
    for each in aggregates:
        inside = [by_id[i] for i in range(each.first_trade_id, each.last_trade_id + 1)]

        assert {(trade.price, trade.buyer_is_maker) for trade in inside} == {(each.price, each.buyer_is_maker)}
        assert sum(trade.quantity for trade in inside) == each.quantity
        assert inside[0].time_ms == each.time_ms
        assert inside[-1].time_ms <= each.time_ms + 100


@given(orders)
def test_spot_never_joins_the_fills_of_two_orders(sequence: list[Order]) -> None:
    """Two orders at the same price in the same microsecond stay two aggregate trades."""
    trades, aggregates = aggregate(OrderAggregator(1), sequence)
    first_ids = {1 + sum(len(fills) for _, _, fills in sequence[:index]) for index in range(len(sequence))}

    assert first_ids <= {each.first_trade_id for each in aggregates}
    assert sum(trade.quantity for trade in trades) == sum(each.quantity for each in aggregates)


@given(orders)
def test_futures_join_whatever_follows_within_the_window(sequence: list[Order]) -> None:
    """Neighbours of one price and side are apart by the window, or they would be one."""
    _, aggregates = aggregate(WindowAggregator(1), sequence)

    for earlier, later in pairwise(aggregates):
        if (earlier.price, earlier.buyer_is_maker) == (later.price, later.buyer_is_maker):
            assert later.time_ms - earlier.time_ms >= 99


@given(orders)
def test_asking_too_early_or_too_often_changes_nothing(sequence: list[Order]) -> None:
    """Whether time is let pass between orders or not, the aggregate trades are the same."""
    lazy, eager = WindowAggregator(1), WindowAggregator(1)
    _, expected = aggregate(lazy, sequence)
    found: list[Aggregate] = []
    now_us, next_id = 0, 1
    for wait_us, maker, fills in sequence:
        due_us = eager.open_until_us()
        if due_us is not None and due_us <= now_us + wait_us:
            found += eager.settle(due_us - 1) + eager.settle(due_us)
        now_us += wait_us
        order = [Trade(next_id + i, p, q, now_us // 1000, maker) for i, (p, q) in enumerate(fills)]
        next_id += len(order)
        found += eager.add(order, now_us)

    assert found + eager.settle(now_us + 100_000) == expected
