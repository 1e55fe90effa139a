"""The life of an order in a table: which report may follow which status. What is not listed, is impossible.

Reports get lost and overtake each other, so a life may be joined at any point (status None: nothing is known yet) and
a report may skip others: a ``TRADE`` may follow ``PENDING_NEW`` although a ``NEW`` was between them. What may not be is
that a life goes back, or goes on after its end. A report that is older than what is known is no transition at all; it
is told apart by its time before this table is asked.

Source: binance-spot-api-docs, "User Data Streams for Binance" and "ENUM definitions" (2026-07-21); derivatives
documentation, "Event: Order Update" and "Event: Algo Order Update" (2026-05-28).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from schemas.accounts import OrderKind
from schemas.markets import Market


__all__ = [
    "ALGO_TRANSITIONS",
    "CONDITIONAL_TYPES",
    "FUTURES_TRANSITIONS",
    "SPOT_TRANSITIONS",
    "TERMINAL",
    "AlgoStatus",
    "Execution",
    "OrderStatus",
    "Transitions",
    "reachable",
    "status_rank",
    "transitions_of",
]


class OrderStatus(StrEnum):
    """Where an order stands, as the venue spells it."""

    NEW = "NEW"
    PENDING_NEW = "PENDING_NEW"
    """A leg of a list that waits for the working order to be filled; spot."""
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    PENDING_CANCEL = "PENDING_CANCEL"
    """Named in the documentation, not used."""
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"
    """By self-trade prevention."""


class Execution(StrEnum):
    """What just happened to an order, as the venue spells it."""

    NEW = "NEW"
    CANCELED = "CANCELED"
    REPLACED = "REPLACED"
    """Amended, keeping its priority; spot."""
    AMENDMENT = "AMENDMENT"
    """Amended; futures."""
    REJECTED = "REJECTED"
    """Spot."""
    TRADE = "TRADE"
    EXPIRED = "EXPIRED"
    TRADE_PREVENTION = "TRADE_PREVENTION"
    """Spot: self-trade prevention took some or all of it."""
    CALCULATED = "CALCULATED"
    """Futures: liquidation."""


class AlgoStatus(StrEnum):
    """Where an algo order stands, as the venue spells it; each report's status is also what happened."""

    NEW = "NEW"
    TRIGGERING = "TRIGGERING"
    """Its condition is met; it is on its way to the matching engine."""
    TRIGGERED = "TRIGGERED"
    """The matching engine has it: there is a regular order now."""
    FINISHED = "FINISHED"
    """That order has ended, filled or not."""
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


Transitions = Mapping[tuple[str | None, str], frozenset[str]]
"""By status (None: not known) and execution type: the statuses in which the order may be then."""

_S, _X, _A = OrderStatus, Execution, AlgoStatus
_NEW, _PENDING, _PARTIAL = frozenset({_S.NEW}), frozenset({_S.PENDING_NEW}), frozenset({_S.PARTIALLY_FILLED})
_FILLS: Final = frozenset({_S.PARTIALLY_FILLED, _S.FILLED})
_CANCELED, _REJECTED = frozenset({_S.CANCELED}), frozenset({_S.REJECTED})
_EXPIRED: Final = frozenset({_S.EXPIRED, _S.EXPIRED_IN_MATCH})
_PREVENTED: Final = frozenset({_S.EXPIRED_IN_MATCH})

SPOT_TRANSITIONS: Final[Transitions] = {
    (None, _X.NEW): _NEW | _PENDING,
    (_S.PENDING_NEW, _X.NEW): _NEW,
    (_S.NEW, _X.NEW): _NEW,  # a stop order that is triggered reports NEW a second time
    (None, _X.REPLACED): _NEW | _PENDING | _PARTIAL,
    (_S.PENDING_NEW, _X.REPLACED): _NEW | _PENDING | _PARTIAL,
    (_S.NEW, _X.REPLACED): _NEW | _PARTIAL,
    (_S.PARTIALLY_FILLED, _X.REPLACED): _PARTIAL,
    (None, _X.TRADE): _FILLS,
    (_S.PENDING_NEW, _X.TRADE): _FILLS,
    (_S.NEW, _X.TRADE): _FILLS,
    (_S.PARTIALLY_FILLED, _X.TRADE): _FILLS,
    (None, _X.TRADE_PREVENTION): _NEW | _PARTIAL | _PREVENTED,
    (_S.PENDING_NEW, _X.TRADE_PREVENTION): _NEW | _PARTIAL | _PREVENTED,
    (_S.NEW, _X.TRADE_PREVENTION): _NEW | _PARTIAL | _PREVENTED,
    (_S.PARTIALLY_FILLED, _X.TRADE_PREVENTION): _PARTIAL | _PREVENTED,
    (None, _X.CANCELED): _CANCELED,
    (_S.PENDING_NEW, _X.CANCELED): _CANCELED,
    (_S.NEW, _X.CANCELED): _CANCELED,
    (_S.PARTIALLY_FILLED, _X.CANCELED): _CANCELED,
    (None, _X.EXPIRED): _EXPIRED,
    (_S.PENDING_NEW, _X.EXPIRED): _EXPIRED,
    (_S.NEW, _X.EXPIRED): _EXPIRED,
    (_S.PARTIALLY_FILLED, _X.EXPIRED): _EXPIRED,
    (None, _X.REJECTED): _REJECTED,
    (_S.PENDING_NEW, _X.REJECTED): _REJECTED,
}

