"""What a reader found is read from its tables, and everything that differs is told."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.compat.comparing import Difference, Found, judge, minutes_in, total_of


HEADER = "source,symbol,open_time,trades,high,low,base_volume,quote_volume"
MINUTE_MS = 1_793_577_600_000
NUMBERS = {
    "trades": Decimal(3),
    "high": Decimal("2.5"),
    "low": Decimal(2),
    "base_volume": Decimal(7),
    "quote_volume": Decimal("15.0000000000000001"),
}


def truth(**changes: Decimal) -> Found:
    return {("BTCUSDT", MINUTE_MS): NUMBERS | changes, ("ETHUSDT", MINUTE_MS): dict(NUMBERS)}


def test_what_is_equal_has_no_difference() -> None:
    verdict = judge("raw", truth(), truth())

    assert verdict.ok
    assert (verdict.rows, verdict.sum) == (6, Decimal("30.0000000000000002"))
    assert (verdict.windows_equal, verdict.windows) == (2, 2)


@pytest.mark.parametrize("column", NUMBERS)
def test_a_number_that_differs_in_its_last_place_is_told(column: str) -> None:
    wrong = NUMBERS[column] + Decimal("1e-16")

    verdict = judge("raw", truth(**{column: wrong}), truth())

    assert Difference(f"BTCUSDT 00:00 {column}", f"{wrong:f}", f"{NUMBERS[column]:f}") in verdict.differences
    assert (verdict.windows_equal, verdict.windows) == (1, 2)


def test_a_minute_that_is_missing_and_one_too_many_are_told() -> None:
    found = {("BTCUSDT", MINUTE_MS): dict(NUMBERS), ("NKNUSDT", MINUTE_MS): dict(NUMBERS)}

    verdict = judge("raw", found, truth())

    assert verdict.differences == [
        Difference("ETHUSDT 00:00 row", "none", "one"),
        Difference("NKNUSDT 00:00 row", "one", "none"),
    ]


def test_a_reader_that_found_nothing_is_wrong() -> None:
    verdict = judge("raw", {}, truth())

    assert not verdict.ok
    assert Difference("sum of trades", "0", "6") in verdict.differences


def test_opening_and_closing_prices_are_compared_where_they_are_told() -> None:
    expected = truth(open=Decimal(2), close=Decimal(2))

    assert judge("raw", truth(), expected).ok
    assert judge("raw", truth(open=Decimal(2), close=Decimal(3)), expected).differences == [
        Difference("BTCUSDT 00:00 close", "3", "2")
    ]


def test_sums_are_exact_beyond_the_digits_of_a_usual_context() -> None:
    large = Decimal("1234567890123456789012.0000000000000001")

    assert total_of({("A", 0): {"x": large}, ("B", 0): {"x": large}}, "x") == Decimal(
        "2469135780246913578024.0000000000000002"
    )


@pytest.mark.parametrize("time", [str(MINUTE_MS), "2026-11-02 00:00:00", "2026-11-02T00:00:00+00:00"])
def test_times_are_read_as_tools_write_them(time: str) -> None:
    found = minutes_in(f"{HEADER}\nraw,BTCUSDT,{time},3,2.5,2,7,15.0000000000000001\n")

    assert found == {"raw": {("BTCUSDT", MINUTE_MS): NUMBERS}}


def test_drawn_tables_among_other_lines_are_read() -> None:
    output = f"""
[INFO] Execute statement succeeded.
+--------+---------+---------------------+
| source |  symbol | open_time | trades | high | low | base_volume | quote_volume |
+--------+---------+---------------------+
| candle | BTCUSDT | {MINUTE_MS} | 3 | 2.50000000 | 2 | 7 | 15.0000000000000001 |
+--------+---------+---------------------+
1 row in set (2.51 seconds)
"""

    assert minutes_in(output) == {"candle": {("BTCUSDT", MINUTE_MS): NUMBERS}}


def test_several_tables_are_told_apart_by_their_source() -> None:
    row = f"BTCUSDT,{MINUTE_MS},3,2.5,2,7,15.0000000000000001"

    assert set(minutes_in(f"{HEADER}\nraw,{row}\n{HEADER}\ntrade,{row}\n")) == {"raw", "trade"}


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        ("source,symbol,open_time,trades\n", "a table lacks base_volume, high, low, quote_volume"),
        (f"{HEADER}\nraw,BTCUSDT,{MINUTE_MS},3,NULL,2,7,15\n", "a row cannot be read"),
        (f"{HEADER}\nraw,BTCUSDT,yesterday,3,2,2,7,15\n", "a row cannot be read"),
        (f"{HEADER}\n" + 2 * f"raw,BTCUSDT,{MINUTE_MS},3,2,2,7,15\n", "raw tells BTCUSDT 00:00 twice"),
    ],
)
def test_a_table_that_cannot_be_understood_is_an_error(output: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        minutes_in(output)
