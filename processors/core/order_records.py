"""An order's state as the record that readers see, and as the bytes that a checkpoint keeps."""

from __future__ import annotations

from typing import Final

from processors.core.order_transitions import OrderStatus
from processors.core.orders import OrderState
from processors.core.written_states import WrittenState
from schemas.accounts import Order, OrderKind
from schemas.decimals import ONE
from schemas.markets import Market


__all__ = ["dump_order", "load_order", "order_record"]

_QUOTE_LIMIT: Final = 10**38
"""``decimal(38,16)``, the width of average prices."""


def order_record(state: OrderState, input_offset: int, snapshot_offset: int) -> Order | None:
    """Return the order as it is now.

    Args:
        state: the order.
        input_offset: of the last record of raw ``order-update`` that was applied in the partition; -1: none.
        snapshot_offset: the same of ``order-snapshot``.

    Returns:
        The record; None where nobody has told yet where the order stands: all that is known is a fill, or its list.
    """
    details, rank = state.details, state.rank
    if state.status is None or rank is None or details.side is None:
        return None
    fills, order_list = state.fills, state.order_list
    return Order(
        account=state.account,
        symbol=state.key.symbol,
        kind=state.key.kind,
        order_id=state.key.order_id,
        client_order_id=details.client_order_id or "",
        cancel_client_order_id=details.cancel_client_order_id,
        order_list_id=order_list.order_list_id if order_list else details.order_list_id,
        order_list_client_id=order_list.order_list_client_id if order_list else None,
        contingency_type=order_list.contingency_type if order_list else None,
        order_list_status=order_list.order_list_status if order_list else None,
        side=details.side,
        position_side=details.position_side,
        order_type=details.order_type or "",
        original_type=details.original_type,
        time_in_force=details.time_in_force or "",
        status=state.status,
        working=details.working,
        price=details.price or 0,
        stop_price=details.stop_price or 0,
        activation_price=details.activation_price,
        callback_rate=details.callback_rate,
        trailing_delta=details.trailing_delta,
        iceberg_quantity=details.iceberg_quantity or 0,
        quantity=details.quantity or 0,
        quote_order_quantity=details.quote_order_quantity,
        filled_quantity=state.filled_quantity,
        filled_quote_quantity=_filled_quote(state),
        average_price=_average_price(state),
        fills_known_quantity=fills.quantity,
        fill_count=fills.count,
        commission_assets=[asset for asset, _ in fills.commissions],
        commissions=[commission for _, commission in fills.commissions],
        realized_profit=fills.realized_profit if _has_profit(state) else None,
        last_trade_id=fills.last.trade_id if fills.last and fills.last.trade_id >= 0 else None,
        last_fill_price=fills.last.price if fills.last else None,
        last_fill_quantity=fills.last.quantity if fills.last else None,
        execution_id=state.execution_id,
        created_time=details.created_time,
        working_time=details.working_time,
        update_time=rank.time,
        event_time=state.event_time,
        good_till_time=details.good_till_time,
        reduce_only=details.reduce_only,
        close_position=details.close_position,
        price_protect=details.price_protect,
        working_type=details.working_type,
        price_match=details.price_match,
        self_trade_prevention_mode=details.self_trade_prevention_mode,
        prevented_quantity=details.prevented_quantity,
        reject_reason=details.reject_reason,
        expiry_reason=details.expiry_reason if state.terminal and state.status != OrderStatus.FILLED else None,
        algo_id=details.algo_id,
        triggered_order_id=details.triggered_order_id,
        triggered_time=details.triggered_time,
        irregular_count=state.irregular_count,
        source=state.source,
        recovered=state.recovered,
        input_offset=input_offset,
        snapshot_offset=snapshot_offset,
    )


def _has_profit(state: OrderState) -> bool:
    return state.market is not Market.SPOT and state.key.kind is OrderKind.REGULAR


def _filled_quote(state: OrderState) -> int | None:
    told = state.filled_quote if state.filled_quote_at == state.filled_quantity else None
    if state.market is Market.SPOT:
        return told
    if state.market is Market.COINM or state.key.kind is OrderKind.ALGO:
        return None
    return state.fills.quote if state.fills.quantity == state.filled_quantity else told


def _average_price(state: OrderState) -> int | None:
    filled = state.filled_quantity
    if not filled:
        return None
    if state.market is not Market.SPOT:
        return state.average_price if state.average_price_at == filled else None
    quote = _filled_quote(state)
    if quote is None:
        return None
    average = (2 * quote * ONE + filled) // (2 * filled)  # half up
    return average if average < _QUOTE_LIMIT else None


_written: Final = WrittenState(OrderState, version=1)


def dump_order(state: OrderState) -> bytes:
    """Return an order's whole state as bytes."""
    return _written.dump(state)


def load_order(data: bytes) -> OrderState:
    """Return the state that was dumped.

    Raises:
        CheckpointError: it cannot be read.
    """
    return _written.load(data)
