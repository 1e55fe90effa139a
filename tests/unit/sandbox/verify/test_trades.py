"""Each recorded trade came out once, with its values, or the comparison says which did not."""

from __future__ import annotations

import pytest

from sandbox.verify.trades import Hole, TradeComparison, compare_trades, holes_of, merged
from schemas.decimals import ONE
from schemas.markets import Market


Row = tuple[int, ...]


def trade(trade_id: int, *, price: int = 7 * ONE, quantity: int = 2 * ONE, epoch: int = 0, time: int = 1_000) -> Row:
    return (epoch, trade_id, time + trade_id, price, quantity, 1, trade_id, trade_id)


def derived(row: Row) -> Row:
    return (*row, row[4], row[3] * row[4])


RECORDED = [trade(1), trade(2), trade(3)]
DERIVED = [derived(row) for row in RECORDED]


def compare(recorded: list[Row], out: list[Row]) -> TradeComparison:
    return compare_trades(sorted(recorded), sorted(out), Market.SPOT)


def test_each_once_is_proven() -> None:
    result = compare(RECORDED, DERIVED)

    assert result.proven
    assert (result.recorded, result.derived, result.equal) == (3, 3, 3)


def test_a_missing_trade_is_told() -> None:
    result = compare(RECORDED, [DERIVED[0], DERIVED[2]])

    assert not result.proven
    assert result.missing == 1
    assert result.differences[0]["trade_id"] == 2


def test_a_repeated_trade_is_told() -> None:
    result = compare(RECORDED, [*DERIVED, DERIVED[1]])

    assert not result.proven
    assert (result.duplicates, result.derived, result.equal) == (1, 4, 3)


def test_a_trade_that_nobody_recorded_is_told() -> None:
    result = compare(RECORDED, [*DERIVED, derived(trade(4))])

    assert not result.proven
    assert result.foreign == 1


@pytest.mark.parametrize("column", range(2, 10))
def test_any_other_value_is_told(column: int) -> None:
    changed = list(DERIVED[1])
    changed[column] += 1

    result = compare(RECORDED, [DERIVED[0], tuple(changed), DERIVED[2]])

    assert not result.proven
    assert (result.equal, result.different) == (2, 1)


def test_ids_that_stand_for_no_match_are_not_to_be_derived() -> None:
    empty = trade(2, price=0, quantity=0)

    without = compare([trade(1), empty, trade(3)], [derived(trade(1)), derived(trade(3))])
    with_it = compare([trade(1), empty, trade(3)], [derived(trade(1)), derived(empty), derived(trade(3))])

    assert without.proven
    assert (without.recorded, without.without_fill) == (2, 1)
    assert not with_it.proven


def test_the_same_id_in_two_epochs_is_two_trades() -> None:
    wiped = trade(1, epoch=1, time=50_000)

    assert compare([*RECORDED, wiped], [*DERIVED, derived(wiped)]).proven
    assert not compare([*RECORDED, wiped], DERIVED).proven


@pytest.mark.parametrize("base_error", [-1, 0, 1])
def test_coinm_amounts_follow_from_the_contract_size(base_error: int) -> None:
    """Three contracts of 10 USD at 7: 4.28571428|57 coins, rounded half to even."""
    row = trade(1, quantity=3 * ONE)
    out = (*row, 428_571_429 + base_error, 30 * ONE * ONE)

    assert compare_trades([row], [out], Market.COINM, contract_size=10).proven is (base_error == 0)
    assert compare_trades([row], [out], Market.COINM, contract_size=None).proven


def test_holes_are_the_ids_between() -> None:
    rows = [trade(1), trade(2), trade(5), trade(9), trade(1, epoch=1, time=9_000), trade(2, epoch=1, time=9_000)]

    assert list(holes_of(rows)) == [Hole(0, 3, 4, 1_002, 1_005), Hole(0, 6, 8, 1_005, 1_009)]


def test_adjacent_holes_are_one() -> None:
    assert merged([(0, 5, 6), (0, 1, 2), (0, 3, 4), (1, 7, 7), (0, 8, 9), (0, 9, 12)]) == [
        (0, 1, 6),
        (0, 8, 12),
        (1, 7, 7),
    ]
