from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from processors.core.book import BookLevels
from processors.core.book_results import (
    Applied,
    BadLevels,
    Buffered,
    Gap,
    NeedSnapshot,
    Stale,
    Synchronised,
    SyncResult,
    Verified,
)
from processors.core.book_sync import BookSync
from schemas.control import SnapshotReason
from schemas.derived import VerificationResult
from schemas.rest import DepthSnapshot
from schemas.wire import DepthDiff
from tests.support.strategies import START_MS, DepthHistory, depth_histories


CUTS = st.lists(st.integers(1, 39), max_size=12)


def take(sync: BookSync, message: DepthDiff | DepthSnapshot) -> tuple[SyncResult, ...]:
    if isinstance(message, DepthDiff):
        return sync.feed_diff(message, message.event_time)
    return sync.feed_snapshot(message, message.event_time)


def synchronised(messages: Iterable[DepthDiff | DepthSnapshot]) -> BookSync:
    sync = BookSync()
    for message in messages:
        take(sync, message)
    return sync


def truth(history: DepthHistory, count: int) -> BookLevels:
    bids, asks = history.sides(count)
    return BookLevels(
        sorted(bids, reverse=True),
        [bids[price] for price in sorted(bids, reverse=True)],
        sorted(asks),
        [asks[price] for price in sorted(asks)],
    )


def state(sync: BookSync) -> tuple[bool, int, BookLevels]:
    return sync.live, sync.update_id, sync.book.top(100)


def whole(history: DepthHistory) -> tuple[bool, int, BookLevels]:
    end = len(history.changes)
    return True, history.id_of(end), truth(history, end)


def quiet_history(*, futures: bool = False) -> DepthHistory:
    """Ten changes, each a bid of another price."""
    return DepthHistory(tuple((True, price, 1) for price in range(1, 11)), futures)


@given(depth_histories(), CUTS, st.data())
def test_the_book_is_right_wherever_the_snapshot_comes(
    history: DepthHistory, cuts: list[int], data: st.DataObject
) -> None:
    """Snapshot and diffs in any order that the venue can bring about: the diffs in theirs, the snapshot anywhere."""
    diffs: list[DepthDiff | DepthSnapshot] = list(history.diffs(cuts))
    snapshot = history.snapshot(data.draw(st.integers(0, len(history.changes))))
    position = data.draw(st.integers(0, len(diffs)))

    sync = synchronised([*diffs[:position], snapshot, *diffs[position:]])

    assert state(sync) == whole(history)


@given(depth_histories(), CUTS, st.data())
def test_the_book_is_right_in_whatever_order_the_diffs_come(
    history: DepthHistory, cuts: list[int], data: st.DataObject
) -> None:
    """Two connections are not ordered against each other; each diff comes at least once."""
    diffs = history.diffs(cuts)
    repeated = data.draw(st.lists(st.sampled_from(diffs), max_size=5))
    order: list[DepthDiff | DepthSnapshot] = data.draw(st.permutations([*diffs, *repeated]))

    sync = synchronised([history.snapshot(0), *order])

    assert state(sync) == whole(history)


@given(depth_histories(), CUTS, CUTS, st.data())
def test_two_connections_that_cut_the_same_depth_differently_give_the_same_book(
    history: DepthHistory, cuts: list[int], other_cuts: list[int], data: st.DataObject
) -> None:
    merged: list[DepthDiff | DepthSnapshot] = [history.snapshot(0)]
    first, second = history.diffs(cuts), history.diffs(other_cuts)
    while first or second:
        source = data.draw(st.sampled_from([diffs for diffs in (first, second) if diffs]))
        merged.append(source.pop(0))

    sync = synchronised(merged)

    assert state(sync) == whole(history)


@given(depth_histories(least=3), CUTS, st.data())
def test_every_book_that_is_shown_is_one_that_was(history: DepthHistory, cuts: list[int], data: st.DataObject) -> None:
    """Diffs are lost and snapshots come anywhere: whatever is shown as right was the book at its id."""
    diffs = [diff for diff in history.diffs(cuts) if data.draw(st.integers(0, 4))]
    counts = {history.id_of(count): count for count in range(len(history.changes) + 1)}
    snapshots = [history.snapshot(count) for count in data.draw(st.lists(st.sampled_from([*counts.values()])))]
    sync = BookSync()
    messages: list[DepthDiff | DepthSnapshot] = data.draw(st.permutations([*snapshots, *diffs]))
    for message in messages:
        for result in take(sync, message):
            if isinstance(result, Applied | Synchronised):
                right = truth(history, counts[result.update_id])
                bid = (right.bid_prices[0], right.bid_quantities[0]) if right.bid_prices else (None, None)
                ask = (right.ask_prices[0], right.ask_quantities[0]) if right.ask_prices else (None, None)
                assert result.top == (*bid, *ask)
        if sync.live:
            assert sync.book.top(100) == truth(history, counts[sync.update_id])
        else:
            assert sync.need is not None


