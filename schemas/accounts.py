"""Values of the private derived topics: what an account has, and what it has ordered.

As in :mod:`schemas.derived`, numbers are integers scaled by a power of ten, times milliseconds since the epoch, UTC.
The fields mean what the Avro schema's ``doc`` of the same name says.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


__all__ = ["AccountSource", "Balance", "Order", "OrderKind", "OrderSide", "Position", "PositionSide"]


class OrderKind(StrEnum):
    """What an order id belongs to; each kind has ids of its own."""

    REGULAR = "regular"
    """An order of the matching engine."""
    ALGO = "algo"
    """A conditional order of futures (since 2025-12-09), which becomes a regular one when it is triggered."""


class OrderSide(StrEnum):
    """Which way an order trades."""

    BUY = "BUY"
    SELL = "SELL"


class PositionSide(StrEnum):
    """Which position of a symbol: one in one-way mode, two in hedge mode."""

    BOTH = "BOTH"
    LONG = "LONG"
    SHORT = "SHORT"


class AccountSource(StrEnum):
    """What a state was last changed by."""

    STREAM = "stream"
    """An event, as it happened."""
    REST = "rest"
    """The venue's answer to a question: the stream had missed it."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order of an account, as a fold of all that the venue told of it."""

    account: str
    symbol: str
    kind: OrderKind
    order_id: int
    client_order_id: str
    cancel_client_order_id: str | None
    order_list_id: int | None
    order_list_client_id: str | None
    contingency_type: str | None
    order_list_status: str | None
    side: OrderSide
    position_side: PositionSide | None
    order_type: str
    original_type: str | None
    time_in_force: str
    status: str
    working: bool | None
    price: int
    stop_price: int
    activation_price: int | None
    callback_rate: int | None
    trailing_delta: int | None
    iceberg_quantity: int
    quantity: int
    quote_order_quantity: int | None
    filled_quantity: int
    filled_quote_quantity: int | None
    average_price: int | None
    fills_known_quantity: int
    fill_count: int
    commission_assets: list[str]
    commissions: list[int]
    realized_profit: int | None
    last_trade_id: int | None
    last_fill_price: int | None
    last_fill_quantity: int | None
    execution_id: int | None
    created_time: int | None
    working_time: int | None
    update_time: int
    event_time: int | None
    good_till_time: int | None
    reduce_only: bool | None
    close_position: bool | None
    price_protect: bool | None
    working_type: str | None
    price_match: str | None
    self_trade_prevention_mode: str | None
    prevented_quantity: int | None
    reject_reason: str | None
    expiry_reason: str | None
    algo_id: int | None
    triggered_order_id: int | None
    triggered_time: int | None
    irregular_count: int
    source: AccountSource
    recovered: bool
    input_offset: int
    snapshot_offset: int


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What an account has of one asset."""

    account: str
    asset: str
    free: int | None
    locked: int | None
    wallet_balance: int | None
    cross_wallet_balance: int | None
    last_change: int | None
    last_transfer: int | None
    last_transfer_time: int | None
    last_external_lock: int | None
    last_external_lock_time: int | None
    reason: str | None
    multi_assets_mode: bool | None
    update_time: int
    event_time: int | None
    source: AccountSource
    recovered: bool
    input_offset: int
    snapshot_offset: int


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """One position of an account on futures."""

    account: str
    symbol: str
    position_side: PositionSide
    amount: int
    entry_price: int | None
    break_even_price: int | None
    unrealized_profit: int | None
    realized_profit: int | None
    margin_type: str | None
    isolated_wallet: int | None
    leverage: int | None
    margin_call_time: int | None
    mark_price: int | None
    maintenance_margin: int | None
    reason: str | None
    update_time: int
    event_time: int | None
    source: AccountSource
    recovered: bool
    input_offset: int
    snapshot_offset: int
