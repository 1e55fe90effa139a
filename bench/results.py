"""What a measurement found, as a table and as a file."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table


__all__ = ["RESULTS", "Row", "Section", "console", "median", "show", "show_sections", "write"]

RESULTS: Final = Path(__file__).parent / "results"
_WIDTH: Final = 120
_WIDE: Final = 150
_COLUMNS: Final = (
    *("", "events/s", "of the ceiling", "µs of CPU/event", "p50 ms", "p99 ms", "lost", "duplicates", "events"),
)


class Row(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line; a field that was not measured is absent."""

    name: str
    events_per_second: float | None = None
    """Median of the rounds."""
    ratio: float | None = None
    """To the ceiling of the same round; the median of these."""
    cpu_us_per_event: float | None = None
    cpu_ratio: float | None = None
    """The ceiling's processor time to this one's."""
    p50_ms: float | None = None
    p99_ms: float | None = None
    lost: int | None = None
    duplicates: int | None = None
    events: int | None = None
    """Over all rounds."""


class Section(Struct, frozen=True):
    """Rows that belong together."""

    title: str
    rows: Sequence[Row]


def console() -> Console:
    """Return where a benchmark prints: as wide as the terminal, and wide enough for every table where there is none."""
    return Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)


def show_sections(title: str, sections: Sequence[Section]) -> None:
    """Print the rows of all sections as one table."""
    table = Table(title=title, title_justify="left")
    for name in (*_COLUMNS[:4], "of the ceiling, CPU", *_COLUMNS[4:]):
        table.add_column(name, justify="left" if not name else "right")
    for section in sections:
        table.add_row(section.title, style="bold")
        for row in section.rows:
            figures = (
                (row.events_per_second, 0), (row.ratio, 2), (row.cpu_us_per_event, 1), (row.cpu_ratio, 2),
                (row.p50_ms, 1), (row.p99_ms, 1), (row.lost, 0), (row.duplicates, 0), (row.events, 0),
            )  # fmt: skip
            table.add_row(f"  {row.name}", *(_number(value, digits) for value, digits in figures))
        table.add_section()
    Console(width=_WIDE).print(table)


def show(title: str, rows: Sequence[Row]) -> None:
    """Print the rows as a table."""
    table = Table(title=title, title_justify="left")
    for name in _COLUMNS:
        table.add_column(name, justify="left" if not name else "right")
    for row in rows:
        table.add_row(
            row.name,
            _number(row.events_per_second, 0),
            _number(row.ratio, 2),
            _number(row.cpu_us_per_event, 1),
            _number(row.p50_ms, 1),
            _number(row.p99_ms, 1),
            _number(row.lost, 0),
            _number(row.duplicates, 0),
            _number(row.events, 0),
        )
    Console(width=_WIDTH).print(table)


def write(path: Path, rows: Sequence[Mapping[str, object] | Struct], machine: str) -> None:
    """Write the rows to a file, and say so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode({"rows": rows, "machine": machine})) + b"\n")
    Console(width=_WIDTH, highlight=False).print(f"written to {path}", soft_wrap=True)


def median(values: Sequence[float]) -> float | None:
    """Return the median; None of nothing."""
    return statistics.median(values) if values else None


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"
