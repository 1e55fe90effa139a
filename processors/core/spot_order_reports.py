"""What spot tells of orders, in the words of :mod:`processors.core.order_reports`."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from processors.core.order_reports import (
    FillReport,
    ListReport,
    OrderDetails,
    OrderKey,
    OrderReport,
    OrderTold,
)
from processors.core.order_transitions import TERMINAL, Execution
from processors.core.told_values import (
    Origin,
    amount,
    base_sum,
    check_integers,
    fill_of,
    instant,
    known,
    optional,
    optional_amount,
    order_side,
    positive,
    quote_sum,
)
from schemas.account_rest import SpotOrderAnswer, SpotTradeAnswer
from schemas.accounts import OrderKind
from schemas.user_data import ExecutionReport, ListStatus


__all__ = ["told_by_execution_report", "told_by_list_status", "told_by_spot_order", "told_by_spot_trade"]

_REGULAR: Final = OrderKind.REGULAR


def told_by_execution_report(event: ExecutionReport, origin: Origin) -> tuple[OrderTold, ...]:
    """Return what an execution report tells."""
    check_integers(event)
    fill, fill_id = None, _fill_id(event)
    if event.execution_type == Execution.TRADE and fill_id is not None:
        fill = fill_of(fill_id, event.last_price, event.last_quantity, event.commission, event.commission_asset)
    return (
        OrderReport(
            market=origin.market,
            account=origin.account,
            key=OrderKey(event.symbol, _REGULAR, event.order_id),
            source=origin.source,
            time=instant(event.transaction_time),
            event_time=instant(event.event_time),
            status=event.status,
            execution=event.execution_type,
            details=_details_of_event(event),
            execution_id=event.execution_id,
            filled_quantity=base_sum(event.cumulative_quantity),
            filled_quote=quote_sum(event.cumulative_quote),
            fill=fill,
        ),
    )


def _fill_id(event: ExecutionReport) -> int | None:
    """Return what tells a fill from others; None where nothing was filled.

    What smart order routing allots is no trade. It has ids of its own, which are below all trade ids here.
    """
    if event.trade_id >= 0:
        return event.trade_id
    return None if event.allocation_id is None else -2 - event.allocation_id


def _details_of_event(event: ExecutionReport) -> OrderDetails:
    # On a cancellation `c` is the id of the cancellation and `C` the order's own; an amendment has both too, but there
    # `c` is the id that the order has from now on.
    cancels = bool(event.original_client_order_id) and event.execution_type != Execution.REPLACED
    client_order_id = event.original_client_order_id if cancels else event.client_order_id
    return replace(
        _details_of(event, client_order_id),
        cancel_client_order_id=event.client_order_id if cancels else None,
        reject_reason=optional(event.reject_reason),
    )


def _details_of(order: ExecutionReport | SpotOrderAnswer, client_order_id: str | None) -> OrderDetails:
    """Return what events and answers tell alike."""
    return OrderDetails(
        client_order_id=client_order_id,
        order_list_id=None if order.order_list_id < 0 else order.order_list_id,
        side=order_side(order.side),
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        working=_working(order.status, order.working),
        price=amount(order.price),
        stop_price=amount(order.stop_price),
        trailing_delta=order.trailing_delta,
        iceberg_quantity=amount(order.iceberg_quantity),
        quantity=amount(order.quantity),
        quote_order_quantity=positive(optional_amount(order.quote_order_quantity)),
        created_time=known(order.created_time),
        working_time=known(order.working_time),
        self_trade_prevention_mode=order.self_trade_prevention_mode,
        prevented_quantity=positive(optional_amount(order.prevented_quantity)),
        expiry_reason=optional(order.expiry_reason),
    )


def _working(status: str, working: bool | None) -> bool | None:
    """Return whether an order stands in the book; answers say so of orders that have ended, too."""
    return False if status in TERMINAL[_REGULAR] else working


def told_by_spot_order(answer: SpotOrderAnswer, origin: Origin) -> tuple[OrderTold, ...]:
    """Return what an order of ``openOrders``, ``allOrders`` or ``order`` tells."""
    check_integers(answer)
    quote = quote_sum(answer.cumulative_quote)
    details = _details_of(answer, answer.client_order_id)
    return (
        OrderReport(
            market=origin.market,
            account=origin.account,
            key=OrderKey(answer.symbol, _REGULAR, answer.order_id),
            source=origin.source,
            time=instant(answer.update_time),
            status=answer.status,
            execution=None,
            details=details,
            filled_quantity=base_sum(answer.executed_quantity),
            filled_quote=None if quote is None or quote < 0 else quote,
        ),
    )


def told_by_spot_trade(answer: SpotTradeAnswer, origin: Origin) -> tuple[OrderTold, ...]:
    """Return what a fill of ``myTrades`` tells."""
    check_integers(answer)
    return (
        FillReport(
            market=origin.market,
            account=origin.account,
            key=OrderKey(answer.symbol, _REGULAR, answer.order_id),
            source=origin.source,
            time=instant(answer.trade_time),
            fill=fill_of(answer.trade_id, answer.price, answer.quantity, answer.commission, answer.commission_asset),
        ),
    )


def told_by_list_status(event: ListStatus, origin: Origin) -> tuple[OrderTold, ...]:
    """Return what the news of an order list tells of each of its legs."""
    check_integers(event, *event.orders)
    return tuple(
        ListReport(
            market=origin.market,
            account=origin.account,
            key=OrderKey(leg.symbol, _REGULAR, leg.order_id),
            source=origin.source,
            time=instant(event.transaction_time),
            event_time=instant(event.event_time),
            order_list_id=event.order_list_id,
            order_list_client_id=event.list_client_order_id,
            contingency_type=event.contingency_type,
            order_list_status=event.list_order_status,
        )
        for leg in event.orders
    )
