"""Payloads of Binance's private streams: the only place that knows the one-letter fields of user data.

One type an event, as in :mod:`schemas.wire`: what one market or one situation lacks is optional and says so, unknown
keys are ignored, decimal numbers stay text, times are milliseconds since the epoch, UTC. What the reference calls
always present, but nothing here depends on, is optional too: an old recording may lack it.

Source: binance-spot-api-docs, "User Data Streams for Binance" (2026-07-21); derivatives documentation, "USD-M" and
"COIN-M Futures: User Data Streams" (2026-05-28), "Important CM-UM Integration Notice" (2026-09).
"""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec import Struct, field


__all__ = [
    "AccountChange",
    "AccountConfigUpdate",
    "AccountUpdate",
    "AlgoOrder",
    "AlgoUpdate",
    "AssetsModeChange",
    "BalanceUpdate",
    "CalledPosition",
    "ConditionalOrderTriggerReject",
    "EventHead",
    "EventStreamTerminated",
    "ExecutionReport",
    "ExternalLockUpdate",
    "FuturesBalance",
    "FuturesOrder",
    "FuturesPosition",
    "GridChange",
    "GridUpdate",
    "LeverageChange",
    "ListStatus",
    "ListedOrder",
    "ListenKeyExpired",
    "MarginCall",
    "OrderTradeUpdate",
    "OutboundAccountPosition",
    "SpotBalance",
    "StrategyChange",
    "StrategyUpdate",
    "SubscriptionFrame",
    "TradeLite",
    "TriggerReject",
    "UserEvent",
]


class UserEvent(StrEnum):
    """Every event type of the private streams that the reference knows."""

    EXECUTION_REPORT = "executionReport"
    LIST_STATUS = "listStatus"
    OUTBOUND_ACCOUNT_POSITION = "outboundAccountPosition"
    BALANCE_UPDATE = "balanceUpdate"
    EXTERNAL_LOCK_UPDATE = "externalLockUpdate"
    EVENT_STREAM_TERMINATED = "eventStreamTerminated"
    ORDER_TRADE_UPDATE = "ORDER_TRADE_UPDATE"
    TRADE_LITE = "TRADE_LITE"
    ACCOUNT_UPDATE = "ACCOUNT_UPDATE"
    MARGIN_CALL = "MARGIN_CALL"
    ACCOUNT_CONFIG_UPDATE = "ACCOUNT_CONFIG_UPDATE"
    ALGO_UPDATE = "ALGO_UPDATE"
    CONDITIONAL_ORDER_TRIGGER_REJECT = "CONDITIONAL_ORDER_TRIGGER_REJECT"
    STRATEGY_UPDATE = "STRATEGY_UPDATE"
    GRID_UPDATE = "GRID_UPDATE"
    LISTEN_KEY_EXPIRED = "listenKeyExpired"


class SubscriptionFrame(Struct, frozen=True, kw_only=True):
    """One frame of user data on spot's WebSocket API: the event's bytes untouched."""

    event: msgspec.Raw
    subscription_id: int | None = field(name="subscriptionId", default=None)
    """Since 2025-08-12."""


class EventHead(Struct, frozen=True, kw_only=True):
    """What every event begins with: its type, and when it was made."""

    event_type: str = field(name="e")
    event_time: int | str | None = field(name="E", default=None)
    """Text on old ``listenKeyExpired`` events."""


