from __future__ import annotations

from hypothesis import given, strategies as st

from ingest.core.reconcile_wakes import Wakes
from schemas.control import ReconcileCause


def test_nothing_begins_before_a_cause_or_the_timer() -> None:
    wakes = Wakes(900_000.0, 0.0)

    assert wakes.begin(899_999.0) is None
    assert wakes.begin(900_000.0) is ReconcileCause.TIMER


def test_a_cause_begins_at_once() -> None:
    wakes = Wakes(900_000.0, 0.0)
    wakes.wake(ReconcileCause.START)

    assert wakes.wait_ms(0.0) == 0.0
    assert wakes.begin(0.0) is ReconcileCause.START
    assert wakes.begin(0.0) is None


def test_several_causes_are_served_by_one_comparison_named_by_the_first() -> None:
    wakes = Wakes(900_000.0, 0.0)
    for cause in (ReconcileCause.KEY_EXPIRED, ReconcileCause.RECONNECT, ReconcileCause.KEY_EXPIRED):
        wakes.wake(cause)

    assert wakes.begin(0.0) is ReconcileCause.KEY_EXPIRED
    wakes.succeeded(1_000.0)
    assert wakes.wait_ms(1_000.0) == 900_000.0


def test_a_cause_during_a_comparison_is_followed_by_another() -> None:
    wakes = Wakes(900_000.0, 0.0)
    wakes.wake(ReconcileCause.START)
    wakes.begin(0.0)
    wakes.wake(ReconcileCause.RECONNECT)
    wakes.succeeded(1_000.0)

    assert wakes.begin(1_000.0) is ReconcileCause.RECONNECT


def test_a_cause_makes_the_routine_comparison_that_it_waits_for_urgent() -> None:
    wakes = Wakes(900_000.0, 0.0)
    wakes.begin(900_000.0)
    urgent = [wakes.urgent]
    wakes.wake(ReconcileCause.RECONNECT)
    urgent.append(wakes.urgent)
    wakes.succeeded(901_000.0)
    wakes.begin(901_000.0)
    urgent.append(wakes.urgent)

    assert urgent == [False, True, False]


def test_after_a_failure_it_is_done_again_for_the_same_cause_later_and_later() -> None:
    wakes = Wakes(900_000.0, 0.0)
    wakes.wake(ReconcileCause.STREAM_ENDED)
    wakes.begin(0.0)

    assert wakes.failed(0.0, jitter=0.0) == 1.0
    assert wakes.begin(999.0) is None
    assert wakes.begin(1_000.0) is ReconcileCause.STREAM_ENDED
    assert wakes.failed(1_000.0, jitter=0.0) == 2.0
    wakes.wake(ReconcileCause.RECONNECT)
    assert wakes.begin(2_999.0) is None
    assert wakes.begin(3_000.0) is ReconcileCause.STREAM_ENDED


def test_a_good_comparison_ends_the_series_of_failures() -> None:
    wakes = Wakes(900_000.0, 0.0)
    for _ in range(3):
        wakes.wake(ReconcileCause.START)
        wakes.begin(1e9)
        wakes.failed(0.0, jitter=0.0)
    wakes.begin(1e9)
    wakes.succeeded(1e9)
    wakes.wake(ReconcileCause.START)
    wakes.begin(1e9)

    assert wakes.failed(1e9, jitter=0.0) == 1.0


@given(st.lists(st.sampled_from(["wake", "begin", "succeeded", "failed", "pass"]), max_size=60))
def test_a_cause_is_never_forgotten(story: list[str]) -> None:
    """Whatever happens in between, a wake is followed by a comparison that begins after it and succeeds."""
    wakes, now_ms, under_way, owed, owed_since_begin = Wakes(1e12, 0.0), 0.0, False, False, False
    for act in [*story, "pass", "begin", "succeeded", "pass", "begin", "succeeded"]:
        if act == "wake":
            wakes.wake(ReconcileCause.RECONNECT)
            owed = owed_since_begin = True
        elif act == "pass":
            now_ms += 120_000.0
        elif act == "begin" and not under_way:
            under_way = wakes.begin(now_ms) is not None
            owed_since_begin = owed_since_begin and not under_way
        elif act in {"succeeded", "failed"} and under_way:
            under_way = False
            if act == "succeeded":
                wakes.succeeded(now_ms)
                owed = owed_since_begin
            else:
                wakes.failed(now_ms, 0.0)

    assert not owed
