"""What the operators' answer and the status look like, for the OpenAPI document."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.derived import BookState
from schemas.markets import Market
from schemas.topics import DerivedType, RawType


__all__ = ["OperationsAnswer", "Status"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Status(_Part):
    """Where data come from, and whether they are of the present."""

    source: str = Field(description="`Binance`, `Binance testnet`, `simulated exchange`, or `unknown`.")
    simulated: bool = Field(description="Whether nothing of it was traded for real.")
    broker_contact_ms: int | None = Field(description="Since the broker last answered; null: it never has.")
    now_ms: int = Field(description="This machine's time.")
    private: bool = Field(description="Whether accounts are read.")
    markets: list[Market] = Field(description="Those that are read here.")
    version: str = Field(description="Of this service.")
    ready: bool = Field(description="Whether everything is read to its present, and the broker answers.")
    because: list[str] = Field(description="What stands in the way of that.")


class StreamStanding(_Part):
    """How a stream of market data stands, from the venue to its raw topic."""

    market: Market
    stream: RawType = Field(description="The type of its records.")
    state: Literal["live", "silent", "down", "unknown"] = Field(
        description="`live`: vouched for, or growing; `silent`: connected, but some of it is not vouched for any more, "
        "or it has not grown for a minute; `down`: no connection carries it."
    )
    age_ms: int | None = Field(
        description="This machine's time less the newest event time among the records that were looked at: of one or "
        "two partitions every two seconds."
    )
    vouched_until: int | None = Field(
        description="Event time up to which ingest says that the raw topic is complete; null: no heartbeats tell of it."
    )
    lag_ms_p50: int | None = Field(
        description="Median, over records looked at in the last minute, of ingest's time of receipt less event time: "
        "the way from the venue, and the difference of two clocks. Null: none, or the stream has no event time."
    )
    lag_ms_p99: int | None = Field(description="The same of the slowest hundredth.")
    records_per_s: float | None = Field(description="Over ten seconds; replicas' second copies are counted.")
    gaps_open: int = Field(description="Holes in the ledger that are open or put off.")
    gaps_total: int = Field(description="Holes that the ledger tells of.")
    symbols: int | None = Field(description="How many it is subscribed for; null: all of the market, or not known.")
    resyncs_total: int | None = Field(
        description="`depth`: how often a live book was lost and begun anew, in what was read since the start."
    )


class DerivedLag(_Part):
    """How long the whole way took, from the venue to this service."""

    market: Market
    type: DerivedType
    lag_ms_p50: int | None = Field(
        description="Median, over the newest record of each read of the last minute, of this machine's time less event "
        "time."
    )
    lag_ms_p99: int | None = Field(description="The same of the slowest hundredth.")


class ConnectionStanding(_Part):
    """A connection of ingest to the venue."""

    connection_id: str
    market: Market
    url: str = Field(description="Scheme and host.")
    since: int = Field(description="When it was opened; of one that ended, when that was.")
    streams: int = Field(description="How many it carries.")
    state: Literal["up", "ended", "unheard"] = Field(
        description="`unheard`: nobody said that it ended, but its ingest sends no heartbeats, or it is older than the "
        "venue lets any become."
    )
    reason: str | None = Field(description="Why it ended.")


class BookTrouble(_Part):
    """A book that is not live."""

    market: Market
    symbol: str
    state: BookState
    reason: str | None
    age_ms: int | None


class BooksStanding(_Part):
    """How all books stand."""

    counts: dict[BookState, int]
    not_live: list[BookTrouble] = Field(description="At most 200.")


class TopicStanding(_Part):
    """How much goes through a topic."""

    name: str
    records_per_s: float | None = Field(description="Over ten seconds; null: looked at less than twice.")
    end_offset: int | None = Field(description="Sum over its partitions: all that was ever written.")


class GroupStanding(_Part):
    """A consumer group of the services."""

    group: str
    state: str = Field(
        description="As Kafka says, in lower case: `stable`, `preparingrebalance`, `empty`, …; `unknown`: there is no "
        "such group, or the broker does not tell us."
    )
    members: int | None
    lag_records: int | None = Field(description="Records of its topics beyond what it committed; null: not known.")


class DeadLetterTold(_Part):
    """A record that could not be read."""

    time: int
    source_topic: str
    reason: str


class DeadLetters(_Part):
    """Records that could not be read, of market data."""

    records_per_s: float | None
    end_offset: int | None = Field(description="All that there ever were.")
    last: DeadLetterTold | None


class OperationsAnswer(Status):
    """How everything stands."""

    streams: list[StreamStanding] = Field(description="By market; those that are subscribed to or hold anything.")
    derived: list[DerivedLag]
    connections: list[ConnectionStanding] = Field(description="Those that are up, then the last 20 that are not.")
    books: BooksStanding
    topics: list[TopicStanding] = Field(description="By name.")
    groups: list[GroupStanding]
    dead_letters: DeadLetters