class ExecutionReport(Struct, frozen=True, kw_only=True):
    """Something happened to an order on spot (``executionReport``)."""

    event_type: str = field(name="e")
    event_time: int = field(name="E")
    symbol: str = field(name="s")
    client_order_id: str = field(name="c")
    """On a cancellation the id of the cancellation; the order's own is ``original_client_order_id`` then."""
    side: str = field(name="S")
    order_type: str = field(name="o")
    time_in_force: str = field(name="f")
    quantity: str = field(name="q")
    price: str = field(name="p")
    execution_type: str = field(name="x")
    status: str = field(name="X")
    order_id: int = field(name="i")
    last_quantity: str = field(name="l")
    cumulative_quantity: str = field(name="z")
    last_price: str = field(name="L")
    transaction_time: int = field(name="T")
    trade_id: int = field(name="t")
    """-1 where nothing was filled."""
    execution_id: int = field(name="I")
    """Rises; identity of a report together with the symbol."""
    cumulative_quote: str = field(name="Z")
    stop_price: str = field(name="P", default="0")
    iceberg_quantity: str = field(name="F", default="0")
    order_list_id: int = field(name="g", default=-1)
    """-1: in no list."""
    original_client_order_id: str = field(name="C", default="")
    reject_reason: str = field(name="r", default="NONE")
    commission: str | None = field(name="n", default=None)
    """Of this fill; negative: a rebate."""
    commission_asset: str | None = field(name="N", default=None)
    working: bool | None = field(name="w", default=None)
    """Whether it stands in the book."""
    maker: bool | None = field(name="m", default=None)
    created_time: int | None = field(name="O", default=None)
    last_quote: str | None = field(name="Y", default=None)
    quote_order_quantity: str | None = field(name="Q", default=None)
    working_time: int | None = field(name="W", default=None)
    """Once it is or was in the book."""
    self_trade_prevention_mode: str | None = field(name="V", default=None)
    trailing_delta: int | None = field(name="d", default=None)
    """Trailing orders: basis points."""
    trailing_time: int | None = field(name="D", default=None)
    strategy_id: int | None = field(name="j", default=None)
    strategy_type: int | None = field(name="J", default=None)
    prevented_match_id: int | None = field(name="v", default=None)
    """Self-trade prevention, as the next eight."""
    prevented_quantity: str | None = field(name="A", default=None)
    """So far."""
    last_prevented_quantity: str | None = field(name="B", default=None)
    trade_group_id: int | None = field(name="u", default=None)
    counter_order_id: int | None = field(name="U", default=None)
    counter_symbol: str | None = field(name="Cs", default=None)
    prevented_execution_quantity: str | None = field(name="pl", default=None)
    prevented_execution_price: str | None = field(name="pL", default=None)
    prevented_execution_quote: str | None = field(name="pY", default=None)
    match_type: str | None = field(name="b", default=None)
    allocation_id: int | None = field(name="a", default=None)
    working_floor: str | None = field(name="k", default=None)
    used_sor: bool | None = field(name="uS", default=None)
    peg_price_type: str | None = field(name="gP", default=None)
    peg_offset_type: str | None = field(name="gOT", default=None)
    peg_offset_value: int | None = field(name="gOV", default=None)
    pegged_price: str | None = field(name="gp", default=None)
    expiry_reason: str | None = field(name="eR", default=None)
    """On expired orders since 2026-03-26."""


class ListedOrder(Struct, frozen=True, kw_only=True):
    """One leg of an order list."""

    symbol: str = field(name="s")
    order_id: int = field(name="i")
    client_order_id: str = field(name="c")


class ListStatus(Struct, frozen=True, kw_only=True):
    """Something happened to an order list on spot (``listStatus``); each leg has an execution report besides."""

    event_type: str = field(name="e")
    event_time: int = field(name="E")
    symbol: str = field(name="s")
    order_list_id: int = field(name="g")
    contingency_type: str = field(name="c")
    """``OCO`` or ``OTO``."""
    list_status_type: str = field(name="l")
    """``RESPONSE``, ``EXEC_STARTED``, ``UPDATED``, ``ALL_DONE``."""
    list_order_status: str = field(name="L")
    """``EXECUTING``, ``ALL_DONE``, ``REJECT``."""
    list_client_order_id: str = field(name="C")
    transaction_time: int = field(name="T")
    orders: list[ListedOrder] = field(name="O")
    reject_reason: str = field(name="r", default="NONE")


class SpotBalance(Struct, frozen=True, kw_only=True):
    """One asset of a spot account, as it is now."""

    asset: str = field(name="a")
    free: str = field(name="f")
    locked: str = field(name="l")


class OutboundAccountPosition(Struct, frozen=True, kw_only=True):
    """The assets of a spot account that may have changed (``outboundAccountPosition``)."""

    event_type: str = field(name="e")
    event_time: int = field(name="E")
    update_time: int = field(name="u")
    balances: list[SpotBalance] = field(name="B")


class BalanceUpdate(Struct, frozen=True, kw_only=True):
    """A deposit, a withdrawal or a transfer on spot (``balanceUpdate``)."""

    event_type: str = field(name="e")
    event_time: int = field(name="E")
    asset: str = field(name="a")
    change: str = field(name="d")
    """Signed."""
    clear_time: int = field(name="T")


