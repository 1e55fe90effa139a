from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from schemas.decimals import QUOTE_SCALE, SCALE, format_scaled, from_scaled, to_scaled


WIDE = st.integers(-(10**20) + 1, 10**20 - 1)


@given(WIDE)
def test_text_and_scaled_integer_are_the_same_number(value: int) -> None:
    text = format_scaled(value)

    assert to_scaled(text) == value
    assert Decimal(text) == from_scaled(value)


@given(st.integers(-(10**38) + 1, 10**38 - 1))
def test_quote_sums_come_out_exactly(value: int) -> None:
    assert from_scaled(value, QUOTE_SCALE) == Decimal(format_scaled(value, QUOTE_SCALE))
    assert int(format_scaled(value, QUOTE_SCALE).replace(".", "")) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("61737.63000000", 6173763000000), ("0", 0), ("-1.5", -150000000), ("2", 200000000), ("0.1000000000", 10000000)],
)
def test_numbers_as_the_venue_writes_them(text: str, value: int) -> None:
    assert to_scaled(text) == value


@pytest.mark.parametrize(
    "text", ["", "abc", "1_0", " 1", "1 ", "+1", "1e3", "NaN", "Infinity", ".5", "5.", "1.2.3", "--1", "\u0661", "1,0"]
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not a decimal number"):
        to_scaled(text)


def test_what_does_not_fit_is_refused_not_rounded() -> None:
    with pytest.raises(ValueError, match="more than 8 decimal places"):
        to_scaled("0.000000001")
    with pytest.raises(ValueError, match="digits before the point"):
        to_scaled("1" + "0" * (20 - SCALE))


@given(st.text(max_size=12))
def test_no_text_gives_a_number_that_decimal_would_not(text: str) -> None:
    try:
        value = to_scaled(text)
    except ValueError:
        return
    assert from_scaled(value) == Decimal(text)
