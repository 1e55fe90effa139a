"""The command line: help with examples, wrong settings told by the variable, trouble told from a crash."""

from __future__ import annotations

import json
import socket

import pytest
from typer.testing import CliRunner

from dashboard.__main__ import app
from dashboard.config import Settings


def run(*arguments: str, **env: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "160", "TERM": "dumb", **env})
    return result.exit_code, result.output


@pytest.mark.parametrize("command", ["serve", "openapi"])
def test_each_command_has_help_with_examples_and_exit_statuses(command: str) -> None:
    status, text = run(command, "--help")

    assert status == 0
    assert f"binance-dashboard {command}" in text
    assert "Exit status" in text


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DASHBOARD_PORT", "70000"),
        ("DASHBOARD_CANDLES_KEPT", "0"),
        ("TOPIC_PREFIX", "Not Legal"),
        ("DASHBOARD_MARKETS", "[]"),
    ],
)
def test_a_wrong_setting_is_named_by_its_variable(variable: str, value: str) -> None:
    status, text = run("serve", **{variable: value})

    assert status == 2
    assert f"binance-dashboard: {variable} is " in text


def test_a_port_that_is_taken_is_a_failure_that_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, text = run("serve", "--port", str(taken.getsockname()[1]))

    assert status == 1
    assert "set DASHBOARD_HOST and DASHBOARD_PORT" in text


def test_the_document_is_printed_without_a_broker() -> None:
    status, text = run("openapi")

    assert status == 0
    assert "/api/v1/books" in json.loads(text)["paths"]


def test_it_listens_on_loopback_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DASHBOARD_HOST", raising=False)

    assert Settings().host == "127.0.0.1"