class ExternalLockUpdate(Struct, frozen=True, kw_only=True):
    """What is locked from outside changed on spot (``externalLockUpdate``)."""

    event_type: str = field(name="e")
    event_time: int = field(name="E")
    asset: str = field(name="a")
    change: str = field(name="d")
    """Signed; positive: more is locked."""
    transaction_time: int = field(name="T")


class EventStreamTerminated(Struct, frozen=True, kw_only=True):
    """The stream of user data has ended (``eventStreamTerminated``); spot."""

    event_type: str = field(name="e")
    event_time: int = field(name="E")


class ListenKeyExpired(Struct, frozen=True, kw_only=True):
    """No more events come with this listen key (``listenKeyExpired``); the socket stays open. The key is a secret."""

    event_type: str = field(name="e")
    event_time: int | str | None = field(name="E", default=None)
    """Text in older models."""
    listen_key: str | None = field(name="listenKey", default=None)


class FuturesOrder(Struct, frozen=True, kw_only=True):
    """The order inside an ``ORDER_TRADE_UPDATE``."""

    symbol: str = field(name="s")
    client_order_id: str = field(name="c")
    side: str = field(name="S")
    order_type: str = field(name="o")
    """As it is now; see ``original_type``."""
    time_in_force: str = field(name="f")
    quantity: str = field(name="q")
    """In the base asset; on COIN-M in contracts."""
    price: str = field(name="p")
    execution_type: str = field(name="x")
    status: str = field(name="X")
    order_id: int = field(name="i")
    last_quantity: str = field(name="l")
    cumulative_quantity: str = field(name="z")
    last_price: str = field(name="L")
    trade_time: int = field(name="T")
    trade_id: int = field(name="t")
    """0 where nothing was filled."""
    average_price: str | None = field(name="ap", default=None)
    stop_price: str | None = field(name="sp", default=None)
    commission_asset: str | None = field(name="N", default=None)
    commission: str | None = field(name="n", default=None)
    """Of this fill; negative: a rebate."""
    bids_notional: str | None = field(name="b", default=None)
    asks_notional: str | None = field(name="a", default=None)
    maker: bool | None = field(name="m", default=None)
    reduce_only: bool | None = field(name="R", default=None)
    working_type: str | None = field(name="wt", default=None)
    original_type: str | None = field(name="ot", default=None)
    position_side: str | None = field(name="ps", default=None)
    close_position: bool | None = field(name="cp", default=None)
    activation_price: str | None = field(name="AP", default=None)
    """Trailing orders."""
    callback_rate: str | None = field(name="cr", default=None)
    """Trailing orders: percent."""
    price_protect: bool | None = field(name="pP", default=None)
    realized_profit: str | None = field(name="rp", default=None)
    """Of this fill."""
    self_trade_prevention_mode: str | None = field(name="V", default=None)
    price_match: str | None = field(name="pm", default=None)
    good_till_time: int | None = field(name="gtd", default=None)
    """USD-M; 0: none."""
    expiry_reason: int | str | None = field(name="er", default=None)
    """A code, 0: none; since 2025-10-23, on COIN-M since 2025-12-10."""
    modify_id: int | str | None = field(name="M", default=None)
    """Only where the execution type is ``AMENDMENT``; since 2026-07-28."""
    margin_asset: str | None = field(name="ma", default=None)
    """COIN-M."""


class OrderTradeUpdate(Struct, frozen=True, kw_only=True):
    """Something happened to an order on futures (``ORDER_TRADE_UPDATE``)."""

    event_type: str = field(name="e")
    event_time: int = field(name="E")
    transaction_time: int = field(name="T")
    order: FuturesOrder = field(name="o")
    account_alias: str | None = field(name="i", default=None)
    """COIN-M."""


class TradeLite(Struct, frozen=True, kw_only=True):
    """A fill on USD-M, in short and sooner than its ``ORDER_TRADE_UPDATE`` (``TRADE_LITE``)."""

    event_type: str = field(name="e")
    event_time: int = field(name="E")
    """May be before ``transaction_time``."""
    transaction_time: int = field(name="T")
    symbol: str = field(name="s")
    quantity: str = field(name="q")
    """Ordered."""
    price: str = field(name="p")
    """Ordered."""
    client_order_id: str = field(name="c")
    side: str = field(name="S")
    last_price: str = field(name="L")
    last_quantity: str = field(name="l")
    trade_id: int = field(name="t")
    order_id: int = field(name="i")
    maker: bool | None = field(name="m", default=None)


