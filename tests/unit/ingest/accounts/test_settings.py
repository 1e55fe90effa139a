from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from ingest.accounts.making import addresses_of, check_keys
from ingest.config import Settings, load
from ingest.errors import ConfigError
from schemas.markets import Market
from schemas.topics import partition_of


CANARY = "canary-of-a-secret"


def written(directory: Path, text: str) -> Path:
    path = directory / "ingest.yaml"
    path.write_text(text)
    return path


def test_accounts_are_named_by_label_with_their_markets(tmp_path: Path) -> None:
    text = "accounts: {main: {markets: [spot, usdm], symbols: {spot: [btcusdt]}}, sub-a: {markets: [coinm]}}"

    settings = load(written(tmp_path, text))

    assert list(settings.own_accounts) == ["main", "sub-a"]
    assert settings.accounts["main"].symbols == {Market.SPOT: ("BTCUSDT",)}
    assert settings.account_markets == (Market.SPOT, Market.USDM, Market.COINM)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("accounts: {Main: {markets: [spot]}}", "accounts.Main"),
        ("accounts: {main: {markets: []}}", "accounts.main.markets"),
        ("accounts: {main: {}}", "accounts.main.markets"),
        ("accounts: {main: {markets: [margin]}}", "accounts.main.markets"),
        ("accounts: {main: {markets: [spot], symbols: {usdm: [BTCUSDT]}}}", "accounts.main.symbols: names usdm"),
        ("accounts: {main: {markets: [spot], secret: x}}", "accounts.main.secret: unknown key"),
        ("keys: {main: {secret: x}}", "keys: keys have no place in a file"),
    ],
)
def test_a_mistake_about_accounts_is_named_by_its_key(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))

    assert problem in str(caught.value)


def test_private_streams_are_switched_off_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_PRIVATE", "false")
    monkeypatch.setenv("INGEST_ACCOUNTS__MAIN__MARKETS", "spot")

    settings = load()

    assert settings.own_accounts == {}
    assert settings.account_markets == ()
    check_keys(settings)


def test_a_key_under_two_labels_is_refused_and_not_shown(tmp_path: Path) -> None:
    for label in ("main", "sub-a"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "api-key").write_text(CANARY)
        (tmp_path / label / "secret").write_text(f"{CANARY} of {label}")
    text = f"accounts: {{main: {{markets: [spot]}}, sub-a: {{markets: [usdm]}}}}\nkeys_dir: {tmp_path}"

    with pytest.raises(ConfigError) as caught:
        check_keys(load(written(tmp_path, text)))

    assert "accounts.sub-a has the API key of accounts.main" in str(caught.value).replace(":", "")
    assert CANARY not in str(caught.value)


