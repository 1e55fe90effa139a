"""The command line: help with examples for each command, and wrong usage told from failure."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sandbox.__main__ import app


COMMANDS = ("broker", "exchange", "replay", "demo", "up", "soak")


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "160", "TERM": "dumb"})
    return result.exit_code, result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_examples_and_exit_statuses(command: str) -> None:
    status, text = run(command, "--help")

    assert status == 0
    assert f"binance-sandbox {command}" in text
    assert "Exit status" in text


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["replay"], "Missing argument"),
        (["replay", "nothing-here"], 'no recording at "nothing-here"'),
        (["replay", "x", "--market", "moon"], "'moon' is not one of"),
        (["replay", "x", "--speed", "fast"], 'neither a positive number nor "max"'),
        (["replay", "x", "--contract-size", "ABC"], "SYMBOL=SIZE"),
        (["replay", "x", "--contract-size", "ABC=0.5"], "not a whole number"),
        (["replay", "--private", "nothing-here"], 'no recording at "nothing-here"'),
        (["replay", "--private", "x", "--klines", "y"], "--klines and --contract-size are of market data"),
        (["replay", "--private", "x", "--account", "Main"], "a label of small letters, digits and hyphens"),
        (["replay", "x", "--account", "main"], "--account: with --private"),
        (["exchange", "--private", "--replay", "x"], "say with --keys-dir where the keys are written"),
        (["exchange", "--private", "--keys-dir", "k", "--replay", "nothing-here"], 'no recording at "nothing-here"'),
        (["exchange"], "name recordings with --replay, or ask for --simulate"),
        (["exchange", "--simulate", "--replay", "x"], "name recordings with --replay, or ask for --simulate"),
        (["exchange", "--replay", "nothing-here"], 'no recording at "nothing-here"'),
        (["exchange", "--simulate", "--symbol", "BTCUSDT"], "MARKET:SYMBOL"),
        (["demo", "--speed", "0"], 'neither a positive number nor "max"'),
        (["demo", "--source", "nothing-here"], 'no recording at "nothing-here"'),
        (["soak", "--scenario", "nothing-here"], 'scenario "nothing-here": cannot be read'),
        (["soak", "--symbols", "3"], "greater than or equal to 10"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_why(
    arguments: list[str], complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    status, text = run(*arguments)

    assert (status, complaint in text) == (2, True), text


def test_klines_that_cannot_be_read_are_wrong_usage(tmp_path: Path) -> None:
    recording = tmp_path / "recording"
    recording.write_text(
        '1700000000000000000 {"stream":"abcusdt@trade","data":{"e":"trade","E":1700000000000,"s":"ABCUSDT","t":1,'
        '"p":"1","q":"1","T":1700000000000,"m":true,"M":true}}\n'
    )
    (tmp_path / "klines.csv").write_text("open,high\n1,2\n")

    status, text = run("replay", str(recording), "--klines", str(tmp_path / "klines.csv"))

    assert status == 2
    assert "klines.csv" in text


def test_a_file_without_an_event_of_an_account_is_no_recording_of_accounts(tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text('{"a": 1}')

    status, text = run("replay", "--private", str(tmp_path / "none.json"))

    assert status == 2
    assert "it holds no event of an account" in text
