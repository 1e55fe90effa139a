"""Scenario files: times, order, and what is said of files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.exchange.faults.model import Drop, FaultError, Rest, RestKind
from sandbox.exchange.faults.scenario import ScenarioError, Scheduled, parse_moment_s, parse_scenario, read_scenario


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0),
        (90, 90),
        (1.5, 1.5),
        ("90s", 90),
        ("10m", 600),
        ("6h", 21_600),
        ("1h30m", 5_400),
        ("250ms", 0.25),
        ("1d", 86_400),
    ],
)
def test_a_moment_is_seconds_or_has_a_unit(value: object, seconds: float) -> None:
    assert parse_moment_s(value) == seconds


@pytest.mark.parametrize("value", [-1, "soon", "", "10", "5 parsecs", None, True, [], "10m!"])
def test_other_moments_are_refused(value: object) -> None:
    with pytest.raises(FaultError, match='field "at"'):
        parse_moment_s(value)


def test_faults_are_in_the_order_of_their_times() -> None:
    text = """
    faults:
      - {at: 10m, fault: rest, kind: 429, seconds: 30}
      - at: 90s
        fault: drop
        stream: "*@trade"
        count: 5
    """

    assert parse_scenario("storm", text) == [
        Scheduled(90, Drop(stream="*@trade", count=5)),
        Scheduled(600, Rest(kind=RestKind.LIMITED, seconds=30)),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", 'there is to be a list under "faults"'),
        ("faults: 5", 'there is to be a list under "faults"'),
        ("faults: []\nmore: 1", 'there is to be a list under "faults"'),
        ("faults: [", "not YAML"),
        ("faults: [5]", "entry 1: it is no object"),
        ("faults: [{fault: cut-depth}]", 'entry 1: field "at" is missing'),
        ("faults: [{at: 1, fault: cut-depth}, {at: 2, fault: explode}]", 'entry 2: there is no fault "explode"'),
        ("faults: [{at: soon, fault: cut-depth}]", 'entry 1: field "at": "soon"'),
    ],
)
def test_what_is_no_scenario_is_refused_and_the_entry_named(text: str, problem: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario("storm.yaml", text)

    assert str(caught.value).startswith('scenario "storm.yaml": ' + problem)


def test_a_scenario_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "storm.yaml"
    path.write_text("faults: [{at: 1, fault: drop, stream: a@trade}]")

    assert read_scenario(path) == [Scheduled(1, Drop(stream="a@trade"))]


def test_a_file_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"storm\.yaml"):
        read_scenario(tmp_path / "storm.yaml")
