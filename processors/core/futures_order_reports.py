"""What USD-M and COIN-M tell of orders, in the words of :mod:`processors.core.order_reports`."""

from __future__ import annotations

from typing import Final

from processors.core.order_reports import (
    Fill,
    FillReport,
    LinkReport,
    OrderDetails,
    OrderKey,
    OrderReport,
    OrderTold,
    RefusalReport,
)
from processors.core.order_transitions import AlgoStatus, Execution
from processors.core.told_values import (
    Origin,
    UnreadableError,
    amount,
    base_sum,
    check_integers,
    fill_of,
    instant,
    known,
    optional,
    optional_amount,
    order_side,
    position_side,
    positive,
    quote_sum,
)
from schemas.account_rest import AlgoOrderAnswer, FuturesOrderAnswer, FuturesTradeAnswer
from schemas.accounts import OrderKind
from schemas.user_data import (
    AlgoOrder,
    AlgoUpdate,
    ConditionalOrderTriggerReject,
    FuturesOrder,
    OrderTradeUpdate,
    TradeLite,
)


__all__ = [
    "told_by_algo_order",
    "told_by_algo_update",
    "told_by_futures_order",
    "told_by_futures_trade",
    "told_by_order_trade_update",
    "told_by_trade_lite",
    "told_by_trigger_reject",
]

_REGULAR: Final = OrderKind.REGULAR
_FILLING: Final = frozenset({Execution.TRADE, Execution.CALCULATED})


def told_by_order_trade_update(event: OrderTradeUpdate, origin: Origin) -> tuple[OrderTold, ...]:
    """Return what an ``ORDER_TRADE_UPDATE`` tells."""
    order = event.order
    check_integers(event, order)
    time = instant(event.transaction_time)
    return (
        OrderReport(
            market=origin.market,
            account=origin.account,
            key=OrderKey(order.symbol, _REGULAR, order.order_id),
            source=origin.source,
            time=time,
            event_time=instant(event.event_time),
            status=order.status,
            execution=order.execution_type,
            details=_details_of_event(order, time),
            filled_quantity=base_sum(order.cumulative_quantity),
            average_price=positive(quote_sum(order.average_price)),
            fill=_fill_of_event(order),
        ),
    )


def _fill_of_event(order: FuturesOrder) -> Fill | None:
    if order.execution_type not in _FILLING or order.trade_id <= 0:
        return None
    return fill_of(
        order.trade_id,
        order.last_price,
        order.last_quantity,
        order.commission,
        order.commission_asset,
        realized_profit=order.realized_profit,
    )


def _details_of_event(order: FuturesOrder, time: int) -> OrderDetails:
    return OrderDetails(
        client_order_id=order.client_order_id,
        side=order_side(order.side),
        position_side=position_side(order.position_side),
        order_type=order.order_type,
        original_type=order.original_type,
        time_in_force=order.time_in_force,
        price=amount(order.price),
        stop_price=optional_amount(order.stop_price),
        activation_price=positive(optional_amount(order.activation_price)),
        callback_rate=positive(optional_amount(order.callback_rate)),
        quantity=amount(order.quantity),
        created_time=time if order.execution_type == Execution.NEW else None,
        good_till_time=known(order.good_till_time),
        reduce_only=order.reduce_only,
        close_position=order.close_position,
        price_protect=order.price_protect,
        working_type=order.working_type,
        price_match=order.price_match,
        self_trade_prevention_mode=order.self_trade_prevention_mode,
        expiry_reason=optional(order.expiry_reason),
    )


def told_by_trade_lite(event: TradeLite, origin: Origin) -> tuple[OrderTold, ...]:
    """Return what a ``TRADE_LITE`` tells: a fill, without its commission."""
    check_integers(event)
    fill = fill_of(event.trade_id, event.last_price, event.last_quantity, None, None)
    return (
        FillReport(
            market=origin.market,
            account=origin.account,
            key=OrderKey(event.symbol, _REGULAR, event.order_id),
            source=origin.source,
            time=instant(event.transaction_time),
            event_time=instant(event.event_time),
            fill=Fill(fill.trade_id, fill.price, fill.quantity, fill.quote),
        ),
    )


def told_by_trigger_reject(event: ConditionalOrderTriggerReject, origin: Origin) -> tuple[OrderTold, ...]:
    """Return what a ``CONDITIONAL_ORDER_TRIGGER_REJECT`` tells."""
    check_integers(event, event.reject)
    return (
        RefusalReport(
            market=origin.market,
            account=origin.account,
            key=OrderKey(event.reject.symbol, _REGULAR, event.reject.order_id),
            source=origin.source,
            time=instant(event.transaction_time),
            event_time=instant(event.event_time),
            reason=event.reject.reason,
        ),
    )


