"""What the routes ask: the store, and whether what it holds is the present."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import msgspec

from dashboard.core.accounts import ACCOUNT_SCHEMAS, Accounts
from dashboard.core.answers import Document, Moment
from dashboard.core.operations import Operations
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
    operations: Operations
    """What operators are told."""
    accounts: Accounts | None = None
    """None: private topics are not read."""
    version: str = "0"

    def take(self, topic: Topic, value: msgspec.Struct, heard_ms: int) -> bool:
        """Take a value of a topic; returns whether it is news."""
        if topic.market is None or topic.schema is None:
            return self.operations.take(value, self.clock_s())
        if isinstance(value, Order | Balance | Position):
            return self.accounts is not None and self.accounts.take(topic.market, value)
        return self.store.take(topic.market, topic.schema, value, heard_ms)

    def forget(self, topic: Topic, partition: int) -> None:
        """Forget what one partition of a topic said: it was replaced by another log.

        Of control topics nothing is forgotten: what their records say does not depend on their places.
        """
        if topic.market is None or topic.schema is None:
            return
        if topic.schema not in ACCOUNT_SCHEMAS:
            interval = str(topic.type).removeprefix("candle-")
            self.store.forget(topic.market, topic.schema, partition, interval=interval)
        elif self.accounts is not None:
            self.accounts.forget(topic.market, topic.schema, partition)

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
        return Moment(self.clock_ms(), self.contact.obstacle(self.clock_s()), self.clock_s())

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
        age_s = self.contact.age_s(self.clock_s())
        origin = self.operations.origin(self.clock_ms(), self.clock_s())
        obstacles = self.obstacles()
        return {
            "source": origin.source,
            "simulated": origin.simulated,
            "broker_contact_ms": None if age_s is None else round(age_s * 1000),
            "now_ms": self.clock_ms(),
            "private": self.accounts is not None,
            "markets": list(self.markets),
            "version": self.version,
            "ready": not obstacles,
            "because": obstacles,
        }

    def operations_document(self) -> Document:
        """Return what operators are told, the status among it."""
        return {**self.status(), **self.operations.document(self.store, self.moment())}

    def _strange(self, markets: Collection[Market]) -> list[Market]:
        return [market for market in markets if market not in self.markets]
