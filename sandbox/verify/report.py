"""What a verification found: as JSON for programs, as tables for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sandbox.verify.books import BookComparison
from sandbox.verify.candles import CandleComparison
from sandbox.verify.flows import FlowComparison
from sandbox.verify.trades import TradeComparison


__all__ = ["RawCounts", "Report", "SymbolReport", "print_report", "write_report"]


class RawCounts(msgspec.Struct, frozen=True):
    """Payloads of one type against the records of its topic."""

    recorded: int | None
    """None: the source was the venue itself, and there is nothing to count against."""
    published: int
    duplicates: int
    missing: int = 0
    """Recorded, not published."""
    foreign: int = 0
    """Published, but never recorded: altered payloads among them."""


class SymbolReport(msgspec.Struct):
    """All comparisons of one symbol."""

    raw: dict[str, RawCounts]
    gaps: int
    """Holes and sequence gaps that the pipeline reported."""
    recorded_gaps: int
    """Those of the recording itself."""
    book: BookComparison
    candles: dict[str, CandleComparison]
    trades: TradeComparison
    trade_source: str | None
    """The stream that trades and candles were made from; None without one."""
    flows: dict[str, FlowComparison]
    """By window length."""
    alerts: dict[str, int]
    """How many opened, by kind."""
    snapshots: int
    """Depth snapshots in the raw topic."""
    problems: list[str]
    """What does not hold; empty when all of it does."""
    not_compared: list[str]
    """What could not be compared, and why."""


class Report(msgspec.Struct):
    """The result of a verification."""

    symbols: dict[str, SymbolReport]
    problems: list[str]
    """What does not hold of the whole."""
    not_compared: list[str]
    dead_letters: dict[str, int]
    """Records set aside, by reason."""
    dead_letter_examples: list[dict[str, str]]
    events: int
    seconds: float
    """From the first frame to the last output."""

    @property
    def ok(self) -> bool:
        """Whether all that could be compared holds, and something could."""
        return not self.problems and not any(symbol.problems for symbol in self.symbols.values())

    @property
    def events_per_second(self) -> float:
        """Recorded frames over seconds."""
        return self.events / self.seconds if self.seconds > 0 else 0.0

    def document(self) -> dict[str, object]:
        """Return the report as it is written to a file."""
        return {
            "ok": self.ok,
            "seconds": round(self.seconds, 3),
            "events_per_second": round(self.events_per_second, 1),
            "events": self.events,
            "problems": self.problems,
            "not_compared": self.not_compared,
            "dead_letters": self.dead_letters,
            "dead_letter_examples": self.dead_letter_examples,
            "symbols": {name: _symbol_document(symbol) for name, symbol in sorted(self.symbols.items())},
        }


def write_report(report: Report, path: Path) -> None:
    """Write the report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report.document()), indent=2) + b"\n")


def _symbol_document(symbol: SymbolReport) -> dict[str, object]:
    trades = symbol.trades
    return {
        "ok": not symbol.problems,
        "problems": symbol.problems,
        "not_compared": symbol.not_compared,
        "raw": {name: msgspec.to_builtins(counts) for name, counts in symbol.raw.items()},
        "snapshots": symbol.snapshots,
        "gaps": symbol.gaps,
        "recorded_gaps": symbol.recorded_gaps,
        "book": _book_document(symbol.book),
        "candles": {interval: _candle_document(found) for interval, found in symbol.candles.items()},
        "trades": {
            "source": symbol.trade_source,
            "in": trades.recorded,
            "out": trades.derived,
            "equal": trades.equal,
            "different": trades.different,
            "missing": trades.missing,
            "foreign": trades.foreign,
            "duplicates": trades.duplicates,
            "without_fill": trades.without_fill,
            "differences": trades.differences,
        },
        "trade_flow": {window: _flow_document(found) for window, found in symbol.flows.items()},
        "alerts": symbol.alerts,
    }


