from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ingest.__main__ import app
from ingest.config import load
from tests.support.venue import FakeVenue


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


PATTERNS = """
endpoint: sandbox
allow_plaintext: true
markets:
  spot: {symbols: ["*USDT", "*BTC", LUNAUSDT, NEWUSDT], exclude_symbols: ["DOGE*"], streams: [trade, "!miniTicker@arr"]}
  usdm: {symbols: ["BTC*"], streams: [trade]}
"""


def planned(output: str) -> dict[str, str]:
    """Return the number of streams of each connection."""
    rows = [[cell.strip() for cell in line.split("│")] for line in output.splitlines() if "://" in line]
    return {row[1]: row[3] for row in rows}


def test_plan_counts_the_patterns_that_it_leaves_out(tmp_path: Path) -> None:
    path = tmp_path / "ingest.yaml"
    path.write_text(PATTERNS)

    result = invoke("plan", "--config", str(path))

    assert planned(result.output) == {"spot-0": "3"}
    assert result.output.splitlines()[-2:] == [
        "spot: 2 patterns are not in the plan: --resolve asks Binance",
        "usdm: 1 pattern is not in the plan: --resolve asks Binance",
    ]


async def test_plan_can_ask_what_the_patterns_stand_for(tmp_path: Path) -> None:
    path = tmp_path / "ingest.yaml"
    path.write_text(PATTERNS)
    async with FakeVenue() as venue:
        trading = {"BTCUSDT": "TRADING", "ETHUSDT": "TRADING", "DOGEUSDT": "TRADING", "LUNAUSDT": "BREAK"}
        venue.symbols = [
            {"symbol": symbol, "status": status, "baseAsset": "A", "quoteAsset": "B"}
            for symbol, status in trading.items()
        ]
        result = await asyncio.to_thread(
            invoke, "plan", "--config", str(path), "--resolve", INGEST_SANDBOX_URL=venue.url
        )

    assert result.exit_code == 0
    assert planned(result.output) == {"spot-0": "5", "usdm-public-0": "1"}
    assert result.output.splitlines()[-5:] == [
        "spot: 4 symbols in all shards",
        "spot: the venue does not have: NEWUSDT",
        "spot: does not trade: LUNAUSDT",
        "spot: stands for no symbol that trades: *BTC",
        "usdm: 1 symbol in all shards",
    ]


def test_plan_says_so_when_nobody_answers(tmp_path: Path) -> None:
    path = tmp_path / "ingest.yaml"
    path.write_text(PATTERNS)

    result = invoke("plan", "--config", str(path), "--resolve", INGEST_SANDBOX_URL="http://127.0.0.1:1")

    assert result.exit_code == 1
    assert 'request "http://127.0.0.1:1/api/v3/exchangeInfo": no answer' in result.stderr


def test_the_plans_of_all_shards_are_the_whole_plan(tmp_path: Path) -> None:
    path = tmp_path / "ingest.yaml"
    symbols = [f"S{number}USDT" for number in range(50)]
    path.write_text(f'markets: {{spot: {{symbols: {symbols}, streams: [trade, "!miniTicker@arr"]}}}}')

    outputs = [invoke("plan", "-c", str(path), "--shard", f"{number}/3").output for number in range(3)]

    assert "Connections of shard 0/3" in outputs[0]
    assert sum(int(planned(output)["spot-0"]) for output in outputs) == 51


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_shard_that_cannot_be_is_a_mistake_of_the_command_line(config: str, command: str) -> None:
    result = invoke(command, "--config", config, "--shard", "3/3")

    assert result.exit_code == 2
    assert "--shard: the parts of 3 are 0/3 to 2/3, was '3/3'" in result.stderr


def test_the_file_can_be_named_by_the_environment(config: str) -> None:
    assert "spot-0" in invoke("plan", INGEST_CONFIG=config).output


def test_config_check_shows_the_settings_as_understood_environment_included(config: str) -> None:
    result = invoke("config", "check", "--config", config, INGEST_MARKETS__SPOT__SYMBOLS="XRPUSDT", TOPIC_PREFIX="mine")

    assert result.exit_code == 0
    settings = json.loads(result.output)
    assert settings["markets"]["spot"]["symbols"] == ["XRPUSDT"]
    assert settings["topic_prefix"] == "mine"


def test_config_check_does_not_show_what_the_registry_is_entered_with(config: str) -> None:
    result = invoke("config", "check", "--config", config, SCHEMA_REGISTRY_URL="https://reader:canary@registry:8081/v7")

    assert json.loads(result.stdout)["schema_registry_url"] == "https://registry:8081/v7"
    assert "canary" not in result.output


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


def test_run_with_accounts_that_are_switched_off_says_what_keeps_them(tmp_path: Path) -> None:
    path = tmp_path / "ingest.yaml"
    path.write_text("accounts: {main: {markets: [spot]}}\nprivate: false")

    result = invoke("run", "--config", str(path))

    assert result.exit_code == 2
    assert "private is false" in result.stderr


def test_a_shard_without_an_account_of_its_own_runs_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "ingest.yaml"
    path.write_text("accounts: {main: {markets: [spot]}}")
    other = next(shard for shard in ("0/2", "1/2") if not load(path, shard).own_accounts)

    result = invoke("run", "--config", str(path), "--shard", other, "--wait", "0")

    assert result.exit_code == 1  # it got as far as Kafka, which is not there
    assert "nothing to subscribe to" not in result.stderr


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


def test_a_plan_of_nothing_is_a_mistake_that_shows_what_to_write() -> None:
    result = invoke("plan")

    assert result.exit_code == 2
    assert 'name a market, "markets: {spot: {symbols: [BTCUSDT]}}"' in result.stderr


def test_the_check_of_a_configuration_looks_for_the_key_and_says_that_nothing_is_taken(tmp_path: Path) -> None:
    missing = invoke("config", "check", INGEST_REST__API_KEY_FILE=str(tmp_path / "key"))
    nothing = invoke("config", "check")

    assert (missing.exit_code, nothing.exit_code) == (2, 0)
    assert "rest.api_key_file: cannot be read" in missing.stderr
    assert "no market is named" in nothing.stderr


def test_setup_of_schemas_alone_has_no_topics_to_keep() -> None:
    result = invoke("setup", "--schemas-only", "--keep-everything")

    assert result.exit_code == 2
    assert "--keep-everything has nothing to do" in result.output.replace("\n", " ")
