"""The faults that were ordered, what became of them, and the journal of what they did."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from sandbox.exchange.faults.journal import Deed, FaultJournal
from sandbox.exchange.faults.model import Fault
from schemas.markets import Market


__all__ = ["Order", "OrderState", "Orders"]


class OrderState(StrEnum):
    """Where an order stands."""

    WAITING = "waiting"
    """Its time has not come."""
    ACTIVE = "active"
    ENDED = "ended"
    """It did what it was to do, or was ended."""
    FAILED = "failed"
    """It could not be done; `Order.reason` says why."""


class Order:
    """One fault that was ordered."""

    def __init__(self, number: int, fault: Fault, at_s: float | None) -> None:
        self.number = number
        self.fault = fault
        self.at_s = at_s
        """When it is to begin, seconds of the venue's time since the first event; None: it began when it came."""
        self.state = OrderState.WAITING
        self.hits = 0
        self.reason: str | None = None

    @property
    def name(self) -> str:
        """The fault's name."""
        return str(self.fault.__struct_config__.tag)

    def fail(self, reason: str) -> None:
        """Note that it could not be done."""
        self.state, self.reason = OrderState.FAILED, reason

    def describe(self) -> dict[str, Any]:
        """Return what ``GET /sandbox/faults`` shows."""
        about: dict[str, Any] = {"id": self.number, "state": self.state, "hits": self.hits}
        if self.at_s is not None:
            about["at"] = self.at_s
        if self.reason is not None:
            about["reason"] = self.reason
        fields: dict[str, Any] = msgspec.to_builtins(self.fault)
        return about | {name: value for name, value in fields.items() if value is not None}


class Orders:
    """All orders, by number.

    Args:
        wall_ms: The machine's clock.
        venue_ms: The venue's clock.
        journal: Where it is written what they do.
    """

    def __init__(
        self, wall_ms: Callable[[], int], venue_ms: Callable[[], int], journal: FaultJournal | None = None
    ) -> None:
        self._wall_ms = wall_ms
        self._venue_ms = venue_ms
        self._journal = journal
        self._orders: dict[int, Order] = {}

    def add(self, fault: Fault, at_s: float | None = None) -> Order:
        """Note an order."""
        order = self._orders[len(self._orders) + 1] = Order(len(self._orders) + 1, fault, at_s)
        return order

    def find(self, number: int) -> Order | None:
        """Return the order of a number."""
        return self._orders.get(number)

    def waiting(self) -> list[Order]:
        """Return the orders whose time has not come."""
        return [order for order in self._orders.values() if order.state is OrderState.WAITING]

    def describe(self) -> list[dict[str, Any]]:
        """Return what ``GET /sandbox/faults`` shows."""
        return [order.describe() for order in self._orders.values()]

    def did(
        self,
        order: Order,
        market: Market | None,
        *,
        stream: str | None = None,
        connection: int | None = None,
        ids: dict[str, int] | None = None,
        detail: str | None = None,
    ) -> None:
        """Count and write down one thing that an order did."""
        order.hits += 1
        if self._journal is not None:
            deed = Deed(
                id=order.number,
                fault=order.name,
                market=market,
                stream=stream,
                connection=connection,
                wall_ms=self._wall_ms(),
                venue_ms=self._venue_ms(),
                ids=ids or {},
                detail=detail,
            )
            self._journal.write(deed)