@given(depth_histories(), CUTS, st.data())
def test_a_stale_diff_changes_nothing(history: DepthHistory, cuts: list[int], data: st.DataObject) -> None:
    diffs = history.diffs(cuts)
    sync = synchronised([history.snapshot(0), *diffs])
    before = state(sync)
    stale = data.draw(st.sampled_from(diffs))

    assert take(sync, stale) == (Stale(stale.final_update_id),)
    assert state(sync) == before


@given(depth_histories(least=3), st.data())
def test_a_gap_changes_nothing_but_that_the_book_is_not_right(history: DepthHistory, data: st.DataObject) -> None:
    known = data.draw(st.integers(0, len(history.changes) - 2))
    begin = data.draw(st.integers(known + 1, len(history.changes) - 1))
    sync = synchronised([history.snapshot(known)])
    _, update_id, levels = state(sync)
    after_gap = history.diff(begin, len(history.changes))
    covered = history.id_of(begin) if history.futures else history.id_of(begin + 1) - 1

    results = take(sync, after_gap)

    assert results == (
        Gap(update_id, covered),
        Buffered(after_gap.final_update_id),
        NeedSnapshot(covered, SnapshotReason.SEQUENCE_GAP),
    )
    assert state(sync) == (False, update_id, levels)


@pytest.mark.parametrize("futures", [False, True])
def test_a_snapshot_after_a_gap_makes_the_book_right_with_the_diffs_that_waited(futures: bool) -> None:
    history = quiet_history(futures=futures)
    sync = synchronised([history.snapshot(1), history.diff(3, 5), history.diff(5, 10)])

    results = take(sync, history.snapshot(4))

    assert [type(result) for result in results] == [Synchronised, Applied, Applied]
    assert state(sync) == whole(history)
    assert sync.need is None


@pytest.mark.parametrize("futures", [False, True])
def test_the_diff_that_was_missing_makes_the_book_right_without_a_snapshot(futures: bool) -> None:
    history = quiet_history(futures=futures)
    sync = synchronised([history.snapshot(1), history.diff(3, 5)])

    results = take(sync, history.diff(1, 3))

    assert [type(result) for result in results] == [Synchronised, Applied, Applied]
    assert sync.live
    assert sync.update_id == history.id_of(5)


def test_a_snapshot_older_than_the_first_diff_is_asked_for_again() -> None:
    history = quiet_history()
    sync = BookSync()

    assert take(sync, history.diff(5, 7)) == (
        Buffered(history.id_of(7)),
        NeedSnapshot(history.id_of(5), SnapshotReason.START),
    )
    assert take(sync, history.snapshot(4)) == (NeedSnapshot(history.id_of(5), SnapshotReason.SNAPSHOT_TOO_OLD),)
    assert not sync.live
    assert [type(result) for result in take(sync, history.snapshot(5))] == [Synchronised, Applied]


@pytest.mark.parametrize("futures", [False, True])
@pytest.mark.parametrize("count", [5, 6, 7])
def test_the_bridging_diff_may_begin_right_after_the_snapshot_span_it_or_end_at_it(futures: bool, count: int) -> None:
    history = quiet_history(futures=futures)
    sync = synchronised([history.diff(5, 7), history.snapshot(count), history.diff(7, 10)])

    assert state(sync) == whole(history)


def test_a_snapshot_ahead_of_a_right_book_waits_for_a_gap() -> None:
    history = quiet_history()
    sync = synchronised([history.snapshot(1)])

    assert take(sync, history.snapshot(6)) == (Buffered(history.id_of(6)),)
    assert sync.update_id == history.id_of(1)

    results = take(sync, history.diff(5, 10))

    assert [type(result) for result in results] == [Gap, Synchronised, Applied]
    assert state(sync) == whole(history)


