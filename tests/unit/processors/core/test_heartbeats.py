from __future__ import annotations

import msgspec
from hypothesis import given, strategies as st

from processors.core.heartbeats import (
    ROSTER_LIMIT,
    WAITING_LIMIT,
    Coverage,
    CoverageState,
    GateState,
    HeartbeatGate,
    Rosters,
    RostersState,
    Voices,
    VoicesState,
    run_of,
)
from schemas.control import Heartbeat
from tests.unit.processors.core.records import heartbeat_of


@given(st.lists(st.integers(0, 20), max_size=10).map(sorted), st.data())
def test_each_heartbeat_counts_once_in_order_and_not_before_its_offset(offsets: list[int], data: st.DataObject) -> None:
    gate = HeartbeatGate()
    heartbeats = [heartbeat_of(index, offset) for index, offset in enumerate(offsets)]
    waiting, counted = list(heartbeats), list[Heartbeat]()
    for position in range(22):
        while data.draw(st.booleans()) and waiting:
            counted.extend(gate.offer(waiting.pop(0)))
        gate.next_offset = position
        counted.extend(gate.due())
        assert all(heartbeat.offset <= position for heartbeat in counted)
    for heartbeat in waiting:
        counted.extend(gate.offer(heartbeat))

    assert counted == heartbeats


def test_waiting_heartbeats_are_bounded_and_the_newest_stays() -> None:
    gate = HeartbeatGate()
    for index in range(3 * WAITING_LIMIT):
        assert gate.offer(heartbeat_of(index, 1)) == []
        assert len(gate) <= WAITING_LIMIT
        assert gate.newest == heartbeat_of(index, 1)


def test_a_run_vouches_from_its_first_heartbeat_for_what_follows_it() -> None:
    coverage = Coverage(Rosters())

    assert coverage.since(100, "A") is None
    assert coverage.note(heartbeat_of(1_000, 5, ingest_id="a"))
    assert not coverage.note(heartbeat_of(2_000, 6, ingest_id="a"))
    assert coverage.note(heartbeat_of(9_000, 50, ingest_id="b"))
    assert not coverage.note(heartbeat_of(9_001, 51, ingest_id="a"))
    assert [coverage.since(offset, "A") for offset in (4, 5, 49, 50, 99)] == [None, 1_000, 1_000, 9_000, 9_000]


def test_a_run_that_says_where_it_began_covers_what_came_before_its_first_heartbeat() -> None:
    coverage = Coverage(Rosters())
    coverage.note(heartbeat_of(1_000, 5, begin_offset=0))

    assert coverage.note(heartbeat_of(9_000, 60, begin_offset=50))
    assert not coverage.note(heartbeat_of(10_000, 70, begin_offset=50))
    assert [coverage.since(offset, "A") for offset in (0, 49, 50, 59, 60)] == [1_000, 1_000, 9_000, 9_000, 9_000]


def test_a_run_covers_only_the_symbols_that_it_is_about() -> None:
    rosters = Rosters()
    coverage = Coverage(rosters)
    for heartbeat in (
        heartbeat_of(1_000, 5, begin_offset=0, symbols=["A"]),
        heartbeat_of(9_000, 60, begin_offset=50, symbols=["A", "B"]),
    ):
        rosters.note(heartbeat)
        coverage.note(heartbeat)

    assert [coverage.since(10, symbol) for symbol in "AB"] == [1_000, None]
    assert [coverage.since(50, symbol) for symbol in "AB"] == [9_000, 9_000]


def test_runs_between_which_nothing_was_written_are_told_apart_by_their_numbers() -> None:
    rosters = Rosters()
    coverage = Coverage(rosters)
    for heartbeat in (
        heartbeat_of(1_000, 5, begin_offset=5, symbols=["A"], run=1),
        heartbeat_of(9_000, 5, begin_offset=5, symbols=["A", "B"], run=2),
    ):
        rosters.note(heartbeat)
        assert coverage.note(heartbeat)

    assert coverage.since(5, "B") == 9_000


def test_a_heartbeat_is_about_the_symbols_of_its_run_or_about_all_where_it_does_not_say() -> None:
    rosters = Rosters()
    first = heartbeat_of(1, 0, begin_offset=0, symbols=["A", "B"])
    second = heartbeat_of(2, 9, begin_offset=9, symbols=["B"])
    for heartbeat in (first, second, heartbeat_of(3, 10, begin_offset=9)):
        rosters.note(heartbeat)

    assert [rosters.hold(run_of(first), symbol) for symbol in "ABC"] == [True, True, False]
    assert [rosters.hold(run_of(second), symbol) for symbol in "ABC"] == [False, True, False]
    assert rosters.hold(run_of(heartbeat_of(4, 11, ingest_id="b")), "A")


