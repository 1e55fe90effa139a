"""The linter and the type checker notice what the house forbids."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.project import ROOT, run_tool


@pytest.mark.parametrize("clock", ["time.time()", "datetime.datetime.now(datetime.UTC)"])
def test_a_clock_that_is_read_is_an_error(clock: str) -> None:
    module = clock.partition(".")[0]
    source = f'"""Ask the wall."""\n\nimport {module}\n\n\nNOW = {clock}\n'

    report = run_tool("ruff", "check", "--stdin-filename", "ingest/core/wall.py", "-", stdin=source).stdout

    assert "TID251" in report


def test_types_are_strict_and_matches_exhaustive(tmp_path: Path) -> None:
    source = tmp_path / "snippet.py"
    source.write_text(
        "import msgspec\n"
        "class Applied(msgspec.Struct, frozen=True): ...\n"
        "class Gap(msgspec.Struct, frozen=True): ...\n"
        "def untyped(value): ...\n"
        "def verdict(result: Applied | Gap) -> str:\n"
        "    match result:\n"
        "        case Applied():\n"
        "            return 'applied'\n"
        "    return 'forgotten'\n"
    )

    report = run_tool(
        "mypy", "--config-file", ROOT / "pyproject.toml", "--cache-dir", tmp_path / "cache", source, cwd=tmp_path
    ).stdout

    assert {"no-untyped-def", "exhaustive-match"} == set(re.findall(r"error: .*\[([a-z-]+)\]$", report, re.MULTILINE))
