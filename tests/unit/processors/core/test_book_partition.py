from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from processors.core.book_partition import BookPartition, BookStatus
from processors.core.records import DeadLetter, Output, RawRecord
from schemas.control import Heartbeat, SnapshotReason, SnapshotRequest
from schemas.derived import BookSnapshot, BookState, TopOfBook
from schemas.markets import Market
from schemas.rest import DepthSnapshot
from schemas.topics import ControlType, DerivedType, RawType
from schemas.wire import DepthDiff
from tests.support.strategies import START_MS, DepthHistory, depth_histories
from tests.unit.processors.core.records import heartbeat_of, interleaved, letters_of, record_of, values_of


def raw(message: DepthDiff | DepthSnapshot, offset: int, *, symbol: str = "BTCUSDT") -> RawRecord:
    if isinstance(message, DepthDiff):
        message = replace(message, symbol=symbol)
    return record_of(RawType.DEPTH, message, offset, START_MS, key=symbol.encode())


def log_of(*messages: DepthDiff | DepthSnapshot) -> list[RawRecord]:
    return [raw(message, offset) for offset, message in enumerate(messages)]


def run(partition: BookPartition, inputs: Iterable[object]) -> list[Output | DeadLetter]:
    outputs: list[Output | DeadLetter] = []
    for item in inputs:
        if isinstance(item, RawRecord):
            outputs.extend(partition.feed(item))
        elif isinstance(item, Heartbeat):
            outputs.extend(partition.heartbeat(item))
    return outputs


def tops(outputs: Iterable[Output | DeadLetter]) -> list[TopOfBook]:
    return [value for value in values_of(outputs) if isinstance(value, TopOfBook)]


def snapshots(outputs: Iterable[Output | DeadLetter]) -> list[BookSnapshot]:
    return [value for value in values_of(outputs) if isinstance(value, BookSnapshot)]


def requests(outputs: Iterable[Output | DeadLetter]) -> list[SnapshotRequest]:
    return [value for value in values_of(outputs) if isinstance(value, SnapshotRequest)]


def vouched(until: int, offset: int) -> Heartbeat:
    return heartbeat_of(until, offset, stream="depth")


HISTORY = DepthHistory(tuple((True, price, 1) for price in range(1, 60)), futures=False)
"""Every change is a better bid, 150 ms after the one before."""


@given(depth_histories(), st.lists(st.integers(1, 39), max_size=12))
def test_a_record_is_written_whenever_best_price_or_quantity_changed_and_only_then(
    history: DepthHistory, cuts: list[int]
) -> None:
    diffs = history.diffs(cuts)
    outputs = run(BookPartition(), log_of(history.snapshot(0), *diffs))

    expected: list[tuple[int, object]] = []
    last: object = None
    for count in sorted({0, *(cut for cut in cuts if cut < len(history.changes)), len(history.changes)}):
        bids, asks = history.sides(count)
        bid, ask = max(bids, default=None), min(asks, default=None)
        top = (bid, bids.get(bid or 0), ask, asks.get(ask or 0))
        if top != last:
            expected.append((history.id_of(count), top))
        last = top
    written = [
        (top.update_id, (top.bid_price, top.bid_quantity, top.ask_price, top.ask_quantity)) for top in tops(outputs)
    ]
    assert written == expected
    assert {top.state for top in tops(outputs)} == {BookState.LIVE}


def test_the_first_diff_says_that_the_book_is_not_right_yet() -> None:
    (top,) = tops(BookPartition().feed(raw(HISTORY.diff(3, 4), 0)))

    assert (top.state, top.bid_price, top.ask_price, top.spread) == (BookState.SYNCING, None, None, None)
    assert (top.event_time, top.input_offset) == (HISTORY.time_of(4), 0)


def test_a_snapshot_and_the_diffs_that_waited_each_have_their_record() -> None:
    outputs = run(BookPartition(), log_of(HISTORY.diff(3, 4), HISTORY.diff(4, 5), HISTORY.snapshot(3)))

    assert [(top.update_id, top.state, top.event_time, top.input_offset) for top in tops(outputs)] == [
        (0, BookState.SYNCING, HISTORY.time_of(4), 0),
        (HISTORY.id_of(3), BookState.LIVE, None, 2),
        (HISTORY.id_of(4), BookState.LIVE, HISTORY.time_of(4), 2),
        (HISTORY.id_of(5), BookState.LIVE, HISTORY.time_of(5), 2),
    ]


def test_the_spread_is_ask_less_bid_negative_where_the_book_is_crossed() -> None:
    history = DepthHistory(((True, 10, 1), (False, 13, 1), (True, 15, 1)), futures=False)
    outputs = run(BookPartition(), log_of(history.snapshot(0), *history.diffs([1, 2])))

    assert [top.spread for top in tops(outputs)] == [None, None, 3, -2]


