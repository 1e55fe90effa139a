"""Values of the private topics for the examples of the OpenAPI document."""

from __future__ import annotations

from typing import Final

from schemas.accounts import AccountSource, Balance, Order, OrderKind, OrderSide, Position, PositionSide


__all__ = ["example_balance", "example_order", "example_position"]

_TIME: Final = 1_723_161_658_300
_ONE: Final = 10**8
_ACCOUNT: Final = "main"
_SYMBOL: Final = "BTCUSDT"


def example_order() -> Order:
    """Return an order of futures that is half filled."""
    return Order(
        account=_ACCOUNT,
        symbol=_SYMBOL,
        kind=OrderKind.REGULAR,
        order_id=4_903_999_096,
        client_order_id="my-order-17",
        cancel_client_order_id=None,
        order_list_id=None,
        order_list_client_id=None,
        contingency_type=None,
        order_list_status=None,
        side=OrderSide.BUY,
        position_side=PositionSide.BOTH,
        order_type="LIMIT",
        original_type="LIMIT",
        time_in_force="GTC",
        status="PARTIALLY_FILLED",
        working=None,
        price=61_700 * _ONE,
        stop_price=0,
        activation_price=None,
        callback_rate=None,
        trailing_delta=None,
        iceberg_quantity=0,
        quantity=2 * _ONE,
        quote_order_quantity=None,
        filled_quantity=_ONE,
        filled_quote_quantity=61_700 * _ONE * _ONE,
        average_price=61_700 * _ONE * _ONE,
        fills_known_quantity=_ONE,
        fill_count=1,
        commission_assets=["USDT"],
        commissions=[1_234_000_000],
        realized_profit=0,
        last_trade_id=302_118_700,
        last_fill_price=61_700 * _ONE,
        last_fill_quantity=_ONE,
        execution_id=None,
        created_time=_TIME - 5_000,
        working_time=None,
        update_time=_TIME,
        event_time=_TIME + 2,
        good_till_time=None,
        reduce_only=False,
        close_position=False,
        price_protect=False,
        working_type="CONTRACT_PRICE",
        price_match="NONE",
        self_trade_prevention_mode="EXPIRE_MAKER",
        prevented_quantity=None,
        reject_reason=None,
        expiry_reason=None,
        algo_id=None,
        triggered_order_id=None,
        triggered_time=None,
        irregular_count=0,
        source=AccountSource.STREAM,
        recovered=False,
        input_offset=811,
        snapshot_offset=6,
    )


def example_balance() -> Balance:
    """Return a balance of futures."""
    return Balance(
        account=_ACCOUNT,
        asset="USDT",
        free=None,
        locked=None,
        wallet_balance=125_000 * _ONE,
        cross_wallet_balance=125_000 * _ONE,
        last_change=0,
        last_transfer=None,
        last_transfer_time=None,
        last_external_lock=None,
        last_external_lock_time=None,
        reason="ORDER",
        multi_assets_mode=None,
        update_time=_TIME,
        event_time=_TIME + 2,
        source=AccountSource.STREAM,
        recovered=False,
        input_offset=402,
        snapshot_offset=6,
    )


def example_position() -> Position:
    """Return a position of futures."""
    return Position(
        account=_ACCOUNT,
        symbol=_SYMBOL,
        position_side=PositionSide.BOTH,
        amount=_ONE,
        entry_price=61_700 * _ONE * _ONE,
        break_even_price=61_712 * _ONE * _ONE,
        unrealized_profit=37 * _ONE * _ONE,
        realized_profit=0,
        margin_type="cross",
        isolated_wallet=0,
        leverage=None,
        margin_call_time=None,
        mark_price=None,
        maintenance_margin=None,
        reason="ORDER",
        update_time=_TIME,
        event_time=_TIME + 2,
        source=AccountSource.STREAM,
        recovered=False,
        input_offset=402,
        snapshot_offset=6,
    )
