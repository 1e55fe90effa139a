from __future__ import annotations

import hashlib

from hypothesis import given, strategies as st

from ingest.core.dead_letters import dead_letter, refused_letter
from ingest.core.guard import AHEAD_MS, CUT_BYTES, VenueClock, cut, with_receive_time
from ingest.core.outcomes import Reason, Rejected
from ingest.core.records import Record
from schemas.topics import TopicTable, partition_of


NOW = 1_700_000_000_000
YEARS_AGO = 1_500_000_000_000


def test_until_the_venue_says_something_its_clock_is_ours() -> None:
    clock = VenueClock(NOW, 0)

    assert clock.now(250) == NOW + 250
    assert clock.latest_plausible(0) == NOW + AHEAD_MS


def test_the_venue_is_right_about_its_time() -> None:
    clock = VenueClock(NOW, 0)

    clock.set(YEARS_AGO, 100)

    assert clock.now(100) == YEARS_AGO
    assert clock.now(1_100) == YEARS_AGO + 1_000


def test_in_a_fast_replay_the_clock_runs_with_the_events() -> None:
    clock = VenueClock(NOW, 0)
    clock.set(YEARS_AGO, 0)

    clock.observe(YEARS_AGO + 3_600_000)

    assert clock.now(10) == YEARS_AGO + 3_600_000


@given(st.lists(st.integers(0, 10), max_size=30))
def test_events_do_not_make_later_events_plausible(steps: list[int]) -> None:
    clock = VenueClock(NOW, 0)
    for step in steps:
        event_time = NOW + step * AHEAD_MS // 5
        if event_time <= clock.latest_plausible(0):
            clock.observe(event_time)

    assert clock.latest_plausible(0) == NOW + AHEAD_MS


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10_000), st.integers(0, 500)), max_size=30))
def test_between_answers_the_clock_never_goes_back(steps: list[tuple[bool, int, int]]) -> None:
    clock = VenueClock(NOW, 0)
    now_ms, last = 0, 0
    for observes, event_after, passed in steps:
        now_ms += passed
        if observes:
            clock.observe(NOW + event_after)
        assert clock.now(now_ms) >= last
        last = clock.now(now_ms)


def test_a_restamped_record_differs_in_its_time_only() -> None:
    record = Record("t", 1, b"k", b"v", NOW + 7_200_000, [("a", b"b")], NOW + 7_200_000)

    assert with_receive_time(record, NOW) == Record("t", 1, b"k", b"v", NOW, [("a", b"b")], None)


@given(st.binary(max_size=300), st.integers(0, 200))
def test_what_is_cut_keeps_its_beginning_and_the_account_of_the_whole(original: bytes, limit: int) -> None:
    piece = cut(original, limit)

    assert original.startswith(piece.kept)
    assert len(piece.kept) == min(limit, len(original))
    assert (piece.length, piece.sha256) == (len(original), hashlib.sha256(original).hexdigest())


def headers(record: Record) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers}


def test_a_dead_letter_tells_where_it_came_from_and_why() -> None:
    rejected = Rejected(
        Reason.MISSING_FIELD, "no `E`", b'{"e":"trade"}', "btcusdt@trade", "BTCUSDT", "binance.spot.raw.trade"
    )

    letter = dead_letter(TopicTable(), rejected, "i.spot-0.1", NOW * 1_000_000)

    assert (letter.topic, letter.key, letter.value) == ("binance.control.dead-letter", b"BTCUSDT", b'{"e":"trade"}')
    assert letter.partition == partition_of("BTCUSDT")
    assert letter.timestamp_ms == NOW
    assert headers(letter) == {
        "source_topic": "binance.spot.raw.trade",
        "source_partition": "",
        "source_offset": "",
        "stream": "btcusdt@trade",
        "connection_id": "i.spot-0.1",
        "receive_time_ns": str(NOW * 1_000_000),
        "reason": "missing-field",
        "detail": "no `E`",
        "sha256": hashlib.sha256(b'{"e":"trade"}').hexdigest(),
        "length": "13",
    }


def test_the_dead_letter_of_something_huge_is_cut() -> None:
    huge = b"x" * 5_000_000

    letter = dead_letter(TopicTable(), Rejected(Reason.OVERSIZED, "5 MB", huge), "c", 0)

    assert letter.value == huge[:CUT_BYTES]
    assert headers(letter)["length"] == "5000000"
    assert headers(letter)["sha256"] == hashlib.sha256(huge).hexdigest()


def test_a_refused_record_keeps_its_key_value_and_origin() -> None:
    record = Record("binance.spot.raw.trade", 3, b"ETHUSDT", b"{}", 9**18, [("stream", b"s"), ("origin", b"live")])

    letter = refused_letter(TopicTable(), record, "timestamp out of range", NOW)

    assert (letter.key, letter.value, letter.timestamp_ms) == (b"ETHUSDT", b"{}", NOW)
    assert headers(letter)["source_topic"] == "binance.spot.raw.trade"
    assert headers(letter)["stream"] == "s"
    assert headers(letter)["reason"] == "refused"
