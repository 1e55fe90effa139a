"""What docs/exchange.md shows is what the exchange takes."""

from __future__ import annotations

import json
import re

import pytest
import typer.main

from sandbox.__main__ import app
from sandbox.exchange.faults.model import Fault
from sandbox.exchange.faults.parsing import parse_fault
from sandbox.exchange.faults.scenario import parse_scenario
from tests.support.project import ROOT


TEXT = (ROOT / "docs" / "exchange.md").read_text()
EXAMPLES = re.findall(r"`(\{\"fault\":.*?\})`", TEXT) + re.findall(r"-d '(\{.*?\})'", TEXT)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_a_fault_is_one(example: str) -> None:
    parse_fault(json.loads(example))


def test_every_fault_has_an_example() -> None:
    shown = {json.loads(example)["fault"] for example in EXAMPLES}

    assert shown == {kind.__struct_config__.tag for kind in Fault.__args__}


def test_the_scenario_is_one() -> None:
    (scenario,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)

    assert len(parse_scenario("docs/exchange.md", scenario)) == 5


def test_the_options_exist() -> None:
    command = typer.main.get_command(app)
    exchange = command.commands["exchange"]  # type: ignore[attr-defined]
    options = {name for parameter in exchange.params for name in [*parameter.opts, *parameter.secondary_opts]}

    assert set(re.findall(r"--[a-z][a-z-]*", TEXT)) <= options