def test_a_gap_is_said_and_a_snapshot_asked_for_at_once() -> None:
    partition = BookPartition()
    run(partition, log_of(HISTORY.snapshot(3)))

    top, request = partition.feed(raw(HISTORY.diff(5, 6), 1))

    assert isinstance(top, Output)
    assert isinstance(request, Output)
    assert [(value.update_id, value.state) for value in tops([top])] == [(HISTORY.id_of(3), BookState.SYNCING)]
    assert (request.type, request.key) == (ControlType.SNAPSHOT_REQUEST, b"BTCUSDT")
    assert request.value == SnapshotRequest(
        market=Market.SPOT,
        symbol="BTCUSDT",
        after_update_id=HISTORY.id_of(5),
        reason=SnapshotReason.SEQUENCE_GAP,
        event_time=HISTORY.time_of(6),
        input_offset=1,
    )


def test_the_gap_of_one_symbol_does_not_disturb_another() -> None:
    partition = BookPartition()
    run(partition, [raw(HISTORY.snapshot(3), 0), raw(HISTORY.snapshot(3), 1, symbol="ETHUSDT")])
    partition.feed(raw(HISTORY.diff(5, 6), 2))

    (top,) = tops(partition.feed(raw(HISTORY.diff(3, 4), 3, symbol="ETHUSDT")))

    assert (top.symbol, top.state) == ("ETHUSDT", BookState.LIVE)
    assert [(status.symbol, status.state) for status in partition.statuses()] == [
        ("BTCUSDT", BookState.SYNCING),
        ("ETHUSDT", BookState.LIVE),
    ]


def test_a_new_symbol_waits_a_while_for_the_snapshot_that_nobody_asked_for() -> None:
    partition = BookPartition()
    quiet = run(partition, [raw(HISTORY.diff(count, count + 1), count) for count in range(5, 38)])
    asked = run(
        partition, [raw(HISTORY.diff(38, 39), 38), raw(HISTORY.diff(39, 40), 39), raw(HISTORY.diff(40, 41), 40)]
    )

    assert requests(quiet) == []
    assert [(request.reason, request.after_update_id) for request in requests(asked)] == [
        (SnapshotReason.START, HISTORY.id_of(5))
    ]


def test_a_request_without_an_answer_is_repeated_after_a_while_by_heartbeats_too() -> None:
    partition = BookPartition()
    first = run(partition, log_of(HISTORY.snapshot(3), HISTORY.diff(5, 6), HISTORY.diff(6, 7)))
    asked_at = HISTORY.time_of(6)

    (request,) = requests(first)
    assert requests(partition.heartbeat(vouched(asked_at + 29_999, 3))) == []
    assert requests(partition.heartbeat(vouched(asked_at + 30_000, 3))) == [
        replace(request, event_time=HISTORY.time_of(7))
    ]


def test_a_snapshot_that_is_too_old_is_asked_for_again_with_the_reason() -> None:
    partition = BookPartition()
    outputs = run(partition, log_of(HISTORY.snapshot(3), HISTORY.diff(5, 6), HISTORY.snapshot(4), HISTORY.snapshot(4)))

    assert [request.reason for request in requests(outputs)] == [
        SnapshotReason.SEQUENCE_GAP,
        SnapshotReason.SNAPSHOT_TOO_OLD,
    ]


def test_no_snapshot_is_asked_for_while_requests_are_off_and_it_is_when_they_are_on_again() -> None:
    partition = BookPartition()
    partition.requests_enabled = False
    lagging = run(partition, log_of(HISTORY.snapshot(3), HISTORY.diff(5, 6)))
    partition.requests_enabled = True
    caught_up = partition.feed(raw(HISTORY.diff(6, 7), 2))

    assert requests(lagging) == []
    assert len(requests(caught_up)) == 1


def test_where_nothing_comes_any_more_the_snapshot_is_asked_for_once_by_the_time() -> None:
    partition = BookPartition()
    partition.requests_enabled = False
    run(partition, log_of(HISTORY.snapshot(3), HISTORY.diff(5, 6)))
    lagging = partition.tick(1_000)
    partition.requests_enabled = True
    caught_up = partition.tick(2_000)

    assert requests(lagging) == []
    assert [request.reason for request in requests(caught_up)] == [SnapshotReason.SEQUENCE_GAP]
    assert requests(partition.tick(3_000)) == []


