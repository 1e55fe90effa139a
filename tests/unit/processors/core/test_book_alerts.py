"""Crossed, locked and stale books are told of once, and healed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from processors.core.book_alerts import CROSSED_LIMIT_MS, PATIENCE_MS, BookAlerts
from processors.core.book_partition import BookPartition
from processors.core.checkpoint_rounds import Entity
from processors.core.records import DeadLetter, Output, RawRecord
from schemas.control import SnapshotReason, SnapshotRequest
from schemas.decimals import format_scaled
from schemas.derived import Alert, AlertKind, AlertStatus, BookState, BookVerification, TopOfBook
from schemas.markets import Market
from schemas.rest import DepthSnapshot
from schemas.topics import DerivedType, RawType
from schemas.wire import DepthDiff
from tests.support.strategies import START_MS
from tests.unit.processors.core.records import heartbeat_of, record_of, values_of


def diff(number: int, time_ms: int, *, bid: int | None = None, ask: int | None = None) -> DepthDiff:
    """Return diff number ``number`` that sets the quantity at a bid, an ask or both to one."""
    return DepthDiff(
        event_type="depthUpdate",
        event_time=START_MS + time_ms,
        symbol="BTCUSDT",
        first_update_id=number,
        final_update_id=number,
        bids=[] if bid is None else [(format_scaled(bid), "1")],
        asks=[] if ask is None else [(format_scaled(ask), "1")],
    )


def without_bid(message: DepthDiff, bid: int) -> DepthDiff:
    return replace(message, bids=[*message.bids, (format_scaled(bid), "0")])


def snapshot(number: int, bid: int = 10, ask: int = 12) -> DepthSnapshot:
    return DepthSnapshot(last_update_id=number, bids=[(format_scaled(bid), "1")], asks=[(format_scaled(ask), "1")])


def raw(message: DepthDiff | DepthSnapshot, offset: int) -> RawRecord:
    return record_of(RawType.DEPTH, message, offset, START_MS)


def run(partition: BookPartition, *messages: DepthDiff | DepthSnapshot, offset: int = 0) -> list[Output | DeadLetter]:
    return [output for n, message in enumerate(messages) for output in partition.feed(raw(message, offset + n))]


def told(outputs: list[Output | DeadLetter]) -> list[tuple[AlertKind, AlertStatus, int, int]]:
    return [
        (value.kind, value.status, value.opened_time - START_MS, value.time - START_MS)
        for value in values_of(outputs)
        if isinstance(value, Alert)
    ]


def states(outputs: list[Output | DeadLetter]) -> list[BookState]:
    return [value.state for value in values_of(outputs) if isinstance(value, TopOfBook)]


def requests(outputs: list[Output | DeadLetter]) -> list[SnapshotReason]:
    return [value.reason for value in values_of(outputs) if isinstance(value, SnapshotRequest)]


def test_a_book_that_is_crossed_for_one_diff_is_not_told_of() -> None:
    outputs = run(BookPartition(), snapshot(0), diff(1, 0, bid=13), without_bid(diff(2, 100), 13), diff(3, 5_000))

    assert told(outputs) == []


@pytest.mark.parametrize(("bid", "kind"), [(13, AlertKind.CROSSED_BOOK), (12, AlertKind.LOCKED_BOOK)])
def test_a_book_that_stays_crossed_or_locked_is_told_of_once_and_once_when_it_is_over(
    bid: int, kind: AlertKind
) -> None:
    outputs = run(
        BookPartition(),
        snapshot(0),
        diff(1, 0, bid=bid),
        diff(2, 999, ask=20),
        diff(3, 1_000, ask=21),
        diff(4, 2_000, ask=22),
        without_bid(diff(5, 3_000), bid),
        diff(6, 9_000, bid=9),
    )

    assert told(outputs) == [(kind, AlertStatus.OPEN, 0, 0), (kind, AlertStatus.CLOSED, 0, 3_000)]
    alerts = [output for output in outputs if isinstance(output, Output) and output.type is DerivedType.ALERT]
    assert [(output.key, output.timestamp_ms) for output in alerts] == [
        (b"BTCUSDT", START_MS),
        (b"BTCUSDT", START_MS + 3_000),
    ]
    assert isinstance(alerts[0].value, Alert)
    assert alerts[0].value.value == (bid - 12) * 10**8
    assert set(states(outputs)) == {BookState.LIVE}


def test_a_heartbeat_tells_of_a_crossed_book_where_no_diff_comes_and_takes_it_for_wrong_at_last() -> None:
    partition = BookPartition()
    run(partition, snapshot(0), diff(1, 0, bid=13))

    def heard(time_ms: int) -> list[Output | DeadLetter]:
        return partition.heartbeat(heartbeat_of(START_MS + time_ms, 2, stream="depth"))

    assert told(heard(PATIENCE_MS - 1)) == []
    assert told(heard(PATIENCE_MS)) == [(AlertKind.CROSSED_BOOK, AlertStatus.OPEN, 0, 0)]
    assert told(heard(PATIENCE_MS + 1)) == []
    outputs = heard(CROSSED_LIMIT_MS)
    assert (states(outputs), requests(outputs)) == ([BookState.SYNCING], [SnapshotReason.CROSSED_BOOK])


def test_a_crossed_book_is_not_believed_for_good_and_right_again_with_the_next_snapshot() -> None:
    """Though its ids continue: no diff heals it."""
    partition = BookPartition()
    run(partition, snapshot(0), diff(1, 0, bid=13))

    wrong = run(partition, diff(2, CROSSED_LIMIT_MS, ask=20), diff(3, 5_100, ask=21), offset=2)
    healed = run(partition, snapshot(2), offset=4)

    assert (states(wrong), requests(wrong)) == ([BookState.SYNCING], [SnapshotReason.CROSSED_BOOK])
    assert told(wrong) == [(AlertKind.CROSSED_BOOK, AlertStatus.OPEN, 0, 0)]
    assert set(states(healed)) == {BookState.LIVE}
    assert told(healed) == [(AlertKind.CROSSED_BOOK, AlertStatus.CLOSED, 0, 5_100)]


def test_a_snapshot_that_is_crossed_itself_is_shown_and_doubted_again_only_after_a_while() -> None:
    partition = BookPartition()
    run(partition, snapshot(0), diff(1, 0, bid=13), diff(2, 5_000, ask=20))

    shown = run(partition, snapshot(2, bid=13), *(diff(n, 5_000 + n * 1_000, ask=20) for n in range(3, 60)), offset=3)
    again = run(partition, diff(60, 65_000, ask=20), offset=70)

    assert BookState.SYNCING not in states(shown)
    assert told(shown) == []
    assert (states(again), requests(again)) == ([BookState.SYNCING], [SnapshotReason.CROSSED_BOOK])


def test_a_locked_book_is_believed() -> None:
    outputs = run(BookPartition(), snapshot(0), diff(1, 0, bid=12), diff(2, 60_000, ask=20))

    assert requests(outputs) == []


def test_a_book_that_goes_from_crossed_to_locked_ends_one_alert_before_another() -> None:
    alerts = BookAlerts("BTCUSDT")
    crossed, locked = (13, 1, 12, 1), (12, 1, 12, 1)
    assert alerts.see(crossed, 0, 0) is None
    opened = alerts.due(1_000, 0)
    closed = alerts.see(locked, 1_500, 1)

    assert opened is not None
    assert closed == replace(opened, status=AlertStatus.CLOSED, time=1_500, value=None, input_offset=1)
    assert (alerts.due(2_499, 1), alerts.wrong(60_000)) == (None, False)
    second = alerts.due(2_500, 1)
    assert second is not None
    assert (second.kind, second.opened_time) == (AlertKind.LOCKED_BOOK, 1_500)


def stale_partition(ticks: int) -> tuple[BookPartition, list[Output | DeadLetter]]:
    """Return a partition whose book has been stale for so many seconds, and what it said."""
    partition = BookPartition()
    run(partition, snapshot(0), diff(1, 0, bid=9))
    partition.heartbeat(heartbeat_of(START_MS, 2, stream="depth"))
    partition.tick(0)
    outputs = [output for second in range(12, 13 + ticks) for output in partition.tick(second * 1_000)]
    return partition, outputs


def test_a_stale_book_is_told_of_once_and_once_when_somebody_vouches_again() -> None:
    partition, outputs = stale_partition(5)
    again = partition.heartbeat(heartbeat_of(START_MS + 20_000, 2, stream="depth"))

    assert told(outputs) == [(AlertKind.STALE_BOOK, AlertStatus.OPEN, 0, 0)]
    assert told(again) == [(AlertKind.STALE_BOOK, AlertStatus.CLOSED, 0, 0)]
    assert (states(outputs), states(again)) == ([BookState.STALE], [BookState.LIVE])
    assert requests(again) == []


def test_a_quiet_book_that_becomes_stale_again_has_an_alert_of_its_own() -> None:
    """Without a diff in between: an alert is known by when it opened."""
    partition, _ = stale_partition(5)
    partition.heartbeat(heartbeat_of(START_MS + 20_000, 2, stream="depth"))
    outputs = [output for second in range(20, 40) for output in partition.tick(second * 1_000)]
    again = partition.heartbeat(heartbeat_of(START_MS + 60_000, 2, stream="depth"))

    assert told(outputs) == [(AlertKind.STALE_BOOK, AlertStatus.OPEN, 20_000, 20_000)]
    assert told(again) == [(AlertKind.STALE_BOOK, AlertStatus.CLOSED, 20_000, 20_000)]


def test_a_stale_book_that_comes_back_is_not_vouched_for_by_what_was_said_before() -> None:
    """Heartbeats since the last whole round are read again, and what comes of them is dropped."""
    partition, _ = stale_partition(5)
    successor = BookPartition()
    successor.load_shared(partition.dump_shared())
    for entity in partition.entities():
        successor.load(entity, partition.dump(entity))

    assert successor.heartbeat(heartbeat_of(START_MS, 2, stream="depth")) == []
    again = successor.heartbeat(heartbeat_of(START_MS + 20_000, 2, stream="depth"))
    assert told(again) == [(AlertKind.STALE_BOOK, AlertStatus.CLOSED, 0, 0)]


def test_a_book_that_was_stale_for_long_is_compared_with_a_snapshot() -> None:
    partition, _ = stale_partition(62)
    again = run(partition, diff(2, 80_000, bid=8), offset=2)
    repeated = run(partition, diff(3, 80_100, bid=7), offset=3)
    levels = [(format_scaled(price), "1") for price in (10, 9, 8, 7)]
    compared = run(partition, replace(snapshot(3), bids=levels), offset=4)

    assert states(again) == [BookState.LIVE]
    assert requests(again) == [SnapshotReason.STALE_BOOK]
    assert requests(repeated) == []
    assert [value for value in values_of(compared) if isinstance(value, BookVerification)] != []
    assert requests(run(partition, diff(4, 180_000, bid=7), offset=5)) == []


def test_an_alert_that_was_open_is_closed_by_whoever_takes_the_book_over() -> None:
    partition = BookPartition()
    run(partition, snapshot(0), diff(1, 0, bid=13), diff(2, 1_000, ask=20))
    successor = BookPartition()
    for entity in partition.entities():
        successor.load(entity, partition.dump(entity))

    closing = run(successor, without_bid(diff(3, 1_200), 13), offset=3)
    assert told(closing) == [(AlertKind.CROSSED_BOOK, AlertStatus.CLOSED, 0, 1_200)]


BOOK = Entity(Market.SPOT, "BTCUSDT")


def opened(outputs: list[Output | DeadLetter]) -> list[tuple[Entity, Alert]]:
    return [(BOOK, value) for value in values_of(outputs) if isinstance(value, Alert)]


def test_an_alert_of_a_book_whose_state_is_lost_is_closed_once_at_the_newest_time_that_is_known() -> None:
    crossed = opened(run(BookPartition(), snapshot(0), diff(1, 0, bid=13), diff(2, 1_000, ask=20)))
    stale = opened(stale_partition(5)[1])
    successor = BookPartition()
    successor.start_anew(BOOK)
    run(successor, diff(9, 7_000, ask=20), offset=9)

    successor.close_forgotten([*crossed, *stale])

    assert told([*successor.announce()]) == [
        (AlertKind.CROSSED_BOOK, AlertStatus.CLOSED, 0, 7_000),
        (AlertKind.STALE_BOOK, AlertStatus.CLOSED, 0, 7_000),
    ]
    assert told([*successor.announce()]) == []
    assert successor.entities_changed() == [BOOK]


def test_an_alert_of_a_lost_book_without_diffs_since_is_closed_where_heartbeats_say_that_it_is() -> None:
    crossed = opened(run(BookPartition(), snapshot(0), diff(1, 0, bid=13), diff(2, 1_000, ask=20)))
    successor = BookPartition()
    successor.start_anew(BOOK)
    successor.heartbeat(heartbeat_of(START_MS + 8_000, 0, stream="depth"))
    successor.close_forgotten(crossed)

    assert told([*successor.announce()]) == [(AlertKind.CROSSED_BOOK, AlertStatus.CLOSED, 0, 8_000)]


def test_alerts_that_a_book_knows_of_and_those_of_others_are_left_alone() -> None:
    partition = BookPartition()
    crossed = opened(run(partition, snapshot(0), diff(1, 0, bid=13), diff(2, 1_000, ask=20)))
    ((_, alert),) = crossed
    partition.close_forgotten(
        [
            *crossed,
            (BOOK, replace(alert, kind=AlertKind.VOLUME_SPIKE)),
            (Entity(Market.SPOT, "ETHUSDT"), replace(alert, symbol="ETHUSDT")),
        ]
    )

    assert told([*partition.announce()]) == []