def _book_document(book: BookComparison) -> dict[str, object]:
    return {
        "diffs": book.diffs,
        "compared": book.compared,
        "equal": book.equal,
        "different": book.different,
        "differences": book.differences,
        "seams": book.seams,
        "seam_examples": book.seam_examples,
        "not_compared": dict(book.not_compared),
    }


def _candle_document(candles: CandleComparison) -> dict[str, object]:
    return {
        "compared": candles.compared,
        "equal": candles.equal,
        "different": candles.different,
        "differences": candles.differences,
        "incomplete": candles.incomplete,
        "not_compared": dict(candles.not_compared),
        "columns_not_compared": dict(candles.columns_not_compared),
        "truth": dict(candles.truths),
    }


def _flow_document(flow: FlowComparison) -> dict[str, object]:
    return {
        "compared": flow.compared,
        "equal": flow.equal,
        "different": flow.different,
        "differences": flow.differences,
        "incomplete": flow.incomplete,
    }


def print_report(report: Report, console: Console) -> None:
    """Print the report for a reader."""
    # Two lines a symbol, few lines between: readable on eighty columns; what is too wide is folded, never cut.
    table = Table(
        title="Verification",
        title_justify="left",
        header_style="bold",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    table.add_column("symbol", overflow="fold")
    for heading in ("raw:\nrecorded\n→ published", "gaps", "books:\nequal\n/ states", "seams"):
        table.add_column(heading, justify="right", overflow="fold")
    for heading in ("candles,\nflow:\nequal/all", "trades:\nin\n→ out"):
        table.add_column(heading, justify="right", overflow="fold")
    table.add_column("holds", overflow="fold")
    for name, symbol in sorted(report.symbols.items()):
        table.add_row(*_row(name, symbol))
    console.print(table)
    _print_lists(report, console)
    alerts = sum((Counter(symbol.alerts) for symbol in report.symbols.values()), Counter[str]())
    if alerts:
        told = ", ".join(f"{count:,} {kind}" for kind, count in sorted(alerts.items()))
        console.print(f"alerts, each opened and closed in turn: {told}", highlight=False, soft_wrap=True)
    verdict = "[bold green]all of it holds[/]" if report.ok else "[bold red]it does not hold[/]"
    rate = f"{report.events:,} events in {report.seconds:.1f} s ({report.events_per_second:,.0f} events/s)"
    console.print(f"{verdict}: {rate}")


def _row(name: str, symbol: SymbolReport) -> list[str]:
    recorded = [counts.recorded for counts in symbol.raw.values()]
    published = sum(counts.published for counts in symbol.raw.values())
    known = "?" if None in recorded else f"{sum(filter(None, recorded)):,}"
    book = symbol.book
    return [
        escape(name),
        f"{known}\n→ {published:,}",
        str(symbol.gaps),
        f"{book.equal:,}\n/ {book.compared:,}" if book.compared else "not\ncompared",
        str(book.seams),
        f"{_equal_of(symbol.candles)}\n{_equal_of(symbol.flows)}",
        f"{symbol.trades.recorded:,}\n→ {symbol.trades.derived:,}",
        "[red]no[/]" if symbol.problems else "[green]yes[/]",
    ]


def _equal_of(comparisons: Mapping[str, CandleComparison | FlowComparison]) -> str:
    equal = sum(found.equal for found in comparisons.values())
    compared = sum(found.compared for found in comparisons.values())
    return f"{equal:,}/{compared:,}" if compared else "none"


def _print_lists(report: Report, console: Console) -> None:
    problems = [*report.problems]
    remarks = [*report.not_compared]
    for name, symbol in sorted(report.symbols.items()):
        problems += [f"{name}: {text}" for text in symbol.problems]
        remarks += [f"{name}: {text}" for text in symbol.not_compared]
        remarks += [f"{name}: seam of the recording at update id {e['update_id']}" for e in symbol.book.seam_examples]
    for title, style, texts in (("Not compared", "dim", remarks), ("Does not hold", "red", problems)):
        if texts:
            console.print(f"{title}:", style=style)
        for text in texts:
            console.print(f"  {escape(text)}", style=style, highlight=False, soft_wrap=True)
