from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, strategies as st

from ingest.core.budget import Importance
from ingest.core.snapshots import (
    FIRST_TO_ANOTHER_MS,
    TOO_OLD_ATTEMPTS,
    Snapshot,
    SnapshotOrigin,
    SnapshotSchedule,
    read_snapshot,
    snapshot_record,
)
from schemas.markets import Market
from schemas.topics import TopicTable, partition_of


HOUR_MS = 3_600_000
SYMBOLS = ("BTCUSDT", "ETHUSDT", "XRPUSDT")
SPOT_BODY = b'{"lastUpdateId":1027024,"bids":[["4.00","431.0"]],"asks":[["4.02","12.0"]]}'
COINM_BODY = (
    b'{"lastUpdateId":16769853,"symbol":"BTCUSD_PERP","pair":"BTCUSD","E":1591250106370,"T":1591250106368,'
    b'"bids":[["9638.0","431"]],"asks":[["9638.2","12"]]}'
)


def schedule() -> SnapshotSchedule:
    return SnapshotSchedule(SYMBOLS, 6 * HOUR_MS)


def due(plan: SnapshotSchedule, now_ms: float) -> list[str]:
    return [symbol for symbol, _ in plan.due(now_ms)]


def snapshot(last_update_id: int) -> Snapshot:
    return Snapshot(b"{}", last_update_id, None)


def test_a_symbol_needs_a_snapshot_once_its_diffs_flow() -> None:
    plan = schedule()
    assert due(plan, 0) == []

    plan.live(["BTCUSDT"], 100)

    assert due(plan, 100) == ["BTCUSDT"]
    assert due(plan, 100) == []  # it is under way


def test_a_recent_snapshot_in_the_log_is_enough_until_it_is_old() -> None:
    plan = schedule()
    plan.restore("BTCUSDT", last_id=5, offset=17, age_ms=2 * HOUR_MS, now_ms=0)
    plan.live(SYMBOLS, 0)

    assert due(plan, 0) == ["ETHUSDT", "XRPUSDT"]
    assert due(plan, 4 * HOUR_MS - 1) == []
    assert due(plan, 4 * HOUR_MS) == ["BTCUSDT"]


def test_an_old_snapshot_in_the_log_is_renewed_at_start() -> None:
    plan = schedule()
    plan.restore("BTCUSDT", 5, 17, 7 * HOUR_MS, 0)
    plan.live(["BTCUSDT"], 0)

    assert due(plan, 0) == ["BTCUSDT"]


def test_every_symbol_is_refreshed_in_time() -> None:
    plan = schedule()
    plan.live(["BTCUSDT"], 0)
    due(plan, 0)
    plan.succeeded("BTCUSDT", snapshot(9), 3, 1_000)

    assert plan.wait_ms(1_000) == 6 * HOUR_MS
    assert due(plan, 1_000 + 6 * HOUR_MS) == ["BTCUSDT"]


def test_a_symbol_that_is_taken_later_needs_a_snapshot_once_its_diffs_flow() -> None:
    plan = schedule()
    plan.live(SYMBOLS, 0)
    due(plan, 0)

    assert plan.follow([*SYMBOLS, "SOLUSDT"]) == {"SOLUSDT"}
    assert due(plan, 1_000) == []
    plan.live(["SOLUSDT"], 2_000)

    assert due(plan, 2_000) == ["SOLUSDT"]


def test_a_symbol_that_is_left_gets_none_any_more_also_if_one_was_under_way() -> None:
    plan = schedule()
    plan.live(["BTCUSDT", "ETHUSDT"], 0)
    assert due(plan, 0) == ["BTCUSDT", "ETHUSDT"]
    plan.failed("BTCUSDT", 10, 0.0)

    assert plan.follow(["XRPUSDT"]) == set()
    plan.succeeded("ETHUSDT", snapshot(9), 3, 20)

    assert not plan.request("BTCUSDT", after_update_id=None, input_offset=40, now_ms=30)
    assert due(plan, 100 * HOUR_MS) == []
    assert plan.wait_ms(100 * HOUR_MS) == math.inf


def test_a_symbol_that_is_left_and_taken_again_needs_a_new_one() -> None:
    plan = schedule()
    plan.live(["BTCUSDT"], 0)
    due(plan, 0)
    plan.succeeded("BTCUSDT", snapshot(9), 3, 1_000)

    plan.follow([])
    assert plan.follow(["BTCUSDT"]) == {"BTCUSDT"}
    plan.live(["BTCUSDT"], 2_000)

    assert due(plan, 2_000) == ["BTCUSDT"]


