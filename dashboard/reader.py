"""What the routes ask: the store, and whether what it holds is the present."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from dashboard.core.answers import Moment
from dashboard.core.store import Store
from dashboard.core.synchrony import Contact, Synchrony
from dashboard.errors import NotSynchronisedError
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

    def _strange(self, markets: Collection[Market]) -> list[Market]:
        return [market for market in markets if market not in self.markets]
