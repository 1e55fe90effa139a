"""The recording tells the book where a snapshot joins diffs that continue each other."""

from __future__ import annotations

import pytest

from sandbox.verify.coverage import BookCoverage, Known
from sandbox.verify.evidence import NO_ID


YES, BEFORE, GAP, HELD = Known.YES, Known.BEFORE_SNAPSHOT, Known.AFTER_GAP, Known.IN_SNAPSHOT


def spot(*ids: tuple[int, int]) -> list[tuple[int, int, int]]:
    """Diffs by first and final update id."""
    return [(final, first, NO_ID) for first, final in ids]


def futures(*ids: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """Diffs by previous, first and final update id."""
    return [(final, first, previous) for previous, first, final in ids]


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
    coverage = BookCoverage(spot((10, 15), (16, 20), (21, 29)), [snapshot])

    assert [known for _, known in coverage] == expected
    assert coverage.gaps == 0


def test_futures_are_joined_by_the_previous_final_id() -> None:
    """Ids are shared by all symbols: a snapshot may carry one that lies between two diffs of this one."""
    coverage = BookCoverage(futures((90, 95, 100), (100, 150, 160), (160, 170, 180)), [120])

    assert list(coverage) == [(100, BEFORE), (160, YES), (180, YES)]


def test_futures_apply_a_diff_that_ends_where_the_snapshot_does() -> None:
    coverage = BookCoverage(futures((90, 95, 100), (100, 150, 160)), [100])

    assert list(coverage) == [(100, YES), (160, YES)]


def test_a_gap_ends_knowledge_until_the_next_snapshot() -> None:
    coverage = BookCoverage(spot((10, 15), (17, 20), (21, 25), (26, 30)), [12, 22])

    assert list(coverage) == [(15, YES), (20, GAP), (25, YES), (30, YES)]
    assert coverage.gaps == 1


def test_a_gap_before_the_snapshot_breaks_nothing() -> None:
    coverage = BookCoverage(spot((10, 15), (17, 20)), [18])

    assert list(coverage) == [(15, BEFORE), (20, YES)]
    assert coverage.gaps == 0


def test_diffs_of_two_connections_cut_at_other_ids_are_no_gap() -> None:
    coverage = BookCoverage(spot((10, 15), (12, 17), (16, 20), (18, 22)), [11])

    assert [known for _, known in coverage] == [YES] * 4
    assert coverage.gaps == 0


def test_without_a_snapshot_nothing_is_known() -> None:
    assert list(BookCoverage(spot((1, 2)), [])) == [(2, Known.NO_SNAPSHOT)]
