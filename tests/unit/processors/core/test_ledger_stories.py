"""What repair writes into the ledger, in the order in which it does, and what readers of derived trades see of it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from processors.core.records import DeadLetter, Output, RawRecord
from processors.core.trade_partition import TradePartition
from schemas.control import Gap, GapStatus
from schemas.derived import TradeKind
from tests.unit.processors.core.records import candles_of, gap_of, trade_record, trades_of


TIMES = (20, 60)


def told(first_id: int, last_id: int, status: GapStatus) -> Gap:
    """Return an entry; all parts of a hole carry the times around the whole."""
    return gap_of(first_id, last_id, TIMES, status)


def outputs_of(story: Iterable[RawRecord | Gap]) -> list[Output | DeadLetter]:
    """Return what a partition makes of raw records and entries of the ledger."""
    partition = TradePartition()
    fed = (partition.gap(item) if isinstance(item, Gap) else partition.feed(item) for item in story)
    return [output for outputs in fed for output in outputs]


def seen(story: Iterable[RawRecord | Gap]) -> list[tuple[str, int, int | None, bool]]:
    """Return kind, id, last missing id and lateness of what comes out."""
    return [(str(one.kind), one.trade_id, one.last_missing_id, one.late) for one in trades_of(outputs_of(story))]


def live(*ids: int, offset: int) -> list[RawRecord | Gap]:
    return [trade_record(one, one * 10, at) for at, one in enumerate(ids, offset)]


BEFORE = [*live(1, 2, 6, 7, offset=0), told(3, 5, GapStatus.OPEN)]


def in_order(*ids: int) -> list[tuple[str, int, int | None, bool]]:
    return [("trade", one, None, False) for one in ids]


def test_open_then_filled_is_as_if_nothing_had_been() -> None:
    assert seen([*BEFORE, *live(3, 4, 5, offset=4), told(3, 5, GapStatus.FILLED)]) == in_order(1, 2, 3, 4, 5, 6, 7)


def test_open_then_deferred_lets_the_flow_go_on_and_what_is_filled_comes_late() -> None:
    story = [*BEFORE, told(3, 5, GapStatus.DEFERRED), *live(3, 4, 5, offset=4), told(3, 5, GapStatus.FILLED)]

    late = [("trade", one, None, True) for one in (3, 4, 5)]
    assert seen(story) == [*in_order(1, 2), ("hole", 3, 5, False), *in_order(6, 7), *late]


@pytest.mark.parametrize("early", [True, False])
def test_a_hole_told_in_parts_is_one_hole_for_each_part_that_is_not_filled(early: bool) -> None:
    """The parts come from the last to the first; it does not matter whether they come before the backfilled trades."""
    parts = [told(5, 5, GapStatus.UNFILLABLE), told(4, 4, GapStatus.ABSENT), told(3, 3, GapStatus.FILLED)]
    filled = live(3, offset=4)

    story = [*BEFORE, *parts, *filled] if early else [*BEFORE, *filled, *parts]

    assert seen(story) == [*in_order(1, 2, 3), ("hole", 4, 4, False), ("hole", 5, 5, False), *in_order(6, 7)]


def test_a_writer_that_died_between_two_parts_confuses_nobody() -> None:
    """The entry that shrinks was not written: two entries speak of id 5, and the newer is right."""
    story = [*BEFORE, told(5, 5, GapStatus.ABSENT), *live(3, 4, offset=4), told(3, 4, GapStatus.FILLED)]

    assert seen(story) == [*in_order(1, 2, 3, 4), ("hole", 5, 5, False), *in_order(6, 7)]


def test_a_deferred_hole_that_is_settled_in_parts_makes_its_candles_complete_if_nothing_is_lost() -> None:
    story: list[RawRecord | Gap] = [
        *BEFORE,
        told(3, 5, GapStatus.DEFERRED),
        *live(3, 5, offset=4),
        told(5, 5, GapStatus.FILLED),
        told(4, 4, GapStatus.ABSENT),
        told(3, 3, GapStatus.FILLED),
        trade_record(8, 70_000, 9),
    ]

    outputs = outputs_of(story)

    final = [candle for candle in candles_of(outputs) if candle.final and candle.interval == "1m"]
    assert [(candle.trade_count, candle.revision) for candle in final] == [(6, False)]
    assert [one.trade_id for one in trades_of(outputs) if one.kind is TradeKind.TRADE and one.late] == [3, 5]