def test_old_rosters_are_forgotten() -> None:
    rosters = Rosters()
    for number in range(ROSTER_LIMIT + 1):
        rosters.note(heartbeat_of(1, number, begin_offset=number, symbols=["A"]))

    assert rosters.hold(("a", 0), "B")
    assert not rosters.hold(("a", 1), "B")


def test_the_roster_of_a_run_that_still_vouches_outlives_a_process_that_begins_again_and_again() -> None:
    rosters = Rosters()
    steady = heartbeat_of(0, 0, ingest_id="steady", begin_offset=0, symbols=["A"])
    rosters.note(steady)
    for number in range(2 * ROSTER_LIMIT):
        rosters.note(heartbeat_of(0, 0, ingest_id=f"i{number}", begin_offset=0, symbols=["B"]))
        rosters.note(heartbeat_of(0, 0, ingest_id="steady", begin_offset=0))

    assert not rosters.hold(run_of(steady), "B")


def test_a_symbol_is_vouched_for_as_long_as_one_process_that_is_heard_takes_it() -> None:
    rosters = Rosters()
    voices = Voices(rosters)

    def hear(ingest_id: str, begin_offset: int, *symbols: str) -> None:
        heartbeat = heartbeat_of(1, 0, ingest_id=ingest_id, begin_offset=begin_offset, symbols=list(symbols))
        rosters.note(heartbeat)
        voices.hear(heartbeat)

    hear("a", 0, "A", "B")
    hear("b", 0, "A", "B")
    voices.tick(1_000)
    hear("a", 7, "B")
    voices.tick(2_000)
    assert (voices.vouch_for("A"), voices.vouch_for("B")) == (True, True)

    hear("a", 7, "B")
    voices.tick(11_001)
    assert (voices.vouch_for("A"), voices.vouch_for("B")) == (False, True)

    voices.tick(21_002)
    assert (voices.vouch_for("A"), voices.vouch_for("B")) == (False, False)
    assert voices.promised


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from("ab"), st.integers(0, 3)), max_size=12), st.data())
def test_what_is_known_of_heartbeats_comes_back_from_a_checkpoint(
    heard: list[tuple[int, str, int]], data: st.DataObject
) -> None:
    heartbeats = [
        heartbeat_of(offset, offset, ingest_id=of, begin_offset=begin, symbols=[f"S{begin}"])
        for offset, of, begin in sorted(heard)
    ]
    cut = data.draw(st.integers(0, len(heartbeats)))
    gate, rosters = HeartbeatGate(), Rosters()
    coverage = Coverage(rosters)

    def take(some: list[Heartbeat]) -> list[Heartbeat]:
        due = []
        for heartbeat in some:
            rosters.note(heartbeat)
            coverage.note(heartbeat)
            due.extend(gate.offer(heartbeat))
        return due

    def told(due: list[Heartbeat]) -> object:
        gate.next_offset = 100
        runs = [run_of(heartbeat) for heartbeat in heartbeats]
        held = [rosters.hold(run, f"S{number}") for run in runs for number in range(4)]
        return due, gate.due(), held, [coverage.since(offset, "S1") for offset in range(5)]

    gate.next_offset = data.draw(st.integers(0, 30))
    take(heartbeats[:cut])
    kept = msgspec.msgpack.encode((gate.dump(), rosters.dump(), coverage.dump()))
    expected = told(take(heartbeats[cut:]))
    gate, rosters = HeartbeatGate(), Rosters()
    coverage = Coverage(rosters)
    states = msgspec.msgpack.decode(kept, type=tuple[GateState, RostersState, CoverageState])
    gate.load(states[0])
    rosters.load(states[1])
    coverage.load(states[2])

    assert told(take(heartbeats[cut:])) == expected


def test_who_vouched_before_a_restart_has_its_time_to_speak_again() -> None:
    before, after = Voices(Rosters()), Voices(Rosters())
    before.hear(heartbeat_of(1, 0))
    after.load(msgspec.msgpack.decode(msgspec.msgpack.encode(before.dump()), type=VoicesState))

    after.tick(50_000)
    assert (after.promised, after.vouch_for("A")) == (True, True)
    after.tick(60_001)
    assert not after.vouch_for("A")
