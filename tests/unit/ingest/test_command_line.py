from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ingest.__main__ import app


CONFIG = """
markets:
  spot: {symbols: [BTCUSDT], streams: [trade, depth]}
  usdm: {symbols: [BTCUSDT, ETHUSDT], streams: [trade, aggTrade]}
"""


def invoke(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", **environment})


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "ingest.yaml"
    path.write_text(CONFIG)
    return str(path)


def test_plan_shows_what_would_be_subscribed_where(config: str) -> None:
    result = invoke("plan", "--config", config)

    assert result.exit_code == 0
    rows = [line.split("│")[1:5] for line in result.output.splitlines() if "wss://" in line]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["spot-0", "wss://stream.binance.com:9443/stream", "2", "1"],
        ["usdm-market-0", "wss://fstream.binance.com/market/stream", "2", "1"],
        ["usdm-public-0", "wss://fstream.binance.com/public/stream", "2", "1"],
    ]


def test_the_file_can_be_named_by_the_environment(config: str) -> None:
    assert "spot-0" in invoke("plan", INGEST_CONFIG=config).output


def test_config_check_shows_the_settings_as_understood_environment_included(config: str) -> None:
    result = invoke("config", "check", "--config", config, INGEST_MARKETS__SPOT__SYMBOLS="XRPUSDT", TOPIC_PREFIX="mine")

    assert result.exit_code == 0
    settings = json.loads(result.output)
    assert settings["markets"]["spot"]["symbols"] == ["XRPUSDT"]
    assert settings["topic_prefix"] == "mine"


@pytest.mark.parametrize(
    "command", [("plan",), ("run",), ("repair",), ("gaps",), ("setup",), ("check",), ("config", "check")]
)
def test_a_wrong_configuration_ends_every_command_with_status_2_and_the_key(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    path = tmp_path / "ingest.yaml"
    path.write_text("markets: {spot: {symbols: [A], streams: [trades]}}")

    result = invoke(*command, "--config", str(path))

    assert result.exit_code == 2
    assert 'markets.spot.streams: stream type "trades" does not exist on spot' in result.stderr


def test_run_with_nothing_to_subscribe_to_is_a_mistake_of_the_configuration() -> None:
    result = invoke("run")

    assert result.exit_code == 2
    assert "markets: nothing to subscribe to" in result.stderr


@pytest.mark.parametrize("command", [(), ("run",), ("setup",), ("check",), ("plan",), ("config",), ("config", "check")])
def test_every_command_has_help(command: tuple[str, ...]) -> None:
    result = invoke(*command, "--help")

    assert result.exit_code == 0
    assert len(result.output) > 200


@pytest.mark.parametrize("command", [("run",), ("setup",), ("plan",), ("config", "check")])
def test_every_command_shows_an_example(command: tuple[str, ...]) -> None:
    assert "Example" in invoke(*command, "--help").output


def test_setup_without_servers_says_so_and_fails() -> None:
    result = invoke("setup", "--wait", "0", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")

    assert result.exit_code == 1
    assert 'Kafka at "127.0.0.1:1": no answer within 0 s' in result.stderr