def test_a_request_is_answered_at_once() -> None:
    plan = schedule()
    plan.live(["BTCUSDT"], 0)
    due(plan, 0)
    plan.succeeded("BTCUSDT", snapshot(9), 3, 1_000)

    assert plan.request("BTCUSDT", after_update_id=20, input_offset=40, now_ms=2_000)
    assert due(plan, 2_000) == ["BTCUSDT"]


@pytest.mark.parametrize(
    ("after_update_id", "input_offset", "asked"),
    [(None, 2, False), (9, 2, False), (8, 0, False), (10, 2, True), (None, 3, True), (5, 100, True)],
)
def test_a_snapshot_behind_what_the_reader_had_read_is_an_answer(
    after_update_id: int | None, input_offset: int, asked: bool
) -> None:
    plan = schedule()
    plan.restore("BTCUSDT", last_id=9, offset=3, age_ms=0, now_ms=0)

    assert plan.request("BTCUSDT", after_update_id, input_offset, 10) is asked


def test_a_request_for_a_symbol_of_somebody_else_is_not_ours() -> None:
    assert not schedule().request("DOGEUSDT", None, 0, 0)


def test_a_snapshot_that_ends_too_early_does_not_answer_the_request() -> None:
    plan = schedule()
    plan.live(["BTCUSDT"], 0)
    plan.request("BTCUSDT", 100, 40, 0)

    assert plan.too_old("BTCUSDT", snapshot(99))
    assert not plan.too_old("BTCUSDT", snapshot(100))


def test_an_id_that_the_venue_never_reaches_does_not_keep_a_symbol_without_snapshots() -> None:
    plan = schedule()
    plan.live(["BTCUSDT"], 0)
    plan.request("BTCUSDT", after_update_id=10**17, input_offset=40, now_ms=0)
    now_ms, refused = 0.0, 0
    while due(plan, now_ms) == ["BTCUSDT"] and plan.too_old("BTCUSDT", snapshot(99)):
        refused += 1
        now_ms += 1000 * plan.failed("BTCUSDT", now_ms, jitter=0.5)

    assert refused == TOO_OLD_ATTEMPTS


def test_the_last_wish_counts() -> None:
    plan = schedule()
    plan.live(["BTCUSDT"], 0)
    plan.request("BTCUSDT", after_update_id=10**17, input_offset=40, now_ms=0)
    plan.request("BTCUSDT", after_update_id=90, input_offset=50, now_ms=0)

    assert not plan.too_old("BTCUSDT", snapshot(99))


@pytest.mark.parametrize(
    ("after_update_id", "input_offset", "again"),
    [(100, 40, True), (None, 40, True), (90, 10, False), (None, 10, False)],
)
def test_a_request_that_comes_while_a_snapshot_is_under_way_is_not_forgotten(
    after_update_id: int | None, input_offset: int, again: bool
) -> None:
    plan = schedule()
    plan.live(["BTCUSDT"], 0)
    due(plan, 0)

    plan.request("BTCUSDT", after_update_id, input_offset, 500)
    plan.succeeded("BTCUSDT", snapshot(95), offset=30, now_ms=1_000)

    assert due(plan, 1_000) == (["BTCUSDT"] if again else [])
    plan.succeeded("BTCUSDT", snapshot(120), offset=31, now_ms=2_000)
    assert due(plan, 3_000) == []


def test_a_failure_is_tried_again_later_and_holds_up_nobody_else() -> None:
    plan = schedule()
    plan.live(SYMBOLS, 0)
    assert due(plan, 0) == list(SYMBOLS)

    assert plan.failed("BTCUSDT", 100, jitter=0.0) == 1
    plan.succeeded("ETHUSDT", snapshot(1), 0, 100)

    assert due(plan, 1_099) == []
    assert due(plan, 1_100) == ["BTCUSDT"]
    assert plan.failed("BTCUSDT", 1_200, jitter=0.0) == 2


def test_the_venues_wish_to_be_left_alone_is_respected() -> None:
    plan = schedule()
    plan.live(["BTCUSDT"], 0)
    due(plan, 0)

    assert plan.failed("BTCUSDT", 0, jitter=0.0, retry_after_s=120) == 120
    assert due(plan, 119_999) == []
    assert due(plan, 120_000) == ["BTCUSDT"]


def test_nothing_to_do_means_waiting_for_something_to_happen() -> None:
    assert schedule().wait_ms(0) == math.inf


