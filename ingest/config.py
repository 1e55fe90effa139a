"""Settings of ingest: a YAML file, overridden by the environment; the only module that reads either.

``INGEST_MARKETS__SPOT__SYMBOLS='["BTCUSDT"]'`` (or ``BTCUSDT,ETHUSDT``) sets ``markets.spot.symbols``. The addresses
that all services share are ``KAFKA_BOOTSTRAP_SERVERS``, ``SCHEMA_REGISTRY_URL`` and ``TOPIC_PREFIX``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from ingest.accounts.sections import AccountSettings, KeySettings, Label, ReconcileSettings
from ingest.config_faults import misspelt, not_json, problem_of
from ingest.core.changes import LIVE_KEYS
from ingest.core.endpoints import Endpoint, Environment, endpoint_of, is_address, is_plain, is_venue
from ingest.core.shards import ProcessShard
from ingest.core.streams import Route, Stream
from ingest.errors import ConfigError
from ingest.sections import (
    NOTHING_TO_TAKE,
    ConnectionSettings,
    HttpSettings,
    MarketsSettings,
    ProducerSettings,
    RepairSettings,
    RestSettings,
    SnapshotSettings,
    fault,
)
from schemas.kafka_access import KafkaSettings
from schemas.markets import Market
from schemas.topics import TopicTable
from schemas.tracing import TRACE_RATIO


__all__ = ["SANDBOX_KEY", "Settings", "load"]

SANDBOX_KEY: Final = "sandbox-"
"""What a key begins with that may be sent to a sandbox, unencrypted."""


class Settings(BaseSettings, KafkaSettings):
    """All settings of ingest."""

    model_config = SettingsConfigDict(
        env_prefix="INGEST_", env_nested_delimiter="__", frozen=True, extra="forbid", hide_input_in_errors=True
    )

    schema_registry_url: str = Field(
        default="http://localhost:8081/apis/ccompat/v7",
        pattern=r"^https?://[^/]+",
        validation_alias="schema_registry_url",
        description="Registry with Confluent's HTTP interface.",
    )
    topic_prefix: str = Field(
        default="binance", validation_alias="topic_prefix", description="First part of every topic name."
    )
    endpoint: Environment = Field(default=Environment.PRODUCTION, description="Which exchange.")
    sandbox_url: str = Field(default="http://127.0.0.1:9443", description="Address of the sandbox's exchange.")
    allow_plaintext: bool = Field(
        default=False, description="Whether addresses may be unencrypted; never Binance's own, whatever this says."
    )
    ingest_id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="Names this process in records; chosen at start if unset.",
    )
    markets: MarketsSettings = Field(default=MarketsSettings(), description="What to take from which market.")
    private: bool = Field(
        default=True,
        description="Whether anything of the accounts is taken; false: no key is read, no private topic needed.",
    )
    accounts: dict[Label, AccountSettings] = Field(
        default_factory=dict, description="Accounts, each under a label of your choice: lower case, digits, hyphens."
    )
    keys_dir: Path | None = Field(
        default=None,
        description="Directory with a directory for each account's label: `api-key`, `secret` or `private-key.pem`,"
        " `environment`. docs/security.md.",
    )
    keys: dict[str, KeySettings] = Field(
        default_factory=dict,
        description="Keys in place of those files, from the environment alone: `INGEST_KEYS__<LABEL>__API_KEY`,"
        " `…__SECRET`, `…__PRIVATE_KEY`, `…__ENVIRONMENT`; the label in upper case, `_` for `-`.",
    )
    keys_look_s: float = Field(
        default=5.0, gt=0, description="Seconds between two looks whether an account's key was replaced."
    )
    reconcile: ReconcileSettings = Field(
        default=ReconcileSettings(), description="Comparing accounts with the venue's answers."
    )
    allow_withdraw_keys: bool = Field(
        default=False, description="Whether a key that may withdraw is accepted; reading needs no such permission."
    )
    shard: str = Field(
        default="0/1", description="Which part of the symbols this process takes, by partition: `0/2` and `1/2`."
    )
    symbols_refresh_s: float = Field(
        default=300.0, ge=0.1, description="Seconds between two questions for the venue's symbols, where patterns are."
    )
    symbols_grace_s: float = Field(
        default=21_600.0, ge=0, description="Seconds that a pattern's symbol is kept when it stops trading."
    )
    connection: ConnectionSettings = Field(default=ConnectionSettings(), description="Connections to the venue.")
    producer: ProducerSettings = Field(default=ProducerSettings(), description="Writing to Kafka.")
    rest: RestSettings = Field(default=RestSettings(), description="What is asked of the venue over REST.")
    snapshots: SnapshotSettings = Field(default=SnapshotSettings(), description="Depth snapshots.")
    repair: RepairSettings = Field(default=RepairSettings(), description="Completeness of the log.")
    http: HttpSettings = Field(default=HttpSettings(), description="Metrics and health.")
    trace_ratio: float = Field(default=0.0, ge=0, le=1, description=TRACE_RATIO)
    wait_limit_s: float = Field(default=300.0, ge=0, description="Seconds to wait for Kafka and the registry at start.")
    stop_limit_s: float = Field(
        default=6.0, gt=0, le=8, description="Seconds to deliver what is left when told to stop."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log lines shown."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment override the file, which comes as arguments."""
        return (env_settings, init_settings)

    @field_validator("topic_prefix")
    @classmethod
    def _legal_prefix(cls, prefix: str) -> str:
        TopicTable(prefix)
        return prefix

    @field_validator("shard")
    @classmethod
    def _legal_shard(cls, shard: str) -> str:
        return ProcessShard.parse(shard).text

    @model_validator(mode="after")
    def _something_is_taken(self) -> Self:
        of_accounts = {market for account in self.accounts.values() for market in account.markets}
        for market, settings in self.markets.named().items():
            if settings.addresses_alone and market not in of_accounts:
                key = f"markets.{market}.symbols"
                raise fault(key, f"{NOTHING_TO_TAKE}; urls alone are for markets of accounts")
        return self

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        private = self.account_markets
        for market in dict.fromkeys([*self.markets.named(), *private]):
            endpoint = self.endpoint_of(market)
            user_stream = [endpoint.user_stream] if market in private else []
            for url in (*endpoint.streams.values(), endpoint.rest, *user_stream):
                if not is_address(url):
                    raise fault("endpoint", f'"{url}" of {market} is no address: wss:// or https:// and a host')
                if is_plain(url) and (is_venue(url) or not self.allow_plaintext):
                    raise fault(
                        "allow_plaintext",
                        f'"{url}" of {market} is not encrypted: Binance must be wss and https;'
                        " a sandbox may be plain where allow_plaintext is true",
                    )
        return self

    def endpoint_of(self, market: Market) -> Endpoint:
        """Return the addresses of a market."""
        named = endpoint_of(self.endpoint, market, self.sandbox_url)
        settings = self.markets.named().get(market)
        if settings is None:
            return named
        urls = settings.urls
        given = {Route.ALL: urls.stream, Route.PUBLIC: urls.public_stream, Route.MARKET: urls.market_stream}
        return Endpoint(
            {route: given[route] or url for route, url in named.streams.items()},
            (urls.rest or named.rest).rstrip("/"),
            (urls.user_stream or named.user_stream).rstrip("/"),
        )

    def api_key(self) -> str | None:
        """Return the key that market data may need.

        Raises:
            ConfigError: the file that should hold it cannot be read; another key than a sandbox's for a sandbox.
        """
        key = None if self.rest.api_key is None else self.rest.api_key.get_secret_value()
        if self.rest.api_key_file is not None:
            try:
                key = self.rest.api_key_file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError([("rest.api_key_file", f"cannot be read: {error}")]) from error
        if key and self.endpoint is Environment.SANDBOX and not key.startswith(SANDBOX_KEY):
            problem = f'a sandbox gets no real key: one for it begins with "{SANDBOX_KEY}"'
            raise ConfigError([("rest.api_key", problem)])
        return key or None

    @property
    def own_accounts(self) -> dict[str, AccountSettings]:
        """The accounts of this process's shard, by label; none where nothing private is taken."""
        shard = self.process_shard
        return {label: one for label, one in self.accounts.items() if self.private and shard.holds(label)}

    @property
    def account_markets(self) -> tuple[Market, ...]:
        """The markets of those accounts."""
        named = {market for account in self.own_accounts.values() for market in account.markets}
        return tuple(market for market in Market if market in named)

    @property
    def process_shard(self) -> ProcessShard:
        """Which part of the streams this process takes."""
        return ProcessShard.parse(self.shard)

    def subscriptions(self, symbols: Mapping[Market, Iterable[str]] | None = None) -> list[Stream]:
        """Return every stream of every market that is asked for and belongs to this process's shard.

        Args:
            symbols: what a market's wishes come to at the venue; of a market without: the symbols named in full.
        """
        known = symbols or {}
        return self.process_shard.of(
            stream
            for market, settings in self.markets.present().items()
            for stream in settings.subscriptions(market, known.get(market))
        )

    def with_streams_of(self, other: Settings) -> Settings:
        """Return these settings with the other's symbols and streams, for the markets that both take streams of."""
        there = other.markets.present()
        taken = {
            str(market): settings.model_copy(update={key: getattr(there[market], key) for key in LIVE_KEYS})
            for market, settings in self.markets.present().items()
            if market in there
        }
        return self.model_copy(update={"markets": self.markets.model_copy(update=taken)})


