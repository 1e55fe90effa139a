"""`binance-sandbox soak`: reads the request, runs it, prints and writes what came of it."""

from __future__ import annotations

from pathlib import Path

import msgspec
from rich.console import Console

from sandbox.demo.workspace import Workspace
from sandbox.soak.accounts.hour import run_hour
from sandbox.soak.accounts.plan import AccountsPlan
from sandbox.soak.accounts.report import print_accounts, write_accounts
from sandbox.soak.driver import run_day
from sandbox.soak.report import print_report, write_report
from sandbox.soak.scenario import DAY, Scenario, ScenarioError, read_scenario
from sandbox.soak.workers import print_workers, run_workers, write_workers


__all__ = ["SoakRequest", "run_soak"]


class SoakRequest(msgspec.Struct, frozen=True):
    """What is to be run."""

    scenario: str = DAY
    """The name of one that comes with the package, or a file."""
    minutes: float | None = None
    """None: as the scenario says."""
    symbols: int | None = None
    seed: int | None = None
    keep: Path | None = None
    """Where data and logs are kept; None: a temporary directory, of which the logs of a failed run are kept."""
    report: Path | None = None


def run_soak(request: SoakRequest, console: Console) -> int:
    """Run a soak.

    Returns:
        The exit status: 0 where everything holds, 1 where not.

    Raises:
        SandboxError: the scenario cannot be read, or something could not be started or ended by itself.
    """
    scenario = read_scenario(request.scenario)
    given = {"minutes": request.minutes, "symbols": request.symbols, "seed": request.seed}
    scenario = msgspec.structs.replace(scenario, **{name: value for name, value in given.items() if value is not None})
    if problem := scenario.check():
        raise ScenarioError(request.scenario, problem)
    if scenario.accounts is not None:
        return _run_hour(scenario, scenario.accounts, request, console)
    if scenario.worker_kills:
        return _run_workers(scenario, request, console)
    with Workspace(request.keep, console) as workspace:
        report = run_day(scenario, workspace, console)
        workspace.failed = not report.ok
        print_report(report, console)
        if request.report is not None:
            write_report(report, request.report)
    return 0 if report.ok else 1


def _run_workers(scenario: Scenario, request: SoakRequest, console: Console) -> int:
    with Workspace(request.keep, console) as workspace:
        report = run_workers(scenario, workspace, console)
        workspace.failed = not report.ok
        print_workers(report, console)
        if request.report is not None:
            write_workers(report, request.report)
    return 0 if report.ok else 1


def _run_hour(scenario: Scenario, plan: AccountsPlan, request: SoakRequest, console: Console) -> int:
    with Workspace(request.keep, console) as workspace:
        report = run_hour(scenario, plan, workspace, console)
        workspace.failed = not report.ok
        print_accounts(report, console)
        if request.report is not None:
            write_accounts(report, request.report)
    return 0 if report.ok else 1
