from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from ingest.config import Settings, load
from ingest.core.endpoints import Environment
from ingest.core.streams import Route
from ingest.errors import ConfigError
from schemas.markets import Market


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "SCHEMA_REGISTRY_URL", "TOPIC_PREFIX", "INGEST_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def load_text(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "ingest.yaml"
    path.write_text(text)
    return load(path)


def problems(tmp_path: Path, text: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, text)
    return dict(caught.value.problems)


def names(settings: Settings) -> list[str]:
    return [stream.name for stream in settings.subscriptions()]


def test_defaults_connect_to_nothing() -> None:
    settings = load()

    assert settings.endpoint is Environment.PRODUCTION
    assert settings.subscriptions() == []


def test_a_file_says_markets_symbols_and_streams(tmp_path: Path) -> None:
    settings = load_text(
        tmp_path,
        """
        markets:
          spot: {symbols: [BTCUSDT, ethusdt], streams: [trade, depth@100ms, "!miniTicker@arr"]}
          coinm: {symbols: [BTCUSD_PERP], streams: [aggTrade]}
        """,
    )

    assert names(settings) == [
        "!miniTicker@arr",
        "btcusdt@trade",
        "btcusdt@depth@100ms",
        "ethusdt@trade",
        "ethusdt@depth@100ms",
        "btcusd_perp@aggTrade",
    ]


def test_a_symbol_can_have_streams_of_its_own_in_place_of_the_others(tmp_path: Path) -> None:
    settings = load_text(
        tmp_path,
        """
        markets:
          spot:
            symbols: [BTCUSDT, ETHUSDT]
            streams: [trade]
            symbol_streams: {ETHUSDT: [aggTrade, depth], XRPUSDT: "kline_1m"}
        """,
    )

    assert names(settings) == ["btcusdt@trade", "ethusdt@aggTrade", "ethusdt@depth", "xrpusdt@kline_1m"]


@pytest.mark.parametrize("value", ['["BTCUSDT", "ETHUSDT"]', "BTCUSDT,ETHUSDT", " BTCUSDT , ethusdt ,"])
def test_the_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("INGEST_MARKETS__SPOT__SYMBOLS", value)
    monkeypatch.setenv("INGEST_PRODUCER__LINGER_MS", "12")

    settings = load_text(tmp_path, "markets: {spot: {symbols: [XRPUSDT], streams: [trade]}}\nproducer: {linger_ms: 3}")

    assert names(settings) == ["btcusdt@trade", "ethusdt@trade"]
    assert settings.producer.linger_ms == 12


def test_addresses_that_all_services_share_have_no_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "broker:9092")
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", "http://registry")
    monkeypatch.setenv("TOPIC_PREFIX", "mine")
    monkeypatch.setenv("INGEST_TOPIC_PREFIX", "not-this")

    settings = load()

    assert (settings.kafka_bootstrap_servers, settings.schema_registry_url, settings.topic_prefix) == (
        "broker:9092",
        "http://registry",
        "mine",
    )


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().log_level = "debug"


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("marktes: {}", "marktes", "unknown key; allowed here: allow_plaintext, connection,"),
        ("markets: {spto: {}}", "markets.spto", "unknown key; allowed here: coinm, spot, usdm"),
        (
            "markets: {spot: {symbol: [A]}}",
            "markets.spot.symbol",
            "allowed here: streams, symbol_streams, symbols, urls",
        ),
        ("markets: {spot: {symbols: [A], streams: [trades]}}", "markets.spot.streams", 'stream type "trades" does not'),
        ("markets: {spot: {symbols: [A], streams: [markPrice]}}", "markets.spot.streams", "allowed: trade, aggTrade"),
        (
            "markets: {usdm: {symbols: [A], streams: [depth, depth@100ms]}}",
            "markets.usdm.streams",
            "one depth speed per symbol, was depth, depth@100ms",
        ),
        (
            "markets: {spot: {symbols: [A], symbol_streams: {B: [dpeth]}}}",
            "markets.spot.symbol_streams.B",
            'stream type "dpeth" does not exist on spot',
        ),
        (
            'markets: {spot: {symbols: [A], symbol_streams: {B: ["!miniTicker@arr"]}}}',
            "markets.spot.symbol_streams.B",
            "is about all symbols: put it in streams",
        ),
        ("markets: {spot: {streams: [trade]}}", "markets.spot.symbols", "nothing to subscribe to"),
        ("markets: {spot: {symbols: ['BTC USDT']}}", "markets.spot.symbols.0", "string should match pattern"),
        ("markets: {spot: {symbols: 7}}", "markets.spot.symbols", "was 7"),
        ("endpoint: prod", "endpoint", "'production', 'testnet' or 'sandbox', was 'prod'"),
        ("producer: {compression: zip}", "producer.compression", "'none' or 'lz4', was 'zip'"),
        ("http: {port: 99999}", "http.port", "less than or equal to 65535"),
        ("topic_prefix: No_Good", "topic_prefix", "must be lower-case letters"),
        ("log_level: loud", "log_level", "was 'loud'"),
        ("- a\n- b", "file", "must hold keys and values"),
        ("markets: [", "file", "not YAML"),
    ],
)
def test_a_mistake_is_named_by_its_key_and_says_what_is_allowed(tmp_path: Path, text: str, key: str, says: str) -> None:
    found = problems(tmp_path, text)

    assert key in found
    assert says in found[key]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    assert set(problems(tmp_path, "endpoint: prod\nlog_level: loud\nx: 1")) == {"endpoint", "log_level", "x"}


def test_the_error_is_readable_and_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, "log_level: loud")

    assert str(caught.value).startswith(f'configuration "{tmp_path}/ingest.yaml":\n  log_level: input should be')