def test_an_account_belongs_to_the_shard_of_its_label(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = ["main", "hedge", "a", "b", "c"]
    for label in labels:
        monkeypatch.setenv(f"INGEST_ACCOUNTS__{label.upper()}__MARKETS", "spot")

    shards = [list(load(shard=f"{number}/2").own_accounts) for number in range(2)]

    assert sorted(shards[0] + shards[1]) == sorted(labels)
    assert all(partition_of(label) % 2 == number for number, part in enumerate(shards) for label in part)


def test_an_accounts_market_is_reached_encrypted_only_unless_a_sandbox_may_be_plain(tmp_path: Path) -> None:
    text = "accounts: {main: {markets: [usdm]}}\nendpoint: sandbox"

    with pytest.raises(ConfigError, match="allow_plaintext"):
        load(written(tmp_path, text))


def test_a_market_of_accounts_can_have_addresses_of_its_own_without_public_streams(tmp_path: Path) -> None:
    text = "accounts: {main: {markets: [spot]}}\nmarkets: {spot: {urls: {rest: 'https://r/api/v3', user_stream: 'wss://u'}}}"

    settings = load(written(tmp_path, text))

    assert settings.markets.present() == {}
    assert settings.subscriptions() == []
    assert set(addresses_of(settings, settings.accounts["main"]).values()) == {"https://r/api/v3", "wss://u"}


@pytest.mark.parametrize("more", ["streams: [trade]", "symbols: []", "symbol_streams: {}"])
def test_a_market_of_accounts_whose_streams_lack_symbols_is_a_mistake(tmp_path: Path, more: str) -> None:
    text = f"accounts: {{main: {{markets: [spot]}}}}\nmarkets: {{spot: {{urls: {{rest: 'https://r'}}, {more}}}}}"

    with pytest.raises(ConfigError, match=r"markets\.spot\.symbols: nothing to subscribe to"):
        load(written(tmp_path, text))


def test_the_addresses_of_an_accounts_market_must_be_encrypted_like_others(tmp_path: Path) -> None:
    text = "accounts: {main: {markets: [spot]}}\nmarkets: {spot: {urls: {user_stream: 'ws://u'}}}"

    with pytest.raises(ConfigError, match='"ws://u" of spot is not encrypted'):
        load(written(tmp_path, text))


@pytest.mark.parametrize("off", [{"INGEST_PRIVATE": "false"}, {"INGEST_SHARD": "0/2"}, {"INGEST_SHARD": "1/2"}])
def test_addresses_of_accounts_that_are_not_here_are_no_mistake(
    tmp_path: Path, off: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in off.items():
        monkeypatch.setenv(name, value)
    text = "accounts: {main: {markets: [spot]}}\nmarkets: {spot: {urls: {rest: 'https://r'}}}"

    assert load(written(tmp_path, text)).markets.present() == {}


def test_keys_from_the_environment_are_in_nothing_that_shows_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("API_KEY", "SECRET", "PRIVATE_KEY"):
        monkeypatch.setenv(f"INGEST_KEYS__SUB_A__{part}", CANARY)

    settings = load()

    shown = [repr(settings), str(settings), settings.model_dump_json(), repr(settings.model_dump())]
    shown += [repr(vars(settings)), repr(settings.model_copy())]
    assert not any(CANARY in text for text in shown)
    key = settings.keys["sub_a"].secret
    assert key is not None
    assert key.get_secret_value() == CANARY


@pytest.mark.parametrize(
    "name",
    [
        "INGEST_KEYS",
        "INGEST_KEYS__MAIN",
        "INGEST_KEYS__MAIN__SECRETT",
        "INGEST_KEYS__MAIN__SECRET__X",
        "INGEST_KEYS__MAIN__ENVIRONMENT__X",
        "INGEST_KEY__MAIN__SECRET",
    ],
)
def test_a_key_in_a_wrong_place_is_named_and_not_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, CANARY)

    with pytest.raises(ConfigError) as caught:
        load()

    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert "key" in str(caught.value).lower()


def test_the_addresses_of_an_account_are_all_that_its_key_is_sent_to() -> None:
    settings = Settings(accounts={"main": {"markets": ["usdm"]}})  # type: ignore[dict-item]  # pydantic converts

    assert set(addresses_of(settings, settings.accounts["main"]).values()) == {
        "https://fapi.binance.com/fapi/v1",
        "wss://fstream.binance.com/private/ws",
        "https://api.binance.com/api/v3",
    }


@pytest.mark.parametrize(
    ("endpoint", "market", "url"),
    [
        ("production", Market.SPOT, "wss://ws-api.binance.com:443/ws-api/v3"),
        ("production", Market.COINM, "wss://dstream.binance.com/ws"),
        ("testnet", Market.SPOT, "wss://ws-api.testnet.binance.vision/ws-api/v3"),
        ("testnet", Market.USDM, "wss://fstream.binancefuture.com/private/ws"),
        ("testnet", Market.COINM, "wss://dstream.binancefuture.com/ws"),
    ],
)
def test_each_environment_has_its_user_streams(endpoint: str, market: Market, url: str) -> None:
    settings = Settings(endpoint=endpoint)  # type: ignore[arg-type]  # pydantic converts

    assert settings.endpoint_of(market).user_stream == url