@given(st.lists(st.tuples(st.integers(0, 4_000), st.booleans()), max_size=80), st.integers(1, 3))
def test_however_it_goes_no_symbol_is_forgotten_and_few_are_asked_for_at_once(
    steps: list[tuple[int, bool]], most: int
) -> None:
    symbols = [f"S{number}" for number in range(8)]
    plan = SnapshotSchedule(symbols, 6 * HOUR_MS, most)
    plan.live(symbols, 0)
    now_ms, done = 0, set[str]()
    for passed, works in [*steps, *[(60_000, True)] * 40]:
        now_ms += passed
        asked = due(plan, now_ms)
        assert len(asked) <= most
        assert due(plan, now_ms) == []
        for symbol in asked:
            if works:
                plan.succeeded(symbol, snapshot(1), 0, now_ms)
                done.add(symbol)
            else:
                plan.failed(symbol, now_ms, 0.0)

    assert done == set(symbols)


def test_a_wish_comes_before_first_snapshots_and_those_before_routine() -> None:
    plan = SnapshotSchedule(SYMBOLS, 6 * HOUR_MS)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        plan.restore(symbol, last_id=5, offset=17, age_ms=7 * HOUR_MS, now_ms=0)
    plan.live(SYMBOLS, 0)
    plan.request("ETHUSDT", None, 20, 100)

    assert plan.due(100) == [
        ("ETHUSDT", Importance.BOOK),
        ("XRPUSDT", Importance.BOOK),
        ("BTCUSDT", Importance.REFRESH),
    ]


def test_routine_snapshots_under_way_hold_up_no_other() -> None:
    plan = SnapshotSchedule(SYMBOLS, 6 * HOUR_MS, most=1)
    for symbol in SYMBOLS:
        plan.restore(symbol, last_id=5, offset=17, age_ms=7 * HOUR_MS, now_ms=0)
    plan.live(SYMBOLS, 0)
    assert plan.due(0) == [("BTCUSDT", Importance.REFRESH)]
    plan.request("XRPUSDT", None, 20, 100)

    assert plan.due(100) == [("XRPUSDT", Importance.BOOK)]
    assert plan.wait_ms(100) == math.inf


def test_a_wish_for_what_is_refreshed_already_takes_the_place_of_that() -> None:
    plan = schedule()
    plan.restore("BTCUSDT", last_id=5, offset=17, age_ms=7 * HOUR_MS, now_ms=0)
    plan.live(["BTCUSDT"], 0)
    plan.due(0)
    plan.request("BTCUSDT", None, 20, 100)
    plan.withdrawn("BTCUSDT", 100)

    assert plan.due(100) == [("BTCUSDT", Importance.BOOK)]
    plan.succeeded("BTCUSDT", snapshot(9), 21, 200)
    assert plan.wait_ms(200) == 6 * HOUR_MS


# Several processes


def test_what_another_process_took_is_not_taken_again() -> None:
    plan = schedule()
    plan.live(["BTCUSDT"], 0)
    plan.due(0)
    plan.succeeded("BTCUSDT", snapshot(5), 10, 0)

    assert plan.noticed("BTCUSDT", last_id=9, offset=20, age_ms=1_000, now_ms=5 * HOUR_MS)
    assert due(plan, 6 * HOUR_MS) == []
    assert due(plan, 11 * HOUR_MS + FIRST_TO_ANOTHER_MS - 1_001) == []
    assert due(plan, 11 * HOUR_MS + FIRST_TO_ANOTHER_MS - 1_000) == ["BTCUSDT"]


def test_a_first_snapshot_of_another_process_is_enough() -> None:
    plan = SnapshotSchedule(SYMBOLS, 6 * HOUR_MS, most=1)
    plan.live(SYMBOLS, 0)
    assert due(plan, 0) == ["BTCUSDT"]

    assert plan.noticed("ETHUSDT", last_id=9, offset=20, age_ms=0, now_ms=10)
    plan.succeeded("BTCUSDT", snapshot(5), 10, 20)

    assert due(plan, 20) == ["XRPUSDT"]


def test_of_processes_that_began_together_only_the_first_to_take_a_snapshot_takes_the_next_ones() -> None:
    """The same log is read by two schedules; the snapshots of the first round were both under way when they came."""
    plans = [SnapshotSchedule(["BTCUSDT"], 6 * HOUR_MS) for _ in range(2)]
    takers: list[list[int]] = []
    for second in range(19 * 3_600):
        now_ms = second * 1_000.0
        if not second:
            for plan in plans:
                plan.live(["BTCUSDT"], now_ms)
        asking = [number for number, plan in enumerate(plans) if due(plan, now_ms)]
        if asking:
            takers.append(asking)
        offsets = {number: second * 10 + number for number in asking}
        for number, offset in offsets.items():
            plans[number].succeeded("BTCUSDT", snapshot(second), offset, now_ms)
        for offset in offsets.values():
            for plan in plans:
                plan.noticed("BTCUSDT", second, offset, 0, now_ms)

    assert takers == [[0, 1], [1], [1], [1]]


