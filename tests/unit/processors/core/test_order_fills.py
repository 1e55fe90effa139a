from __future__ import annotations

from itertools import pairwise

from hypothesis import given, strategies as st

from processors.core.order_fills import NO_FILLS, Fills, add_fill
from processors.core.order_reports import Fill


def fill(trade_id: int, *, complete: bool) -> Fill:
    """Return the fill of an id: it is the same whoever tells of it, and whole or without its commission."""
    quantity, price = trade_id % 7 + 1, trade_id % 3 + 5
    if not complete:
        return Fill(trade_id, price, quantity, price * quantity)
    asset, commission = ("BNB", "USDT")[trade_id % 2], trade_id % 5 - 2
    return Fill(trade_id, price, quantity, price * quantity, commission, asset, trade_id % 4)


def added(tellings: list[tuple[int, bool]]) -> Fills:
    fills = NO_FILLS
    for trade_id, complete in tellings:
        following = add_fill(fills, fill(trade_id, complete=complete))
        assert following is not None
        fills = following
    return fills


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=40))
def test_the_sums_are_those_of_the_distinct_fills(tellings: list[tuple[int, bool]]) -> None:
    fills = added(tellings)
    ids = {trade_id for trade_id, _ in tellings}
    whole = {trade_id for trade_id, complete in tellings if complete}
    known = [fill(trade_id, complete=trade_id in whole) for trade_id in sorted(ids)]
    charged: dict[str, int] = {}
    for one in known:
        if one.commission and one.commission_asset:
            charged[one.commission_asset] = charged.get(one.commission_asset, 0) + one.commission

    assert fills.count == len(ids)
    assert fills.quantity == sum(one.quantity for one in known)
    assert fills.quote == sum(one.quote for one in known)
    assert fills.realized_profit == sum(one.realized_profit or 0 for one in known)
    assert dict(fills.commissions) == charged
    assert [one.trade_id for one in fills.short] == sorted(ids - whole)
    assert fills.last == (known[-1] if known else None)
    assert {trade_id for trade_id in range(-1, 33) if fills.knows(trade_id)} == whole


@given(st.sets(st.integers(0, 40)), st.data())
def test_ids_are_kept_as_the_fewest_runs(ids: set[int], data: st.DataObject) -> None:
    order = data.draw(st.permutations(sorted(ids)))
    fills = added([(trade_id, True) for trade_id in order])
    runs = list(zip(fills.ids[::2], fills.ids[1::2], strict=True))

    assert [trade_id for first, last in runs for trade_id in range(first, last + 1)] == sorted(ids)
    assert all(following > last + 1 for (_, last), (following, _) in pairwise(runs))


def test_a_fill_that_tells_nothing_new_leaves_the_very_same_fills() -> None:
    fills = added([(3, True), (4, False)])

    assert add_fill(fills, fill(3, complete=True)) is fills
    assert add_fill(fills, fill(3, complete=False)) is fills
    assert add_fill(fills, fill(4, complete=False)) is fills


def test_sums_too_wide_for_their_fields_are_not_made() -> None:
    wide = Fill(1, 1, 1, 10**38 - 1, 0)

    fills = add_fill(NO_FILLS, wide)
    assert fills is not None
    assert add_fill(fills, Fill(2, 1, 1, 1, 0)) is None
