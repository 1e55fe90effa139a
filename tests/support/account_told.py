"""What the records of an account tell together, beside what the simulated exchange keeps in its books."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import msgspec


__all__ = ["Told", "told_by", "truth_of"]


class _Record(Protocol):
    @property
    def value(self) -> bytes | None: ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Told(msgspec.Struct):
    """Orders and fills, each with its last word."""

    orders: dict[tuple[str, str, int], tuple[str, ...]] = msgspec.field(default_factory=dict)
    """By kind, symbol and id: status, and of a regular order what is filled."""
    fills: dict[tuple[str, int], tuple[str, ...]] = msgspec.field(default_factory=dict)
    """By symbol and trade id: order id, quantity, price."""

    def order(self, one: Any) -> None:
        """Take the last word about a regular order."""
        self.orders["order", one["symbol"], one["orderId"]] = (one["status"], one["executedQty"])

    def algo(self, one: Any) -> None:
        """Take the last word about a conditional order."""
        self.orders["algo", one["symbol"], one["algoId"]] = (one["algoStatus"],)

    def fill(self, one: Any, order: int) -> None:
        """Take a fill."""
        self.fills[one["symbol"], one["id"]] = (str(order), one["qty"], one["price"])


def told_by(records: Iterable[_Record]) -> Told:
    """Return what REST's answers about orders tell, read in their order."""
    told = Told()
    for record in records:
        endpoint = dict(record.headers)["endpoint"]
        for one in msgspec.json.decode(record.value or b"[]"):
            if endpoint.endswith(b"Trades"):
                told.fill(one, one["orderId"])
            elif endpoint.endswith(b"AlgoOrders"):
                told.algo(one)
            else:
                told.order(one)
    return told


def truth_of(books: Any) -> Told:
    """Return the same of an account's books, as ``KeepsAccounts.account_books`` gives them."""
    truth = Told()
    for one in books["orders"]:
        truth.order(one)
        for fill in one["fills"]:
            truth.fill({"symbol": one["symbol"], **fill}, one["orderId"])
    for one in books.get("algoOrders", []):
        truth.algo(one)
    return truth
