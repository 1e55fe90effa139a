"""What a soak found: as tables for people, as JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sandbox.soak.checker.causes import Act
from sandbox.soak.checker.checker import Verdict
from sandbox.soak.scenario import Scenario


__all__ = ["SoakReport", "print_report", "write_report"]

_SHOWN: Final = 40


class SoakReport(msgspec.Struct):
    """The result of a soak."""

    scenario: Scenario
    verdict: Verdict
    acts: list[Act]
    faults: dict[str, int]
    """Faults that the exchange was told to make and made, by kind."""
    day_seconds: float
    """The day on the wall's clock."""
    settle_seconds: float
    """From the end of the day until the ledger was closed and the log at rest."""
    check_seconds: float
    frames_sent: int
    peak_mb: float
    """Most memory that ingest held."""
    problems: list[str]
    """What went wrong beside what the checker found."""

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return self.verdict.holds and not self.problems


def write_report(report: SoakReport, path: Path) -> None:
    """Write a report as JSON."""
    document = {"ok": report.ok, **msgspec.to_builtins(report)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def print_report(report: SoakReport, console: Console) -> None:
    """Print a report."""
    verdict = report.verdict
    acts = Counter(act.act for act in report.acts)
    _table(console, f"What happened (seed {report.scenario.seed})", ["", "times"], _happenings(report, acts))
    _table(console, "Trades and aggregate trades", *_trades(verdict))
    _table(console, "Books at the end", *_books(verdict))
    _table(console, "The ledger", ["", "entries"], _ledger(verdict))
    _table(console, "The run", ["", ""], _run(report))
    objections = [*report.problems, *verdict.objections]
    for objection in objections[:_SHOWN]:
        console.print(escape(f"  {objection}"), style="red", highlight=False, soft_wrap=True)
    if len(objections) > _SHOWN:
        console.print(f"  and {len(objections) - _SHOWN} more", style="red", highlight=False)
    if report.ok:
        console.print("everything holds: every trade is there, every book is right, the ledger is true", style="green")
    else:
        console.print(f"{len(objections)} things do not hold", style="bold red", highlight=False)


def _happenings(report: SoakReport, acts: Mapping[str, int]) -> Iterable[tuple[str, str]]:
    for name, count in sorted(acts.items()):
        yield name, f"{count:,}"
    for name, count in sorted(report.faults.items()):
        yield f"fault {name}", f"{count:,} ordered, {report.verdict.faults.get(name, 0):,} effects"
    for reason, count in sorted(report.verdict.disconnects.items()):
        yield f"disconnect told: {reason}", f"{count:,}"


def _trades(verdict: Verdict) -> tuple[list[str], Iterable[tuple[str, ...]]]:
    counts = ["expected", "records", "live", "backfilled", "late", "duplicates"]
    faults = ["missing_count", "wrong_count", "invented_count"]
    groups: dict[str, dict[str, int]] = {}
    for name, found in verdict.streams.items():
        market, stream, _ = name.split(" ")
        sums = groups.setdefault(f"{market} {stream}", {"symbols": 0, **dict.fromkeys(counts + faults, 0)})
        sums["symbols"] += 1
        for count in counts + faults:
            sums[count] += getattr(found, count)
    header = ["", "symbols", *counts, *(fault.removesuffix("_count") for fault in faults)]
    return header, [(name, *(f"{value:,}" for value in sums.values())) for name, sums in groups.items()]


def _books(verdict: Verdict) -> tuple[list[str], Iterable[tuple[str, ...]]]:
    groups: dict[str, Counter[str]] = {}
    for name, book in verdict.books.items():
        sums = groups.setdefault(name.split(" ")[0], Counter())
        sums["books"] += 1
        sums["equal"] += book.right and book.not_compared is None
        sums["not compared"] += book.not_compared is not None
        sums["levels equal"] += book.equal
        sums["levels unknown"] += book.unknown
        sums["levels different"] += book.different_count
        sums["diffs"] += book.diffs
        sums["snapshots"] += book.snapshots
        sums["gaps"] += book.gaps
    header = ["books", "equal", "not compared", "levels equal", "levels unknown", "levels different"]
    header += ["diffs", "snapshots", "gaps"]
    return ["", *header], [(market, *(f"{sums[name]:,}" for name in header)) for market, sums in groups.items()]


def _ledger(verdict: Verdict) -> Iterable[tuple[str, str]]:
    ledger = verdict.ledger
    for name, count in sorted(ledger.entries.items()):
        yield name, f"{count:,}"
    for name, count in sorted(ledger.reasons.items()):
        yield f"  {name}", f"{count:,}"
    for name, count in sorted(ledger.causes.items()):
        yield f"cause: {name}", f"{count:,}"
    for name, count in sorted(ledger.told.items()):
        yield f"records that told {name}", f"{count:,}"
    yield "ids filled", f"{ledger.filled_ids:,}"
    drops = verdict.drops
    fate = f"{drops.live:,} came live, {drops.backfilled:,} fetched, {drops.missing:,} missing"
    yield "trade ids dropped by faults", f"{drops.ids:,}: {fate}"


def _run(report: SoakReport) -> Iterable[tuple[str, str]]:
    records = sum(report.verdict.records.values())
    yield "day", f"{report.scenario.day_s / 3600:g} h in {report.day_seconds:.0f} s ({report.scenario.speed:.0f}x)"
    yield "frames sent", f"{report.frames_sent:,} ({report.frames_sent / max(1.0, report.day_seconds):,.0f}/s)"
    yield "records checked", f"{records:,}"
    yield "settled after", f"{report.settle_seconds:.0f} s"
    yield "checked in", f"{report.check_seconds:.0f} s"
    yield "most memory of ingest", f"{report.peak_mb:.0f} MB"


def _table(console: Console, title: str, header: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
    table = Table(title=title, title_justify="left", box=box.SIMPLE, header_style="bold")
    for number, name in enumerate(header):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)
