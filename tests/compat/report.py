"""The table at the end, and the same as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, Self

import msgspec
from rich.console import Console
from rich.table import Table

from tests.compat.comparing import Difference, Verdict


__all__ = ["Line", "Report", "print_report", "write_report"]


_WIDTH: Final = 140
"""Of the table, at least: a number that is cut proves nothing."""


class Line(msgspec.Struct, frozen=True):
    """One source as one program of a reader tells it."""

    reader: str
    version: str
    what: str
    source: str
    """`raw`, `trade` or `candle`; empty where the program could not be run."""
    rows: int
    sum: Decimal
    windows: str
    """How many minutes are equal, of how many."""
    seconds: float
    """Of the program, whatever it told beside this."""
    problems: Sequence[str]

    @property
    def ok(self) -> bool:
        """Whether it found what it must."""
        return not self.problems

    @classmethod
    def of(
        cls, reader: str, version: str, what: str, *, verdict: Verdict, more: Sequence[Difference], seconds: float
    ) -> Self:
        """Make the line of a verdict."""
        problems = [str(each) for each in (*verdict.differences, *more)]
        windows = f"{verdict.windows_equal}/{verdict.windows}"
        return cls(reader, version, what, verdict.source, verdict.rows, verdict.sum, windows, seconds, problems)

    @classmethod
    def failed(cls, reader: str, what: str, reason: str, seconds: float) -> Self:
        """Make the line of a program that could not be run."""
        return cls(reader, "", what, "", 0, Decimal(), "", seconds, [reason])


class Report(msgspec.Struct, frozen=True):
    """All of them."""

    records: Mapping[str, int]
    """Records in each topic, repeats among them."""
    lines: Sequence[Line]
    megabytes: int
    """What the run wrote."""

    @property
    def ok(self) -> bool:
        """Whether every reader found what it must."""
        return all(line.ok for line in self.lines)


def print_report(report: Report, console: Console) -> None:
    """Print the table, and below it what is wrong."""
    table = Table(box=None, pad_edge=False)
    for name in ("reader", "version", "what", "source"):
        table.add_column(name, no_wrap=True)
    for name in ("rows", "sum", "windows", "seconds", "ok"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in report.lines:
        numbers = (f"{line.rows:,}", f"{line.sum:f}", line.windows) if line.source else ("", "", "")
        table.add_row(
            line.reader,
            line.version,
            line.what,
            line.source,
            *numbers,
            f"{line.seconds:.1f}",
            "yes" if line.ok else "NO",
        )
    console.width = max(console.width, _WIDTH)
    console.print(table, crop=False)
    for line in report.lines:
        for problem in line.problems:
            console.print(f"✗ {line.reader}, {line.what}: {problem}", highlight=False, markup=False, soft_wrap=True)
    wrong = sum(not line.ok for line in report.lines)
    verdict = f"{wrong} of {len(report.lines)} wrong" if wrong else "every reader found what it must"
    console.print(f"{verdict}; the run wrote {report.megabytes:,} MB", highlight=False)


def write_report(report: Report, path: Path) -> None:
    """Write it as JSON; decimals as text, exact."""
    document = {**msgspec.to_builtins(report), "ok": report.ok}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
