"""What readers are told of a market's connections."""

from __future__ import annotations

from collections import Counter

from ingest.connection import Clocks
from ingest.control_records import ControlRecords
from ingest.core.plan import ConnectionPlan
from ingest.publisher import Publisher
from schemas.control import Connection, ConnectionEvent
from schemas.markets import Market


__all__ = ["ConnectionDiary"]


class ConnectionDiary:
    """Writes a record for each socket that is opened, and for each that is closed.

    Args:
        market: which.
        publisher: where the records go.
        control: makes them.
        clocks: time.
    """

    def __init__(self, market: Market, publisher: Publisher, control: ControlRecords, clocks: Clocks) -> None:
        self._market = market
        self._publisher = publisher
        self._control = control
        self._clocks = clocks
        self._events: Counter[str] = Counter()

    def opened(self, plan: ConnectionPlan, connection_id: str, url: str) -> None:
        """Tell that a connection is up."""
        self._tell(plan, connection_id, url, ConnectionEvent.CONNECTED, None)

    def closed(self, plan: ConnectionPlan, connection_id: str, url: str, reason: str | None) -> None:
        """Tell that it is gone, and why."""
        self._tell(plan, connection_id, url, ConnectionEvent.DISCONNECTED, reason)
        del self._events[connection_id]

    def _tell(
        self, plan: ConnectionPlan, connection_id: str, url: str, event: ConnectionEvent, reason: str | None
    ) -> None:
        self._events[connection_id] += 1
        record = Connection(
            connection_id=connection_id,
            sequence=self._events[connection_id],
            market=self._market,
            event=event,
            time=self._clocks.wall_ns() // 1_000_000,
            url=url,
            streams=plan.names,
            reason=reason,
        )
        self._publisher.publish(self._control.connection(record))
