"""What can be told about one order, in exact numbers, whoever told it: events and answers of all three markets.

Prices and quantities are scaled by 10**8, quote quantities, average prices and profits by 10**16, times milliseconds
since the epoch. None means that this report does not tell.
"""

from __future__ import annotations

import msgspec

from schemas.accounts import AccountSource, OrderKind, OrderSide, PositionSide
from schemas.markets import Market


__all__ = [
    "Fill",
    "FillReport",
    "LinkReport",
    "ListReport",
    "OrderDetails",
    "OrderKey",
    "OrderReport",
    "OrderTold",
    "RefusalReport",
]


class OrderKey(msgspec.Struct, frozen=True, array_like=True):
    """One order of an account."""

    symbol: str
    kind: OrderKind
    order_id: int


class Fill(msgspec.Struct, frozen=True, array_like=True):
    """One match of an order."""

    trade_id: int
    price: int
    quantity: int
    quote: int
    """Price times quantity."""
    commission: int | None = None
    """Negative: a rebate. None: not told, as in ``TRADE_LITE``; what is not charged is 0."""
    commission_asset: str | None = None
    realized_profit: int | None = None

    @property
    def complete(self) -> bool:
        """Whether its commission was told."""
        return self.commission is not None


class OrderDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    # Not array-like: most details of most orders are not told, and those are left out of what is written down.
    """What an order is, apart from how far it has come. The names are those of :class:`schemas.accounts.Order`."""

    client_order_id: str | None = None
    cancel_client_order_id: str | None = None
    order_list_id: int | None = None
    side: OrderSide | None = None
    position_side: PositionSide | None = None
    order_type: str | None = None
    original_type: str | None = None
    time_in_force: str | None = None
    working: bool | None = None
    price: int | None = None
    stop_price: int | None = None
    activation_price: int | None = None
    callback_rate: int | None = None
    trailing_delta: int | None = None
    iceberg_quantity: int | None = None
    quantity: int | None = None
    quote_order_quantity: int | None = None
    created_time: int | None = None
    working_time: int | None = None
    good_till_time: int | None = None
    reduce_only: bool | None = None
    close_position: bool | None = None
    price_protect: bool | None = None
    working_type: str | None = None
    price_match: str | None = None
    self_trade_prevention_mode: str | None = None
    prevented_quantity: int | None = None
    reject_reason: str | None = None
    expiry_reason: str | None = None
    algo_id: int | None = None
    triggered_order_id: int | None = None
    triggered_time: int | None = None


class _Report(msgspec.Struct, frozen=True, kw_only=True):
    """What all reports say."""

    market: Market
    account: str
    """The account's label."""
    key: OrderKey
    source: AccountSource
    time: int
    """When it happened, by the venue's matching engine."""
    event_time: int | None = None
    """When the venue told of it; None in answers."""


class OrderReport(_Report, frozen=True, kw_only=True):
    """Where an order stands: an execution report, an ``ORDER_TRADE_UPDATE``, an ``ALGO_UPDATE``, an order's answer."""

    status: str
    execution: str | None
    """Execution type: what just happened. Algo orders: the status again. None in answers."""
    details: OrderDetails
    execution_id: int | None = None
    """Spot."""
    filled_quantity: int = 0
    """So far."""
    filled_quote: int | None = None
    """So far, where the venue tells."""
    average_price: int | None = None
    """Where the venue tells: futures."""
    fill: Fill | None = None
    """The match that it is about."""


class FillReport(_Report, frozen=True, kw_only=True):
    """One match of an order, and nothing about where that stands: ``TRADE_LITE``, ``myTrades``, ``userTrades``."""

    fill: Fill


class ListReport(_Report, frozen=True, kw_only=True):
    """How the order list of which the order is a leg stands: ``listStatus``."""

    order_list_id: int
    order_list_client_id: str
    contingency_type: str
    order_list_status: str


class LinkReport(_Report, frozen=True, kw_only=True):
    """Which algo order the order came from."""

    algo_id: int


class RefusalReport(_Report, frozen=True, kw_only=True):
    """Why a conditional order was refused when it was triggered: ``CONDITIONAL_ORDER_TRIGGER_REJECT``."""

    reason: str


OrderTold = OrderReport | FillReport | ListReport | LinkReport | RefusalReport