def told_by_futures_order(answer: FuturesOrderAnswer, origin: Origin) -> tuple[OrderTold, ...]:
    """Return what an order of ``openOrders``, ``allOrders`` or ``order`` tells."""
    check_integers(answer)
    details = OrderDetails(
        client_order_id=answer.client_order_id,
        side=order_side(answer.side),
        position_side=position_side(answer.position_side),
        order_type=answer.order_type,
        original_type=answer.original_type,
        time_in_force=answer.time_in_force,
        price=amount(answer.price),
        stop_price=optional_amount(answer.stop_price),
        activation_price=positive(optional_amount(answer.activation_price)),
        callback_rate=positive(optional_amount(answer.callback_rate)),
        quantity=amount(answer.quantity),
        created_time=known(answer.created_time),
        good_till_time=known(answer.good_till_time),
        reduce_only=answer.reduce_only,
        close_position=answer.close_position,
        price_protect=answer.price_protect,
        working_type=answer.working_type,
        price_match=answer.price_match,
        self_trade_prevention_mode=answer.self_trade_prevention_mode,
    )
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
            filled_quote=quote_sum(answer.cumulative_quote),
            average_price=positive(quote_sum(answer.average_price)),
        ),
    )


def told_by_futures_trade(answer: FuturesTradeAnswer, origin: Origin) -> tuple[OrderTold, ...]:
    """Return what a fill of ``userTrades`` tells."""
    check_integers(answer)
    return (
        FillReport(
            market=origin.market,
            account=origin.account,
            key=OrderKey(answer.symbol, _REGULAR, answer.order_id),
            source=origin.source,
            time=instant(answer.trade_time),
            fill=fill_of(
                answer.trade_id,
                answer.price,
                answer.quantity,
                answer.commission,
                answer.commission_asset,
                realized_profit=answer.realized_profit,
            ),
        ),
    )


def told_by_algo_update(event: AlgoUpdate, origin: Origin) -> tuple[OrderTold, ...]:
    """Return what an ``ALGO_UPDATE`` tells: of the algo order, and of the regular order that came of it."""
    check_integers(event)
    created = event.transaction_time if event.order.status == AlgoStatus.NEW else None
    return _told_of_algo(event.order, origin, event.transaction_time, event.event_time, created)


def told_by_algo_order(answer: AlgoOrderAnswer, origin: Origin) -> tuple[OrderTold, ...]:
    """Return what an order of ``openAlgoOrders`` or ``allAlgoOrders`` tells."""
    return _told_of_algo(answer, origin, answer.update_time, None, answer.created_time)


def _told_of_algo(
    order: AlgoOrder | AlgoOrderAnswer, origin: Origin, time: int, event_time: int | None, created_time: int | None
) -> tuple[OrderTold, ...]:
    check_integers(order)
    actual_id = _actual_id(order.actual_order_id)
    told = OrderReport(
        market=origin.market,
        account=origin.account,
        key=OrderKey(order.symbol, OrderKind.ALGO, order.algo_id),
        source=origin.source,
        time=instant(time),
        event_time=event_time if event_time is None else instant(event_time),
        status=order.status,
        execution=None if event_time is None else order.status,
        details=_details_of_algo(order, actual_id, known(created_time)),
        filled_quantity=base_sum(order.actual_quantity or "0"),
        average_price=positive(quote_sum(order.actual_price)),
    )
    if actual_id is None:
        return (told,)
    link = LinkReport(
        market=origin.market,
        account=origin.account,
        key=OrderKey(order.symbol, _REGULAR, actual_id),
        source=origin.source,
        time=told.time,
        event_time=told.event_time,
        algo_id=order.algo_id,
    )
    return told, link


def _details_of_algo(
    order: AlgoOrder | AlgoOrderAnswer, actual_id: int | None, created_time: int | None
) -> OrderDetails:
    reason = optional(order.reason)
    return OrderDetails(
        client_order_id=order.client_algo_id,
        side=order_side(order.side),
        position_side=position_side(order.position_side),
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        price=optional_amount(order.price),
        stop_price=optional_amount(order.trigger_price),
        activation_price=positive(optional_amount(order.activation_price)),
        callback_rate=positive(optional_amount(order.callback_rate)),
        quantity=optional_amount(order.quantity),
        created_time=created_time,
        good_till_time=known(order.good_till_time),
        reduce_only=order.reduce_only,
        close_position=order.close_position,
        price_protect=order.price_protect,
        working_type=order.working_type,
        price_match=order.price_match,
        self_trade_prevention_mode=order.self_trade_prevention_mode,
        reject_reason=None if order.status == AlgoStatus.EXPIRED else reason,
        expiry_reason=reason if order.status == AlgoStatus.EXPIRED else None,
        triggered_order_id=actual_id,
        triggered_time=known(order.trigger_time),
    )


def _actual_id(text: int | str | None) -> int | None:
    """Return the id of the order that came of an algo order; None before it was triggered."""
    if text is None or not text:
        return None
    try:
        order_id = int(text)
    except ValueError as error:
        raise UnreadableError("bad-number", f'order id "{str(text)[:40]}"') from error
    if order_id >= 1 << 63:
        raise UnreadableError("bad-number", "an order id is beyond 64 bits")
    return positive(order_id)
