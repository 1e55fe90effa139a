"""This project as its own tests see it: its root, its `pyproject.toml`, and its tools as child processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any


__all__ = ["PACKAGES", "ROOT", "pyproject", "run_tool"]

ROOT = Path(__file__).parents[2]

PACKAGES = ("ingest", "processors", "schemas", "sandbox", "dashboard")


def pyproject() -> dict[str, Any]:
    """Read `pyproject.toml`."""
    with (ROOT / "pyproject.toml").open("rb") as source:
        return tomllib.load(source)


def run_tool(
    *argv: str | Path, cwd: Path = ROOT, stdin: str = "", ok: Iterable[int] = (0, 1)
) -> subprocess.CompletedProcess[str]:
    """Run a console script of this environment, or a program on the path, and return what it printed.

    Args:
        argv: the command; make sees nothing of a make around this one.
        cwd: where it runs.
        stdin: what it reads.
        ok: exit statuses that mean that it did its work; on any other the test fails with its output.
    """
    program = Path(sys.executable).with_name(str(argv[0]))
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(  # noqa: S603 - what our tests name
        [program if program.exists() else argv[0], *argv[1:]],
        cwd=cwd,
        input=stdin,
        env=env | {"NO_COLOR": "1"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode in ok, f"{argv} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done
