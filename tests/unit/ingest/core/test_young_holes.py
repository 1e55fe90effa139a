from __future__ import annotations

from ingest.core.holes import Hole
from ingest.core.ledger import OpenHole
from ingest.core.young_holes import PATIENCE_MS, YoungHoles
from schemas.markets import Market
from schemas.topics import RawType


def hole(first_id: int = 10, last_id: int = 12) -> OpenHole:
    return OpenHole((Market.SPOT, RawType.TRADE, "BTCUSDT"), Hole(0, first_id, last_id, 1_000, 2_000), 2_000)


def test_what_arrives_within_the_patience_was_no_hole() -> None:
    young, one, other = YoungHoles(), hole(), hole(20, 21)
    young.add([one, other], 100)
    one.arrived(10, 12)

    assert young.arrived() == [one]
    assert not young.holds(one)
    assert young.holds(other)
    assert young.due(100 + PATIENCE_MS) == [other]


def test_a_hole_is_due_when_it_is_young_no_longer_and_once() -> None:
    young, one = YoungHoles(), hole()
    young.add([one], 100)

    assert young.due(100 + PATIENCE_MS - 1) == []
    assert young.due(100 + PATIENCE_MS) == [one]
    assert young.due(100 + 2 * PATIENCE_MS) == []


def test_a_hole_of_which_a_part_arrived_is_still_one() -> None:
    young, one = YoungHoles(), hole()
    young.add([one], 100)
    one.arrived(10, 11)

    assert young.arrived() == []
    assert young.due(100 + PATIENCE_MS) == [one]


def test_a_hole_that_something_else_decided_is_due_at_once() -> None:
    """A wiped venue, or a snapshot behind a hole in depth: the ids are not there, and that must be told."""
    young, one = YoungHoles(), hole()
    young.add([one], 100)
    one.arrived(10, 11)
    one.lost(12, 12, "epoch-over")

    assert young.arrived() == []
    assert young.due(101) == [one]


def test_all_of_them_can_be_had_before_their_time() -> None:
    young, holes = YoungHoles(), [hole(), hole(20, 21)]
    young.add(holes, 100)

    assert young.all() == holes
    assert young.all() == []
