"""What a soak shows while it runs."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text


__all__ = ["Shown", "SoakDisplay", "Standing"]

_PLAIN_INTERVAL_S: Final = 10.0
_LINES: Final = 6
"""Happenings that are shown at once."""


class Shown(Protocol):
    """How far a soak is."""

    @property
    def day_part(self) -> float:
        """Of the day, 0 to 1."""
        ...

    @property
    def venue_clock(self) -> str:
        """What the venue's clock shows."""
        ...

    def line(self) -> str:
        """Return it as one line."""
        ...


class Standing(msgspec.Struct, frozen=True):
    """How far a soak of ingest is."""

    day_part: float
    """Of the day, 0 to 1."""
    venue_clock: str
    frames_sent: int
    connections: int
    raw_records: int
    records_per_s: float
    kills: int
    faults_done: int
    faults_planned: int
    holes: dict[str, int]
    """Entries of the ledger by status."""
    resident_mb: float
    """Memory of ingest."""

    def line(self) -> str:
        """Return it as one line."""
        holes = ", ".join(f"{count} {status}" for status, count in sorted(self.holes.items())) or "none"
        return (
            f"{self.day_part:4.0%} of the day, {self.venue_clock} · {self.frames_sent:,} frames sent · "
            f"{self.raw_records:,} raw records, {self.records_per_s:,.0f}/s · {self.connections} connections · "
            f"faults {self.faults_done}/{self.faults_planned}, kills {self.kills} · holes: {holes} · "
            f"ingest {self.resident_mb:.0f} MB"
        )


class SoakDisplay:
    """Shows a soak on a terminal as it changes; elsewhere as plain lines.

    Args:
        console: where to.
        title: what runs.
    """

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._began_s = time.monotonic()
        self._lines: list[str] = []
        self._standing: Shown | None = None
        self._shown_s = 0.0
        self._live: Live | None = None
        if console.is_terminal:
            self._live = Live(console=console, get_renderable=self.render, refresh_per_second=4)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        else:
            self._print(self._title)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def tell(self, text: str) -> None:
        """Show something that happens."""
        line = f"{self._elapsed()}  {text}"
        self._lines.append(line)
        if self._live is None:
            self._print(line)

    def show(self, standing: Shown) -> None:
        """Show how far it is."""
        self._standing = standing
        if self._live is None and time.monotonic() - self._shown_s >= _PLAIN_INTERVAL_S:
            self._shown_s = time.monotonic()
            self._print(f"{self._elapsed()}  {standing.line()}")

    def render(self) -> RenderableType:
        """Return what is to be seen now."""
        parts: list[RenderableType] = [Text(f"{self._title}   {self._elapsed()}", style="bold")]
        standing = self._standing
        if standing is not None:
            table = Table.grid(padding=(0, 2))
            table.add_row("day", ProgressBar(total=1, completed=standing.day_part, width=50), standing.venue_clock)
            table.add_row("", Text(standing.line()), "")
            parts.append(table)
        parts += [Text(line, style="cyan") for line in self._lines[-_LINES:]]
        return Group(*parts)

    def _elapsed(self) -> str:
        seconds = int(time.monotonic() - self._began_s)
        return f"{seconds // 60:02d}:{seconds % 60:02d}"

    def _print(self, line: str) -> None:
        self._console.print(escape(line), highlight=False, soft_wrap=True)
