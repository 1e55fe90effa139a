"""The benchmarks run, and what they write can be read by whoever compares them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.project import run_tool


pytestmark = [pytest.mark.integration, pytest.mark.timeout(500)]


def test_the_quick_benchmark_of_ingest_loses_nothing_and_writes_its_rows(tmp_path: Path) -> None:
    out = tmp_path / "ingest.json"
    run_tool("python", "-m", "bench.ingest", "--quick", "--no-peer", "--out", out, ok=[0])

    rows = {row["name"]: row for row in json.loads(out.read_text())["rows"]}
    assert list(rows) == ["ceiling", "ours", "ours with repair"]
    for row in rows.values():
        assert (row["lost"], row["duplicates"]) == (0, 0)
        assert row["events_per_second"] > 0
    assert rows["ours"]["p50_ms"] <= rows["ours"]["p99_ms"]


def test_the_quick_benchmark_of_the_processors_loses_nothing_and_writes_its_rows(tmp_path: Path) -> None:
    quick = ("--quick", "--no-peers", "--only", "candles", "--out", tmp_path)
    run_tool("python", "-m", "bench.processing", *quick, ok=[0])

    rows = {row["name"]: row for row in json.loads((tmp_path / "candles.json").read_text())["rows"]}
    assert list(rows) == ["ceiling", "ours", "ours, whole agent", "the core alone"]
    for row in list(rows.values())[:3]:
        assert (row["lost"], row["duplicates"]) == (0, 0)
        assert row["events_per_second"] > 0


def test_the_quick_benchmark_of_order_events_loses_no_state_and_writes_its_rows(tmp_path: Path) -> None:
    run_tool("python", "-m", "bench.processing", "--quick", "--only", "order_update", "--out", tmp_path, ok=[0])

    rows = {row["name"]: row for row in json.loads((tmp_path / "order_update.json").read_text())["rows"]}
    ours = rows["ours"]
    assert (ours["lost"], ours["duplicates"]) == (0, 0)
    assert ours["events_per_second"] > 0
    assert 0 < ours["p50_ms"] <= ours["p99_ms"]
    assert ours["events"] == sum(rows[f"ours, {market}"]["events"] for market in ("spot", "usdm", "coinm"))
