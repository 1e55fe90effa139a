"""Money in whole units: text both ways, and roundings that are what their names say."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from sandbox.simulation.accounts.amounts import (
    ONE,
    cut_off,
    fixed,
    half_away,
    plain,
    price_units,
    quantity_units,
    units_of,
    value_units,
)
from sandbox.simulation.instruments import instrument
from schemas.markets import Market


units = st.integers(min_value=-(10**20), max_value=10**20)
divisors = st.integers(min_value=1, max_value=10**12)


@given(units)
def test_every_amount_is_written_and_read_again(amount: int) -> None:
    assert units_of(fixed(amount)) == units_of(plain(amount)) == amount


@given(units)
def test_the_short_form_has_no_zero_at_its_end(amount: int) -> None:
    text = plain(amount)

    assert "." not in text or text[-1] not in "0."
    assert len(fixed(amount).partition(".")[2]) == 8


@pytest.mark.parametrize("text", ["", "1.", ".5", "1e3", "0.123456789", "\u0661", "1,5", "nan"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no decimal number with at most eight decimals"):
        units_of(text)


@given(units, divisors)
def test_cutting_off_goes_towards_zero_by_less_than_one(numerator: int, denominator: int) -> None:
    exact, found = Fraction(numerator, denominator), cut_off(numerator, denominator)

    assert abs(found) <= abs(exact) < abs(found) + 1
    assert cut_off(-numerator, denominator) == -found


@given(units, divisors)
def test_halves_go_away_from_zero_and_nothing_else_is_further_than_a_half(numerator: int, denominator: int) -> None:
    exact, found = Fraction(numerator, denominator), half_away(numerator, denominator)
    error = abs(found) - abs(exact)

    assert Fraction(-1, 2) < error <= Fraction(1, 2)
    assert half_away(-numerator, denominator) == -found


@pytest.mark.parametrize(
    ("market", "symbol"),
    [(Market.SPOT, "BTCUSDT"), (Market.SPOT, "PEPEUSDT"), (Market.SPOT, "ETHBTC"), (Market.USDM, "1000PEPEUSDT")],
)
def test_value_is_price_times_quantity_exactly(market: Market, symbol: str) -> None:
    each = instrument(market, symbol)

    for ticks, steps in [(1, 1), (12_345, 678), (99_999_999, 1)]:
        assert value_units(each, ticks, steps) * ONE == price_units(each, ticks) * quantity_units(each, steps)