def test_another_processs_snapshot_answers_a_wish_only_if_it_lies_behind_what_the_reader_had_read() -> None:
    plan = schedule()
    plan.restore("BTCUSDT", last_id=5, offset=10, age_ms=0, now_ms=0)
    plan.live(["BTCUSDT"], 0)
    assert plan.request("BTCUSDT", 50, input_offset=30, now_ms=0)

    assert not plan.noticed("BTCUSDT", last_id=60, offset=25, age_ms=0, now_ms=1)
    assert not plan.noticed("BTCUSDT", last_id=49, offset=35, age_ms=0, now_ms=2)
    assert plan.noticed("BTCUSDT", last_id=60, offset=40, age_ms=0, now_ms=3)
    assert due(plan, 4) == []


def test_a_snapshot_under_way_goes_on_and_own_and_unknown_ones_are_no_news() -> None:
    plan = schedule()
    plan.live(["BTCUSDT"], 0)
    plan.due(0)

    assert not plan.noticed("BTCUSDT", last_id=5, offset=10, age_ms=0, now_ms=1)
    plan.succeeded("BTCUSDT", snapshot(7), 12, 2)
    assert not plan.noticed("BTCUSDT", last_id=7, offset=12, age_ms=0, now_ms=3)
    assert not plan.noticed("NKNUSDT", last_id=7, offset=99, age_ms=0, now_ms=3)
    assert plan.wait_ms(3) == 6 * HOUR_MS - 1


def test_processes_begin_with_different_symbols_each_always_with_the_same() -> None:
    symbols = [f"S{number:02}USDT" for number in range(50)]

    def order(salt: str) -> list[str]:
        plan = SnapshotSchedule(symbols, 6 * HOUR_MS, most=50, salt=salt)
        plan.live(symbols, 0)
        return due(plan, 0)

    assert sorted(order("a")) == symbols
    assert order("a") == order("a")
    assert set(order("a")[:10]) != set(order("b")[:10])


def test_symbols_come_and_go() -> None:
    plan = schedule()
    plan.live(SYMBOLS, 0)
    assert due(plan, 0) == list(SYMBOLS)
    plan.succeeded("ETHUSDT", snapshot(1), 0, 10)
    plan.follow(["ETHUSDT", "BNBUSDT"])
    plan.live(["BNBUSDT"], 20)

    assert due(plan, 20) == ["BNBUSDT"]
    plan.succeeded("BTCUSDT", snapshot(1), 0, 30)  # it was under way
    assert plan.failed("XRPUSDT", 30, 0.0) == 1
    assert due(plan, 6 * HOUR_MS + 10) == ["ETHUSDT"]


def test_the_record_is_the_answer_verbatim_beside_the_diffs() -> None:
    origin = SnapshotOrigin("i.spot.rest", 4, 1_700_000_000_123_456_789)

    record = snapshot_record(TopicTable(), Market.SPOT, "BTCUSDT", read_snapshot(SPOT_BODY), origin)

    assert (record.topic, record.partition, record.key) == (
        "binance.spot.raw.depth",
        partition_of("BTCUSDT"),
        b"BTCUSDT",
    )
    assert record.value == SPOT_BODY
    assert record.timestamp_ms == 1_700_000_000_123
    assert record.headers == [
        ("receive_time_ns", b"1700000000123456789"),
        ("connection_id", b"i.spot.rest"),
        ("connection_sequence", b"4"),
        ("stream", b"rest:depth"),
        ("origin", b"live"),
    ]


def test_a_futures_snapshot_is_stamped_with_its_event_time() -> None:
    record = snapshot_record(
        TopicTable(), Market.COINM, "BTCUSD_PERP", read_snapshot(COINM_BODY), SnapshotOrigin("r", 1, 5)
    )

    assert (record.timestamp_ms, record.event_time) == (1_591_250_106_370, 1_591_250_106_370)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"code":-1121,"msg":"Invalid symbol."}', b"<html>", b"[1]"])
def test_an_answer_that_is_no_snapshot_is_an_error(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read_snapshot(body)
