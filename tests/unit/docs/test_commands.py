"""What the documents tell a reader to type exists: commands, options, choices, modules, variables."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import Any

import pytest
import typer.main

import dashboard.__main__
import ingest.__main__
import processors.__main__
import sandbox.__main__
from ingest.config import Settings
from sandbox.reference import reference
from tests.support.pages import PAGES, commands
from tests.support.project import ROOT, run_tool


APPS = {
    "binance-dashboard": dashboard.__main__.app,
    "binance-ingest": ingest.__main__.app,
    "binance-processors": processors.__main__.app,
    "binance-sandbox": sandbox.__main__.app,
}
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
RECIPES = dict(re.findall(r"^([a-z-]+):.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE))
VERBS = {
    verb: found[1]
    for verb, recipe in RECIPES.items()
    if (found := re.search(r"\$\(BIN\)/(binance-\w+ \w+|python -m [\w.]+).*\$\(ARGS\)", recipe))
}
"""What a verb of the Makefile hands its `ARGS` to: a command of ours, or a module."""
_PLACEHOLDER = re.compile(r"…|\.\.\.|[A-Z_]+|<.*>|\$.*|\".*\$.*\"")


@cache
def root_of(program: str) -> Any:
    """The command as Typer makes it; Typer brings a Click of its own, whose types have no public name."""
    return typer.main.get_command(APPS[program])


def faults(call: str) -> list[str]:
    """What is wrong with a call of one of our commands."""
    program, *tokens = shlex.split(call.replace("…", " … "))
    command, found, given = root_of(program), [], []
    rest = iter(tokens)
    for token in rest:
        if token in {"…", "\\", "--help"}:
            continue
        if token.startswith("-") and len(token) > 1:
            found.extend(wrong_option(command, token, rest))
        elif (inner := getattr(command, "commands", None)) is None:
            given.append(token)
        elif token in inner:
            command = inner[token]
        else:
            return [*found, f"{command.name} has no command {token}"]
    return found + wrong_arguments(command, given)


def wrong_option(command: Any, token: str, rest: Iterator[str]) -> list[str]:
    name, equals, value = token.partition("=")
    option = next((one for one in command.params if name in (*one.opts, *one.secondary_opts)), None)
    if option is None:
        return [f"{command.name} has no option {name}"]
    if getattr(option, "is_flag", False):
        return []
    return wrong_choice(option, value if equals else next(rest, ""))


def wrong_arguments(command: Any, given: list[str]) -> list[str]:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    many = any(one.nargs == -1 or "list" in str(one.type_descriptor.annotation) for one in arguments)
    found = [f"{command.name} takes no {given[-1]}"] if len(given) > len(arguments) and not many else []
    return found + [fault for one, value in zip(arguments, given, strict=False) for fault in wrong_choice(one, value)]


def wrong_choice(parameter: Any, value: str) -> list[str]:
    choices = parameter.type_descriptor.annotation
    if not (isinstance(choices, type) and issubclass(choices, Enum)) or _PLACEHOLDER.fullmatch(value):
        return []
    allowed = [str(one.value) for one in choices]
    return [] if value in allowed else [f"{parameter.name}: {value} is none of {', '.join(allowed)}"]


def calls(name: str) -> Iterator[str]:
    for line in PAGES[name].code:
        yield from commands(line, "|".join(APPS))


def arguments_of_make(line: str) -> tuple[str, str] | None:
    """The verb and its `ARGS`."""
    found = re.search(r"\bmake ([a-z-]+)(?: \S+=\S+)* ARGS=(?:\"([^\"]*)\"|'([^']*)'|(\S+))", line)
    return None if found is None else (found[1], found[2] or found[3] or found[4])


DOCUMENTS = [name for name in PAGES if name != "CHANGELOG.md"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_our_commands_are_called_as_they_can_be(name: str) -> None:
    assert {call: wrong for call in calls(name) if (wrong := faults(call))} == {}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_make_is_given_suits_the_command_behind_it(name: str) -> None:
    given = [found for line in PAGES[name].code if (found := arguments_of_make(line))]
    ours = {args: VERBS[verb] for verb, args in given if VERBS.get(verb, "").startswith("binance-")}

    assert all("$(ARGS)" in RECIPES[verb] for verb, _ in given)
    assert {args: wrong for args, command in ours.items() if (wrong := faults(f"{command} {args}"))} == {}


def options_of_modules() -> dict[str, set[str]]:
    """The options that make gives to modules, whatever the document."""
    given: dict[str, set[str]] = {}
    for name in DOCUMENTS:
        for verb, args in filter(None, map(arguments_of_make, PAGES[name].code)):
            if VERBS.get(verb, "").startswith("python -m bench."):
                given.setdefault(VERBS[verb].split()[-1], set()).update(re.findall(r"--[a-z-]+", args))
    return given


@pytest.mark.parametrize(("module", "options"), sorted(options_of_modules().items()))
def test_the_options_of_a_module_that_make_runs_exist(module: str, options: set[str]) -> None:
    told = run_tool("python", "-m", module, "--help", ok=[0]).stdout

    assert options <= set(re.findall(r"--[a-z-]+", told))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_modules_that_are_to_be_run_exist(name: str) -> None:
    named = {found for line in PAGES[name].code for found in re.findall(r"\bpython3? -m ([\w.]+)", line)}

    assert {module for module in named if importlib.util.find_spec(module) is None} == set()


@cache
def known_variables() -> re.Pattern[str]:
    names = set(re.findall(r"`([A-Z][A-Z0-9_]*(?:<[A-Z]+>[A-Z0-9_]*)?)`", reference()))
    patterns = [
        re.escape(one).replace("<MARKET>", "(?:SPOT|USDM|COINM|<MARKET>)").replace("<LABEL>", "(?:[A-Z0-9_]+|<LABEL>)")
        for one in names
    ]
    sections = [f"INGEST_{name.upper()}" for name in Settings.model_fields]
    return re.compile("|".join([*patterns, *sections, "INGEST_CONFIG"]))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_variables_of_services_that_are_named_are_settings(name: str) -> None:
    """A misspelt one would do nothing, and nobody would notice."""
    known = known_variables()
    named = set(re.findall(r"\b(?:INGEST|PROCESSORS|DASHBOARD)_[A-Z][A-Z0-9_<>]*[A-Z0-9>]", PAGES[name].text))

    assert {one for one in named if not known.fullmatch(one)} == set()


@pytest.mark.parametrize(
    ("call", "wrong"),
    [
        ("binance-ingest run --config x.yaml", []),
        ("binance-ingest rum", ["binance-ingest has no command rum"]),
        ("binance-ingest gaps --open", ["gaps has no option --open"]),
        ("binance-ingest gaps --status shut", ["status: shut is none of open, closed, all"]),
        ("binance-processors worker candles", ["family: candles is none of books, trades, private"]),
        ("binance-processors worker books again", ["worker takes no again"]),
        ("binance-ingest config check", []),
    ],
)
def test_a_wrong_call_is_found(call: str, wrong: list[str]) -> None:
    assert faults(call) == wrong


def test_calls_are_found_wherever_they_stand_in_a_line() -> None:
    line = ".venv/bin/binance-ingest setup && X=1 binance-ingest run  # not binance-ingest this"

    assert list(commands(line, "binance-ingest")) == ["binance-ingest setup", "binance-ingest run"]
