"""Settings of the workers: environment variables ``PROCESSORS_…``, and three that all services share.

Read once, in the composition root, and passed on as plain values. Faust reads an environment of its own
(``BROKER_URL``, ``WEB_PORT``, …), even over values that are given: it gets an empty one, so only the names here count.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import AliasChoices, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from processors.core.flow_alerts import AlertRules
from processors.core.liquidity import LiquidityPlan
from schemas.decimals import to_scaled
from schemas.kafka_access import KafkaSettings
from schemas.markets import Market
from schemas.topics import TopicTable
from schemas.tracing import TRACE_RATIO


__all__ = ["Settings"]

_MOST_SIZES: Final = 16


_Sizes = Annotated[
    tuple[Annotated[Decimal, Field(gt=0, max_digits=18, decimal_places=8)], ...], Field(max_length=_MOST_SIZES)
]


class Settings(BaseSettings, KafkaSettings):
    """Everything that can be set. Durations carry their unit in the name."""

    model_config = SettingsConfigDict(env_prefix="PROCESSORS_", frozen=True, extra="ignore", populate_by_name=True)

    schema_registry_url: str = Field(
        default="http://localhost:8081/apis/ccompat/v7",
        min_length=1,
        validation_alias=AliasChoices("SCHEMA_REGISTRY_URL", "schema_registry_url"),
        description="Registry with Confluent's HTTP interface; may hold credentials. Shared by all services.",
    )
    topic_prefix: str = Field(
        default="binance",
        validation_alias=AliasChoices("TOPIC_PREFIX", "topic_prefix"),
        description="First part of every topic name, and of the consumer groups' names. Shared by all services.",
    )
    markets: Annotated[tuple[Market, ...], NoDecode] = Field(
        default=tuple(Market),
        min_length=1,
        description='Markets whose raw topics are read: spot,usdm,coinm, or as JSON, ["spot","usdm","coinm"].',
    )
    instance_id: str | None = Field(
        default=None,
        description="Static membership: a name of its own for each worker. A worker that restarts under its name "
        "within the session timeout gets its partitions back without a rebalance.",
    )
    session_timeout_s: Annotated[float, Field(ge=6, le=300)] = Field(
        default=10.0,
        description="Seconds after which the broker gives the partitions of a worker that went silent to others. "
        "On Kubernetes longer than a pod restart, for instance 45.",
    )
    rebalance_timeout_s: Annotated[float, Field(ge=1, le=600)] = Field(
        default=30.0, description="Seconds that a worker may take to finish what it has in flight when partitions move."
    )
    commit_interval_s: Annotated[float, Field(gt=0, le=60)] = Field(
        default=0.5, description="Seconds between commits; bounds what a restart repeats."
    )
    checkpoint_interval_s: Annotated[float, Field(ge=0.1, le=3600)] = Field(
        default=10.0,
        description="Seconds between two rounds of checkpoints of a partition; bounds what of the log a restart reads.",
    )
    request_timeout_s: Annotated[float, Field(ge=1, le=600)] = Field(
        default=30.0, description="Seconds the broker may take to acknowledge outputs; outlasts a leader election."
    )
    start_timeout_s: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=120.0, description="Seconds to wait at start for the broker and for the registry, each."
    )
    stop_timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        default=10.0, description="Seconds after SIGTERM until the worker is ended by force, with exit status 1."
    )
    fetch_bytes: Annotated[int, Field(ge=65_536, le=64 * 1024 * 1024)] = Field(
        default=1024 * 1024, description="Bytes to fetch of one partition at once."
    )
    batch_records: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=5_000, description="Records of one partition handled and acknowledged together at most."
    )
    batches_in_flight: Annotated[int, Field(ge=1, le=100)] = Field(
        default=2, description="Batches of one partition fetched ahead; bounds memory."
    )
    snapshot_levels: Annotated[int, Field(ge=1, le=1_000)] = Field(
        default=20, description="Price levels of each side in a book snapshot."
    )
    snapshot_interval_ms: Annotated[int, Field(ge=100, le=3_600_000)] = Field(
        default=1_000, description="Milliseconds of event time between book snapshots of a symbol."
    )
    liquidity_interval_ms: Annotated[int, Field(ge=0, le=3_600_000)] = Field(
        default=1_000,
        description="Milliseconds of event time between records of a symbol's liquidity; 0: none are written.",
    )
    liquidity_quote_sizes: _Sizes = Field(
        default=(Decimal(10_000), Decimal(100_000)),
        description='Orders whose slippage is told, in quote asset, as JSON: ["10000","100000"]. Spot and USD-M.',
    )
    liquidity_contracts: _Sizes = Field(
        default=(Decimal(100), Decimal(1_000)), description="The same for COIN-M, in contracts."
    )
    alert_window: Literal["1s", "10s", "1m"] = Field(
        default="10s", description="Windows of trade flow that alerts are judged by."
    )
    spike_half_life: Annotated[int, Field(ge=1, le=1_000)] = Field(
        default=60, description="Windows after which a window counts half as much in the usual volume."
    )
    spike_warm_up: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=30, description="Windows that must be known before a volume can be a spike."
    )
    spike_open_percent: Annotated[int, Field(ge=101, le=1_000_000)] = Field(
        default=500, description="Volume in percent of the usual from which on it is a spike."
    )
    spike_close_percent: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=200, description="Volume in percent of the usual below which a spike is over."
    )
    spike_min_trades: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=20, description="Trades that a window must have to open a spike."
    )
    one_sided_open_percent: Annotated[int, Field(ge=51, le=100)] = Field(
        default=90, description="Share of taker buys, or of taker sells, in the volume from which on flow is one-sided."
    )
    one_sided_close_percent: Annotated[int, Field(ge=1, le=100)] = Field(
        default=75, description="Share below which it is no longer."
    )
    one_sided_min_trades: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=50, description="Trades that a window must have to open one-sided flow."
    )
    order_retention_s: Annotated[int, Field(ge=60, le=10 * 365 * 86_400)] = Field(
        default=7 * 86_400,
        description="Seconds of event time for which orders that have ended are kept in the topic `order`; then a "
        "tombstone removes each.",
    )
    log_amounts: bool = Field(
        default=True,
        description="Whether the log shows both sides of what the venue's answers tell that its streams did not: "
        "quantities, prices, balances. If not, it names the fields that differ, and the records are in the topics.",
    )
    trace_ratio: Annotated[float, Field(ge=0, le=1)] = Field(default=0.0, description=TRACE_RATIO)
    metrics_host: str = Field(
        default="127.0.0.1", description="Address on which /live, /ready and /metrics are served."
    )
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] | None = Field(
        default=None,
        description="Its port; unset: 9102 for books, 9103 for trades, 9104 for private; 0: any that is free, which is "
        "logged.",
    )

    @property
    def order_retention_ms(self) -> int:
        """For how long of event time orders that have ended are kept."""
        return 1_000 * self.order_retention_s

    @property
    def liquidity(self) -> LiquidityPlan | None:
        """How liquidity is measured; None: it is not."""
        if not self.liquidity_interval_ms:
            return None
        return LiquidityPlan(
            interval_ms=self.liquidity_interval_ms,
            quote_sizes=_scaled(self.liquidity_quote_sizes),
            contracts=_scaled(self.liquidity_contracts),
        )

    @field_validator("markets", mode="before")
    @classmethod
    def _markets_of_text(cls, markets: object) -> object:
        """Read names with commas between, as ingest's settings do; brackets and quotes of JSON may be there."""
        if not isinstance(markets, str):
            return markets
        return tuple(name for part in markets.strip("[] ").split(",") if (name := part.strip(' "')))

    @field_validator("topic_prefix")
    @classmethod
    def _prefix_is_legal(cls, prefix: str) -> str:
        TopicTable(prefix)
        return prefix

    @field_validator("instance_id")
    @classmethod
    def _instance_id_is_not_empty(cls, instance_id: str | None) -> str | None:
        return instance_id or None

    @model_validator(mode="after")
    def _alerts_close_below_where_they_open(self) -> Settings:
        for kind in ("spike", "one_sided"):
            opens, closes = getattr(self, f"{kind}_open_percent"), getattr(self, f"{kind}_close_percent")
            if closes >= opens:
                msg = (
                    f"PROCESSORS_{kind.upper()}_CLOSE_PERCENT is {closes}, must be smaller than "
                    f"PROCESSORS_{kind.upper()}_OPEN_PERCENT, {opens}"
                )
                raise ValueError(msg)
        return self

    @property
    def alert_rules(self) -> AlertRules:
        """When alerts about trade flow open and close."""
        return AlertRules(
            window=self.alert_window,
            spike_half_life=self.spike_half_life,
            spike_warm_up=self.spike_warm_up,
            spike_open_percent=self.spike_open_percent,
            spike_close_percent=self.spike_close_percent,
            spike_min_trades=self.spike_min_trades,
            one_sided_open_percent=self.one_sided_open_percent,
            one_sided_close_percent=self.one_sided_close_percent,
            one_sided_min_trades=self.one_sided_min_trades,
        )

    @model_validator(mode="after")
    def _rebalance_outlasts_session(self) -> Settings:
        if self.request_timeout_s < self.session_timeout_s:
            msg = (
                f"PROCESSORS_REQUEST_TIMEOUT_S is {self.request_timeout_s:g}, must not be shorter than "
                f"PROCESSORS_SESSION_TIMEOUT_S, {self.session_timeout_s:g}"
            )
            raise ValueError(msg)
        return self


def _scaled(sizes: tuple[Decimal, ...]) -> tuple[int, ...]:
    return tuple(sorted({to_scaled(f"{size:f}") for size in sizes}))
