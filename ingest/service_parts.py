"""What the running service is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from ingest.accounts.running import Accounts
from ingest.kafka_publisher import KafkaPublisher
from ingest.market_feed import MarketFeed
from ingest.repair import Repair
from schemas.codec import Codec
from schemas.markets import Market


__all__ = ["Feed", "ServiceParts"]


class Feed(Protocol):
    """What takes streams: a market, or the accounts."""

    @property
    def readiness(self) -> Mapping[str, str]:
        """What each connection lacks."""

    def stop(self) -> None:
        """Stop reading."""

    async def run(self) -> None:
        """Do everything but the connections."""

    async def run_connections(self) -> None:
        """Keep the connections up until told to stop."""


class ServiceParts(Struct, frozen=True):
    """What the running service is made of."""

    publisher: KafkaPublisher
    feeds: dict[Market, MarketFeed]
    accounts: Accounts
    repair: Repair | None
    codec: Codec

    @property
    def streaming(self) -> tuple[Feed, ...]:
        """All that takes streams."""
        return (*self.feeds.values(), self.accounts) if self.accounts.feeds else tuple(self.feeds.values())
