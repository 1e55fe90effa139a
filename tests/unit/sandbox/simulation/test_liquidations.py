"""Of the liquidations of a second the largest is told."""

from __future__ import annotations

from sandbox.simulation.engine import Execution, Order, Side
from sandbox.simulation.liquidations import Liquidation, LiquidationTape


SECOND_US = 1_000_000


def liquidation(filled: int, time_us: int) -> Liquidation:
    return Liquidation(Execution(Order(1, Side.SELL, 5, filled + 2, 2), [], []), time_us)


def test_the_largest_of_the_second_before_is_told() -> None:
    tape = LiquidationTape()
    small, large, middle = liquidation(1, 100), liquidation(9, 200), liquidation(5, 300)
    for each in (small, large, middle):
        tape.add(each)

    assert tape.largest_before(500) is None
    assert tape.largest_before(SECOND_US) is large
    assert tape.largest_before(2 * SECOND_US) is None


def test_one_of_the_new_second_does_not_hide_that_of_the_second_before() -> None:
    tape = LiquidationTape()
    before, after = liquidation(1, SECOND_US - 1), liquidation(9, SECOND_US)
    tape.add(before)
    tape.add(after)

    assert tape.largest_before(SECOND_US) is before
    assert tape.largest_before(2 * SECOND_US) is after
    assert before.filled == 1
