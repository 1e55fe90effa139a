from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, strategies as st

from dashboard.core.holes import Holes
from schemas.control import Gap, GapStatus
from schemas.markets import Market


OPEN = {GapStatus.OPEN, GapStatus.DEFERRED}


def gap(first_id: int, status: GapStatus, updated_time: int, stream: str = "trade") -> Gap:
    return Gap(
        market=Market.SPOT,
        stream=stream,
        symbol="BTCUSDT",
        epoch=0,
        first_id=first_id,
        last_id=first_id,
        status=status,
        reason=None,
        previous_time=0,
        next_time=0,
        opened_time=0,
        updated_time=updated_time,
    )


def counted(gaps: Iterable[Gap], kept: int = 50) -> tuple[int, int]:
    holes = Holes(kept)
    for one in gaps:
        holes.take(one)
    return holes.open(Market.SPOT, "trade"), holes.total(Market.SPOT, "trade")


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(GapStatus), st.integers(0, 9))))
def test_each_hole_counts_once_and_as_it_was_told_last(told: list[tuple[int, GapStatus, int]]) -> None:
    expected: dict[int, tuple[GapStatus, int]] = {}
    for first_id, status, time in told:
        if first_id not in expected or time >= expected[first_id][1]:
            expected[first_id] = (status, time)

    still_open = sum(status in OPEN for status, _ in expected.values())

    assert counted(gap(*one) for one in told) == (still_open, len(expected))


def test_streams_are_counted_apart() -> None:
    assert counted([gap(1, GapStatus.OPEN, 1, stream="agg-trade")]) == (0, 0)


def test_of_more_holes_than_are_kept_the_settled_ones_are_only_counted() -> None:
    told = [gap(1, GapStatus.OPEN, 1), *(gap(n, GapStatus.FILLED, n) for n in range(2, 9))]

    assert counted(told, kept=3) == (1, 8)
    assert counted([*told, gap(1, GapStatus.FILLED, 20)], kept=3) == (0, 8)


def test_where_all_are_open_the_oldest_is_let_go() -> None:
    assert counted([gap(n, GapStatus.OPEN, n) for n in range(9)], kept=3) == (3, 9)