def test_a_missing_file_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "no.yaml")


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert load_text(tmp_path, "") == load()


@pytest.mark.parametrize(
    ("name", "value"),
    [("INGEST_MARKETS__SPOT__SYMBOLS", '["BTCUSDT"'), ("INGEST_MARKETS__SPOT__SYMBOL_STREAMS", "{BTCUSDT")],
)
def test_environment_json_that_is_none_is_an_error_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigError):
        load()


# Addresses

SPOT = "markets: {spot: {symbols: [A]}}"


def test_a_sandbox_is_plain_only_where_that_is_allowed(tmp_path: Path) -> None:
    assert "is not encrypted" in problems(tmp_path, f"endpoint: sandbox\n{SPOT}")["allow_plaintext"]

    endpoint = load_text(tmp_path, f"endpoint: sandbox\nallow_plaintext: true\n{SPOT}").endpoint_of(Market.SPOT)

    assert endpoint.streams == {Route.ALL: "ws://127.0.0.1:9443/spot/stream"}
    assert endpoint.rest == "http://127.0.0.1:9443/api/v3"


@pytest.mark.parametrize("url", ["http://api.binance.com/api/v3", "http://testnet.binance.vision/api/v3"])
def test_binance_is_never_plain(tmp_path: Path, url: str) -> None:
    text = f"allow_plaintext: true\nmarkets: {{spot: {{symbols: [A], urls: {{rest: '{url}'}}}}}}"

    assert "Binance must be wss and https" in problems(tmp_path, text)["allow_plaintext"]


@pytest.mark.parametrize("url", ["notaurl", "", "ftp://host", "wss://"])
def test_what_is_no_address_is_refused(tmp_path: Path, url: str) -> None:
    text = f"endpoint: sandbox\nallow_plaintext: true\nsandbox_url: '{url}'\n{SPOT}"

    assert "is no address" in problems(tmp_path, text)["endpoint"]


def test_production_has_the_documented_addresses() -> None:
    settings = load()

    assert settings.endpoint_of(Market.SPOT).streams == {Route.ALL: "wss://stream.binance.com:9443/stream"}
    assert settings.endpoint_of(Market.USDM).streams == {
        Route.PUBLIC: "wss://fstream.binance.com/public/stream",
        Route.MARKET: "wss://fstream.binance.com/market/stream",
    }
    assert settings.endpoint_of(Market.USDM).rest == "https://fapi.binance.com/fapi/v1"
    assert settings.endpoint_of(Market.COINM).rest == "https://dapi.binance.com/dapi/v1"


def test_addresses_can_be_given_one_by_one(tmp_path: Path) -> None:
    settings = load_text(
        tmp_path,
        "markets: {usdm: {symbols: [A], urls: {public_stream: 'wss://demo-fstream.binance.com/public/stream'}}}",
    )

    assert settings.endpoint_of(Market.USDM).streams == {
        Route.PUBLIC: "wss://demo-fstream.binance.com/public/stream",
        Route.MARKET: "wss://fstream.binance.com/market/stream",
    }


def test_a_usdm_sandbox_has_its_two_routes(tmp_path: Path) -> None:
    text = "endpoint: sandbox\nallow_plaintext: true\nsandbox_url: http://x:1/\nmarkets: {usdm: {symbols: [A]}}"

    assert load_text(tmp_path, text).endpoint_of(Market.USDM).streams == {
        Route.PUBLIC: "ws://x:1/usdm/public/stream",
        Route.MARKET: "ws://x:1/usdm/market/stream",
    }


def test_every_setting_is_documented() -> None:
    def undocumented(model: type[BaseModel], path: str) -> list[str]:
        found = list[str]()
        for name, field in model.model_fields.items():
            if not field.description:
                found.append(f"{path}{name}")
            annotations: list[Any] = [field.annotation, *getattr(field.annotation, "__args__", ())]
            for annotation in annotations:
                if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                    found += undocumented(annotation, f"{path}{name}.")
        return found

    assert undocumented(Settings, "") == []


def test_a_key_comes_from_the_environment_and_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_REST__API_KEY", "very-secret")

    settings = load()

    assert settings.api_key() == "very-secret"
    assert "very-secret" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_a_key_may_be_mounted_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("very-secret\n")
    settings = load_text(tmp_path, f"rest: {{api_key_file: {tmp_path / 'key'}}}")

    assert settings.api_key() == "very-secret"


def test_a_mounted_key_that_is_not_there_is_named(tmp_path: Path) -> None:
    settings = load_text(tmp_path, f"rest: {{api_key_file: {tmp_path / 'key'}}}")

    with pytest.raises(ConfigError, match=r"rest\.api_key_file: cannot be read"):
        settings.api_key()


def test_a_key_in_the_file_of_settings_is_refused_and_not_shown(tmp_path: Path) -> None:
    found = problems(tmp_path, "rest: {api_key: very-secret}")

    assert "INGEST_REST__API_KEY" in found["rest.api_key"]
    assert "very-secret" not in str(found)


@pytest.mark.parametrize(("key", "taken"), [("very-secret", False), ("sandbox-1", True)])
def test_a_sandbox_gets_no_real_key(monkeypatch: pytest.MonkeyPatch, key: str, taken: bool) -> None:
    monkeypatch.setenv("INGEST_REST__API_KEY", key)
    monkeypatch.setenv("INGEST_ENDPOINT", "sandbox")
    settings = load()

    if taken:
        assert settings.api_key() == key
    else:
        with pytest.raises(ConfigError, match="a sandbox gets no real key") as caught:
            settings.api_key()
        assert key not in str(caught.value)
