"""One order's life, as a fold of all that is told about it, in any order and any number of times.

Where an order stands is what the newest report says: by transaction time, cumulative filled quantity, how far its life
has come, and on spot by execution id. What an older one tells is not lost: a fill counts by its trade id whenever it
comes, and a detail that nobody told before is taken over. So every order of arrival ends in the same state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from processors.core.order_fills import Fills, add_fill
from processors.core.order_reports import (
    FillReport,
    LinkReport,
    ListReport,
    OrderDetails,
    OrderReport,
    OrderTold,
    RefusalReport,
)
from processors.core.order_states import ListState, OrderState, Rank
from processors.core.order_transitions import (
    CONDITIONAL_TYPES,
    Execution,
    OrderStatus,
    reachable,
    status_rank,
    transitions_of,
)
from schemas.accounts import AccountSource, OrderKind
from schemas.markets import Market


__all__ = [
    "Advanced",
    "Duplicate",
    "Impossible",
    "OrderOutcome",
    "OrderState",
    "OutOfOrder",
    "advance",
]


class _Outcome(msgspec.Struct, frozen=True):
    state: OrderState | None
    """The order after the report; None where nothing was known and nothing is."""
    changed: bool = True
    """Whether it is another state than before."""


class Advanced(_Outcome, frozen=True):
    """The report told something new."""

    recovered: bool = False
    """An answer told it: the stream had missed it."""


class Duplicate(_Outcome, frozen=True):
    """All of it was known."""


class OutOfOrder(_Outcome, frozen=True):
    """It is older than what is known. The order may have changed still: by a fill, by a detail that nobody had told."""

    recovered: bool = False
    """An answer told a fill that the stream had missed."""


class Impossible(_Outcome, frozen=True):
    """No legal life of an order has it. Nothing changed but the count of such reports."""

    reason: str = "impossible-transition"
    """A code in kebab case."""
    detail: str = ""
    """What is wrong, in words."""


OrderOutcome = Advanced | Duplicate | OutOfOrder | Impossible

_EXECUTION_RANKS: Final[Mapping[str | None, int]] = {None: 0, Execution.NEW: 0, Execution.AMENDMENT: 2}
_LARGEST: Final = frozenset({"prevented_quantity", "working_time"})
"""Details that only grow: the largest that was told counts, whenever it is told."""
_LEAST: Final = frozenset({"created_time"})
_MAY_FILL_LATE: Final = frozenset({OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.EXPIRED_IN_MATCH})
_TRIGGERED: Final = 10
"""Added to the ranks of statuses of what a stop order became: they follow all that it was as long as it waited."""
_MAY_BE_LESS: Final = frozenset({"DECREMENT", "TRANSFER"})
"""Modes of self-trade prevention that take a part of an order, which is FILLED without it."""
_LIST_RANKS: Final[Mapping[str, int]] = {"EXECUTING": 0}


def advance(state: OrderState | None, report: OrderTold) -> OrderOutcome:
    """Fold one report into an order.

    Args:
        state: what is known of the order; None: nothing is.
        report: what is told of that very order.

    Returns:
        ``Advanced``, ``Duplicate``, ``OutOfOrder`` or ``Impossible``, each with the state that follows.
    """
    outcome = _folded(state or OrderState(market=report.market, account=report.account, key=report.key), report)
    if state is None and (isinstance(outcome, Impossible) or not outcome.changed):
        return replace(outcome, state=None, changed=False)
    return outcome


def _folded(before: OrderState, report: OrderTold) -> OrderOutcome:
    match report:
        case OrderReport():
            return _stand(before, report)
        case FillReport():
            return _fill(before, report)
        case ListReport():
            return _join_list(before, report)
        case LinkReport():
            return _learn(before, report, OrderDetails(algo_id=report.algo_id))
        case RefusalReport():
            return _learn(before, report, OrderDetails(reject_reason=report.reason))


def _stand(before: OrderState, report: OrderReport) -> OrderOutcome:
    """Fold in a report that tells where the order stands."""
    rank = _rank_of(report)
    late_fill = _is_late_fill(before, report)
    newer = before.rank is None or (rank > before.rank and not late_fill)
    follows = newer and not _tells_of_answer(before, rank)
    irregular = _contradiction(before, report) or (_broken_rule(before, report) if follows else None)
    if irregular is not None:
        return _impossible(before, irregular, identity=(rank, report.status, report.execution))
    fills = before.fills if report.fill is None else add_fill(before.fills, report.fill)
    if fills is None:
        return _impossible(before, "a sum of its fills does not fit its field", reason="does-not-fit")
    after = _merged(before, report, fills, rank if newer else None)
    older = late_fill or (before.rank is not None and not newer and rank.moment < before.rank.moment)
    if after == before:
        known = report.fill is not None or not older
        return Duplicate(before, changed=False) if known else OutOfOrder(before, changed=False)
    missed = report.source is AccountSource.REST and _essence(after) != _essence(before)
    after = _stamped(after, report, recovered=missed)
    return OutOfOrder(after, recovered=missed) if older else Advanced(after, recovered=missed)


def _fill(before: OrderState, report: FillReport) -> OrderOutcome:
    """Fold in a fill about which nothing else is told."""
    fills = add_fill(before.fills, report.fill)
    if fills is None:
        return _impossible(before, "a sum of its fills does not fit its field", reason="does-not-fit")
    if fills is before.fills:
        return Duplicate(before, changed=False)
    missed = report.source is AccountSource.REST
    return Advanced(_stamped(replace(before, fills=fills), report, recovered=missed), recovered=missed)


def _join_list(before: OrderState, report: ListReport) -> OrderOutcome:
    """Fold in how the list of an order stands."""
    told = ListState(
        report.time,
        report.order_list_id,
        report.order_list_client_id,
        report.contingency_type,
        report.order_list_status,
    )
    known = before.order_list
    if told == known:
        return Duplicate(before, changed=False)
    if known is not None and _list_rank(told) < _list_rank(known):
        return OutOfOrder(before, changed=False)
    return Advanced(_stamped(replace(before, order_list=told), report))


def _list_rank(state: ListState) -> tuple[int, int]:
    return state.time, _LIST_RANKS.get(state.order_list_status, 1)


def _learn(before: OrderState, report: OrderTold, details: OrderDetails) -> OrderOutcome:
    """Fold in a detail that is told by itself."""
    learned = _merged_details(before.details, details, newer=False)
    if learned is before.details:
        return Duplicate(before, changed=False)
    return Advanced(_stamped(replace(before, details=learned), report))


def _impossible(
    before: OrderState,
    detail: str,
    reason: str = "impossible-transition",
    identity: tuple[Rank, str, str | None] | None = None,
) -> Impossible | Duplicate:
    if identity is not None and identity == before.last_irregular:
        return Duplicate(before, changed=False)
    after = replace(before, irregular_count=before.irregular_count + 1, last_irregular=identity)
    return Impossible(after, reason=reason, detail=detail)


def _rank_of(report: OrderReport) -> Rank:
    kind = report.key.kind
    return Rank(
        report.time,
        0 if kind is OrderKind.ALGO else report.filled_quantity,
        status_rank(kind, report.status) + (_TRIGGERED if _is_triggered(report) else 0),
        report.details.working_time or 0,
        -(report.details.quantity or 0) if report.market is Market.SPOT else 0,
        report.source is AccountSource.STREAM,
        _EXECUTION_RANKS.get(report.execution, 1),
        -1 if report.execution_id is None else report.execution_id,
    )


def _is_triggered(report: OrderReport) -> bool:
    """Say whether a futures order that waited for a price is in the book since: it is of another type then."""
    details = report.details
    return details.original_type in CONDITIONAL_TYPES and details.order_type != details.original_type


def _goes_on(before: OrderState, report: OrderReport) -> bool:
    """Say whether a report tells of what a stop order became: EXPIRED ended no more than its waiting."""
    waited = before.rank is not None and before.rank.status_rank < _TRIGGERED
    return before.status == OrderStatus.EXPIRED and waited and _is_triggered(report)


def _is_late_fill(before: OrderState, report: OrderReport) -> bool:
    """Say whether a fill tells of the time before the order was cancelled or expired: late, not illegal."""
    return (
        report.execution == Execution.TRADE
        and not _goes_on(before, report)
        and before.status in _MAY_FILL_LATE
        and before.rank is not None
        and report.time <= before.rank.time
    )


def _tells_of_answer(before: OrderState, rank: Rank) -> bool:
    """Say whether an event tells, late and in more detail, of the very moment that an answer has told of."""
    known = before.rank
    return known is not None and not known.told_live and known.moment == rank.moment


def _contradiction(before: OrderState, report: OrderReport) -> str | None:
    """Return in which way a report contradicts itself; what was prevented, an earlier one may have told."""
    if report.key.kind is OrderKind.ALGO:
        return None
    details, filled = report.details, report.filled_quantity
    if report.fill is not None and report.fill.quantity > filled:
        return "the fill is larger than the cumulative filled quantity"
    if not details.quantity or details.quote_order_quantity:
        return None  # ordered by quote quantity, or closes a position: nothing to compare with
    prevented = max(details.prevented_quantity or 0, before.details.prevented_quantity or 0)
    unknown = not prevented and details.self_trade_prevention_mode in _MAY_BE_LESS
    whole = filled in (details.quantity, details.quantity - prevented) or unknown
    if report.status == OrderStatus.FILLED and not whole:
        return "status FILLED, but the cumulative filled quantity is not the ordered one"
    if report.status == OrderStatus.PARTIALLY_FILLED and filled >= details.quantity:
        return "status PARTIALLY_FILLED, but the cumulative filled quantity is the ordered one"
    return None


def _broken_rule(before: OrderState, report: OrderReport) -> str | None:
    """Return in which way a report that is newer than all before cannot follow them."""
    kind = report.key.kind
    status = None if _goes_on(before, report) else before.status
    if report.execution is None:
        if not reachable(report.market, kind, status, report.status):
            return f"status {report.status} after {before.status or 'nothing'}"
    else:
        allowed = transitions_of(report.market, kind).get((status, report.execution), frozenset())
        if report.status not in allowed:
            return f"execution type {report.execution} with status {report.status} after {before.status or 'nothing'}"
    if kind is OrderKind.REGULAR and report.filled_quantity < before.filled_quantity:
        return "the cumulative filled quantity fell"
    return None


def _merged(before: OrderState, report: OrderReport, fills: Fills, rank: Rank | None) -> OrderState:
    """Return the order with all that a report tells; ``rank`` is its own where it is the newest."""
    filled = report.filled_quantity
    quote, average = before.filled_quote, before.average_price
    quote_told = report.filled_quote is not None and filled > before.filled_quote_at
    if report.market is not Market.SPOT and fills.quantity == filled:
        quote_told = False  # the sum of the fills is exact, and stands in the record
    average_told = report.average_price is not None and filled > before.average_price_at
    identities = [known for known in (before.execution_id, report.execution_id) if known is not None]
    return replace(
        before,
        status=before.status if rank is None else report.status,
        rank=rank or before.rank,
        details=_merged_details(before.details, report.details, newer=rank is not None),
        filled_quantity=max(before.filled_quantity, filled),
        filled_quote=report.filled_quote if quote_told else quote,
        filled_quote_at=filled if quote_told else before.filled_quote_at,
        average_price=report.average_price if average_told else average,
        average_price_at=filled if average_told else before.average_price_at,
        execution_id=max(identities, default=None),
        fills=fills,
    )


def _merged_details(known: OrderDetails, told: OrderDetails, *, newer: bool) -> OrderDetails:
    changes: dict[str, Any] = {}
    for name in OrderDetails.__struct_fields__:
        value, before = getattr(told, name), getattr(known, name)
        if value is None or value == before:
            continue
        if before is None or _replaces(name, value, before, newer=newer):
            changes[name] = value
    return replace(known, **changes) if changes else known


def _replaces(name: str, value: Any, before: Any, *, newer: bool) -> bool:
    if name in _LARGEST:
        return bool(value > before)
    if name in _LEAST:
        return bool(value < before)
    return newer


def _essence(state: OrderState) -> tuple[object, ...]:
    """Return what an answer must not know better than the stream."""
    details = state.details
    return state.status, state.filled_quantity, state.fills, details.price, details.quantity, details.working


def _stamped(state: OrderState, report: OrderTold, *, recovered: bool = False) -> OrderState:
    return replace(
        state,
        source=report.source,
        event_time=report.event_time,
        recovered=state.recovered or recovered,
        streamed=state.streamed or report.source is AccountSource.STREAM,
    )
