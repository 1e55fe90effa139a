"""Numbers of steps and their text."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from sandbox.simulation.grid import Grid, divide_half_up


@given(st.integers(min_value=-(10**9), max_value=10**9), st.integers(min_value=1, max_value=500), st.integers(0, 8))
def test_text_is_the_exact_number_with_all_places(steps: int, step_units: int, places: int) -> None:
    text = Grid(step_units, places).text(steps)

    assert Decimal(text) == Decimal(steps * step_units).scaleb(-places)
    assert len(text.partition(".")[2]) == places


def test_remembered_texts_are_the_same_texts() -> None:
    assert Grid(10, 2, remember=True).text(845511) == Grid(10, 2).text(845511) == "84551.10"


@pytest.mark.parametrize(
    ("step", "places", "text"),
    [("0.01", 8, "61737.63000000"), ("0.01", None, "61737.63"), ("0.10", None, "617376.30"), ("1", None, "6173763")],
)
def test_a_step_is_printed_with_its_own_places_or_the_markets(step: str, places: int | None, text: str) -> None:
    grid = Grid.of(Decimal(step), places)

    assert grid.text(6173763) == text
    assert grid.nearest(grid.value(6173763)) == 6173763


def test_a_step_finer_than_its_places_is_refused() -> None:
    with pytest.raises(ValueError, match="finer than 2 places"):
        Grid.of(Decimal("0.001"), 2)
    with pytest.raises(ValueError, match="step of 0 units"):
        Grid(0, 2)


@given(st.integers(min_value=1, max_value=10**12), st.integers(min_value=1, max_value=10**6))
def test_division_rounds_to_the_nearest_halves_up(numerator: int, denominator: int) -> None:
    quotient = divide_half_up(numerator, denominator)

    assert -denominator < 2 * (numerator - quotient * denominator) <= denominator or (
        2 * (quotient * denominator - numerator) == denominator
    )


def test_a_half_is_rounded_up() -> None:
    assert [divide_half_up(n, 2) for n in (1, 2, 3)] == [1, 1, 2]
