"""What the routes ask: the store, and whether what it holds is the present."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import msgspec

from dashboard.core.accounts import ACCOUNT_SCHEMAS, Accounts
from dashboard.core.answers import Document, Moment
from dashboard.core.operations import UNKNOWN, Origin
from dashboard.core.store import Store
from dashboard.core.synchrony import Contact, Synchrony
from dashboard.errors import NotSynchronisedError
from schemas.accounts import Balance, Order, Position
from schemas.markets import Market
from schemas.topics import Topic


__all__ = ["Reader"]


@dataclass(frozen=True, slots=True)
class Reader:
    """The present, as far as it was read."""

    store: Store
    synchrony: Synchrony
    contact: Contact
    topics: Sequence[Topic]
    """What is read."""
    markets: Sequence[Market]
    """Whose topics are read."""
    clock_ms: Callable[[], int]
    """The wall clock."""
    clock_s: Callable[[], float]
    """A monotonic clock, the contact's."""
    accounts: Accounts | None = None
    """None: private topics are not read."""
    origin: Callable[[], Origin] = lambda: UNKNOWN
    """Where data come from."""
    version: str = "0"

    def take(self, market: Market, schema: str, value: msgspec.Struct, heard_ms: int) -> bool:
        """Take a value of a topic; returns whether it is news."""
        if isinstance(value, Order | Balance | Position):
            return self.accounts is not None and self.accounts.take(market, value)
        return self.store.take(market, schema, value, heard_ms)

    def forget(self, market: Market, schema: str, partition: int, interval: str) -> None:
        """Forget what one partition of a topic said: it was replaced by another log."""
        if schema not in ACCOUNT_SCHEMAS:
            self.store.forget(market, schema, partition, interval=interval)
        elif self.accounts is not None:
            self.accounts.forget(market, schema, partition)

    def require(self, markets: Collection[Market], schemas: Collection[str]) -> None:
        """Return where the topics behind an answer are read to their present.

        Raises:
            NotSynchronisedError: they are not, or nothing is read of these markets at all.
        """
        names = {topic.name for topic in self.topics if topic.market in markets and topic.schema in schemas}
        if unread := [f"market {market} is not read here (DASHBOARD_MARKETS)" for market in self._strange(markets)]:
            raise NotSynchronisedError(unread)
        if obstacles := self.synchrony.obstacles(names):
            raise NotSynchronisedError(obstacles)

    def moment(self) -> Moment:
        """Return now, and whether the broker is away."""
        return Moment(self.clock_ms(), self.contact.obstacle(self.clock_s()))

    def obstacles(self) -> list[str]:
        """Say what keeps the service from being ready; nothing: it is."""
        away = self.contact.obstacle(self.clock_s())
        return self.synchrony.obstacles() + ([] if away is None else [away])

    def readable(self, market: Market, schema: str) -> bool:
        """Whether the topics of a market with a schema are read, and to their present."""
        names = {topic.name for topic in self.topics if topic.market is market and topic.schema == schema}
        return bool(names) and not self.synchrony.obstacles(names)

    def status(self) -> Document:
        """Say where data come from, and whether they are of the present."""
        origin, age_s = self.origin(), self.contact.age_s(self.clock_s())
        obstacles = self.obstacles()
        return {
            "source": origin.source,
            "simulated": origin.simulated,
            "broker_contact_ms": None if age_s is None else round(age_s * 1000),
            "now_ms": self.clock_ms(),
            "private": self.accounts is not None,
            "version": self.version,
            "ready": not obstacles,
            "because": obstacles,
        }

    def _strange(self, markets: Collection[Market]) -> list[Market]:
        return [market for market in markets if market not in self.markets]
