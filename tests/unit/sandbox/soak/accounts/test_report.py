"""What a soak of accounts says of itself: tables, objections, JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from sandbox.soak.accounts.actor import Happened
from sandbox.soak.accounts.happenings import Happening, HappeningKind
from sandbox.soak.accounts.report import AccountsReport, print_accounts, write_accounts
from sandbox.soak.accounts.tables import RestUse, judge_account
from sandbox.soak.scenario import Scenario
from schemas.markets import Market
from schemas.topics import DerivedType
from tests.unit.sandbox.soak.accounts.traded import LABEL, traded


@pytest.fixture
def report() -> AccountsReport:
    of = traded(Market.SPOT)
    return AccountsReport(
        scenario=Scenario(seed=77, day_s=3_600),
        accounts={"spot:main": judge_account(of.account, of.kept, of.outcome())},
        happened=[Happened(Happening(0.1, HappeningKind.DROP, "main", Market.SPOT), 0.1, fault=1, hits=12)],
        orders=len(of.kept.orders),
        fills=len(of.kept.fills),
        requests=4_321,
        refused={"-2011": 5},
        recovered={"spot order": 6},
        rest=RestUse(answers={"spot timer": 7}, weight={"spot": 890}),
        dead_letters={},
        hour_s=240,
        settle_s=9,
        check_s=3,
        problems=[],
    )


def printed(report: AccountsReport) -> str:
    output = io.StringIO()
    print_accounts(report, Console(file=output, width=160))
    return output.getvalue()


def test_what_holds_is_said_with_all_counts(report: AccountsReport) -> None:
    text = printed(report)

    assert report.ok
    assert "everything holds: orders, balances and positions are the exchange's, to the last decimal" in text
    lines = [line.rstrip() for line in text.splitlines()]
    (header,) = [line for line in lines if line.endswith("events")]
    row = next(line for line in lines if line.lstrip().startswith("spot:main"))
    assert row.endswith(f" {report.accounts['spot:main'].events}")
    assert len(row) == len(header), "each count stands below its name"
    for shown in ("seed 77", "4,321", "15.0x", "spot timer", "890", "drop"):
        assert shown in text


def test_what_does_not_hold_is_named(report: AccountsReport) -> None:
    of = traded(Market.SPOT)
    outcome = of.outcome()
    states = outcome.states[Market.SPOT, LABEL, DerivedType.BALANCE]
    wrong = msgspec.structs.replace(states[-1].value, input_offset=10**6, locked=1)
    states.append(msgspec.structs.replace(states[-1], value=wrong))
    report.accounts["spot:main"] = judge_account(of.account, of.kept, outcome)
    report.dead_letters["irregular-order"] = 2
    report.problems.append("accounts did not settle")
    text = printed(report)

    assert not report.ok
    assert "1 wrong" in text
    assert "locked must be" in text
    assert "private dead letters: 2 irregular-order" in text
    assert "3 things do not hold" in text


def test_the_json_says_the_same(report: AccountsReport, tmp_path: Path) -> None:
    write_accounts(report, tmp_path / "deep" / "report.json")
    found = json.loads((tmp_path / "deep" / "report.json").read_text())

    assert found["ok"] is True
    assert found["accounts"]["spot:main"]["orders"]["different"] == 0
    assert found["happened"][0]["hits"] == 12
    assert found["rest"]["weight"] == {"spot": 890}
