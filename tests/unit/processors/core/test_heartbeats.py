from __future__ import annotations

from hypothesis import given, strategies as st

from processors.core.heartbeats import WAITING_LIMIT, Coverage, HeartbeatGate
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
    coverage = Coverage()

    assert coverage.since(100) is None
    assert coverage.note(heartbeat_of(1_000, 5, ingest_id="a"))
    assert not coverage.note(heartbeat_of(2_000, 6, ingest_id="a"))
    assert coverage.note(heartbeat_of(9_000, 50, ingest_id="b"))
    assert not coverage.note(heartbeat_of(9_001, 51, ingest_id="a"))
    assert [coverage.since(offset) for offset in (4, 5, 49, 50, 99)] == [None, 1_000, 1_000, 9_000, 9_000]
