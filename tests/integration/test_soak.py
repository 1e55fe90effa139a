"""The short form of the soak: a part of a simulated day in which everything happens, and the proof afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.project import run_tool


pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def test_after_everything_that_can_happen_the_log_is_complete_and_the_ledger_is_true(tmp_path: Path) -> None:
    """It brings its own broker, which it restarts."""
    report = tmp_path / "soak.json"

    run = run_tool("binance-sandbox", "soak", "--scenario", "cut", "--report", str(report), ok=[0, 1])

    found = json.loads(report.read_text())
    assert found["problems"] + found["verdict"]["objections"] == [], run.stdout
    assert found["ok"]
    assert sum(found["verdict"]["faults"].values()) > 100