def load(path: Path | None = None, shard: str | None = None) -> Settings:
    """Read the settings.

    Args:
        path: the YAML file; None: defaults and environment only.
        shard: takes the place of the setting; None: the setting holds.

    Raises:
        ConfigError: a file that cannot be read, an unknown key, an illegal value; each named by its path.
    """
    source = "" if path is None else f'"{path}"'
    if wrong := misspelt(os.environ, Settings):
        raise ConfigError(wrong, "of the environment")
    try:
        settings = Settings(**({} if path is None else _read(path)))
    except ValidationError as error:
        raise ConfigError([problem_of(one, Settings) for one in error.errors()], source) from error
    except SettingsError as error:
        raise ConfigError([not_json(str(error))], "of the environment") from error
    return settings if shard is None else settings.model_copy(update={"shard": _shard(shard)})


def _shard(text: str) -> str:
    try:
        return ProcessShard.parse(text).text
    except ValueError as error:
        raise ConfigError([("--shard", f"{error}, was {text!r}")]) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError([("file", f"cannot be read: {reason}")], f'"{path}"') from error
    except yaml.YAMLError as error:
        hint = '; a pattern must be quoted: "*USDT"' if "undefined alias" in str(error) else ""
        raise ConfigError([("file", f"not YAML: {error}{hint}")], f'"{path}"') from error
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigError([("file", "must hold keys and values, beginning with a key")], f'"{path}"')
    if isinstance(rest := content.get("rest"), dict) and rest.get("api_key") is not None:
        problem = "a key has no place in a file of settings: INGEST_REST__API_KEY, or rest.api_key_file"
        raise ConfigError([("rest.api_key", problem)], f'"{path}"')
    if content.get("kafka_sasl_password") is not None:
        problem = "a password has no place in a file of settings: KAFKA_SASL_PASSWORD, or kafka_sasl_password_file"
        raise ConfigError([("kafka_sasl_password", problem)], f'"{path}"')
    if content.get("keys") is not None:
        problem = "keys have no place in a file of settings: keys_dir, or INGEST_KEYS__<LABEL>__API_KEY and its like"
        raise ConfigError([("keys", problem)], f'"{path}"')
    return content
