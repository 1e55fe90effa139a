from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from ingest.config import Settings, load
from ingest.core.changes import Changes, changes
from ingest.core.endpoints import Environment
from ingest.core.patterns import Wishes
from ingest.core.shards import ProcessShard
from ingest.core.streams import Route
from ingest.errors import ConfigError
from schemas.markets import Market
from schemas.topics import partition_of


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


PATTERNS = """
markets:
  spot:
    symbols: ["*usdt", BTCUSDT]
    exclude_symbols: "*UPUSDT"
    streams: [trade, "!miniTicker@arr"]
    symbol_streams: {"*BTC": [kline_1m], "E*": [depth], XRPBTC: [aggTrade], "ETHBTC": []}
"""


def test_patterns_wait_for_the_venues_list(tmp_path: Path) -> None:
    settings = load_text(tmp_path, PATTERNS)

    assert settings.markets.spot is not None
    assert settings.markets.spot.wishes == Wishes(("*USDT", "BTCUSDT", "*BTC", "E*", "XRPBTC", "ETHBTC"), ("*UPUSDT",))
    assert names(settings) == ["!miniTicker@arr", "btcusdt@trade", "xrpbtc@aggTrade"]


def test_a_symbol_takes_the_streams_of_its_name_or_of_the_first_pattern_that_matches_or_the_common_ones(
    tmp_path: Path,
) -> None:
    symbols = ["BTCUSDT", "ENABTC", "ENAUSDT", "ETHBTC", "SOLUSDT", "XRPBTC"]

    streams = load_text(tmp_path, PATTERNS).subscriptions({Market.SPOT: symbols})

    assert [stream.name for stream in streams] == [
        "!miniTicker@arr",
        "btcusdt@trade",
        "enabtc@kline_1m",
        "enausdt@depth",
        "solusdt@trade",
        "xrpbtc@aggTrade",
    ]


SHARDED = """
markets:
  spot: {symbols: [BTCUSDT, ETHUSDT, "*USDC"], streams: [trade, "!miniTicker@arr"], symbol_streams: {XRPUSDT: [depth]}}
"""


def test_shards_share_names_patterns_and_streams_of_single_symbols(tmp_path: Path) -> None:
    symbols = {Market.SPOT: [f"{base}USD{quote}" for base in ("BTC", "ETH", "XRP") for quote in "TC"]}
    whole = load_text(tmp_path, SHARDED).subscriptions(symbols)

    parts = [load_text(tmp_path, f"shard: {number}/3\n{SHARDED}").subscriptions(symbols) for number in range(3)]

    assert sorted(one.name for part in parts for one in part) == sorted(one.name for one in whole)
    assert [one.name for one in parts[0] if one.symbol is None] == ["!miniTicker@arr"]
    assert {one.symbol for one in parts[1]} == {one.symbol for one in whole if one.symbol} - {
        one.symbol for part in (parts[0], parts[2]) for one in part
    }
    assert {partition_of(one.symbol) % 3 for one in parts[1] if one.symbol} == {1}


def test_the_command_lines_shard_takes_the_place_of_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ingest.yaml"
    path.write_text("shard: 0/2")
    monkeypatch.setenv("INGEST_SHARD", "1/2")

    assert load(path).process_shard == ProcessShard(1, 2)
    assert load(path, "2/3").process_shard == ProcessShard(2, 3)
    with pytest.raises(ConfigError, match="--shard: the parts of 3 are 0/3 to 2/3, was '3/3'"):
        load(path, "3/3")


