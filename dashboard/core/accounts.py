"""What the private topics said last: orders, balances and positions of accounts.

Only where it is wanted (``DASHBOARD_PRIVATE``): there is no log-in, so by default these topics are not read at all.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, Final

from dashboard.core.answers import Document
from schemas.accounts import Balance, Order, Position
from schemas.documents import to_document
from schemas.markets import Market
from schemas.topics import partition_of


__all__ = ["ACCOUNT_SCHEMAS", "Accounts"]

ACCOUNT_SCHEMAS: Final = frozenset({"balance", "order", "position"})
"""The schemas whose values are taken."""
_OVER: Final = frozenset({"FILLED", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH", "FINISHED"})
"""The venue's statuses after which nothing comes, of orders and of conditional orders; any other is open."""
_ENDED_TOLD: Final = 20


class Accounts:
    """Takes the values of private topics and keeps the last word on everything.

    Args:
        ended_kept: orders that are kept although they are over: those that ended last.
    """

    def __init__(self, ended_kept: int) -> None:
        self._ended_kept = ended_kept
        self._orders: dict[Hashable, tuple[Market, Order]] = {}
        self._ended: dict[Hashable, None] = {}
        self._balances: dict[Hashable, tuple[Market, Balance]] = {}
        self._positions: dict[Hashable, tuple[Market, Position]] = {}
        self.mark = 0
        """Rises with each change."""

    def take(self, market: Market, value: Order | Balance | Position) -> bool:
        """Take a value; returns whether it is news: not older than what is known."""
        match value:
            case Order():
                return self._take_order(market, value)
            case Balance():
                return self._take(self._balances, (market, value.account, value.asset), market, value)
            case Position():
                key = (market, value.account, value.symbol, value.position_side)
                return self._take(self._positions, key, market, value)

    def forget(self, market: Market, schema: str, partition: int) -> None:
        """Forget what one partition of a topic said: it was replaced by another log, whose offsets begin anew."""
        known: dict[Hashable, tuple[Market, Any]] = {
            "order": self._orders,
            "balance": self._balances,
            "position": self._positions,
        }[schema]  # type: ignore[assignment]
        for key, (of, value) in list(known.items()):
            if of is market and partition_of(value.account) == partition:
                del known[key]
                self._ended.pop(key, None)
        self.mark += 1

    def orders(
        self, account: str | None = None, market: Market | None = None, *, ended: int | None = None
    ) -> list[Document]:
        """Return orders: those that are open first, then of the others the newest ``ended``, or all."""
        chosen = list(_chosen(self._orders, account, market))
        chosen.sort(key=lambda one: one[1].update_time, reverse=True)
        live = [one for one in chosen if one[1].status not in _OVER]
        over = [one for one in chosen if one[1].status in _OVER]
        return [_document("order", *one) for one in [*live, *over[:ended]]]

    def balances(self, account: str | None = None, market: Market | None = None) -> list[Document]:
        """Return balances, by market, account and asset."""
        chosen = sorted(
            _chosen(self._balances, account, market), key=lambda one: (one[0], one[1].account, one[1].asset)
        )
        return [_document("balance", *one) for one in chosen]

    def positions(self, account: str | None = None, market: Market | None = None) -> list[Document]:
        """Return positions, by market, account and symbol."""
        chosen = sorted(
            _chosen(self._positions, account, market),
            key=lambda one: (one[0], one[1].account, one[1].symbol, one[1].position_side),
        )
        return [_document("position", *one) for one in chosen]

    def document(self) -> Document:
        """Return what a page shows: open orders and the last that ended, balances, positions."""
        return {
            "orders": self.orders(ended=_ENDED_TOLD),
            "balances": self.balances(),
            "positions": self.positions(),
        }

    def _take_order(self, market: Market, value: Order) -> bool:
        key = (market, value.account, value.symbol, value.kind, value.order_id)
        if not self._take(self._orders, key, market, value):
            return False
        self._ended.pop(key, None)
        if value.status in _OVER:
            self._ended[key] = None
            if len(self._ended) > self._ended_kept:
                oldest = next(iter(self._ended))
                del self._ended[oldest], self._orders[oldest]
        return True

    def _take(self, known: dict[Hashable, tuple[Market, Any]], key: Hashable, market: Market, value: Any) -> bool:
        if key in known and _version(value) < _version(known[key][1]):
            return False
        known[key] = (market, value)
        self.mark += 1
        return True


def _version(value: Order | Balance | Position) -> tuple[int, int]:
    return value.input_offset, value.snapshot_offset


def _chosen(
    known: dict[Hashable, tuple[Market, Any]], account: str | None, market: Market | None
) -> Iterator[tuple[Market, Any]]:
    for of, value in known.values():
        if (market is None or of is market) and (account is None or value.account == account):
            yield of, value


def _document(schema: str, market: Market, value: Any) -> Document:
    return {"market": market, **to_document(schema, value)}
