"""The result of a soak of accounts, on a terminal and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sandbox.soak.accounts.actor import Happened
from sandbox.soak.accounts.tables import AccountVerdict, RestUse, TableVerdict
from sandbox.soak.scenario import Scenario


__all__ = ["AccountsReport", "print_accounts", "write_accounts"]

_SHOWN = 30


class AccountsReport(msgspec.Struct):
    """What came of it."""

    scenario: Scenario
    accounts: dict[str, AccountVerdict]
    """By market and label."""
    happened: list[Happened]
    orders: int
    """By the exchange's books, conditional ones and legs of lists too."""
    fills: int
    requests: int
    """Of the traders."""
    refused: dict[str, int]
    """Of those, by code."""
    recovered: dict[str, int]
    """What the venue's answers had to add to the streams, as the workers counted it, by market and what."""
    rest: RestUse
    dead_letters: dict[str, int]
    """Private ones, by reason."""
    hour_s: float
    """Of the wall's clock."""
    settle_s: float
    check_s: float
    problems: list[str]

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not (self.problems or self.dead_letters) and all(each.holds for each in self.accounts.values())


def write_accounts(report: AccountsReport, path: Path) -> None:
    """Write a report as JSON."""
    document = {"ok": report.ok, **msgspec.to_builtins(report, str_keys=True)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def print_accounts(report: AccountsReport, console: Console) -> None:
    """Print a report."""
    _table(console, f"What happened (seed {report.scenario.seed})", ["", "times", "touched"], _happened(report))
    header = ["", "orders", "equal", "balances", "equal", "positions", "equal", "fills", "states", "events"]
    _table(console, "The tables and the exchange's books", header, map(_account_row, report.accounts.items()))
    header = ["", "whole orders", "fills", "orders in part or whole", "balances", "positions"]
    _table(console, "Recovered: told by REST alone", header, map(_recovered_row, report.accounts.items()))
    _table(console, "What the workers counted", ["what REST had to add", "times"], _counts(report.recovered))
    _table(console, "Asked over REST", ["", ""], [*_counts(report.rest.answers), *_weights(report)])
    _table(console, "The run", ["", ""], _run(report))
    objections = [
        *report.problems,
        *(f"private dead letters: {count} {reason}" for reason, count in report.dead_letters.items()),
        *(f"{name}: {each.irregular} irregular reports" for name, each in report.accounts.items() if each.irregular),
        *(text for each in report.accounts.values() for text in each.objections),
    ]
    for objection in objections[:_SHOWN]:
        console.print(escape(f"  {objection}"), style="red", highlight=False, soft_wrap=True)
    if len(objections) > _SHOWN:
        console.print(f"  and {len(objections) - _SHOWN} more", style="red", highlight=False)
    if report.ok:
        text = "everything holds: orders, balances and positions are the exchange's, to the last decimal"
        console.print(text, style="green", soft_wrap=True)
    else:
        console.print(f"{len(objections)} things do not hold", style="bold red", highlight=False)


def _happened(report: AccountsReport) -> Iterable[tuple[str, str, str]]:
    times = Counter(str(one.happening.kind) for one in report.happened)
    touched = Counter[str]()
    for one in report.happened:
        touched[str(one.happening.kind)] += one.hits or 0
    return [
        (kind, f"{count:,}", f"{touched[kind]:,}" if touched[kind] else "") for kind, count in sorted(times.items())
    ]


def _account_row(row: tuple[str, AccountVerdict]) -> tuple[str, ...]:
    name, each = row
    tables = (each.orders, each.balances, each.positions)
    return (
        name,
        *(text for table in tables for text in _equal(table)),
        f"{each.fills:,}",
        f"{sum(table.states for table in tables):,}",
        f"{each.events:,}",
    )


def _recovered_row(row: tuple[str, AccountVerdict]) -> tuple[str, ...]:
    name, each = row
    counts = (
        each.missed_orders,
        each.missed_fills,
        *(one.recovered for one in (each.orders, each.balances, each.positions)),
    )
    return name, *(f"{count:,}" for count in counts)


def _equal(table: TableVerdict) -> tuple[str, str]:
    wrong = table.different + table.missing + table.invented
    return f"{table.rows:,}", f"{table.equal:,}" if not wrong else f"{table.equal:,}, {wrong:,} wrong"


def _counts(counts: dict[str, int]) -> list[tuple[str, str]]:
    return [(name, f"{count:,}") for name, count in sorted(counts.items())]


def _weights(report: AccountsReport) -> list[tuple[str, str]]:
    return [(f"weight on {market}", f"{weight:,}") for market, weight in sorted(report.rest.weight.items())]


def _run(report: AccountsReport) -> Iterable[tuple[str, str]]:
    scenario = report.scenario
    hours = scenario.day_s / 3600
    yield "market", f"{hours:g} h in {report.hour_s:.0f} s ({scenario.day_s / report.hour_s:.1f}x)"
    yield "orders", f"{report.orders:,}, {report.fills:,} fills"
    yield "requests of the traders", f"{report.requests:,}, of them refused {sum(report.refused.values()):,}"
    yield "settled after", f"{report.settle_s:.0f} s"
    yield "read and compared in", f"{report.check_s:.0f} s"


def _table(console: Console, title: str, header: list[str], rows: Iterable[tuple[str, ...]]) -> None:
    table = Table(title=title, title_justify="left", box=box.SIMPLE, header_style="bold")
    for number, name in enumerate(header):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)
