"""Prometheus' own tools, where they are installed (Debian: ``apt-get install prometheus``)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


__all__ = ["prometheus", "promtool"]


def promtool(*arguments: str | Path, stdin: str = "", cwd: Path | None = None) -> str:
    """Return what promtool prints; the test fails where promtool finds fault."""
    done = subprocess.run(  # noqa: S603 - what our tests name
        [_program("promtool"), *arguments],
        input=stdin,
        cwd=cwd,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, f"promtool {' '.join(map(str, arguments))}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def prometheus() -> str:
    """Return where the server is."""
    return _program("prometheus")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        missing = f"{name} is not installed (Debian: apt-get install prometheus)"
        if os.environ.get("REQUIRE_PROMETHEUS"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found