def test_only_symbols_and_streams_are_taken_over_from_other_settings(tmp_path: Path) -> None:
    old = load_text(
        tmp_path, "markets: {spot: {symbols: [A], urls: {rest: 'https://old'}}, usdm: {symbols: [A]}}\nlog_level: debug"
    )
    new = load_text(
        tmp_path,
        "markets: {spot: {symbols: ['*'], exclude_symbols: [B], streams: [trade], symbol_streams: {C: [depth]},"
        " urls: {rest: 'https://new'}}, coinm: {symbols: [A]}}",
    )

    merged = old.with_streams_of(new)

    assert merged == load_text(
        tmp_path,
        "markets: {spot: {symbols: ['*'], exclude_symbols: [B], streams: [trade], symbol_streams: {C: [depth]},"
        " urls: {rest: 'https://old'}}, usdm: {symbols: [A]}}\nlog_level: debug",
    )
    found = changes(merged.model_dump(mode="json"), new.model_dump(mode="json"), ("spot",))
    assert found == Changes((), ("log_level", "markets.coinm", "markets.spot.urls.rest", "markets.usdm"))


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
        ("marktes: {}", "marktes", "unknown key; allowed here: accounts, allow_plaintext,"),
        ("markets: {spto: {}}", "markets.spto", "unknown key; allowed here: coinm, spot, usdm"),
        (
            "markets: {spot: {symbol: [A]}}",
            "markets.spot.symbol",
            "allowed here: exclude_symbols, streams, symbol_streams, symbols, urls",
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
        (
            "connection: {rotate_after_s: 3600}",
            "connection.rotate_stagger_s",
            "must be less than rotate_after_s, which is 3600",
        ),
        (
            "connection: {rotate_after_s: 90000}",
            "connection.rotate_deadline_s",
            "must be more than rotate_after_s, which is 90000",
        ),
        ("markets: {spot: {streams: [trade]}}", "markets.spot.symbols", "nothing to subscribe to"),
        (
            "markets: {spot: {urls: {rest: 'https://a'}}}",
            "markets.spot.symbols",
            "urls alone are for markets of accounts",
        ),
        ("markets: {spot: {symbols: ['BTC USDT']}}", "markets.spot.symbols.0", "string should match pattern"),
        ("markets: {spot: {symbols: 7}}", "markets.spot.symbols", "was 7"),
        ("markets: {spot: {symbols: [*USDT]}}", "file", 'a pattern must be quoted: "*USDT"'),
        (
            "markets: {spot: {symbols: [A], exclude_symbols: ['B*']}}",
            "markets.spot.exclude_symbols",
            "excludes nothing: there is no pattern such as *USDT in symbols",
        ),
        (
            "markets: {spot: {symbols: ['*', A], exclude_symbols: [A]}}",
            "markets.spot.exclude_symbols",
            '"A" is asked for by its name: take it out of one of the two',
        ),
        ("markets: {spot: {symbols: ['*'], streams: []}}", "markets.spot.symbols", "nothing to subscribe to"),
        ("shard: 2/2", "shard", "the parts of 2 are 0/2 to 1/2, was '2/2'"),
        ("shard: 1", "shard", "input should be a valid string, was 1"),
        ("symbols_refresh_s: 0", "symbols_refresh_s", "greater than or equal to 0.1"),
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


def test_an_address_that_all_services_share_with_the_prefix_of_one_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INGEST_TOPIC_PREFIX", "not-this")

    with pytest.raises(ConfigError, match="INGEST_TOPIC_PREFIX: is TOPIC_PREFIX, without INGEST_"):
        load()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("INGEST_MARKTS__SPOT__SYMBOLS", "did you mean INGEST_MARKETS"),
        ("INGEST_LOG_LEVL", "did you mean INGEST_LOG_LEVEL"),
        ("INGEST_FEED__HOST", "there are accounts, allow_plaintext,"),
    ],
)
def test_a_misspelt_variable_of_the_environment_is_a_mistake_and_not_ignored(
    name: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")

    with pytest.raises(ConfigError) as caught:
        load()

    assert f"{name}: no such setting; {hint}" in str(caught.value)


def test_variables_that_kubernetes_makes_for_a_service_named_ingest_are_no_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("INGEST_SERVICE_HOST", "INGEST_SERVICE_PORT_HTTP", "INGEST_PORT", "INGEST_PORT_9101_TCP_ADDR"):
        monkeypatch.setenv(name, "tcp://10.0.0.1:9101")

    assert load().subscriptions() == []


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
