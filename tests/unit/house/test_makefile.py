"""The verbs of the Makefile are told by `make`, work as documented, and are the ones that the README names."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.project import ROOT, run_tool


MAKEFILE = (ROOT / "Makefile").read_text()
VERBS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
DOCUMENTS = ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md"))]


def last_command_of(*arguments: str) -> str:
    """What make would run in the end."""
    return run_tool("make", "--dry-run", *arguments, ok=[0]).stdout.splitlines()[-1].strip()


def test_make_alone_lists_every_verb_with_a_line_of_text() -> None:
    listed = re.findall(r"^make ([a-z-]+) +\S.+$", run_tool("make").stdout, re.MULTILINE)

    assert sorted(listed) == sorted(VERBS)


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["demo"], ".venv/bin/binance-sandbox demo"),
        (["demo", "SOURCE=live"], ".venv/bin/binance-sandbox demo --source 'live'"),
        (
            ["demo", "SOURCE=one.gz two.gz", "ARGS=--speed max"],
            ".venv/bin/binance-sandbox demo --source 'one.gz' --source 'two.gz' --speed max",
        ),
        (["up", "ARGS=--help"], ".venv/bin/binance-sandbox up --help"),
        (["up", "SOURCE=simulated"], ".venv/bin/binance-sandbox up --source 'simulated'"),
        (["soak", "ARGS=--scenario cut"], ".venv/bin/binance-sandbox soak --scenario cut"),
        (["test", "PYTEST_ARGS=-m live"], ".venv/bin/python -m pytest -m live"),
        (["bench", "ARGS=--quick"], ".venv/bin/python -m bench.processing --quick"),
        (["bench-ingest", "ARGS=--quick"], ".venv/bin/python -m bench.ingest --quick"),
        (["bench-memory", "ARGS=--symbols 20"], ".venv/bin/python -m bench.memory --symbols 20"),
        (["bench-restart", "ARGS=--log"], ".venv/bin/python -m bench.restart --log"),
        (["scale", "ARGS=--quick"], ".venv/bin/python -m bench.scale --quick"),
        (["compat", "ARGS=--only kcat"], ".venv/bin/python -m tests.compat --only kcat"),
        (["bench-outage", "ARGS=--rate 500"], ".venv/bin/python -m bench.outage --rate 500"),
    ],
)
def test_a_verb_passes_on_what_it_is_given(arguments: list[str], command: str) -> None:
    assert last_command_of(*arguments) == command


def test_an_unsuitable_python_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    """In a fresh clone, which is where it happens."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)

    failed = run_tool("make", "setup", f"PYTHON={tmp_path}/python", cwd=tmp_path, ok=[2])

    assert f"no Python 3.11, 3.12 or 3.13 with its venv module was found at {tmp_path}/python" in failed.stderr
    assert "make setup PYTHON=/path/to/python3" in failed.stderr


def test_a_verb_that_waited_while_another_built_the_environment_does_not_build_it_again(tmp_path: Path) -> None:
    """Two that build it at once take its interpreter from under each other."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".make").mkdir()
    calls = tmp_path / "calls"
    calls.touch()
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$@" >>{calls}\n[ "$1" != -c ] || exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    with (tmp_path / ".make" / "venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [shutil.which("make") or "make", "setup", f"PYTHON={python}"]
        waiting = subprocess.Popen(  # noqa: S603 - make
            command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True
        )
        while waiting.poll() is None and "flock" not in calls.read_text():
            time.sleep(0.01)
        (tmp_path / ".venv" / ".installed").write_text(f"{tmp_path}\n")
    said, _ = waiting.communicate(timeout=30)

    assert said == ".venv is ready\n"
    assert "venv .venv" not in calls.read_text()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_verbs_that_a_document_names_exist(document: str) -> None:
    text = (ROOT / document).read_text()
    blocks = re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL)
    phrases = re.findall(r"`[^`\n]+`", text)
    named = {verb for code in blocks + phrases for verb in re.findall(r"\bmake ([a-z-]+)", code)}

    assert named <= VERBS
