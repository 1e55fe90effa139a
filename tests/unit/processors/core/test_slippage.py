from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from processors.core.rounding import half_even
from processors.core.slippage import BPS_SCALE, ContractFill, Fill, walk, walk_contracts


SIDES = st.tuples(st.dictionaries(st.integers(1, 10**6), st.integers(1, 10**5), max_size=12), st.booleans()).map(
    lambda drawn: sorted(drawn[0].items(), reverse=drawn[1])
)
"""Levels best first: of asks, or of bids."""


def columns(side: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [price for price, _ in side], [quantity for _, quantity in side]


def bps_of(average: Fraction, best: int) -> int:
    return round(abs(average - best) / best * 10_000 * 10**BPS_SCALE)


def naive_fill(side: list[tuple[int, int]], wanted: dict[int, int], *, exhausted: bool) -> Fill:
    """Return the fill that takes ``wanted`` of each price."""
    filled = sum(wanted.values())
    if not filled:
        return Fill(0, 0, None, None, None, 0, exhausted)
    quote = sum(price * quantity for price, quantity in wanted.items())
    average = Fraction(quote, filled)
    return Fill(filled, quote, round(average), [*wanted][-1], bps_of(average, side[0][0]), len(wanted), exhausted)


@given(SIDES, st.integers(1, 10**6))
def test_a_base_quantity_takes_unit_after_unit_from_the_best_level_on(side: list[tuple[int, int]], size: int) -> None:
    wanted: dict[int, int] = {}
    left = size
    for price, offered in side:
        if left:
            wanted[price] = min(left, offered)
            left -= wanted[price]

    assert walk(*columns(side), quantity=size) == naive_fill(side, wanted, exhausted=left > 0)


@given(SIDES, st.integers(1, 10**11))
def test_a_quote_quantity_takes_all_of_each_level_that_it_can_pay(side: list[tuple[int, int]], size: int) -> None:
    wanted: dict[int, int] = {}
    left, exhausted = Fraction(size), True
    for price, offered in side:
        affordable = left / price
        whole = min(affordable.numerator // affordable.denominator, offered)
        if whole:
            wanted[price] = whole
        left -= whole * price
        if affordable < offered + 1:
            exhausted = False
            break

    assert walk(*columns(side), quote_quantity=size) == naive_fill(side, wanted, exhausted=exhausted)


@given(SIDES, st.integers(1, 10**6))
def test_contracts_have_the_harmonic_average(side: list[tuple[int, int]], size: int) -> None:
    fill = walk_contracts(*columns(side), quantity=size)
    linear = walk(*columns(side), quantity=size)

    base, left = Fraction(0), size
    for price, offered in side:
        taken = min(left, offered)
        base, left = base + Fraction(taken, price), left - taken
    average = fill.filled_contracts / base if base else None
    assert fill == ContractFill(
        linear.filled_quantity,
        None if average is None else round(average),
        linear.worst_price,
        None if average is None else bps_of(average, side[0][0]),
        linear.levels_used,
        linear.exhausted,
    )


@given(SIDES, st.integers(1, 10**11))
def test_never_more_is_paid_than_was_given_nor_less_by_one_unit_unless_the_levels_ran_out(
    side: list[tuple[int, int]], size: int
) -> None:
    fill = walk(*columns(side), quote_quantity=size)

    assert fill.filled_quote_quantity <= size
    if not fill.exhausted:
        assert size - fill.filled_quote_quantity < max(price for price, _ in side)


@given(SIDES, st.integers(1, 10**6), st.integers(1, 10**6))
def test_more_costs_at_least_as_much_a_unit(side: list[tuple[int, int]], size: int, more: int) -> None:
    one, other = (walk(*columns(side), quantity=quantity) for quantity in (size, size + more))

    assert (one.slippage_bps or 0) <= (other.slippage_bps or 0)
    assert one.levels_used <= other.levels_used


def test_a_worked_example() -> None:
    """Buying for 25,000 quote: 0.1 at 100,000, 0.1 at 100,100, and what 4,990 buys at 100,200."""
    prices = [10_000_000_000_000, 10_010_000_000_000, 10_020_000_000_000]
    fill = walk(prices, [10_000_000, 10_000_000, 50_000_000], quote_quantity=25_000 * 10**16)

    assert fill == Fill(
        filled_quantity=24_980_039,
        filled_quote_quantity=249999990780_000_000_000,
        average_price=10_007_990_411_064,
        worst_price=10_020_000_000_000,
        slippage_bps=79_904,
        levels_used=3,
        exhausted=False,
    )


def test_no_levels_fill_nothing_and_say_that_they_ran_out() -> None:
    assert walk([], [], quantity=1) == Fill(0, 0, None, None, None, 0, True)
    assert walk_contracts([], [], quantity=1) == ContractFill(0, None, None, None, 0, True)


def test_a_size_below_one_unit_fills_nothing_though_there_is_enough() -> None:
    assert walk([100], [5], quote_quantity=99) == Fill(0, 0, None, None, None, 0, False)


def test_exactly_all_that_is_there_is_not_too_much() -> None:
    assert not walk([100, 101], [5, 6], quantity=11).exhausted
    assert walk([100, 101], [5, 6], quantity=12).exhausted


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({}, "one size is wanted"),
        ({"quantity": 1, "quote_quantity": 1}, "one size is wanted"),
        ({"quantity": 0}, "quantity is 0, must be positive"),
        ({"quote_quantity": -5}, "quote_quantity is -5, must be positive"),
    ],
)
def test_a_size_that_is_none_is_refused(sizes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        walk([100], [1], **sizes)


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        walk([100, 101], [1], quantity=5)


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**4))
def test_half_way_goes_to_the_even_neighbour(dividend: int, divisor: int) -> None:
    assert half_even(dividend, divisor) == round(Fraction(dividend, divisor))
