"""Scenario files: which fault happens when."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from sandbox.exchange.faults.model import Fault, FaultError
from sandbox.exchange.faults.parsing import parse_fault


__all__ = ["ScenarioError", "Scheduled", "parse_moment_s", "parse_scenario", "read_scenario"]

_MOMENT = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


class Scheduled(msgspec.Struct, frozen=True):
    """A fault and its time."""

    at_s: float
    """Seconds of the venue's time since the first event."""
    fault: Fault


class ScenarioError(ValueError):
    """A scenario file cannot be used."""

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(source, problem)
        self.source = source
        self.problem = problem

    def __str__(self) -> str:
        return f'scenario "{self.source}": {self.problem}'


def read_scenario(path: Path) -> list[Scheduled]:
    """Return the faults of a file, in the order in which they happen.

    Raises:
        ScenarioError: It is not there, or it is no scenario; the text names the entry.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(str(path), str(error)) from error
    return parse_scenario(str(path), text)


def parse_scenario(source: str, text: str) -> list[Scheduled]:
    """Return the faults of a scenario's text, in the order in which they happen.

    Args:
        source: Its name, for errors.
        text: YAML: a list under ``faults``, each entry a fault's fields and ``at``.

    Raises:
        ScenarioError: It is no scenario; the text names the entry.
    """
    try:
        value: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ScenarioError(source, f"not YAML: {error}") from error
    if not isinstance(value, Mapping) or not isinstance(value.get("faults"), list) or len(value) != 1:
        raise ScenarioError(source, 'there is to be a list under "faults" and nothing else')
    scheduled = []
    for number, entry in enumerate(value["faults"], 1):
        try:
            scheduled.append(_scheduled(entry))
        except FaultError as error:
            raise ScenarioError(source, f"entry {number}: {error}") from error
    return sorted(scheduled, key=lambda each: each.at_s)


def parse_moment_s(value: Any) -> float:
    """Return the seconds that ``at`` means: a number of them, or ``90s``, ``10m``, ``1h30m``.

    Raises:
        FaultError: It means nothing.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    if isinstance(value, str):
        parts = _MOMENT.findall(value)
        if parts and not _MOMENT.sub("", value).strip():
            return sum(float(amount) * _UNITS_S[unit] for amount, unit in parts)
    msg = f'field "at": "{value}" is neither a number of seconds nor a time like 90s, 10m, 6h'
    raise FaultError(msg)


def _scheduled(entry: Any) -> Scheduled:
    if not isinstance(entry, Mapping):
        msg = "it is no object"
        raise FaultError(msg)
    if "at" not in entry:
        msg = 'field "at" is missing'
        raise FaultError(msg)
    fields = {str(name): value for name, value in entry.items() if name != "at"}
    return Scheduled(parse_moment_s(entry["at"]), parse_fault(fields))
