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
    assert list(filled(1, 2, 4).since(2)) == [b"2", b"4"]
    assert list(filled(1, 2, 4).since(3)) == [b"4"]
    assert list(filled(5, 6).since(1)) == [b"5", b"6"]


def test_asking_for_what_is_forgotten_is_an_error_not_a_shorter_answer() -> None:
    log = filled(1, 2, 3, 4, kept=3)

    assert list(log.since(2)) == [b"2", b"3", b"4"]
    with pytest.raises(ForgottenError, match="before id 2"):
        log.since(1)


def test_payloads_that_come_again_are_kept_once() -> None:
    assert filled(1, 2, 1, 2, 3).latest(9) == [b"1", b"2", b"3"]


def test_ids_that_start_anew_empty_the_log() -> None:
    log = filled(1_000, 1_001, 1, 2)

    assert list(log.since(0)) == [b"1", b"2"]


@given(st.lists(st.integers(min_value=1, max_value=3), max_size=40), st.integers(min_value=1, max_value=10))
def test_everything_kept_is_the_newest(steps: list[int], kept: int) -> None:
    ids = [sum(steps[: count + 1]) for count in range(len(steps))]

    assert filled(*ids, kept=kept).latest(100) == [b"%d" % record_id for record_id in ids[-kept:]]
