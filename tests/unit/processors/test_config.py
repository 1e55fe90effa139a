"""Settings: documented, validated, errors that name the variable."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from processors.__main__ import app
from processors.config import Settings
from processors.core.account_partition import RETENTION_MS
from processors.core.flow_alerts import AlertRules
from processors.core.liquidity import LiquidityPlan
from schemas.markets import Market


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "SCHEMA_REGISTRY_URL", "TOPIC_PREFIX"):
        monkeypatch.delenv(name, raising=False)


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().topic_prefix = "other"


def test_the_environment_is_read_under_the_shared_names_and_our_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "broker:1")
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", "http://registry")
    monkeypatch.setenv("TOPIC_PREFIX", "mine")
    monkeypatch.setenv("PROCESSORS_MARKETS", '["spot"]')
    monkeypatch.setenv("PROCESSORS_INSTANCE_ID", "books-0")
    settings = Settings()

    assert (settings.kafka_bootstrap_servers, settings.schema_registry_url, settings.topic_prefix) == (
        "broker:1",
        "http://registry",
        "mine",
    )
    assert (settings.markets, settings.instance_id) == ((Market.SPOT,), "books-0")


@pytest.mark.parametrize("text", ["spot,usdm", " spot , usdm ", '["spot","usdm"]', '["spot", "usdm"]'])
def test_markets_are_named_with_commas_or_as_json(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PROCESSORS_MARKETS", text)

    assert Settings().markets == (Market.SPOT, Market.USDM)


def test_orders_whose_slippage_is_told_are_exact_and_ascend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROCESSORS_LIQUIDITY_QUOTE_SIZES", '["1000000", "0.00000001", "1E+3"]')
    monkeypatch.setenv("PROCESSORS_LIQUIDITY_CONTRACTS", "[]")
    monkeypatch.setenv("PROCESSORS_LIQUIDITY_INTERVAL_MS", "500")

    assert Settings().liquidity == LiquidityPlan(500, (1, 10**11, 10**14), ())


def test_liquidity_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().liquidity == LiquidityPlan()

    monkeypatch.setenv("PROCESSORS_LIQUIDITY_INTERVAL_MS", "0")
    assert Settings().liquidity is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PROCESSORS_LIQUIDITY_QUOTE_SIZES", '["-5"]', "PROCESSORS_LIQUIDITY_QUOTE_SIZES"),
        ("PROCESSORS_LIQUIDITY_QUOTE_SIZES", '["0.000000001"]', "PROCESSORS_LIQUIDITY_QUOTE_SIZES"),
        ("PROCESSORS_SESSION_TIMEOUT_S", "2", "PROCESSORS_SESSION_TIMEOUT_S is '2'"),
        ("PROCESSORS_BATCH_RECORDS", "many", "PROCESSORS_BATCH_RECORDS is 'many'"),
        ("PROCESSORS_LIQUIDITY_QUOTE_SIZES", "1000,2000", "PROCESSORS_LIQUIDITY_QUOTE_SIZES is not JSON"),
        ("PROCESSORS_MARKETS", '["moon"]', "PROCESSORS_MARKETS"),
        ("PROCESSORS_MARKETS", "", "PROCESSORS_MARKETS"),
        ("TOPIC_PREFIX", "No_Good", "TOPIC_PREFIX is 'No_Good'"),
        ("PROCESSORS_REQUEST_TIMEOUT_S", "5", "PROCESSORS_REQUEST_TIMEOUT_S is 5"),
        ("PROCESSORS_ALERT_WINDOW", "2s", "PROCESSORS_ALERT_WINDOW is '2s'"),
        ("PROCESSORS_SPIKE_CLOSE_PERCENT", "500", "PROCESSORS_SPIKE_CLOSE_PERCENT is 500, must be smaller"),
        ("PROCESSORS_ONE_SIDED_CLOSE_PERCENT", "95", "PROCESSORS_ONE_SIDED_CLOSE_PERCENT is 95, must be smaller"),
    ],
)
def test_a_wrong_setting_is_named_and_the_status_is_2(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    result = CliRunner().invoke(app, ["worker", "books"])

    assert result.exit_code == 2
    assert said in result.stderr


def test_alerts_are_judged_by_the_rules_of_the_core_unless_something_else_is_set() -> None:
    assert Settings().alert_rules == AlertRules()


def test_the_command_explains_itself() -> None:
    help_text = CliRunner().invoke(app, ["worker", "--help"]).stdout

    assert "binance-processors worker books" in help_text
    assert "Exit status" in help_text


def test_an_unknown_family_is_a_usage_error() -> None:
    assert CliRunner().invoke(app, ["worker", "nothing"]).exit_code == 2


def test_the_retention_of_orders_is_a_week_unless_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().order_retention_ms == RETENTION_MS == 7 * 86_400_000

    monkeypatch.setenv("PROCESSORS_ORDER_RETENTION_S", "3600")
    assert Settings().order_retention_ms == 3_600_000


@pytest.mark.parametrize("command", ["orders", "balances", "positions"])
def test_the_tables_explain_themselves(command: str) -> None:
    help_text = CliRunner().invoke(app, [command, "--help"]).stdout

    assert f"binance-processors {command} " in help_text
    assert "Exit status" in help_text
