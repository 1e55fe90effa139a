"""The order book against a book that is written for obviousness alone, and laws that hold for any orders."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from sandbox.simulation.engine import Execution, Fill, LevelChange, MatchingEngine, Order, Side


Operation = tuple[str, Side, int, int]

prices = st.integers(min_value=1, max_value=12)
quantities = st.integers(min_value=1, max_value=9)
operations = st.lists(
    st.tuples(
        st.sampled_from(["place", "place", "take", "sweep", "cancel"]), st.sampled_from(Side), prices, quantities
    ),
    max_size=60,
)


def run(engine: MatchingEngine, operation: Operation) -> Execution | None:
    """Do one operation; a cancellation takes the price as the number of an order."""
    kind, side, price, quantity = operation
    match kind:
        case "place":
            return engine.place(side, price, quantity)
        case "take":
            return engine.take(side, quantity, price)
        case "sweep":
            return engine.take(side, quantity)
        case _:
            return engine.cancel(price)


def standing(engine: MatchingEngine) -> list[Order]:
    return [
        order
        for side in (engine.bids, engine.asks)
        for price, _ in side.top(len(side.keys))
        for order in side.levels[price].orders.values()
    ]


class ObviousBook:
    """A list of orders; the best one is found by looking at all of them."""

    def __init__(self) -> None:
        self.orders: list[list[int]] = []
        self.sides: dict[int, Side] = {}
        self.next_id = 1

    def execute(self, operation: Operation) -> list[tuple[int, int, int]]:
        """Return fills as (maker's id, price, quantity)."""
        kind, side, price, quantity = operation
        if kind == "cancel":
            self.orders = [order for order in self.orders if order[0] != price]
            return []
        order_id, self.next_id = self.next_id, self.next_id + 1
        fills = []
        while quantity:
            candidates = [order for order in self.orders if self.sides[order[0]] is not side]
            if kind != "sweep":
                candidates = [
                    order for order in candidates if (order[1] <= price if side is Side.BUY else order[1] >= price)
                ]
            if not candidates:
                break
            best = min(candidates, key=lambda order: (order[1] if side is Side.BUY else -order[1], order[0]))
            filled = min(quantity, best[2])
            fills.append((best[0], best[1], filled))
            quantity -= filled
            best[2] -= filled
            if not best[2]:
                self.orders.remove(best)
        if quantity and kind == "place":
            self.sides[order_id] = side
            self.orders.append([order_id, price, quantity])
        return fills


@given(operations)
def test_fills_and_book_are_those_of_the_obvious_book(sequence: list[Operation]) -> None:
    """Price-time priority: better prices first, then earlier orders, at the resting order's price."""
    engine, obvious = MatchingEngine(), ObviousBook()
    for operation in sequence:
        expected = obvious.execute(operation)
        execution = run(engine, operation)
        fills = [(fill.maker.order_id, fill.price, fill.quantity) for fill in execution.fills] if execution else []

        assert fills == expected
    assert sorted((order.order_id, order.price, order.remaining) for order in standing(engine)) == sorted(
        (order[0], order[1], order[2]) for order in obvious.orders
    )


@given(operations)
def test_no_quantity_appears_or_vanishes(sequence: list[Operation]) -> None:
    """What was placed stands, was traded against it, was cancelled or lapsed."""
    engine = MatchingEngine()
    ordered = traded = cancelled = lapsed = 0
    for operation in sequence:
        execution = run(engine, operation)
        if execution is None:
            continue
        order = execution.order
        if operation[0] == "cancel":
            cancelled += order.remaining
            continue
        filled = sum(fill.quantity for fill in execution.fills)
        ordered += order.quantity
        traded += 2 * filled
        if operation[0] == "place":
            assert order.remaining == order.quantity - filled
        else:
            lapsed += order.remaining
    assert ordered == sum(order.remaining for order in standing(engine)) + traded + cancelled + lapsed


@given(operations)
def test_the_book_is_never_crossed_or_locked(sequence: list[Operation]) -> None:
    engine = MatchingEngine()
    for operation in sequence:
        run(engine, operation)
        bid, ask = engine.bids.best_price(), engine.asks.best_price()

        assert bid is None or ask is None or bid < ask


@given(operations)
def test_levels_are_the_sums_of_their_orders_best_first(sequence: list[Operation]) -> None:
    engine = MatchingEngine()
    for operation in sequence:
        run(engine, operation)
        for side in (engine.bids, engine.asks):
            top = side.top(100)

            assert [quantity for _, quantity in top] == [
                sum(order.remaining for order in side.levels[price].orders.values()) for price, _ in top
            ]
            assert [price for price, _ in top] == sorted((price for price, _ in top), reverse=side is engine.bids)
            assert all(quantity > 0 for _, quantity in top)


@given(operations)
def test_level_changes_alone_rebuild_the_book(sequence: list[Operation]) -> None:
    engine = MatchingEngine()
    book: dict[tuple[Side, int], int] = {}
    for operation in sequence:
        execution = run(engine, operation)
        for change in execution.changes if execution else []:
            book[(change.side, change.price)] = change.quantity
    rebuilt = {key: quantity for key, quantity in book.items() if quantity}

    assert rebuilt == {
        (side.side, price): quantity for side in (engine.bids, engine.asks) for price, quantity in side.top(100)
    }


def test_one_order_may_trade_at_several_prices_and_rest() -> None:
    engine = MatchingEngine()
    first = engine.place(Side.SELL, 10, 2).order
    second = engine.place(Side.SELL, 11, 3).order

    execution = engine.place(Side.BUY, 11, 9)

    assert execution.fills == [Fill(first, 10, 2), Fill(second, 11, 3)]
    assert execution.changes == [
        LevelChange(Side.SELL, 10, 0),
        LevelChange(Side.SELL, 11, 0),
        LevelChange(Side.BUY, 11, 4),
    ]


def test_an_order_without_quantity_or_price_is_refused() -> None:
    engine = MatchingEngine()
    with pytest.raises(ValueError, match="both are positive"):
        engine.place(Side.BUY, 10, 0)
    with pytest.raises(ValueError, match="both are positive"):
        engine.place(Side.BUY, 0, 1)


def test_cancelling_twice_or_an_unknown_order_does_nothing() -> None:
    engine = MatchingEngine()
    order = engine.place(Side.BUY, 10, 1, owner="alice").order

    assert engine.resting(order.order_id) is order
    assert engine.cancel(order.order_id) is not None
    assert engine.cancel(order.order_id) is None
    assert engine.cancel(99) is None


@given(operations, st.integers(min_value=0), st.integers(min_value=1, max_value=8))
def test_an_order_that_gets_smaller_keeps_its_place_and_its_level_its_sum(
    sequence: list[Operation], which: int, quantity: int
) -> None:
    engine = MatchingEngine()
    for operation in sequence:
        run(engine, operation)
    line = [(order.order_id, order.remaining) for order in standing(engine)]
    large = [order for order in standing(engine) if order.remaining > quantity]
    if not large:
        return
    order = large[which % len(large)]
    assert order.price is not None

    execution = engine.reduce(order.order_id, quantity)

    assert execution is not None
    (change,) = execution.changes
    level = engine.side(order.side).levels[order.price]
    assert (change.side, change.price, change.quantity) == (order.side, order.price, level.quantity)
    assert level.quantity == sum(each.remaining for each in level.orders.values())
    assert [(each.order_id, each.remaining) for each in standing(engine)] == [
        (order_id, remaining - quantity if order_id == order.order_id else remaining) for order_id, remaining in line
    ]


def test_all_of_an_order_is_not_taken_out_as_a_part() -> None:
    engine = MatchingEngine()
    order = engine.place(Side.BUY, 10, 3).order

    with pytest.raises(ValueError, match="order 1: 3 steps of 3 are to be taken out"):
        engine.reduce(order.order_id, 3)
    assert engine.reduce(99, 1) is None


@given(operations, st.sampled_from(Side), prices)
def test_the_line_down_to_a_price_is_what_an_order_of_that_price_would_trade_with(
    sequence: list[Operation], side: Side, worst: int
) -> None:
    engine = MatchingEngine()
    for operation in sequence:
        run(engine, operation)
    line = [(order.order_id, order.remaining) for order in engine.side(side.opposite).until(worst)]
    everything = [order.order_id for order in engine.side(side.opposite).until(None)]

    execution = engine.take(side, 10_000, worst)

    assert [(fill.maker.order_id, fill.quantity) for fill in execution.fills] == line
    assert everything[: len(line)] == [order_id for order_id, _ in line]