class FuturesBalance(Struct, frozen=True, kw_only=True):
    """One asset of a futures account, as it is now."""

    asset: str = field(name="a")
    wallet_balance: str = field(name="wb")
    cross_wallet_balance: str = field(name="cw")
    balance_change: str | None = field(name="bc", default=None)
    """Other than profit and commission."""


class FuturesPosition(Struct, frozen=True, kw_only=True):
    """One position, as it is now."""

    symbol: str = field(name="s")
    amount: str = field(name="pa")
    """Signed; on COIN-M in contracts."""
    entry_price: str | None = field(name="ep", default=None)
    break_even_price: str | None = field(name="bep", default=None)
    realized_profit: str | None = field(name="cr", default=None)
    """Accumulated, before fees."""
    unrealized_profit: str | None = field(name="up", default=None)
    margin_type: str | None = field(name="mt", default=None)
    """``isolated`` or ``cross``."""
    isolated_wallet: str | None = field(name="iw", default=None)
    position_side: str = field(name="ps", default="BOTH")


class AccountChange(Struct, frozen=True, kw_only=True):
    """What changed in a futures account, and why."""

    reason: str | None = field(name="m", default=None)
    balances: list[FuturesBalance] = field(name="B", default_factory=list)
    positions: list[FuturesPosition] = field(name="P", default_factory=list)
    """On COIN-M all symbols, elsewhere those that changed."""
    symbol: str | None = field(name="S", default=None)
    """On ``FUNDING_FEE``, since 2026-08; some say here, some beside ``a``."""


class AccountUpdate(Struct, frozen=True, kw_only=True):
    """Balances or positions on futures changed (``ACCOUNT_UPDATE``)."""

    event_type: str = field(name="e")
    event_time: int = field(name="E")
    transaction_time: int = field(name="T")
    change: AccountChange = field(name="a")
    symbol: str | None = field(name="S", default=None)
    account_alias: str | None = field(name="i", default=None)
    """COIN-M."""


class CalledPosition(Struct, frozen=True, kw_only=True):
    """One position that is near liquidation."""

    symbol: str = field(name="s")
    position_side: str = field(name="ps")
    amount: str = field(name="pa")
    margin_type: str | None = field(name="mt", default=None)
    """``ISOLATED`` or ``CROSSED``."""
    isolated_wallet: str | None = field(name="iw", default=None)
    mark_price: str | None = field(name="mp", default=None)
    unrealized_profit: str | None = field(name="up", default=None)
    maintenance_margin: str | None = field(name="mm", default=None)


class MarginCall(Struct, frozen=True, kw_only=True):
    """A warning of liquidation (``MARGIN_CALL``)."""

    event_type: str = field(name="e")
    event_time: int = field(name="E")
    positions: list[CalledPosition] = field(name="p")
    cross_wallet_balance: str | None = field(name="cw", default=None)
    """Cross margin only."""
    account_alias: str | None = field(name="i", default=None)
    """COIN-M."""


class LeverageChange(Struct, frozen=True, kw_only=True):
    """The leverage of a symbol."""

    symbol: str = field(name="s")
    leverage: int = field(name="l")


class AssetsModeChange(Struct, frozen=True, kw_only=True):
    """Whether all assets of the account are margin for all positions."""

    multi_assets_mode: bool = field(name="j")


class AccountConfigUpdate(Struct, frozen=True, kw_only=True):
    """A setting of a futures account changed (``ACCOUNT_CONFIG_UPDATE``): one of the two."""

    event_type: str = field(name="e")
    event_time: int = field(name="E")
    transaction_time: int | None = field(name="T", default=None)
    leverage: LeverageChange | None = field(name="ac", default=None)
    assets_mode: AssetsModeChange | None = field(name="ai", default=None)


