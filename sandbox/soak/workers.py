"""The soak of the workers: a log is made, then replayed with and without kills, by one worker and by two."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sandbox.demo.exchange_control import ExchangeControl
from sandbox.demo.workspace import Workspace
from sandbox.soak.course import Course, course_of
from sandbox.soak.display import SoakDisplay
from sandbox.soak.driver import NotListeningError, exchange_arguments
from sandbox.soak.scenario import Scenario
from sandbox.soak.stand import Stand
from sandbox.soak.trials import Plan, Replayed, Trial, Trials
from sandbox.soak.watch import LogWatch
from schemas.topics import Layer


__all__ = ["WorkersReport", "differences", "judged", "plans_of", "print_workers", "run_workers", "write_workers"]

STREAMS: Final = ("trade", "depth")
"""Of every symbol. Not `aggTrade`: of which of the two candles are made would be chance, docs/determinism.md."""
_LISTEN_S: Final = 150.0
_QUIET_S: Final = 6.0
_POLL_S: Final = 0.25
_BATCHES: Final = (50, 37, 120)
_TRIALS: Final = 8
"""Replays with kills at most; a log that is too short for the kills is told."""


class WorkersReport(msgspec.Struct):
    """The result."""

    scenario: Scenario
    raw_records: int
    trials: list[Trial]
    problems: list[str]

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.problems


def plans_of(kills: int) -> list[Plan]:
    """Return the replays: an undisturbed one, one by two workers, then, half of the kills each, by one and by two."""
    plans = [Plan("undisturbed"), Plan("two", workers=2, batch_records=37)]
    for number in range(_TRIALS):
        batch = _BATCHES[number % len(_BATCHES)]
        plans.append(Plan(f"killed-{number + 1}", workers=1 + number % 2, kills=-(-kills // 2), batch_records=batch))
    return plans


def differences(expected: Replayed, found: Replayed) -> list[str]:
    """Say in which topics two replays of one log differ."""
    wanted = {topic.topic: topic for topic in expected.topics}
    got = {topic.topic: topic for topic in found.topics}
    differing = [
        f"{name}: {got[name].rows if name in got else 0} rows, undisturbed {wanted[name].rows if name in wanted else 0}"
        for name in sorted(wanted.keys() | got.keys())
        if name not in got or name not in wanted or got[name].hash != wanted[name].hash
    ]
    if not differing and expected.hash != found.hash:
        differing.append("the hash over all topics")
    return differing


def run_workers(scenario: Scenario, workspace: Workspace, console: Console) -> WorkersReport:
    """Make a log and replay it.

    Raises:
        SandboxError: something could not be started, or ended by itself.
    """
    course = course_of(scenario)
    exchange = exchange_arguments(scenario, course, workspace.path)
    title = f"soak of the workers: {scenario.worker_kills} kills, seed {scenario.seed}"
    with SoakDisplay(console, title) as display, Stand(workspace.path, exchange, display.tell) as stand:
        raw_records = _make_log(scenario, course, stand, display.tell)
        report = WorkersReport(scenario, raw_records, [], [])
        _replay(report, stand, workspace.path / "plan.json", display.tell)
    return report


def _make_log(scenario: Scenario, course: Course, stand: Stand, tell: Callable[[str], None]) -> int:
    """Let the day go by, and return how many raw records it left."""
    stand.configure_ingest(_market_sections(course), scenario.ingest)
    tell("starting ingest")
    stand.start_ingest()
    control = ExchangeControl(stand.exchange_url)
    log = LogWatch(stand.bootstrap_servers, [topic for topic in stand.table if topic.layer is Layer.RAW])
    wanted = len(STREAMS) * sum(map(len, course.symbols.values()))
    deadline_s = time.monotonic() + _LISTEN_S
    while (subscribed := control.status().subscriptions) < wanted:
        stand.check_running()
        if time.monotonic() >= deadline_s:
            raise NotListeningError(wanted, subscribed, _LISTEN_S)
        time.sleep(_POLL_S)
    tell("the day begins")
    control.start()
    while not control.status().ended:
        stand.check_running()
        time.sleep(_POLL_S)
    tell("the day is over; waiting until the log is at rest")
    _await_rest(log, scenario.settle_s)
    tell(f"stopping ingest; {log.records:,} raw records")
    stand.stop_ingest()
    stand.stop_exchange()
    return log.records


def _await_rest(log: LogWatch, limit_s: float) -> None:
    began_s = quiet_since_s = time.monotonic()
    records = -1
    while time.monotonic() - quiet_since_s < _QUIET_S and time.monotonic() - began_s < limit_s:
        if log.look() != records:
            records, quiet_since_s = log.records, time.monotonic()
        time.sleep(_POLL_S)


def _replay(report: WorkersReport, stand: Stand, stretch: Path, tell: Callable[[str], None]) -> None:
    """Run the replays until there were kills enough, and compare."""
    chance = Random(report.scenario.seed)  # noqa: S311 - a scenario, no secret
    trials = Trials(stretch, stand.logs, stand.environment(), chance=chance, tell=tell)
    left = report.scenario.worker_kills
    for plan in plans_of(left):
        if plan.kills and not left:
            break
        one = msgspec.structs.replace(plan, kills=min(plan.kills, left))
        tell(f"replay {one.name}: {one.workers} workers of each family, up to {one.kills} kills")
        trial = trials.run(one)
        left -= trial.kills
        report.trials.append(trial)
        report.problems += [f"{one.name}: {text}" for text in judged(report.trials[0], trial)]
    if left:
        wanted = report.scenario.worker_kills
        report.problems.append(f"the log is too short: {wanted - left} of {wanted} kills in {_TRIALS} replays")


def judged(undisturbed: Trial, trial: Trial) -> list[str]:
    """Say what is wrong with a replay."""
    problems = differences(undisturbed.report, trial.report)
    if not any(topic.rows for topic in trial.report.topics):
        problems.append("nothing was written")
    if trial.report.restarts < trial.kills:
        problems.append(f"{trial.kills} workers were killed, {trial.report.restarts} started again")
    return problems


def write_workers(report: WorkersReport, path: Path) -> None:
    """Write a report as JSON."""
    document = {"ok": report.ok, **msgspec.to_builtins(report)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def print_workers(report: WorkersReport, console: Console) -> None:
    """Print a report."""
    header = ["replay", "workers", "batch", "kills", "seconds", "records written", "more than undisturbed", "hash"]
    title = f"The workers over {report.raw_records:,} raw records (seed {report.scenario.seed})"
    table = Table(title=title, title_justify="left", box=box.SIMPLE, header_style="bold")
    for number, name in enumerate(header):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in _rows(report.trials):
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)
    for problem in report.problems:
        console.print(escape(f"  {problem}"), style="red", highlight=False, soft_wrap=True)
    if report.ok:
        console.print("everything holds: killed or not, one worker or two, the result is the same", style="green")
    else:
        console.print(f"{len(report.problems)} things do not hold", style="bold red", highlight=False)


def _rows(trials: Sequence[Trial]) -> list[list[str]]:
    rows = []
    for trial in trials:
        plan, more = trial.plan, trial.written - trials[0].written
        cells = [plan.name, f"{plan.workers}", f"{plan.batch_records}", f"{trial.kills}", f"{trial.report.seconds:.0f}"]
        rows.append([*cells, f"{trial.written:,}", f"{more:,}", trial.report.hash[:12]])
    return rows


def _market_sections(course: Course) -> dict[str, Any]:
    return {
        str(market): {
            "symbols": list(symbols),
            "streams": list(STREAMS),
            "symbol_streams": {symbols[0]: [*STREAMS, "miniTicker"]},
        }
        for market, symbols in course.symbols.items()
    }
