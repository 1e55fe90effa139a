"""Tables of orders, balances and positions: exact numbers, whole identities, at every width."""

from __future__ import annotations

import io
from typing import TypeVar

import msgspec
import pytest
from rich.console import Console
from rich.table import Table
from typer.testing import CliRunner

from processors.__main__ import app
from processors.account_commands import _say_strangers, _Shown
from processors.account_tables import balance_table, is_open, order_table, position_table
from processors.current_state import CurrentState
from schemas.accounts import AccountSource, Balance, Order, OrderKind, Position
from schemas.markets import Market
from schemas.topics import DerivedType
from tests.support import golden


ValueT = TypeVar("ValueT", Order, Balance, Position)


def example(of: type[ValueT]) -> ValueT:
    value = golden.example(of.__name__.lower())
    assert isinstance(value, of)
    return value


ORDER, BALANCE, POSITION = example(Order), example(Balance), example(Position)


def shown(table: Table, width: int = 240) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue()


@pytest.mark.parametrize("wide", [True, False])
def test_an_order_is_shown_with_its_exact_numbers(wide: bool) -> None:
    text = shown(order_table([(Market.SPOT, ORDER)], wide=wide))

    for part in ("spot", "main", "ACHUSDT", "1281722113", "SELL", "FILLED", "800", "0.0065495625", "0.0000063 BNB"):
        assert part in text
    assert ("stream" in text) is not ORDER.recovered
    assert len(text.strip().splitlines()) == (2 if wide else 4)


def test_what_the_stream_had_missed_and_algo_orders_are_marked() -> None:
    algo = msgspec.structs.replace(ORDER, kind=OrderKind.ALGO, order_id=7, recovered=True, stop_price=61837_6300_0000)
    text = shown(order_table([(Market.USDM, algo)], wide=True))

    for part in ("algo:7", "recovered", "61837.63"):
        assert part in text


def test_what_was_missed_of_a_balance_is_not_shown_any_more_when_the_stream_told_all_of_it() -> None:
    balance = msgspec.structs.replace(BALANCE, recovered=True, source=AccountSource.STREAM)
    text = shown(balance_table([(Market.SPOT, balance)], wide=True))

    assert "stream" in text
    assert "recovered" not in text


def test_a_balance_shows_what_the_market_tells_and_nothing_for_what_it_does_not() -> None:
    text = shown(balance_table([(Market.SPOT, BALANCE)], wide=True))

    assert "152.001" in text
    assert "5.248" in text
    assert "None" not in text


def test_a_position_shows_amount_and_entry_exactly() -> None:
    text = shown(position_table([(Market.USDM, POSITION)], wide=False))

    for part in ("-0.125", "61837.636666666667", "-12.3456", "212", "20x", "LONG"):
        assert part in text


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        (OrderKind.REGULAR, "NEW", True),
        (OrderKind.REGULAR, "PARTIALLY_FILLED", True),
        (OrderKind.REGULAR, "EXPIRED_IN_MATCH", False),
        (OrderKind.ALGO, "TRIGGERED", True),
        (OrderKind.ALGO, "FINISHED", False),
    ],
)
def test_an_order_is_open_until_it_has_ended(kind: OrderKind, status: str, expected: bool) -> None:
    assert is_open(msgspec.structs.replace(ORDER, kind=kind, status=status)) is expected


def test_an_account_of_which_nothing_is_known_is_named_beside_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wanted = _Shown(DerivedType.BALANCE, None, bool, bool, balance_table, False, ["hegde", BALANCE.account])  # type: ignore[arg-type]

    _say_strangers(wanted, CurrentState({"spot": [BALANCE]}, ()))

    assert capsys.readouterr().err.endswith(f'no balance of account "hegde"; there are {BALANCE.account}\n')


def test_spot_has_no_positions() -> None:
    result = CliRunner().invoke(app, ["positions", "--market", "spot"])

    assert result.exit_code == 2
    assert "spot has no positions" in result.output


@pytest.mark.parametrize("command", ["orders", "balances", "positions"])
def test_a_broker_that_does_not_answer_is_named(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("PROCESSORS_START_TIMEOUT_S", "0")

    result = CliRunner().invoke(app, [command])

    assert result.exit_code == 1
    assert 'broker "127.0.0.1:1": does not answer' in result.output
