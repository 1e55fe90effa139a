"""Each snapshot that arrives is held against the book."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from processors.core.book import OrderBook
from processors.core.book_comparison import EVERYWHERE, SideComparison, compare_side
from processors.core.book_partition import BookPartition
from processors.core.book_requests import BookRequests
from processors.core.book_results import Applied, NeedSnapshot, Synchronised, SyncResult, Verified
from processors.core.book_sync import BookSync
from processors.core.book_trail import TRAIL_LENGTH
from processors.core.records import DeadLetter, Output, RawRecord
from schemas.control import SnapshotReason, SnapshotRequest
from schemas.derived import BookState, BookVerification, TopOfBook, VerificationResult
from schemas.rest import DepthSnapshot
from schemas.topics import DerivedType, RawType
from schemas.wire import DepthDiff
from tests.support.strategies import START_MS, DepthHistory, depth_histories
from tests.unit.processors.core.records import record_of, values_of


Message = DepthDiff | DepthSnapshot
CUTS = st.lists(st.integers(1, 39), max_size=12)
RISING = DepthHistory(tuple((True, price, 1) for price in range(1, 60)), futures=False)
"""Every change is a better bid."""


def take(sync: BookSync, *messages: Message) -> list[SyncResult]:
    results: list[SyncResult] = []
    for message in messages:
        if isinstance(message, DepthDiff):
            results.extend(sync.feed_diff(message, message.event_time))
        else:
            results.extend(sync.feed_snapshot(message, message.event_time))
    return results


def verdicts(results: Iterable[SyncResult]) -> list[VerificationResult]:
    return [result.result for result in results if isinstance(result, Verified)]


def cut(snapshot: DepthSnapshot, depth: int) -> DepthSnapshot:
    """Return a snapshot as the venue answers where it is asked for few levels."""
    bids = sorted(snapshot.bids, key=lambda level: float(level[0]), reverse=True)[:depth]
    asks = sorted(snapshot.asks, key=lambda level: float(level[0]))[:depth]
    return replace(snapshot, bids=bids, asks=asks)


@given(depth_histories(least=2), CUTS, CUTS, st.sampled_from([5, 100]), st.data())
def test_no_snapshot_of_the_venue_differs_from_a_book_made_of_its_diffs(
    history: DepthHistory, cuts: list[int], other_cuts: list[int], depth: int, data: st.DataObject
) -> None:
    """However deep snapshots are, whenever they come, and with two connections that cut differently."""
    count = len(history.changes)
    messages: list[Message] = [cut(history.snapshot(0), depth)]
    first, second = history.diffs(cuts), history.diffs(other_cuts)
    while first or second:
        messages.append(data.draw(st.sampled_from([diffs for diffs in (first, second) if diffs])).pop(0))
        if data.draw(st.booleans()):
            messages.append(cut(history.snapshot(data.draw(st.integers(0, count))), depth))
    sync = BookSync()
    results = take(sync, *messages)

    assert VerificationResult.DIFFERENT not in verdicts(results)
    assert sync.need is None
    bids, asks = history.sides(count)
    top = sync.book.top(100)
    assert dict(zip(top.bid_prices, top.bid_quantities, strict=True)).items() <= bids.items()
    assert dict(zip(top.ask_prices, top.ask_quantities, strict=True)).items() <= asks.items()


@given(depth_histories(least=4), st.data())
def test_a_change_that_was_lost_is_found_by_the_next_snapshot_and_mended_by_it(
    history: DepthHistory, data: st.DataObject
) -> None:
    """The change is taken out of its diff, whose ids continue; the snapshot comes before, at or behind the book."""
    count = len(history.changes)
    lost = data.draw(st.integers(0, count - 1))
    bid, price, _ = history.changes[lost]
    diffs = history.diffs(range(count))
    diffs[lost] = replace(diffs[lost], bids=[], asks=[])
    at = data.draw(st.integers(lost + 1, count))
    arrives = data.draw(st.integers(0, count))
    sync = BookSync()
    results = take(sync, history.snapshot(0), *diffs[:arrives], history.snapshot(at), *diffs[arrives:])

    before, truth = (history.sides(n)[0 if bid else 1].get(price) for n in (lost, at))
    touched_again = any(change[:2] == (bid, price) for change in history.changes[lost + 1 : max(at, arrives)])
    if not touched_again:
        found = VerificationResult.NOT_COMPARABLE not in verdicts(results) and before != truth
        assert (verdicts(results) == [VerificationResult.DIFFERENT]) == found
    if VerificationResult.NOT_COMPARABLE not in verdicts(results):
        bids, asks = history.sides(count)
        top = sync.book.top(100)
        assert sync.live
        assert dict(zip(top.bid_prices, top.bid_quantities, strict=True)) == bids
        assert dict(zip(top.ask_prices, top.ask_quantities, strict=True)) == asks


def test_a_difference_leads_to_a_book_built_anew_and_a_wish_for_confirmation() -> None:
    sync = BookSync()
    take(sync, RISING.snapshot(3), replace(RISING.diff(3, 4), bids=[("0.00000004", "0.00000005")]), RISING.diff(4, 6))

    results = take(sync, RISING.snapshot(5))

    assert results == [
        Verified(RISING.id_of(5), VerificationResult.DIFFERENT, compared=4, equal=3, left_out=2),
        Synchronised(RISING.id_of(6), RISING.time_of(6), (6, 1, None, None)),
    ]
    assert sync.book.top(9).bid_quantities == [1] * 6
    assert sync.need == NeedSnapshot(RISING.id_of(5), SnapshotReason.SNAPSHOT_DIFFERS, RISING.id_of(3))


def test_a_second_difference_in_a_row_is_mended_but_not_asked_about_until_one_was_equal() -> None:
    sync = BookSync()
    wrong = RISING.diff(3, 4)
    take(sync, RISING.snapshot(3), replace(wrong, bids=[]), RISING.snapshot(4))
    asked = [sync.need]
    take(sync, replace(RISING.diff(4, 5), bids=[]), RISING.snapshot(5))
    asked.append(sync.need)

    assert asked == [NeedSnapshot(RISING.id_of(4), SnapshotReason.SNAPSHOT_DIFFERS, RISING.id_of(3)), None]
    assert sync.book.top(1).bid_prices == [5]
    take(sync, RISING.diff(5, 6), RISING.snapshot(6), replace(RISING.diff(6, 7), bids=[]), RISING.snapshot(7))
    assert sync.need == NeedSnapshot(RISING.id_of(7), SnapshotReason.SNAPSHOT_DIFFERS, RISING.id_of(6))


def test_a_snapshot_ahead_is_compared_when_the_book_is_there_without_what_the_straddling_diff_touches() -> None:
    sync = BookSync()
    take(sync, RISING.snapshot(3), RISING.snapshot(6))

    assert verdicts(take(sync, RISING.diff(3, 5))) == []
    assert take(sync, RISING.diff(5, 8)) == [
        Applied(RISING.id_of(8), RISING.time_of(8), (8, 1, None, None)),
        Verified(RISING.id_of(6), VerificationResult.EQUAL, compared=5, equal=5, left_out=3),
    ]


def test_a_snapshot_behind_more_diffs_than_are_remembered_is_not_comparable() -> None:
    sync = BookSync()
    take(sync, RISING.snapshot(3), *(RISING.diff(n, n + 1) for n in range(3, 4 + TRAIL_LENGTH)))

    assert take(sync, RISING.snapshot(3)) == [Verified(RISING.id_of(3), VerificationResult.NOT_COMPARABLE)]
    assert verdicts(take(sync, RISING.snapshot(4))) == [VerificationResult.EQUAL]


LONG = DepthHistory(tuple((True, 1 + n * 7 % 300, 1 + n % 3) for n in range(400)), futures=False)
"""Far more changes than diffs are remembered, of 300 prices."""


def test_while_a_snapshot_is_wanted_its_answer_is_comparable_however_many_diffs_it_is_behind() -> None:
    """Under load it comes seconds late, and so would the next one, and the one after that."""
    sync = BookSync()
    take(sync, LONG.snapshot(100), LONG.diff(100, 101))
    sync.doubt(SnapshotReason.STALE_BOOK)
    take(sync, *(LONG.diff(n, n + 1) for n in range(101, 350)))

    results = take(sync, LONG.snapshot(101))

    touched = {price for _, price, _ in LONG.changes[101:350]}
    compared = len(LONG.sides(101)[0].keys() - touched)
    assert results == [Verified(LONG.id_of(101), VerificationResult.EQUAL, compared, compared, len(touched))]
    assert sync.need is None


def test_what_only_a_late_snapshot_shows_to_be_wrong_is_mended_by_it_and_by_what_came_behind() -> None:
    sync = BookSync()
    take(sync, LONG.snapshot(100), replace(LONG.diff(100, 101), bids=[("0.00000299", "5")]))
    sync.doubt(SnapshotReason.STALE_BOOK)
    take(sync, *(LONG.diff(n, n + 1) for n in range(101, 190)))

    results = take(sync, LONG.snapshot(101))

    assert verdicts(results) == [VerificationResult.DIFFERENT]
    top = sync.book.top(400)
    assert dict(zip(top.bid_prices, top.bid_quantities, strict=True)) == LONG.sides(190)[0]


def test_prices_behind_a_wanted_snapshot_are_remembered_up_to_a_limit_the_latest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("processors.core.book_trail.TRAIL_PRICES", 50)
    sync = BookSync()
    take(sync, LONG.snapshot(100))
    sync.doubt(SnapshotReason.STALE_BOOK)
    take(sync, *(LONG.diff(n, n + 1) for n in range(100, 300)))

    first = 300 - TRAIL_LENGTH - 50
    assert verdicts(take(sync, LONG.snapshot(first - 1))) == [VerificationResult.NOT_COMPARABLE]
    assert sync.need is not None
    assert verdicts(take(sync, LONG.snapshot(first))) == [VerificationResult.EQUAL]


def test_what_was_remembered_for_a_wanted_snapshot_is_forgotten_when_it_came() -> None:
    sync = BookSync()
    take(sync, LONG.snapshot(100))
    sync.doubt(SnapshotReason.STALE_BOOK)
    take(sync, *(LONG.diff(n, n + 1) for n in range(100, 200)), LONG.snapshot(199), LONG.diff(200, 201))

    assert verdicts(take(sync, LONG.snapshot(201 - TRAIL_LENGTH))) == [VerificationResult.EQUAL]
    assert verdicts(take(sync, LONG.snapshot(200 - TRAIL_LENGTH))) == [VerificationResult.NOT_COMPARABLE]


@given(depth_histories(least=10), st.integers(0, 6), st.integers(1, 3), st.data())
def test_no_snapshot_of_the_venue_differs_however_little_is_remembered(
    history: DepthHistory, prices: int, length: int, data: st.DataObject
) -> None:
    """Doubts come anywhere, and the state goes through a checkpoint anywhere."""
    count = len(history.changes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("processors.core.book_trail.TRAIL_PRICES", prices)
        patch.setattr("processors.core.book_trail.TRAIL_LENGTH", length)
        sync = BookSync()
        take(sync, history.snapshot(0))
        for n in range(count):
            results = take(sync, history.diff(n, n + 1))
            what = data.draw(st.sampled_from(["nothing", "doubt", "snapshot", "restart"]))
            if what == "doubt":
                sync.doubt(SnapshotReason.STALE_BOOK)
            elif what == "restart":
                state, sync = sync.dump(), BookSync()
                sync.load(state)
            elif what == "snapshot":
                results = take(sync, history.snapshot(data.draw(st.integers(0, count))))
            assert VerificationResult.DIFFERENT not in verdicts(results)
        bids, asks = history.sides(count)
        top = sync.book.top(100)
        assert dict(zip(top.bid_prices, top.bid_quantities, strict=True)) == bids
        assert dict(zip(top.ask_prices, top.ask_quantities, strict=True)) == asks


CUT_BIDS = [(price, 1) for price in (10, 9, 8, 7, 6)]
"""As many levels as can be asked for: there may be more."""


def test_levels_that_the_book_could_not_know_are_learned_and_widen_its_reach() -> None:
    book = OrderBook()
    book.load(CUT_BIDS, [(12, 1)])
    book.apply([(10, 0), (9, 0), (4, 5)], [])
    comparison = book.compare([(8, 1), (7, 1), (6, 1), (5, 2), (4, 5)], [(12, 1)], [([(3, 1)], [])])

    assert comparison.bids == SideComparison(compared=4, equal=4, left_out=0, news={5: 2}, reach=4)
    assert book.learn(comparison)
    assert book.top(9).bid_prices == [8, 7, 6, 5, 4]
    assert book.bid_reach == 4


def test_a_level_within_the_reach_of_both_that_only_one_has_is_a_difference() -> None:
    book = OrderBook()
    book.load(CUT_BIDS, [])

    assert book.compare([(10, 1), (9, 1), (7, 1), (6, 1), (5, 1)], [], []).bids == SideComparison(
        compared=5, equal=4, left_out=0, news={5: 1}, reach=5
    )
    assert book.compare([*CUT_BIDS[:2], (8, 2), *CUT_BIDS[3:]], [], []).bids == SideComparison(
        compared=5, equal=4, left_out=0, news={}, reach=6
    )


def test_a_side_that_was_not_cut_tells_of_every_level() -> None:
    assert compare_side({10: 1, 3: 1}, [3, 10], 5, {10: 1, 9: 1}, ()) == SideComparison(
        compared=3, equal=1, left_out=0, news={}, reach=EVERYWHERE
    )


def test_an_empty_side_of_a_snapshot_says_that_there_is_nothing_anywhere() -> None:
    assert compare_side({5: 1}, [5], 5, {}, ()) == SideComparison(
        compared=1, equal=0, left_out=0, news={}, reach=EVERYWHERE
    )


def test_a_book_whose_best_price_left_what_snapshots_told_of_says_so() -> None:
    book = OrderBook()
    book.load(CUT_BIDS, [(12, 1)])
    assert not book.out_of_reach
    book.apply([*((price, 0) for price, _ in CUT_BIDS), (4, 1)], [])
    assert book.out_of_reach


def raw(message: Message, offset: int) -> RawRecord:
    return record_of(RawType.DEPTH, message, offset, START_MS)


def run(partition: BookPartition, *messages: Message, offset: int = 0) -> list[Output | DeadLetter]:
    return [output for n, message in enumerate(messages) for output in partition.feed(raw(message, offset + n))]


def test_readers_are_told_of_a_difference_as_of_a_book_that_was_not_right() -> None:
    partition = BookPartition()
    run(partition, RISING.snapshot(3), replace(RISING.diff(3, 4), bids=[]))

    outputs = run(partition, RISING.snapshot(4), offset=2)

    verification, syncing, live, request = values_of(outputs)
    assert verification == BookVerification(
        symbol="BTCUSDT",
        verified_time=RISING.time_of(4),
        update_id=RISING.id_of(4),
        levels_compared=4,
        levels_equal=3,
        levels_left_out=0,
        result=VerificationResult.DIFFERENT,
        input_offset=2,
    )
    assert isinstance(syncing, TopOfBook)
    assert isinstance(live, TopOfBook)
    assert [(top.state, top.bid_price) for top in (syncing, live)] == [(BookState.SYNCING, None), (BookState.LIVE, 4)]
    assert isinstance(request, SnapshotRequest)
    assert (request.reason, request.after_update_id, request.right_update_id) == (
        SnapshotReason.SNAPSHOT_DIFFERS,
        RISING.id_of(4),
        RISING.id_of(3),
    )
    assert run(partition, RISING.diff(4, 5), offset=3)[1:] == []  # asked once


def test_an_equal_snapshot_changes_nothing_but_the_last_verification() -> None:
    partition = BookPartition()
    run(partition, RISING.snapshot(3))

    (output,) = run(partition, RISING.snapshot(3), offset=1)

    assert isinstance(output, Output)
    assert (output.type, output.key) == (DerivedType.BOOK_VERIFICATION, b"BTCUSDT")
    assert isinstance(output.value, BookVerification)
    assert output.value.result is VerificationResult.EQUAL


def test_what_does_not_serve_is_asked_for_less_and_less_often_while_the_book_is_shown() -> None:
    """A snapshot from before all that is remembered: it cannot be compared, and the next may be no better."""
    requests = BookRequests()
    need = NeedSnapshot(7, SnapshotReason.STALE_BOOK)
    asked = [now for now in range(0, 20_000_000, 1_000) if requests.due(need, now, live=True)]

    waits = [later - earlier for earlier, later in pairwise(asked)]
    assert waits == [30_000, 60_000, 120_000, 240_000, 480_000, 960_000, 1_920_000, *[3_600_000] * 4]


def test_a_book_that_is_not_right_asks_again_and_again() -> None:
    requests = BookRequests()
    need = NeedSnapshot(7, SnapshotReason.SEQUENCE_GAP)
    asked = [now for now in range(0, 200_000, 1_000) if requests.due(need, now, live=False)]

    assert asked == [0, 30_000, 60_000, 90_000, 120_000, 150_000, 180_000]


def test_waiting_longer_ends_with_the_answer_and_outlasts_a_restart() -> None:
    requests = BookRequests()
    need = NeedSnapshot(7, SnapshotReason.STALE_BOOK)
    for now in (0, 30_000, 90_000):
        assert requests.due(need, now, live=True)
    heir = BookRequests()
    heir.load(requests.dump())

    assert not heir.due(need, 209_999, live=True)
    heir.answered()
    assert heir.due(need, 210_000, live=True)
    assert heir.due(need, 240_000, live=True)


def test_a_price_that_left_the_reach_of_snapshots_is_asked_about_while_the_book_stays_live() -> None:
    bids = [(True, price, 1) for price in range(100, 94, -1)]
    falling = DepthHistory((*bids, *((True, price, 0) for price in range(100, 95, -1)), (True, 94, 1)), futures=False)
    partition = BookPartition()
    outputs = run(partition, cut(falling.snapshot(6), 5), falling.diff(6, 10), falling.diff(10, 11))
    outputs += run(partition, falling.diff(11, 12), falling.snapshot(12), offset=3)

    tops = [value for value in values_of(outputs) if isinstance(value, TopOfBook)]
    requests = [value for value in values_of(outputs) if isinstance(value, SnapshotRequest)]
    assert [request.reason for request in requests] == [SnapshotReason.OUT_OF_REACH]
    assert {top.state for top in tops} == {BookState.LIVE}
    # 95 never changed: only the snapshot told of it.
    assert [top.bid_price for top in tops] == [100, 96, None, 94, 95]