class AlgoOrder(Struct, frozen=True, kw_only=True):
    """The conditional order inside an ``ALGO_UPDATE``."""

    client_algo_id: str = field(name="caid")
    algo_id: int = field(name="aid")
    order_type: str = field(name="o")
    symbol: str = field(name="s")
    side: str = field(name="S")
    time_in_force: str = field(name="f")
    quantity: str = field(name="q")
    status: str = field(name="X")
    algo_type: str | None = field(name="at", default=None)
    """``CONDITIONAL``."""
    position_side: str | None = field(name="ps", default=None)
    actual_order_id: int | str | None = field(name="ai", default=None)
    """Id of the order that came of it; empty before it was triggered."""
    actual_price: str | None = field(name="ap", default=None)
    """Average price of that order."""
    actual_quantity: str | None = field(name="aq", default=None)
    """What that order filled."""
    actual_type: str | None = field(name="act", default=None)
    """Type of that order."""
    trigger_price: str | None = field(name="tp", default=None)
    price: str | None = field(name="p", default=None)
    self_trade_prevention_mode: str | None = field(name="V", default=None)
    working_type: str | None = field(name="wt", default=None)
    price_match: str | None = field(name="pm", default=None)
    close_position: bool | None = field(name="cp", default=None)
    price_protect: bool | None = field(name="pP", default=None)
    reduce_only: bool | None = field(name="R", default=None)
    trigger_time: int | None = field(name="tt", default=None)
    """0: not yet."""
    good_till_time: int | None = field(name="gtd", default=None)
    """0: none."""
    reason: str | None = field(name="rm", default=None)
    """Why it was rejected or expired."""
    activated: bool | None = field(name="ia", default=None)
    """Trailing orders, since 2026-08-21: whether it follows the market yet."""
    activation_price: str | None = field(name="AP", default=None)
    """Trailing orders."""
    callback_rate: str | None = field(name="cr", default=None)
    """Trailing orders: percent."""


class AlgoUpdate(Struct, frozen=True, kw_only=True):
    """Something happened to a conditional order on futures (``ALGO_UPDATE``; since 2025-12-09)."""

    event_type: str = field(name="e")
    event_time: int = field(name="E")
    transaction_time: int = field(name="T")
    order: AlgoOrder = field(name="o")


class TriggerReject(Struct, frozen=True, kw_only=True):
    """Which order could not be triggered, and why."""

    symbol: str = field(name="s")
    order_id: int = field(name="i")
    reason: str = field(name="r")


class ConditionalOrderTriggerReject(Struct, frozen=True, kw_only=True):
    """A conditional order was triggered and refused (``CONDITIONAL_ORDER_TRIGGER_REJECT``; until 2025-12-15)."""

    event_type: str = field(name="e")
    event_time: int = field(name="E")
    transaction_time: int = field(name="T")
    reject: TriggerReject = field(name="or")


class StrategyChange(Struct, frozen=True, kw_only=True):
    """What a strategy of the venue's did."""

    strategy_id: int = field(name="si")
    strategy_type: str = field(name="st")
    """``GRID``, …."""
    status: str = field(name="ss")
    """``NEW``, ``WORKING``, ``CANCELLED``, ``EXPIRED``."""
    symbol: str = field(name="s")
    update_time: int = field(name="ut")
    operation_code: int | None = field(name="c", default=None)
    """8001 to 8015."""


class StrategyUpdate(Struct, frozen=True, kw_only=True):
    """A strategy of the venue's was begun or ended (``STRATEGY_UPDATE``)."""

    event_type: str = field(name="e")
    event_time: int = field(name="E")
    transaction_time: int = field(name="T")
    strategy: StrategyChange = field(name="su")


class GridChange(Struct, frozen=True, kw_only=True):
    """How a grid of the venue's stands."""

    strategy_id: int = field(name="si")
    strategy_type: str = field(name="st")
    status: str = field(name="ss")
    symbol: str = field(name="s")
    update_time: int = field(name="ut")
    realized_profit: str | None = field(name="r", default=None)
    unmatched_average_price: str | None = field(name="up", default=None)
    unmatched_quantity: str | None = field(name="uq", default=None)
    unmatched_fee: str | None = field(name="uf", default=None)
    matched_profit: str | None = field(name="mp", default=None)


class GridUpdate(Struct, frozen=True, kw_only=True):
    """A sub-order of a grid was filled (``GRID_UPDATE``; deprecated)."""

    event_type: str = field(name="e")
    event_time: int = field(name="E")
    transaction_time: int = field(name="T")
    grid: GridChange = field(name="gu")
