"""Gaps in depth diffs, told from ids."""

from __future__ import annotations

from hypothesis import given, strategies as st

from sandbox.recordings.continuity import DiffChain


def test_spot_diffs_follow_one_another_by_their_first_id() -> None:
    chain = DiffChain()
    for first_id, final_id in ((10, 12), (13, 13), (14, 20)):
        chain.diff(first_id, final_id, None)

    assert chain.gap_count == 0


def test_a_missing_spot_diff_is_a_gap() -> None:
    chain = DiffChain()
    chain.diff(10, 12, None)
    chain.diff(14, 20, None)

    assert chain.gap_count == 1


def test_futures_diffs_follow_one_another_by_pu_alone() -> None:
    chain = DiffChain()
    chain.diff(10, 12, 5)
    chain.diff(40, 50, 12)
    chain.diff(90, 99, 51)

    assert chain.gap_count == 1


@given(st.lists(st.integers(min_value=1, max_value=5), min_size=2, max_size=40), st.data())
def test_two_connections_that_cut_the_same_changes_differently_leave_no_gap(
    lengths: list[int], data: st.DataObject
) -> None:
    """Coverage, not equality: at any place the log may go on with the other connection's cut."""
    last = sum(lengths)
    cuts = sorted({sum(lengths[:count]) for count in range(1, len(lengths) + 1)})
    others = sorted({*data.draw(st.sets(st.integers(min_value=1, max_value=last), max_size=20)), last})
    diffs = [(before + 1, after) for ends in (cuts, others) for before, after in zip([0, *ends], ends, strict=False)]
    chain = DiffChain()
    for first_id, final_id in sorted(diffs, key=lambda ids: ids[1]):
        chain.diff(first_id, final_id, None)

    assert chain.gap_count == 0


def test_a_snapshot_is_needed_at_the_start_and_after_a_gap_only() -> None:
    chain = DiffChain()
    chain.diff(10, 12, None)
    first = chain.snapshot(12), chain.snapshot(12)
    chain.diff(13, 14, None)
    chain.diff(20, 21, None)
    too_old, fitting, further = chain.snapshot(15), chain.snapshot(19), chain.snapshot(21)

    assert first == (True, False)
    assert (too_old, fitting, further) == (False, True, False)


def test_a_snapshot_older_than_the_first_diff_is_not_the_awaited_one() -> None:
    chain = DiffChain()
    chain.diff(10, 12, None)

    assert not chain.snapshot(8)
    assert chain.snapshot(9)


def test_diffs_that_do_not_join_the_snapshot_before_them_are_a_gap() -> None:
    chain = DiffChain()
    chain.snapshot(5)
    chain.diff(10, 12, None)

    assert chain.gap_count == 1
    assert chain.needs_snapshot


def test_a_snapshot_heals_the_gap_that_it_covers() -> None:
    chain = DiffChain()
    chain.diff(1, 5, None)
    chain.snapshot(9)
    chain.diff(10, 12, None)

    assert chain.gap_count == 0