def test_the_book_is_shown_as_it_was_at_each_boundary_that_it_changed_before() -> None:
    """Every second; a diff of the boundary itself comes after it."""
    start = START_MS // 1_000 * 1_000
    history = DepthHistory(tuple((True, price, 1) for price in range(1, 6)), futures=False)
    times = [start + 100, start + 999, start + 1_000, start + 3_500, start + 3_600]
    diffs = [replace(diff, event_time=time) for diff, time in zip(history.diffs([1, 2, 3, 4]), times, strict=True)]
    partition = BookPartition(depth=2)
    outputs = run(partition, log_of(history.snapshot(0), *diffs))
    outputs += partition.heartbeat(vouched(start + 3_999, 6))
    outputs += partition.heartbeat(vouched(start + 9_000, 6))

    assert [(shot.snapshot_time - start, shot.update_id, shot.bid_prices) for shot in snapshots(outputs)] == [
        (1_000, history.id_of(2), [2, 1]),
        (2_000, history.id_of(3), [3, 2]),
        (4_000, history.id_of(5), [5, 4]),
    ]
    assert all(shot.state is BookState.LIVE and shot.bid_quantities == [1, 1] for shot in snapshots(outputs))


def test_a_book_that_is_not_right_is_shown_empty() -> None:
    diffs = [HISTORY.diff(count, count + 1) for count in (3, 5, 13)]
    outputs = run(BookPartition(), log_of(HISTORY.snapshot(3), *diffs))

    (shot,) = snapshots(outputs)
    assert (shot.state, shot.bid_prices, shot.ask_prices) == (BookState.SYNCING, [], [])


@given(
    depth_histories(least=4),
    st.lists(st.integers(1, 39), max_size=12),
    st.lists(st.integers(0, 30), max_size=8),
    st.data(),
)
def test_how_heartbeats_are_interleaved_does_not_change_what_is_said_of_books(
    history: DepthHistory, cuts: list[int], promises: list[int], data: st.DataObject
) -> None:
    diffs = history.diffs(cuts)
    records = log_of(history.snapshot(0), *diffs)
    heartbeats = [
        vouched(diffs[offset - 1].event_time, offset) for offset in sorted(set(promises)) if 0 < offset < len(diffs)
    ]
    heartbeats.append(vouched(START_MS + 600_000, len(records)))
    one = run(BookPartition(), data.draw(interleaved(records, heartbeats)))
    other = run(BookPartition(), data.draw(interleaved(records, heartbeats)))

    assert tops(one) == tops(other)
    assert snapshots(one) == snapshots(other)


def test_a_book_is_stale_when_nobody_vouches_and_it_does_not_move() -> None:
    partition = BookPartition()
    run(partition, [*log_of(HISTORY.snapshot(3), HISTORY.diff(3, 4)), vouched(HISTORY.time_of(3), 2)])

    assert partition.tick(1_000) == []
    assert partition.tick(11_000) == []
    assert partition.tick(12_000) == []  # it moved since the market was last found without heartbeats
    (stale,) = tops(partition.tick(13_000))
    assert (stale.state, stale.update_id, stale.bid_price) == (BookState.STALE, HISTORY.id_of(4), 4)
    assert partition.tick(14_000) == []
    (live,) = tops(partition.heartbeat(vouched(HISTORY.time_of(4) + 1, 2)))
    assert (live.state, live.update_id, live.bid_price) == (BookState.LIVE, HISTORY.id_of(4), 4)


def test_the_book_of_a_symbol_that_is_no_longer_taken_is_stale_though_others_are_vouched_for() -> None:
    partition = BookPartition()
    run(partition, log_of(HISTORY.snapshot(3), HISTORY.diff(3, 4)))
    start = HISTORY.time_of(4)

    def heard(now_ms: int, begin_offset: int, *symbols: str) -> list[TopOfBook]:
        heartbeat = heartbeat_of(
            start + now_ms, 2, stream="depth", begin_offset=begin_offset, symbols=list(symbols) or None
        )
        return tops([*partition.heartbeat(heartbeat), *partition.tick(now_ms)])

    assert heard(1_000, 0, "BTCUSDT", "ETHUSDT") == heard(2_000, 0) == []
    assert heard(3_000, 2, "ETHUSDT") == []  # it moved since it was last looked at
    (stale,) = heard(4_000, 2)
    assert stale.state is BookState.STALE
    assert heard(60_000, 2) == []
    (live,) = heard(61_000, 3, "BTCUSDT", "ETHUSDT")
    assert live.state is BookState.LIVE


def test_a_diff_makes_a_stale_book_live_again() -> None:
    partition = BookPartition()
    run(partition, [*log_of(HISTORY.snapshot(3)), vouched(START_MS, 1)])
    for now in (1_000, 20_000, 21_000):
        partition.tick(now)

    (top,) = tops(partition.feed(raw(HISTORY.diff(3, 4), 1)))
    assert top.state is BookState.LIVE


