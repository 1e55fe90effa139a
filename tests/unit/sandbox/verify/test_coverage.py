"""The recording tells the book where a snapshot joins diffs that continue each other."""

from __future__ import annotations

import pytest

from sandbox.verify.coverage import BookCoverage, Known, Step
from sandbox.verify.evidence import NO_ID


YES, REJOINED, GAP = Known.YES, Known.REJOINED, Known.AFTER_GAP
BEFORE, HELD = Known.BEFORE_SNAPSHOT, Known.IN_SNAPSHOT


def spot(*ids: tuple[int, int]) -> list[tuple[int, int, int]]:
    """Diffs by first and final update id."""
    return [(final, first, NO_ID) for first, final in ids]


def futures(*ids: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """Diffs by previous, first and final update id."""
    return [(final, first, previous) for previous, first, final in ids]


def known(diffs: list[tuple[int, int, int]], *snapshots: int) -> list[Known]:
    return [step.known for step in BookCoverage(diffs, snapshots)]


def gaps(diffs: list[tuple[int, int, int]], *snapshots: int) -> list[int]:
    return [step.update_id for step in BookCoverage(diffs, snapshots) if step.after_gap]


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (9, [YES, YES, YES]),
        (8, [BEFORE, BEFORE, BEFORE]),
        (10, [YES, YES, YES]),
        (15, [HELD, YES, YES]),
        (16, [BEFORE, YES, YES]),
        (28, [BEFORE, BEFORE, YES]),
        (29, [BEFORE, BEFORE, HELD]),
        (30, [BEFORE, BEFORE, BEFORE]),
    ],
)
def test_spot_is_known_from_the_diff_that_joins_the_snapshot(snapshot: int, expected: list[Known]) -> None:
    diffs = spot((10, 15), (16, 20), (21, 29))

    assert known(diffs, snapshot) == expected
    assert gaps(diffs, snapshot) == []


def test_futures_are_joined_by_the_previous_final_id() -> None:
    """Ids are shared by all symbols: a snapshot may carry one that lies between two diffs of this one."""
    assert known(futures((90, 95, 100), (100, 150, 160), (160, 170, 180)), 120) == [BEFORE, YES, YES]


def test_futures_apply_a_diff_that_ends_where_the_snapshot_does() -> None:
    assert known(futures((90, 95, 100), (100, 150, 160)), 100) == [YES, YES]


def test_a_gap_ends_knowledge_until_the_next_snapshot() -> None:
    diffs = spot((10, 15), (17, 20), (21, 25), (26, 30))

    assert known(diffs, 12, 22) == [YES, GAP, REJOINED, REJOINED]
    assert gaps(diffs, 12, 22) == [20]


def test_a_gap_before_the_snapshot_spoils_nothing() -> None:
    assert known(spot((10, 15), (17, 20)), 18) == [BEFORE, YES]


def test_diffs_of_two_connections_cut_at_other_ids_are_no_gap() -> None:
    diffs = spot((10, 15), (12, 17), (16, 20), (18, 22))

    assert known(diffs, 11) == [YES] * 4
    assert gaps(diffs, 11) == []


def test_without_a_snapshot_nothing_is_known() -> None:
    assert list(BookCoverage(spot((1, 2)), [])) == [Step(2, Known.NO_SNAPSHOT)]


def test_a_repeated_diff_is_one() -> None:
    assert known([*spot((10, 15)), *spot((11, 15))], 12) == [YES]
