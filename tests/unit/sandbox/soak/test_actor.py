"""Acts happen in their order, each when it is due and the one before is over; time is an argument."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandbox.soak.actor import BACK, Actor
from sandbox.soak.course import ActKind, Course, PlannedAct
from sandbox.soak.scenario import Scenario
from tests.support.fakes import RecordingProcesses


SCENARIO = Scenario(day_s=1_000, calm_end=0.2, stopped_s=8, broker_down_s=0)


def actor_of(processes: RecordingProcesses, *acts: PlannedAct, told: Callable[[str], None] = lambda _: None) -> Actor:
    course = Course(symbols={}, listed={}, delisted={}, wiped={}, faults=[], acts=acts)
    return Actor(SCENARIO, course, processes, before_kill=lambda: processes.calls.append("configure"), tell=told)


def until_back(actor: Actor, venue_s: float, now_s: float) -> None:
    """The broker is restarted by another thread, which has nothing to wait for here."""
    while actor.broker_away:
        actor.step(venue_s, now_s)


def test_nothing_happens_before_its_time() -> None:
    processes = RecordingProcesses()
    actor = actor_of(processes, PlannedAct(100, ActKind.KILL))

    actor.step(99.9, 0)
    assert processes.calls == []

    actor.step(100, 1)

    assert processes.calls == ["configure", "kill"]
    assert [act.act for act in actor.done] == ["kill"]
    assert actor.finish() == []


def test_ingest_that_stands_still_goes_on_after_its_time_and_nothing_else_happens_meanwhile() -> None:
    processes = RecordingProcesses()
    actor = actor_of(processes, PlannedAct(100, ActKind.STOP), PlannedAct(101, ActKind.KILL))

    actor.step(100, 10)
    actor.step(500, 17.9)
    assert processes.calls == ["pause"]

    actor.step(501, 18)
    actor.step(502, 22)
    assert processes.calls == ["pause", "resume"]

    actor.step(503, 23)

    assert processes.calls == ["pause", "resume", "configure", "kill"]


def test_a_broker_that_is_away_is_said_to_be_until_it_is_back() -> None:
    processes = RecordingProcesses()
    actor = actor_of(processes, PlannedAct(100, ActKind.BROKER))

    actor.step(100, 0)
    assert actor.broker_away

    until_back(actor, 100, 1)

    assert processes.calls == ["stop broker", "start broker"]
    assert [act.act for act in actor.done] == ["broker restart", BACK]


def test_a_broker_that_does_not_come_back_ends_the_soak() -> None:
    processes = RecordingProcesses(broker_fails=True)
    actor = actor_of(processes, PlannedAct(100, ActKind.BROKER))

    actor.step(100, 0)

    with pytest.raises(RuntimeError, match="no broker"):
        until_back(actor, 100, 1)


def test_what_would_fall_into_the_calm_is_not_done_and_told() -> None:
    processes = RecordingProcesses()
    actor = actor_of(processes, PlannedAct(100, ActKind.KILL), PlannedAct(200, ActKind.STOP))

    actor.step(901, 0)

    assert processes.calls == []
    assert actor.finish() == [
        "2 of 2 acts were not done (kill, stop): this machine took too long for those before; give the day more minutes"
    ]


def test_at_the_end_ingest_goes_on_whatever_it_was_at() -> None:
    processes = RecordingProcesses()
    actor = actor_of(processes, PlannedAct(100, ActKind.STOP))
    actor.step(100, 10)

    assert actor.finish() == []
    assert processes.calls == ["pause", "resume"]
