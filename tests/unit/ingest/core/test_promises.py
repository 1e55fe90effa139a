from __future__ import annotations

from itertools import count

import pytest

from ingest.core.promises import ROSTER_MS, Promise, Run


def started(**carried: str) -> Promise:
    promise = Promise(carried, count())
    promise.begin(0)
    return promise


def test_at_the_start_everything_is_one_run() -> None:
    promise = started(B="x", A="y")

    assert promise.run == Run(0, 0, ("A", "B"))
    assert promise.labels == ("x", "y")
    assert promise.upcoming_labels == ()


def test_symbols_that_are_left_are_out_of_the_promise_at_once() -> None:
    promise = started(A="x", B="y")

    promise.replan({"A": "x"}, 50)

    assert (promise.run, promise.labels, promise.upcoming_labels) == (Run(1, 50, ("A",)), ("x",), ())


def test_what_is_added_is_promised_when_it_is_acknowledged_and_the_time_of_that_is_known() -> None:
    promise = started(A="x")

    promise.replan({"A": "x", "B": "x", "C": "y"}, 50)
    assert (promise.run, promise.labels) == (Run(0, 0, ("A",)), ("x",))
    promise.acknowledged("x", ["B"], 1_000)
    assert promise.wants_time
    promise.told_time(7_000, asked_ms=999)
    assert promise.wants_time
    promise.told_time(8_000, asked_ms=1_000)
    assert (promise.wants_time, promise.upcoming_labels) == (False, ())
    promise.live("y", ["C"])

    assert (promise.upcoming_labels, promise.floor) == (("x", "y"), 8_000)
    promise.promote()
    assert (promise.run, promise.labels) == (Run(1, 50, ("A", "B", "C")), ("x", "y"))
    assert (promise.upcoming_labels, promise.floor) == ((), 0)


def test_what_is_still_on_its_way_when_more_is_added_keeps_its_beginning() -> None:
    promise = started(A="x")
    promise.replan({"A": "x", "B": "x"}, 50)
    promise.acknowledged("x", ["B"], 1_000)
    promise.told("x", 8_000)

    promise.replan({"A": "x", "B": "x", "C": "x"}, 70)
    assert promise.upcoming_labels == ()
    promise.acknowledged("x", ["C"], 2_000)
    promise.told("x", 9_000)
    promise.promote()

    assert promise.run == Run(2, 50, ("A", "B", "C"))


def test_what_is_added_and_left_again_changes_nothing() -> None:
    promise = started(A="x")
    promise.replan({"A": "x", "B": "x"}, 50)

    promise.replan({"A": "x"}, 60)
    promise.acknowledged("x", ["B"], 1_000)

    assert (promise.run, promise.upcoming_labels) == (Run(0, 0, ("A",)), ())


def test_a_lost_connection_must_acknowledge_again_what_it_was_to_carry_anew() -> None:
    promise = started(A="x")
    promise.replan({"A": "x", "B": "x"}, 50)
    promise.acknowledged("x", ["B"], 1_000)
    promise.told("x", 8_000)

    labels = [promise.upcoming_labels]
    promise.lost("x")
    labels.append(promise.upcoming_labels)
    promise.live("x", ["A", "B"])
    labels.append(promise.upcoming_labels)

    assert labels == [("x",), (), ("x",)]


def test_a_partition_without_symbols_has_nothing_to_promise() -> None:
    promise = started(A="x")

    promise.replan({}, 50)

    assert (promise.over, promise.labels) == (True, ())


def test_a_partition_that_had_none_begins_with_what_is_added() -> None:
    promise = Promise({}, count())
    promise.replan({"A": "x"}, 50)
    assert not promise.over

    promise.live("x", ["A"])
    promise.promote()

    assert promise.run == Run(1, 50, ("A",))


@pytest.mark.parametrize(
    ("now_ms", "told"), [(10, None), (ROSTER_MS - 1, None), (ROSTER_MS, ["A", "B"]), (5 * ROSTER_MS, ["A", "B"])]
)
def test_the_symbols_are_told_at_first_and_again_after_a_while(now_ms: float, told: list[str] | None) -> None:
    promise = started(B="x", A="x")

    assert promise.roster(promise.run, 0) == ["A", "B"]
    assert promise.roster(promise.run, now_ms) == told


def test_a_new_run_says_at_once_what_it_is_about() -> None:
    promise = started(A="x", B="x")
    promise.roster(promise.run, 0)

    old = promise.run
    promise.replan({"A": "x"}, 50)

    assert promise.roster(old, 1) is None
    assert promise.roster(promise.run, 1) == ["A"]


def test_a_run_whose_beginning_is_not_known_does_not_say_what_it_is_about() -> None:
    """A reader could not tell it from the next."""
    promise = Promise({"A": "x"}, count())

    assert promise.roster(promise.run, 0) is None
