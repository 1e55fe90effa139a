"""A scenario is laid out as it says: so many of each, in the eventful part of the day, equal for equal seeds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from sandbox.soak.course import ActKind, Course, course_of
from sandbox.soak.scenario import Amounts, Scenario, ScenarioError, named_scenarios, read_scenario
from schemas.markets import Market


NAMES = sorted(named_scenarios())
AMOUNTS = Amounts(
    dropped_frames=95,
    duplicated_frames=40,
    resets=7,
    half_opens=2,
    closes=5,
    slow_readers=3,
    shutdowns=2,
    rest_storms=5,
    listings=1,
    delistings=1,
    wipes=1,
    kills=4,
    broker_restarts=1,
)


def count(course: Course, fault: str, field: str | None = None) -> int:
    """How many faults of a kind there are, or what a field of them adds up to."""
    return sum(1 if field is None else int(one[field]) for one in course.faults if one["fault"] == fault)


def test_as_much_happens_as_the_scenario_says() -> None:
    course = course_of(Scenario(amounts=AMOUNTS))

    assert (count(course, "drop", "count"), count(course, "duplicate", "count")) == (95, 40)
    assert [count(course, kind) for kind in ("reset", "half-open", "close", "shutdown", "rest")] == [7, 2, 5, 2, 5]
    assert Counter(act.kind for act in course.acts) == {ActKind.KILL: 4, ActKind.STOP: 3, ActKind.BROKER: 1}
    assert course.disconnect_count == 17


@pytest.mark.parametrize("seed", range(20))
def test_everything_happens_in_the_eventful_part_of_the_day(seed: int) -> None:
    """In the calm at its end every symbol trades again, so that whoever lost something can find out."""
    scenario = Scenario(seed=seed, amounts=AMOUNTS)
    course = course_of(scenario)
    times = [float(fault["at"]) for fault in course.faults] + [act.at_s for act in course.acts]

    assert scenario.day_s * scenario.calm_start <= min(times)
    assert max(times) <= scenario.day_s * (1 - scenario.calm_end)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_happens_around_the_edges_of_a_stream_of_ids(seed: int) -> None:
    scenario = Scenario(seed=seed, amounts=AMOUNTS)
    course = course_of(scenario)
    edges = [float(fault["at"]) for fault in course.faults if fault["fault"] in {"list", "delist", "wipe"}]
    others = [float(fault["at"]) for fault in course.faults if fault["fault"] not in {"list", "delist", "wipe"}]
    others += [act.at_s for act in course.acts]

    assert len(edges) == 3
    assert min(abs(edge - other) for edge in edges for other in others) / scenario.speed > 10


def test_equal_seeds_lay_out_equal_days_and_others_do_not() -> None:
    scenario = Scenario(amounts=AMOUNTS)

    assert course_of(scenario) == course_of(scenario)
    assert course_of(scenario) != course_of(msgspec.structs.replace(scenario, seed=2))


def test_a_symbol_that_is_delisted_is_not_wiped_and_what_is_listed_was_not_there() -> None:
    course = course_of(Scenario(amounts=AMOUNTS))
    spot = set(course.symbols[Market.SPOT])

    assert {*course.delisted[Market.SPOT], *course.wiped[Market.SPOT]} <= spot
    assert not set(course.delisted[Market.SPOT]) & set(course.wiped[Market.SPOT])
    assert not set(course.listed[Market.SPOT]) & spot
    assert set(course.subscribed()[Market.SPOT]) == spot | set(course.listed[Market.SPOT])


@pytest.mark.parametrize("seed", range(3))
def test_symbols_are_different_ones_on_three_markets(seed: int) -> None:
    course = course_of(Scenario(seed=seed, symbols=52))

    assert sum(len(set(names)) for names in course.symbols.values()) == 52
    assert all(course.symbols[market] for market in Market)
    assert not any("NKN" in name or "BLZ" in name for names in course.symbols.values() for name in names)


@pytest.mark.parametrize("name", NAMES)
def test_the_scenarios_that_come_with_the_package_can_be_laid_out(name: str) -> None:
    assert course_of(read_scenario(name)).symbols


def test_the_day_holds_what_was_promised() -> None:
    """Issue 4: what it must show."""
    scenario = read_scenario("day")
    amounts = scenario.amounts

    assert scenario.day_s == 86_400
    assert scenario.symbols >= 50
    assert course_of(scenario).disconnect_count >= 40
    assert amounts.shutdowns == 3
    assert amounts.dropped_frames + amounts.duplicated_frames == 1_000
    assert (amounts.kills, amounts.broker_restarts) == (5, 1)


@pytest.mark.parametrize("name", ["day", "cut"])
def test_connections_that_do_not_rotate_meet_the_cut_before_ingest_is_killed(name: str) -> None:
    scenario = read_scenario(name)
    first_kill = next(act for act in course_of(scenario).acts if act.kind is ActKind.KILL)
    rotating = scenario.ingest["connection"]

    assert scenario.first_life["connection"]["rotate_after_s"] == 0
    assert scenario.lifetime_s < first_kill.at_s / scenario.speed
    assert 0 < rotating["rotate_after_s"] < rotating["rotate_deadline_s"] < scenario.lifetime_s


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("symbols: many", "Expected `int`"),
        ("colour: red", "unknown field `colour`"),
        ("amounts: {kicks: 3}", "unknown field `kicks`"),
        ("symbols: 3", "symbols: at least 10"),
        ("minutes: 0", "must be positive"),
        ("[", "while parsing"),
    ],
)
def test_a_scenario_that_cannot_be_is_refused_by_name(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)

    with pytest.raises(ScenarioError, match=r"mine\.yaml") as refused:
        read_scenario(str(path))

    assert complaint in str(refused.value)


def test_a_scenario_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ScenarioError, match="calm, cut, day"):
        read_scenario("night")
