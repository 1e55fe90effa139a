"""Tells what goes on: a live line on a terminal, now and then a plain one elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from sandbox.demo.waiting import Progress


__all__ = ["Narrator", "progress_line"]

_PLAIN_INTERVAL_S: Final = 5.0


class Narrator:
    """Prints steps, and between them how far the current one is.

    Args:
        console: where to; a terminal gets a line that changes.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._status: Status | None = console.status("") if console.is_terminal else None
        self._shown_s = 0.0

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def tell(self, text: str) -> None:
        """Print a step, and take it as what goes on now."""
        self.console.print(escape(text), highlight=False, soft_wrap=True)
        if self._status is not None:
            self._status.update(escape(text))

    def show(self, progress: Progress) -> None:
        """Show how far the flow is."""
        line = progress_line(progress)
        if self._status is not None:
            self._status.update(escape(line))
        elif time.monotonic() - self._shown_s >= _PLAIN_INTERVAL_S:
            self._shown_s = time.monotonic()
            self.console.print(escape(line), highlight=False, soft_wrap=True)

    def count(self, what: str, number: int) -> None:
        """Show how many records or the like were worked on."""
        if self._status is not None:
            self._status.update(escape(f"{what}: {number:,}"))


def progress_line(progress: Progress) -> str:
    """Say in one line how far the flow is."""
    exchange = progress.exchange
    total = "" if exchange.events_total is None else f" of {exchange.events_total:,}"
    sent = [f"{exchange.frames_sent:,}{total} events sent"] if exchange.clock_ms else []  # Binance does not tell
    lag = ", ".join(f"{group.rpartition('-')[2]} {count:,}" for group, count in progress.lag.items())
    parts = [
        f"{progress.elapsed_s:.0f} s",
        *sent,
        f"{progress.published:,} published",
        f"{progress.derived:,} derived",
        f"behind: {lag}",
    ]
    if progress.missing_heartbeats:
        parts.append(f"waiting for {progress.missing_heartbeats} heartbeats")
    return " · ".join(parts)
