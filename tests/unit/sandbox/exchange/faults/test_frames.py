"""What faults make of frames, and what they leave as it is."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given, strategies as st

from sandbox.exchange.faults.diffs import merge
from sandbox.exchange.faults.frames import Frame, Touch, Transform, transform_of
from sandbox.exchange.faults.model import CutDepth, Delay, Drop, Duplicate, EventTime, Reorder, Silence


STREAM = "btcusdt@trade"
CONNECTIONS = (1, 2)


def run(
    transform: Transform, count: int, connections: Sequence[int] = (1,), *, now_s: float = 0.0
) -> tuple[dict[int, list[bytes]], int]:
    """Send numbered frames to connections; return what each got, and how often the fault did something."""
    got: dict[int, list[bytes]] = {connection: [] for connection in connections}
    touched = 0
    for event in range(count):
        for connection in connections:
            passed = transform.feed(Touch(event, connection, STREAM, now_s), (Frame(b"%d" % event),))
            got[connection] += [frame.data for frame in passed.frames]
            touched += passed.touched
    return got, touched


def numbers(*values: int) -> list[bytes]:
    return [b"%d" % value for value in values]


def test_one_means_the_connection_that_is_touched_first() -> None:
    transform = transform_of(Drop(stream="*", count=2), 0)

    assert run(transform, 4, CONNECTIONS) == ({1: numbers(2, 3), 2: numbers(0, 1, 2, 3)}, 2)
    assert transform.spent(0)


def test_one_means_another_when_the_first_has_ended() -> None:
    transform = transform_of(Drop(stream="*", count=2), 0)
    run(transform, 1, (1,))
    transform.forget(1)

    assert run(transform, 2, (2,)) == ({2: numbers(1)}, 1)


def test_all_means_the_same_frames_on_every_connection() -> None:
    transform = transform_of(Drop(stream="*", count=2, connection="all"), 0)

    assert run(transform, 3, CONNECTIONS) == ({1: numbers(2), 2: numbers(2)}, 4)


def test_a_silence_lasts_as_long_as_it_says() -> None:
    transform = transform_of(Silence(stream="*", seconds=5), now_s=10)

    assert run(transform, 2, CONNECTIONS, now_s=14.9) == ({1: [], 2: []}, 4)
    assert not transform.spent(14.9)
    assert run(transform, 2, now_s=15.0) == ({1: numbers(0, 1)}, 0)
    assert transform.spent(15.0)


def test_a_delay_adds_to_a_delay() -> None:
    transform = transform_of(Delay(stream="*", delay_ms=250), 0)

    assert transform.feed(Touch(0, 1, STREAM, 0), (Frame(b"x", 1.0),)).frames == (Frame(b"x", 1.25),)


def test_a_reordered_frame_that_no_other_follows_can_be_given_up() -> None:
    transform = transform_of(Reorder(stream="*"), 0)
    run(transform, 1)

    assert not transform.spent(0)
    assert transform.release() == [(1, STREAM, Frame(b"0"))]
    assert transform.spent(0)


def test_what_is_held_for_a_connection_that_ended_is_lost() -> None:
    transform = transform_of(Reorder(stream="*"), 0)
    run(transform, 1)
    transform.forget(1)

    assert transform.release() == []


@given(count=st.integers(1, 30), events=st.integers(0, 40), connections=st.integers(1, 3))
def test_a_duplication_and_a_reordering_lose_nothing_and_invent_nothing(
    count: int, events: int, connections: int
) -> None:
    for fault, copies in ((Duplicate(stream="*", count=count), 2), (Reorder(stream="*", count=count), 1)):
        transform = transform_of(fault, 0)
        got, touched = run(transform, events, range(connections))
        for connection, _, frame in transform.release():
            got[connection].append(frame.data)

        assert touched == min(count, events if copies == 2 else (events + 1) // 2)
        assert sum(map(len, got.values())) == connections * events + (touched if copies == 2 else 0)
        for frames in got.values():
            assert set(frames) == set(numbers(*range(events)))


@given(count=st.integers(1, 30), events=st.integers(0, 40))
def test_as_many_frames_are_dropped_as_ordered(count: int, events: int) -> None:
    got, touched = run(transform_of(Drop(stream="*", count=count), 0), events)

    assert got[1] == numbers(*range(events))[count:]
    assert touched == min(count, events)


def test_event_times_move_and_nothing_else_does() -> None:
    transform = transform_of(EventTime(stream="*", offset_s=-1, count=2), 0)
    one = b'{"e":"trade","E":5000,"T":4999,"k":{"E":7000}}'
    many = b'[{"e":"x","E":5000},{"e":"x","E":6000}]'
    moved = [
        transform.feed(Touch(event, 1, STREAM, 0), (Frame(data),)).frames for event, data in enumerate((one, many))
    ]

    assert moved[0] == (Frame(b'{"e":"trade","E":4000,"T":4999,"k":{"E":7000}}'),)
    assert moved[1] == (Frame(b'[{"e":"x","E":4000},{"e":"x","E":5000}]'),)


PRICES = st.sampled_from(["1.0", "2.0", "3.0", "4.0"])
SIDES = st.dictionaries(PRICES, st.sampled_from(["0.0", "1.0", "5.0"])).map(
    lambda side: [list(level) for level in side.items()]
)


@st.composite
def diff_runs(draw: st.DrawFn, *, futures: bool) -> list[dict[str, Any]]:
    """Draw diffs of which each continues the one before."""
    last, diffs = 100, []
    for number in range(draw(st.integers(1, 12))):
        first = last + draw(st.integers(1, 1000)) if futures else last + 1
        end = first + draw(st.integers(0, 5))
        diff = {"e": "depthUpdate", "E": number, "s": "X", "U": first, "u": end}
        diffs.append(diff | ({"pu": last} if futures else {}) | {"b": draw(SIDES), "a": draw(SIDES)})
        last = end
    return diffs


def book_after(diffs: Sequence[dict[str, Any]]) -> Counter[tuple[str, str, str]]:
    book: dict[tuple[str, str], str] = {}
    for diff in diffs:
        for side in ("b", "a"):
            book |= {(side, price): quantity for price, quantity in diff[side]}
    return Counter((side, price, quantity) for (side, price), quantity in book.items())


def cut(diffs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the second of two connections gets."""
    transform = transform_of(CutDepth(), 0)
    frames: list[Frame] = []
    for event, diff in enumerate(diffs):
        frame = (Frame(msgspec.json.encode(diff)),)
        assert transform.feed(Touch(event, 1, "x@depth", 0), frame).frames == frame
        frames += transform.feed(Touch(event, 2, "x@depth", 0), frame).frames
    frames += [frame for _, _, frame in transform.release()]
    return [msgspec.json.decode(frame.data) for frame in frames]