def test_a_market_without_heartbeats_from_the_start_is_left_alone() -> None:
    partition = BookPartition()
    run(partition, log_of(HISTORY.snapshot(3)))

    assert [partition.tick(now) for now in (0, 100_000, 200_000)] == [[], [], []]


def test_heartbeats_of_trades_do_not_vouch_for_books() -> None:
    partition = BookPartition()
    run(partition, log_of(HISTORY.snapshot(3)))

    assert partition.heartbeat(heartbeat_of(START_MS + 600_000, 1)) == []


def test_a_bad_level_is_set_aside_and_the_book_synchronises_anew() -> None:
    partition = BookPartition()
    run(partition, log_of(HISTORY.snapshot(3)))
    bad = raw(replace(HISTORY.diff(3, 4), asks=[("abc", "1")]), 1)

    letter, top, request = partition.feed(bad)

    assert letter == DeadLetter("bad-number", '"abc" is not a decimal number', bad)
    assert [value.state for value in tops([top])] == [BookState.SYNCING]
    assert [value.after_update_id for value in requests([request])] == [HISTORY.id_of(3)]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (record_of(RawType.DEPTH, b"{", 1), "malformed-json"),
        (record_of(RawType.DEPTH, None, 1), "malformed-json"),
        (record_of(RawType.DEPTH, b'{"e":"depthUpdate"}', 1), "missing-field"),
        (record_of(RawType.DEPTH, b'{"lastUpdateId":1,"bids":[]}', 1), "missing-field"),
        (record_of(RawType.DEPTH, HISTORY.diff(3, 4), 1, key=b"ETHUSDT"), "does-not-fit"),
        (record_of(RawType.DEPTH, HISTORY.diff(3, 4), 1, key=b"\xff"), "does-not-fit"),
        (record_of(RawType.DEPTH, HISTORY.snapshot(3), 1, key=None), "does-not-fit"),
    ],
)
def test_poison_is_set_aside_and_the_book_goes_on(record: RawRecord, reason: str) -> None:
    partition = BookPartition()
    run(partition, log_of(HISTORY.snapshot(3)))

    assert [letter.reason for letter in letters_of(partition.feed(record))] == [reason]
    (top,) = tops(partition.feed(raw(HISTORY.diff(3, 4), 2)))
    assert (top.state, top.update_id) == (BookState.LIVE, HISTORY.id_of(4))


def test_an_event_time_hours_ahead_moves_no_boundary() -> None:
    """Ingest stamped the record with the receive time, because the event time cannot be."""
    diffs = HISTORY.diffs(range(60))
    ahead = replace(diffs[3], event_time=START_MS + 7_200_000)
    records = log_of(HISTORY.snapshot(0), *diffs[:3], ahead, *diffs[4:20])
    records[4] = replace(records[4], timestamp_ms=diffs[3].event_time)

    outputs = run(BookPartition(), records)

    assert [shot.snapshot_time - START_MS for shot in snapshots(outputs)] == [1_000, 2_000, 3_000]
    (top,) = [top for top in tops(outputs) if top.update_id == HISTORY.id_of(4)]
    assert top.event_time is None


def test_outputs_are_stamped_with_event_time() -> None:
    outputs = run(BookPartition(), log_of(HISTORY.snapshot(0), *HISTORY.diffs(range(60))[:10]))

    for output in outputs:
        assert isinstance(output, Output)
        value = output.value
        if isinstance(value, TopOfBook):
            assert output.type is DerivedType.TOP_OF_BOOK
            assert output.timestamp_ms == (value.event_time or START_MS)
        elif isinstance(value, BookSnapshot):
            assert output.type is DerivedType.BOOK_SNAPSHOT
            assert output.timestamp_ms == value.snapshot_time


def test_the_status_of_a_book_tells_where_it_stands() -> None:
    partition = BookPartition()
    run(partition, log_of(HISTORY.snapshot(3), HISTORY.diff(3, 4)))

    assert list(partition.statuses()) == [
        BookStatus(Market.SPOT, "BTCUSDT", BookState.LIVE, HISTORY.id_of(4), HISTORY.time_of(4), HISTORY.time_of(4))
    ]


def test_gaps_and_the_snapshots_asked_for_are_counted_once_by_reason() -> None:
    partition = BookPartition()
    outputs = run(partition, log_of(HISTORY.snapshot(0), HISTORY.diff(1, 4), HISTORY.diff(7, 9)))

    assert len(requests(outputs)) == 1
    assert partition.take_gaps() == {Market.SPOT: 1}
    assert partition.take_requested() == {(Market.SPOT, SnapshotReason.SEQUENCE_GAP): 1}
    assert (partition.take_gaps(), partition.take_requested()) == ({}, {})
