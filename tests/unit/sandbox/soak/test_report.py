"""What a soak says of itself: tables, objections, JSON, lines while it runs."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from sandbox.soak.checker.causes import Act
from sandbox.soak.checker.checker import Verdict
from sandbox.soak.display import SoakDisplay, Standing
from sandbox.soak.report import SoakReport, print_report, write_report
from sandbox.soak.scenario import Scenario
from schemas.control import GapStatus
from tests.unit.sandbox.soak.fabricated import (
    START_MS,
    book,
    check,
    gap,
    raw_snapshot,
    raw_trade,
    trades_of,
    write_truth,
)


def report_of(verdict: Verdict, problems: list[str] | None = None) -> SoakReport:
    return SoakReport(
        scenario=Scenario(seed=77),
        verdict=verdict,
        acts=[Act("kill", START_MS), Act("kill", START_MS + 1)],
        faults={"drop": 3},
        day_seconds=900,
        settle_seconds=4,
        check_seconds=60,
        frames_sent=4_000_000,
        peak_mb=140,
        problems=problems or [],
    )


@pytest.fixture
def verdict(tmp_path: Path) -> Verdict:
    """Of a log in which trade 4 is missing and the ledger has not closed the hole."""
    directory = write_truth(tmp_path / "truth", trades_of(range(1, 11)))
    levels = [("100", "1")], [("101", "1")]
    log = [raw_trade(number) for number in range(1, 11) if number != 4]
    log += [gap(4, 4, GapStatus.DEFERRED), raw_snapshot(10, *levels)]
    return check(directory, log, whole=book(10, *levels), acts=[Act("kill", START_MS)])


@pytest.fixture
def right(tmp_path: Path) -> Verdict:
    """Of a log in which everything is."""
    return check(write_truth(tmp_path / "right", trades_of([1])), [raw_trade(1)])


def printed(report: SoakReport) -> str:
    console = Console(file=io.StringIO(), width=160)
    print_report(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_report_tells_seed_figures_and_each_objection(verdict: Verdict) -> None:
    text = printed(report_of(verdict))

    assert "seed 77" in text
    assert "spot trade BTCUSDT: 1 of 10 missing: 4 to 4 (epoch 0)" in text
    assert "still deferred at the end" in text
    assert "2 things do not hold" in text
    assert not report_of(verdict).ok


def test_a_report_of_a_run_in_which_all_holds_says_so(right: Verdict) -> None:
    assert "everything holds" in printed(report_of(right))
    assert report_of(right).ok


def test_what_went_wrong_beside_the_log_makes_a_report_fail(right: Verdict) -> None:
    failed = report_of(right, ["ingest ended with status 1 when it was told to stop"])

    assert not failed.ok
    assert "ingest ended with status 1" in printed(failed)


def test_the_report_for_programs_holds_everything(verdict: Verdict, tmp_path: Path) -> None:
    write_report(report_of(verdict), tmp_path / "new" / "soak.json")

    document = json.loads((tmp_path / "new" / "soak.json").read_text())
    assert (document["ok"], document["scenario"]["seed"]) == (False, 77)
    assert document["verdict"]["streams"]["spot trade BTCUSDT"]["missing"] == [[0, 4, 4]]
    assert document["verdict"]["books"]["spot BTCUSDT"]["live"]


def test_off_a_terminal_a_soak_shows_plain_lines() -> None:
    console = Console(file=io.StringIO(), width=200)
    standing = Standing(
        day_part=0.25,
        venue_clock="06:00:00",
        frames_sent=1_000,
        connections=7,
        raw_records=1_002,
        records_per_s=4_000.0,
        kills=1,
        faults_done=3,
        faults_planned=170,
        holes={"filled": 4, "open": 1},
        resident_mb=120.4,
    )

    with SoakDisplay(console, "soak: [24 h]") as display:
        display.tell("SIGKILL to ingest, and a new one")
        display.show(standing)

    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert lines[0] == "soak: [24 h]"
    assert lines[1].endswith("SIGKILL to ingest, and a new one")
    assert "25% of the day, 06:00:00 · 1,000 frames sent · 1,002 raw records, 4,000/s" in lines[2]
    assert "holes: 4 filled, 1 open · ingest 120 MB" in lines[2]
