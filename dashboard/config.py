"""Settings of the read service: environment variables ``DASHBOARD_…``, and three that all services share.

Read once, in the composition root, and passed on as plain values.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.kafka_access import KafkaSettings
from schemas.markets import Market
from schemas.topics import TopicTable


__all__ = ["Settings"]


class Settings(BaseSettings, KafkaSettings):
    """Everything that can be set. Durations carry their unit in the name."""

    model_config = SettingsConfigDict(env_prefix="DASHBOARD_", frozen=True, extra="ignore", populate_by_name=True)

    schema_registry_url: str = Field(
        default="http://localhost:8081/apis/ccompat/v7",
        min_length=1,
        validation_alias=AliasChoices("SCHEMA_REGISTRY_URL", "schema_registry_url"),
        description="Registry with Confluent's HTTP interface; may hold credentials. Shared by all services.",
    )
    topic_prefix: str = Field(
        default="binance",
        validation_alias=AliasChoices("TOPIC_PREFIX", "topic_prefix"),
        description="First part of every topic name. Shared by all services.",
    )
    markets: tuple[Market, ...] = Field(
        default=tuple(Market),
        min_length=1,
        description='Markets whose derived topics are read, as JSON: ["spot","usdm","coinm"].',
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. There is no log-in: open it to others only behind something that has one.",
    )
    port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        default=8080, description="Port; 0: any that is free, which is logged."
    )
    tail_records: Annotated[int, Field(ge=1, le=10_000_000)] = Field(
        default=20_000,
        description="Records of a partition that are read again at start, of topics that are not compacted alone. What "
        "lies further back is not known until it is told again.",
    )
    candle_tail_records: Annotated[int, Field(ge=1, le=10_000_000)] = Field(
        default=50_000, description="The same for the topics of candles, which hold provisional ones too."
    )
    candles_kept: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=500, description="Candles kept in memory of each symbol and interval."
    )
    flow_kept: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=300, description="Windows of flow kept in memory of each symbol and length."
    )
    alerts_kept: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=1_000, description="Alerts kept in memory of each market; closed ones go first."
    )
    trades_kept: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=200, description="Trades kept in memory of each symbol, for the tape."
    )
    private: bool = Field(
        default=False,
        description="Whether topics about accounts are read, and orders, balances and positions shown to everybody who "
        "can reach the address: there is no log-in.",
    )
    orders_kept: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=1_000, description="Orders kept in memory although they are over, where accounts are read."
    )
    pages_limit: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=100, description="Pages open at once, each of which is pushed to; any other is refused with 503."
    )
    contact_limit_s: Annotated[float, Field(ge=1, le=600)] = Field(
        default=10.0,
        description="Seconds without an answer of the broker after which the service is not ready and calls live books "
        "stale.",
    )
    start_timeout_s: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=120.0, description="Seconds to wait at start for the broker and for the registry, each."
    )
    stop_timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        default=5.0, description="Seconds after SIGTERM that answers under way may take."
    )

    @field_validator("topic_prefix")
    @classmethod
    def _prefix_is_legal(cls, prefix: str) -> str:
        TopicTable(prefix)
        return prefix
