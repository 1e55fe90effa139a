"""What `up` prints is where everything is, the dashboard first."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from sandbox.demo.announcing import announce
from sandbox.demo.sources import LiveSource, SimulatedSource, Simulation, Source
from sandbox.demo.subscriptions import subscriptions_to
from sandbox.stack import FAMILIES, PRIVATE, Ports, Stack, StackOptions, keys_dir_of
from schemas.markets import Market


SYMBOLS = {Market.SPOT: ["ABCUSDT"]}


def announced(source: Source, directory: Path) -> list[str]:
    options = StackOptions(
        directory=directory,
        subscriptions=subscriptions_to({(Market.SPOT, "abcusdt@trade"): 1}),
        exchange=source.exchange,
        ports=Ports(),
        prefix="binance",
        bootstrap_servers="127.0.0.1:9092",
        registry_url="http://127.0.0.1:8081/apis/ccompat/v7",
        families=(*FAMILIES, PRIVATE) if source.accounts else FAMILIES,
        accounts=source.accounts,
    )
    written = io.StringIO()
    announce(Console(file=written, width=100), Stack(options, lambda _: None), source)
    return written.getvalue().splitlines()


def test_the_address_of_the_dashboard_comes_first_and_says_what_it_shows(tmp_path: Path) -> None:
    lines = announced(SimulatedSource(Simulation(symbols=SYMBOLS, streams=["trade"]), None), tmp_path)
    first = next(index for index, line in enumerate(lines) if "http" in line)

    assert "dashboard   http://127.0.0.1:8080 " in lines[first]
    assert "a simulated exchange; for operators http://127.0.0.1:8080/operations" in lines[first + 1]
    assert lines[first - 1].strip("╭─╮") == ""


def test_accounts_are_told_where_there_are_some(tmp_path: Path) -> None:
    simulation = Simulation(symbols=SYMBOLS, streams=["trade"])
    source = SimulatedSource(simulation, None, accounts=["main"], keys_dir=keys_dir_of(tmp_path))
    lines = announced(source, tmp_path)

    assert f"accounts           main: robots trade for them; keys in {tmp_path / 'keys'}" in lines
    assert "/ready, /metrics   ingest 9101, books 9102, trades 9103, private 9104" in lines
    assert "binance-processors orders --open" in lines


@pytest.mark.parametrize("what", ["exchange           Binance", "Ctrl-C stops everything"])
def test_binance_itself_has_no_accounts(what: str, tmp_path: Path) -> None:
    lines = announced(LiveSource(SYMBOLS, ["trade"]), tmp_path)

    assert what in lines
    assert not any("accounts" in line or "orders" in line for line in lines)