@given(diff_runs(futures=False) | diff_runs(futures=True))
def test_diffs_cut_at_other_ids_make_the_same_book_without_a_gap(diffs: list[dict[str, Any]]) -> None:
    cut_diffs = cut(diffs)

    assert len(cut_diffs) == (len(diffs) + 1) // 2
    assert book_after(cut_diffs) == book_after(diffs)
    assert (cut_diffs[0]["U"], cut_diffs[-1]["u"]) == (diffs[0]["U"], diffs[-1]["u"])
    for earlier, later in itertools.pairwise(cut_diffs):
        assert later.get("pu", later["U"] - 1) == earlier["u"]


@given(diff_runs(futures=False) | diff_runs(futures=True), st.data())
def test_a_gap_stays_a_gap_when_diffs_are_cut_at_other_ids(diffs: list[dict[str, Any]], data: st.DataObject) -> None:
    missing = data.draw(st.integers(0, len(diffs) - 1))
    left = diffs[:missing] + diffs[missing + 1 :]
    gaps = [later for earlier, later in itertools.pairwise(left) if later.get("pu", later["U"] - 1) != earlier["u"]]
    cut_diffs = cut(left) if left else []
    cut_gaps = [
        later for earlier, later in itertools.pairwise(cut_diffs) if later.get("pu", later["U"] - 1) != earlier["u"]
    ]

    assert [gap["U"] for gap in cut_gaps] == [gap["U"] for gap in gaps]


def test_diffs_that_do_not_continue_each_other_are_not_merged() -> None:
    early = {"e": "depthUpdate", "U": 1, "u": 5, "b": [], "a": []}
    late = {"e": "depthUpdate", "U": 7, "u": 9, "b": [], "a": []}

    assert merge(msgspec.json.encode(early), msgspec.json.encode(late)) is None
