"""A bounded memory that says when it has forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from sandbox.replay.recent import ForgottenError, RecentLog


def filled(*record_ids: int, kept: int = 10) -> RecentLog:
    log = RecentLog(kept)
    for record_id in record_ids:
        log.add(record_id, b"%d" % record_id)
    return log


def test_the_latest_come_oldest_first() -> None:
    assert filled(1, 2, 3).latest(2) == [b"2", b"3"]
    assert filled(1, 2, 3).latest(9) == [b"1", b"2", b"3"]
    assert filled().latest(9) == []


def test_payloads_since_an_id_include_it() -> None:
    assert filled(1, 2, 3).since(2, 9) == [b"2", b"3"]
    assert filled(1, 2, 3).since(1, 2) == [b"1", b"2"]
    assert filled(5, 6).since(1, 9) == [b"5", b"6"]


def test_an_answer_does_not_step_over_what_the_recording_lacks() -> None:
    """It would say that the venue has no such ids."""
    log = filled(1, 2, 5, 6, 8)

    assert log.since(2, 4) == [b"5", b"6"]
    assert log.since(2, 6) == [b"8"]
    assert log.since(1, 2) == [b"1", b"2"]
    assert log.since(3, 2) == [b"5", b"6"]
    assert log.latest(9) == [b"8"]


def test_ids_that_the_recording_has_without_a_payload_are_not_lacking() -> None:
    log = filled(1, 2)
    log.pass_over(3)
    log.add(4, b"4")

    assert log.since(1, 9) == [b"1", b"2", b"4"]
    assert log.latest(9) == [b"1", b"2", b"4"]


def test_what_is_lacking_among_what_is_forgotten_is_forgotten() -> None:
    assert filled(1, 3, 4, 5, 6, kept=3).latest(9) == [b"4", b"5", b"6"]


def test_asking_for_what_is_forgotten_is_an_error_not_a_shorter_answer() -> None:
    log = filled(1, 2, 3, 4, kept=3)

    assert log.since(2, 9) == [b"2", b"3", b"4"]
    with pytest.raises(ForgottenError, match="before id 2"):
        log.since(1, 9)


def test_payloads_that_come_again_are_kept_once() -> None:
    assert filled(1, 2, 1, 2, 3).latest(9) == [b"1", b"2", b"3"]


def test_ids_that_start_anew_empty_the_log() -> None:
    log = filled(1_000, 1_001, 1, 2)

    assert log.since(0, 9) == [b"1", b"2"]


@given(st.integers(min_value=0, max_value=40), st.integers(min_value=1, max_value=10))
def test_everything_kept_is_the_newest(count: int, kept: int) -> None:
    ids = list(range(count))

    assert filled(*ids, kept=kept).latest(100) == [b"%d" % record_id for record_id in ids[-kept:]]


@given(
    st.lists(st.integers(min_value=1, max_value=3), min_size=1, max_size=40),
    st.integers(min_value=0, max_value=90),
    st.integers(min_value=1, max_value=50),
)
def test_an_answer_tells_every_id_between_those_it_gives(steps: list[int], first_id: int, count: int) -> None:
    ids = [sum(steps[: number + 1]) for number in range(len(steps))]
    log = filled(*ids, kept=100)

    for answer in (log.since(first_id, count), log.latest(count)):
        given = [int(data) for data in answer]
        assert given == list(range(min(given, default=0), max(given, default=-1) + 1))
