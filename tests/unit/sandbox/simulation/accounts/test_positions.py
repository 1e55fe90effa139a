"""Positions: what fills make of them, against sums that are kept without any rule of positions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from sandbox.simulation.accounts.amounts import ONE, price_units, units_of
from sandbox.simulation.accounts.positions import Position, break_even_units
from sandbox.simulation.instruments import Instrument, instrument
from schemas.markets import Market


LINEAR = instrument(Market.USDM, "BTCUSDT")
INVERSE = instrument(Market.COINM, "BTCUSD_PERP")

fills = st.lists(
    st.tuples(st.integers(min_value=-9, max_value=9).filter(bool), st.integers(min_value=700_000, max_value=900_000)),
    min_size=1,
    max_size=30,
)


def exact_worth(each: Instrument, signed: int, ticks: int) -> Fraction:
    """Return what a fill pays or costs in units, without any rounding: negative for a purchase."""
    price = Fraction(price_units(each, ticks), ONE)
    if each.contract_size is None:
        return -signed * price * Fraction(each.quantity.step_units, 10**each.quantity.places) * ONE
    return signed * each.contract_size / price * ONE


@pytest.mark.parametrize("each", [LINEAR, INVERSE], ids=["linear", "inverse"])
@given(done=fills)
def test_what_was_earned_is_what_was_paid_and_received(each: Instrument, done: list[tuple[int, int]]) -> None:
    position, cash = Position(each), Fraction()
    for number, (signed, ticks) in enumerate(done):
        position.fill(signed, ticks, number)
        cash += exact_worth(each, signed, ticks)
    last = 800_000
    position.fill(-position.amount, last, 99) if position.amount else None
    held = sum(signed for signed, _ in done)
    cash += exact_worth(each, -held, last)

    assert position.amount == 0
    # Each fill rounds a profit once, and an entry price once for each of the (at most 270) steps held.
    assert abs(position.realized - cash) <= len(done) * 270


@given(fills)
def test_the_entry_price_changes_only_where_a_position_grows(done: list[tuple[int, int]]) -> None:
    position = Position(LINEAR)
    for signed, ticks in done:
        amount, entry = position.amount, position.entry
        earned = position.fill(signed, ticks, 0)

        assert position.amount == amount + signed
        if amount * signed >= 0:
            assert earned == 0
        elif abs(signed) < abs(amount):
            assert position.entry == entry
        elif abs(signed) == abs(amount):
            assert position.entry == 0
        else:
            assert position.entry == price_units(LINEAR, ticks)


def test_a_long_position_earns_what_the_price_rises() -> None:
    position = Position(LINEAR)

    position.fill(500, 800_000, 1)
    position.fill(500, 820_000, 2)
    earned = position.fill(-600, 830_000, 3)

    assert position.entry == units_of("81000")
    assert earned == units_of("1200")
    assert (position.amount, position.update_ms, position.realized) == (400, 3, earned)


def test_a_short_position_of_contracts_earns_coins_when_the_price_falls() -> None:
    position = Position(INVERSE)

    position.fill(-100, 800_000, 1)
    earned = position.fill(100, 640_000, 2)

    assert earned == units_of("0.03125")


def test_a_position_breaks_even_beyond_its_entry_by_two_commissions() -> None:
    long, short = Position(LINEAR), Position(LINEAR)
    long.fill(1, 800_000, 1)
    short.fill(-1, 800_000, 1)

    assert break_even_units(short, 500) < short.entry == long.entry < break_even_units(long, 500)
    assert break_even_units(Position(LINEAR), 500) == 0