def test_a_snapshot_of_a_right_book_is_compared_with_it() -> None:
    history = quiet_history()
    sync = synchronised([history.snapshot(5)])

    assert take(sync, history.snapshot(5)) == (Verified(history.id_of(5), VerificationResult.EQUAL, 5, 5),)
    assert take(sync, history.snapshot(3)) == (Verified(history.id_of(3), VerificationResult.NOT_COMPARABLE),)


@pytest.mark.parametrize("bad", [("abc", "1"), ("1", "abc"), ("-1", "1"), ("1", "-1")])
def test_a_bad_level_leaves_the_book_as_it_was_and_in_need_of_a_snapshot(bad: tuple[str, str]) -> None:
    history = quiet_history()
    sync = synchronised([history.snapshot(5)])
    levels = sync.book.top(100)
    diff = history.diff(5, 7)

    results = take(sync, replace(diff, asks=[bad, *diff.asks]))

    assert isinstance(results[0], BadLevels)
    assert results[1:] == (NeedSnapshot(history.id_of(5), SnapshotReason.SEQUENCE_GAP),)
    assert state(sync) == (False, history.id_of(5), levels)


def test_the_ids_of_a_diff_with_a_bad_level_are_not_believed() -> None:
    history = quiet_history()
    sync = synchronised([history.snapshot(5)])
    bad = replace(history.diff(5, 7), final_update_id=10**17, asks=[("abc", "1")])
    results = take(sync, bad)
    assert results[1:] == (NeedSnapshot(history.id_of(5), SnapshotReason.SEQUENCE_GAP),)

    take(sync, history.diff(7, 8))
    take(sync, history.snapshot(7))
    take(sync, history.diff(8, 10))

    assert state(sync) == whole(history)


def test_a_whole_copy_of_a_diff_with_a_bad_level_makes_the_book_right() -> None:
    history = quiet_history()
    sync = synchronised([history.snapshot(5), replace(history.diff(5, 7), asks=[("abc", "1")]), history.diff(7, 10)])
    assert not sync.live

    take(sync, history.diff(4, 8))

    assert state(sync) == whole(history)


def test_a_bad_level_in_a_stale_diff_or_in_a_snapshot_disturbs_nothing() -> None:
    history = quiet_history()
    sync = synchronised([history.snapshot(5)])

    assert take(sync, replace(history.diff(3, 5), asks=[("abc", "1")])) == (Stale(history.id_of(5)),)
    (result,) = take(sync, replace(history.snapshot(7), asks=[("abc", "1")]))
    assert isinstance(result, BadLevels)
    assert sync.live


def test_the_buffer_is_bounded_and_lets_the_oldest_go() -> None:
    history = DepthHistory(tuple((True, 1, 1) for _ in range(100)), futures=False)
    sync = BookSync(buffer_limit=20)
    for count in range(100):
        take(sync, history.diff(count, count + 1))

    # Ten diffs of one level are left: what they follow is the oldest snapshot that helps.
    assert take(sync, history.snapshot(89)) == (NeedSnapshot(history.id_of(90), SnapshotReason.SNAPSHOT_TOO_OLD),)
    take(sync, history.snapshot(90))
    assert state(sync) == whole(history)


def test_ids_that_go_back_while_time_goes_on_start_the_book_anew() -> None:
    """A test network that was wiped counts from the beginning; a repetition is never minutes late."""
    history = quiet_history()
    sync = synchronised([history.snapshot(0), history.diff(0, 10)])
    wiped = replace(history.diff(0, 3), event_time=START_MS + 3_600_000)

    assert take(sync, wiped) == (
        Gap(history.id_of(10), history.id_of(3)),
        Buffered(history.id_of(3)),
        NeedSnapshot(history.id_of(0), SnapshotReason.START),
    )
    take(sync, history.snapshot(1))
    assert state(sync) == (True, history.id_of(3), truth(history, 3))


def test_a_snapshot_far_ahead_of_the_stream_does_not_look_like_ids_that_went_back() -> None:
    history = DepthHistory(tuple((True, 1, count % 3) for count in range(1_000)), futures=False)
    sync = synchronised([history.snapshot(1_000)])

    for count in range(1_000):
        assert take(sync, history.diff(count, count + 1)) == (Stale(history.id_of(count + 1)),)

    assert state(sync) == whole(history)