FUTURES_TRANSITIONS: Final[Transitions] = {
    (None, _X.NEW): _NEW,
    (_S.NEW, _X.NEW): _NEW,  # the same: a stop order of before 2025-12-09, triggered
    (None, _X.AMENDMENT): _NEW | _PARTIAL,
    (_S.NEW, _X.AMENDMENT): _NEW | _PARTIAL,
    (_S.PARTIALLY_FILLED, _X.AMENDMENT): _PARTIAL,
    (None, _X.TRADE): _FILLS,
    (_S.NEW, _X.TRADE): _FILLS,
    (_S.PARTIALLY_FILLED, _X.TRADE): _FILLS,
    (None, _X.CALCULATED): _NEW | _FILLS | _EXPIRED,
    (_S.NEW, _X.CALCULATED): _NEW | _FILLS | _EXPIRED,
    (_S.PARTIALLY_FILLED, _X.CALCULATED): _FILLS | _EXPIRED,
    (None, _X.CANCELED): _CANCELED,
    (_S.NEW, _X.CANCELED): _CANCELED,
    (_S.PARTIALLY_FILLED, _X.CANCELED): _CANCELED,
    (None, _X.EXPIRED): _EXPIRED,
    (_S.NEW, _X.EXPIRED): _EXPIRED,
    (_S.PARTIALLY_FILLED, _X.EXPIRED): _EXPIRED,
}


def _algo(followers: Mapping[str | None, Iterable[str]]) -> Transitions:
    return {(status, follower): frozenset({follower}) for status, row in followers.items() for follower in row}


ALGO_TRANSITIONS: Final[Transitions] = _algo(
    {
        None: AlgoStatus,
        _A.NEW: AlgoStatus,  # a trailing order reports NEW a second time when it begins to follow the market
        _A.TRIGGERING: (_A.TRIGGERED, _A.FINISHED, _A.CANCELED, _A.REJECTED, _A.EXPIRED),
        _A.TRIGGERED: (_A.TRIGGERED, _A.FINISHED),
    }
)

CONDITIONAL_TYPES: Final = frozenset(
    {"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"}
)
"""Types of futures orders that wait for a price. Where they are no algo orders (USD-M before 2025-12-09, COIN-M), the
waiting order may report EXPIRED when it is triggered (`er` 8), and goes on under its id as MARKET or LIMIT."""

TERMINAL: Final[Mapping[OrderKind, frozenset[str]]] = {
    OrderKind.REGULAR: frozenset({_S.FILLED, _S.CANCELED, _S.REJECTED, _S.EXPIRED, _S.EXPIRED_IN_MATCH}),
    OrderKind.ALGO: frozenset({_A.FINISHED, _A.CANCELED, _A.REJECTED, _A.EXPIRED}),
}
"""The statuses after which nothing comes."""

_RANKS: Final[Mapping[OrderKind, Mapping[str, int]]] = {
    OrderKind.REGULAR: {_S.PENDING_NEW: 0, _S.NEW: 1, _S.PARTIALLY_FILLED: 2, _S.PENDING_CANCEL: 3},
    OrderKind.ALGO: {_A.NEW: 0, _A.TRIGGERING: 1, _A.TRIGGERED: 2},
}
_END: Final = 4


def transitions_of(market: Market, kind: OrderKind) -> Transitions:
    """Return the table of an order."""
    if kind is OrderKind.ALGO:
        return ALGO_TRANSITIONS
    return SPOT_TRANSITIONS if market is Market.SPOT else FUTURES_TRANSITIONS


def status_rank(kind: OrderKind, status: str) -> int:
    """Return how far in its life an order is, to tell which of two reports of one moment is the later."""
    return _RANKS[kind].get(status, _END)


def _later(transitions: Transitions) -> Mapping[str | None, frozenset[str]]:
    """Return, by status, what may be true at any time after it."""
    later: dict[str | None, frozenset[str]] = {}
    for status in {before for before, _ in transitions}:
        found: frozenset[str] = frozenset()
        fresh: frozenset[str | None] = frozenset({status})
        while fresh:
            steps = [afters for (before, _), afters in transitions.items() if before in fresh]
            fresh = frozenset().union(*steps) - found
            found = found.union(*steps)
        later[status] = found
    return later


_LATER_OF_SPOT: Final = _later(SPOT_TRANSITIONS)
_LATER_OF_FUTURES: Final = _later(FUTURES_TRANSITIONS)
_LATER_OF_ALGO: Final = _later(ALGO_TRANSITIONS)
_ANSWERS_ALONE: Final = frozenset({_S.REJECTED})
"""Statuses that answers name on futures although no event there has them."""


def reachable(market: Market, kind: OrderKind, status: str | None, later: str) -> bool:
    """Say whether an order may be in a status some time after it was in another: what an answer may tell.

    An answer tells where an order stands, and not what happened on the way.
    """
    if kind is OrderKind.ALGO:
        statuses = _LATER_OF_ALGO
    else:
        statuses = _LATER_OF_SPOT if market is Market.SPOT else _LATER_OF_FUTURES
    if status is None and kind is OrderKind.REGULAR and later in _ANSWERS_ALONE:
        return True
    return status == later or later in statuses.get(status, frozenset())
