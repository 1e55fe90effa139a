"""The findings for a reader: a table, or JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ingest.check.account_probe import ACCOUNT
from ingest.check.findings import Finding, Mark
from ingest.check.rest_probe import REST
from ingest.check.server_probes import KAFKA, REGISTRY
from schemas.markets import Market


__all__ = ["as_json", "show", "sorted_findings", "summary"]

_MARKS: Final = {
    Mark.OK: ("✓", "green"),
    Mark.WARN: ("!", "yellow"),
    Mark.FAIL: ("✗", "red"),
    Mark.SKIP: ("-", "dim"),
}
_GROUPS: Final = (KAFKA, REGISTRY, *Market, ACCOUNT)
_TITLES: Final[Mapping[str, str]] = {
    Market.SPOT: "spot",
    Market.USDM: "USD-M futures",
    Market.COINM: "COIN-M futures",
    ACCOUNT: "accounts",
}


def sorted_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings by what they are about, REST before streams; those of one part as they were made."""
    return sorted(findings, key=lambda one: (_GROUPS.index(one.group), one.part != REST, one.part))


def show(findings: Sequence[Finding], console: Console) -> None:
    """Print a table of what works, with a line of advice below what does not."""
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    group, advised = None, set[str]()
    for finding in _collapsed(sorted_findings(findings)):
        if finding.group != group:
            if group is not None:
                table.add_row()
            group = finding.group
            table.add_row("", Text(_TITLES.get(group, group), style="bold"))
        mark, style = _MARKS[finding.mark]
        loud = "" if finding.mark is Mark.OK else style
        table.add_row(Text(mark, style=style), Text(finding.subject, style=loud), Text(finding.detail, style=loud))
        if finding.advice is not None and finding.advice not in advised:
            advised.add(finding.advice)  # said once
            table.add_row("", "", Text(f"→ {finding.advice}"))
    console.print(Padding(table, (0, 0, 1, 0)))
    console.print(summary(findings), style=_worst(findings))


def _collapsed(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Put what was not tried of a group, one after the other, into one line."""
    for (group, mark, _), members in groupby(findings, lambda one: (one.group, one.mark, one.detail)):
        run = list(members)
        if mark is Mark.SKIP and len(run) > 1:
            yield Finding(group, "…", mark, f"{run[0].detail}: {', '.join(one.subject for one in run)}")
        else:
            yield from run


def summary(findings: Iterable[Finding]) -> str:
    """Return how many there are of each mark, in a line."""
    counts = Counter(finding.mark for finding in findings)
    parts = [f"{counts[Mark.OK]} ok"]
    if counts[Mark.WARN]:
        parts.append(f"{counts[Mark.WARN]} to look at")
    if counts[Mark.FAIL]:
        parts.append(f"{counts[Mark.FAIL]} failed")
    if counts[Mark.SKIP]:
        parts.append(f"{counts[Mark.SKIP]} not tried")
    return ", ".join(parts)


def as_json(findings: Iterable[Finding]) -> dict[str, object]:
    """Return what ``--json`` prints."""
    ordered = sorted_findings(findings)
    return {
        "ok": not any(finding.mark is Mark.FAIL for finding in ordered),
        "findings": [
            {
                "group": finding.group,
                "subject": finding.subject,
                "mark": finding.mark,
                "detail": finding.detail,
                "advice": finding.advice,
            }
            for finding in ordered
        ],
    }


def _worst(findings: Iterable[Finding]) -> str:
    marks = {finding.mark for finding in findings}
    return next((_MARKS[mark][1] for mark in (Mark.FAIL, Mark.WARN) if mark in marks), "green")
