"""Conditional orders of futures: a life of their own, until the price makes a regular order of them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from msgspec import Struct

from sandbox.simulation.accounts.orders import AccountOrder, Terms


__all__ = ["ALGO_TYPES", "AlgoFile", "AlgoOrder", "AlgoStatus"]

ALGO_TYPES: Final = {
    "STOP": "LIMIT",
    "STOP_MARKET": "MARKET",
    "TAKE_PROFIT": "LIMIT",
    "TAKE_PROFIT_MARKET": "MARKET",
    "TRAILING_STOP_MARKET": "MARKET",
}
"""The conditional types, and what each becomes."""


class AlgoStatus(StrEnum):
    """Where a conditional order stands."""

    NEW = "NEW"
    TRIGGERING = "TRIGGERING"
    TRIGGERED = "TRIGGERED"
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


class AlgoOrder(Struct, eq=False, kw_only=True):
    """One conditional order; its terms' client id is the client's algo id, their stop price what sets it off."""

    account: str
    algo_id: int
    terms: Terms
    created_ms: int
    update_ms: int
    status: AlgoStatus = AlgoStatus.NEW
    trigger_ms: int = 0
    actual: AccountOrder | None = None
    """The regular order that it has become."""
    reason: str = ""
    """Why it became none."""
    activated: bool = True
    """A trailing one: whether it follows the price yet."""
    extreme: int = 0
    """A trailing one: the best price since, in hundred-millionths."""

    @property
    def waiting(self) -> bool:
        """Whether it may still be set off."""
        return self.status is AlgoStatus.NEW


class AlgoFile:
    """All conditional orders of one account on one market."""

    def __init__(self) -> None:
        self._orders: dict[int, AlgoOrder] = {}
        self._waiting: dict[int, AlgoOrder] = {}
        self._by_client_id: dict[str, AlgoOrder] = {}

    def put(self, order: AlgoOrder) -> None:
        """Keep a new one."""
        self._orders[order.algo_id] = self._waiting[order.algo_id] = order
        self._by_client_id[order.terms.client_id] = order

    def move(self, order: AlgoOrder, status: AlgoStatus, now_ms: int) -> None:
        """Let one stand elsewhere."""
        order.status, order.update_ms = status, now_ms
        self._waiting.pop(order.algo_id, None)

    def find(self, algo_id: int | None, client_id: str | None) -> AlgoOrder | None:
        """Return one by its id, which goes first, or by the client's."""
        return self._by_client_id.get(client_id or "") if algo_id is None else self._orders.get(algo_id)

    def waiting(self, symbol: str | None = None) -> list[AlgoOrder]:
        """Return those that may still be set off, oldest first."""
        return [each for each in self._waiting.values() if symbol in {None, each.terms.instrument.symbol}]

    def all(self) -> Iterator[AlgoOrder]:
        """Return all, oldest first."""
        return iter(self._orders.values())
