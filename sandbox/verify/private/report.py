"""What a verification of accounts found: as JSON for programs, as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sandbox.verify.private.comparison import StateComparison
from sandbox.verify.private.contradictions import Contradiction
from sandbox.verify.report import RawCounts


__all__ = ["AccountReport", "PrivateReport", "print_private_report", "write_private_report"]

_SHOWN: Final = 20


class AccountReport(msgspec.Struct):
    """All comparisons of one account on one market."""

    events: dict[str, int]
    """Recorded, by type."""
    repeated: int
    """Of them those that were recorded before."""
    raw: dict[str, RawCounts]
    orders: StateComparison
    balances: StateComparison
    positions: StateComparison
    answers: int
    """REST's answers in the raw topics."""
    contradictions: list[Contradiction]
    """What the recording says against itself."""
    problems: list[str]
    """What does not hold of what came out."""
    not_compared: list[str]

    @property
    def ok(self) -> bool:
        """Whether all of it holds."""
        return not self.contradictions and not self.problems


class PrivateReport(msgspec.Struct):
    """The result of a verification."""

    accounts: dict[str, AccountReport]
    problems: list[str]
    """What does not hold of the whole."""
    not_compared: list[str]
    dead_letters: Sequence[Mapping[str, str]]
    events: int
    seconds: float
    """From the first event to the last output."""

    @property
    def ok(self) -> bool:
        """Whether all of it holds, and something could be compared."""
        return not self.problems and bool(self.accounts) and all(account.ok for account in self.accounts.values())

    @property
    def events_per_second(self) -> float:
        """Recorded events over seconds."""
        return self.events / self.seconds if self.seconds > 0 else 0.0

    def contradictions(self) -> list[Contradiction]:
        """Return what the recording says against itself, account by account."""
        return [found for account in self.accounts.values() for found in account.contradictions]

    def document(self) -> dict[str, object]:
        """Return the report as it is written to a file."""
        contradictions = self.contradictions()
        return {
            "ok": self.ok,
            "seconds": round(self.seconds, 3),
            "events_per_second": round(self.events_per_second, 1),
            "events": self.events,
            "problems": self.problems,
            "not_compared": self.not_compared,
            "contradiction_count": len(contradictions),
            "contradictions": [_contradiction(found) for found in contradictions[:_SHOWN]],
            "dead_letters": len(self.dead_letters),
            "dead_letter_examples": [dict(letter) for letter in self.dead_letters[:_SHOWN]],
            "accounts": {name: _document(account) for name, account in sorted(self.accounts.items())},
        }


def write_private_report(report: PrivateReport, path: Path) -> None:
    """Write the report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report.document()), indent=2) + b"\n")


def _document(account: AccountReport) -> dict[str, object]:
    return {
        "ok": account.ok,
        "problems": account.problems,
        "not_compared": account.not_compared,
        "contradictions": [_contradiction(found) for found in account.contradictions[:_SHOWN]],
        "events": account.events,
        "repeated": account.repeated,
        "raw": {name: msgspec.to_builtins(counts) for name, counts in account.raw.items()},
        "rest_answers": account.answers,
        "orders": msgspec.to_builtins(account.orders),
        "balances": msgspec.to_builtins(account.balances),
        "positions": msgspec.to_builtins(account.positions),
    }


def _contradiction(found: Contradiction) -> dict[str, object]:
    return {"text": str(found), **msgspec.to_builtins(found)}


def print_private_report(report: PrivateReport, console: Console) -> None:
    """Print the report for a reader."""
    table = Table(
        title="Verification",
        title_justify="left",
        header_style="bold",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    table.add_column("account", overflow="fold")
    for heading in ("raw:\nrecorded\n→ published", "orders", "order\nstates:\nequal/all", "balances:\nequal/all"):
        table.add_column(heading, justify="right", overflow="fold")
    for heading in ("positions:\nequal/all", "from\nREST", "holds"):
        table.add_column(heading, justify="right", overflow="fold")
    for name, account in sorted(report.accounts.items()):
        table.add_row(*_row(name, account))
    console.print(table)
    _print_lists(report, console)
    verdict = "[bold green]all of it holds[/]" if report.ok else "[bold red]it does not hold[/]"
    console.print(f"{verdict}: {report.events:,} events in {report.seconds:.1f} s")


def _row(name: str, account: AccountReport) -> list[str]:
    counts = account.raw.values()
    recorded, published = sum(raw.recorded or 0 for raw in counts), sum(raw.published for raw in counts)
    recovered = account.orders.recovered + account.balances.recovered + account.positions.recovered
    return [
        escape(name),
        f"{recorded:,} → {published:,}",
        f"{account.orders.keys:,}",
        _equal(account.orders),
        _equal(account.balances),
        _equal(account.positions),
        f"{recovered:,}",
        "[green]yes[/]" if account.ok else "[red]no[/]",
    ]


def _equal(states: StateComparison) -> str:
    return f"{states.equal:,}/{states.demanded:,}" if states.demanded or states.extra else "none"


def _print_lists(report: PrivateReport, console: Console) -> None:
    problems, remarks = [*report.problems], [*report.not_compared]
    for name, account in sorted(report.accounts.items()):
        remarks += [f"{name}: {text}" for text in account.not_compared]
        problems += [f"{name}: {text}" for text in account.problems]
        for states in (account.orders, account.balances, account.positions):
            problems += [f"{name}: {_difference(difference)}" for difference in states.differences[:_SHOWN]]
    found = report.contradictions()
    contradictions = [str(contradiction) for contradiction in found[:_SHOWN]]
    if len(found) > _SHOWN:
        contradictions.append(f"… and {len(found) - _SHOWN} more")
    lists = (
        ("Not compared", "dim", remarks),
        ("The recording contradicts itself", "red", contradictions),
        ("Does not hold", "red", problems),
    )
    for title, style, texts in lists:
        if texts:
            console.print(f"{title}:", style=style)
        for text in texts:
            console.print(f"  {escape(text)}", style=style, highlight=False, soft_wrap=True)


def _difference(difference: Mapping[str, object]) -> str:
    facts = {name: value for name, value in difference.items() if name not in {"key", "place"}}
    return f"{difference['key']} after {difference['place']}: {msgspec.json.encode(facts).decode()}"
