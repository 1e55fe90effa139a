"""The command: progress while it runs, then the table."""

from __future__ import annotations

import asyncio
import json
from typing import Final

from rich.console import Console
from rich.status import Status

from ingest.check.checking import Checking
from ingest.check.daemons import DaemonExecutor
from ingest.check.display import as_json, show
from ingest.check.findings import Finding, Mark
from ingest.config import Settings
from ingest.connection import Clocks


__all__ = ["check"]

_REDRAW_S: Final = 0.1


async def check(
    settings: Settings, clocks: Clocks, *, out: Console, progress: Console, as_data: bool, venue_only: bool
) -> bool:
    """Try everything that the settings name, and print what was found.

    Args:
        settings: what to try.
        clocks: time.
        out: where the table goes.
        progress: where is shown what is waited for, if it is a terminal.
        as_data: print JSON instead of a table.
        venue_only: leave broker and registry out.

    Returns:
        Whether nothing failed.
    """
    findings: list[Finding] = []
    checking = Checking(settings, clocks, findings.append, venue_only=venue_only)
    asyncio.get_running_loop().set_default_executor(DaemonExecutor())
    with progress.status("checking") as status:
        showing = asyncio.create_task(_show_progress(status, checking, findings))
        await checking.run()
        await asyncio.sleep(0)  # what threads told last
        showing.cancel()
        await asyncio.wait([showing])
    if as_data:
        out.print_json(json.dumps(as_json(findings)))
    else:
        show(findings, out)
    return not any(finding.mark is Mark.FAIL for finding in findings)


async def _show_progress(status: Status, checking: Checking, findings: list[Finding]) -> None:
    while True:
        waiting = ", ".join(sorted(checking.waiting))
        status.update(f"checking: {len(findings)} done, waiting for {waiting}" if waiting else "checking")
        await asyncio.sleep(_REDRAW_S)
