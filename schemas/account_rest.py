"""Answers of Binance's signed REST endpoints about an account: its orders, fills, balances and positions.

Decimal numbers stay text, times are milliseconds since the epoch, UTC, unknown keys are ignored. What only one market
or one version of an endpoint tells is optional and says so.

Source: binance-spot-api-docs, "Public Rest API for Binance" (2026-07-21); derivatives documentation, "Trade" and
"Account Endpoints" of USD-M and COIN-M (2026-05-28), "New Algo Order" (2025-12).
"""

from __future__ import annotations

from msgspec import Struct, field


__all__ = [
    "AlgoOrderAnswer",
    "FuturesAccount",
    "FuturesAsset",
    "FuturesBalanceAnswer",
    "FuturesOrderAnswer",
    "FuturesTradeAnswer",
    "PositionAnswer",
    "SpotAccount",
    "SpotAsset",
    "SpotOrderAnswer",
    "SpotTradeAnswer",
]


class SpotOrderAnswer(Struct, frozen=True, kw_only=True):
    """An order on spot (``GET /api/v3/order``, ``openOrders``, ``allOrders``)."""

    symbol: str
    order_id: int = field(name="orderId")
    client_order_id: str = field(name="clientOrderId")
    price: str
    quantity: str = field(name="origQty")
    executed_quantity: str = field(name="executedQty")
    cumulative_quote: str = field(name="cummulativeQuoteQty")
    """The venue's spelling; negative: not known, for old orders."""
    status: str
    time_in_force: str = field(name="timeInForce")
    order_type: str = field(name="type")
    side: str
    created_time: int = field(name="time")
    update_time: int = field(name="updateTime")
    order_list_id: int = field(name="orderListId", default=-1)
    """-1: in no list."""
    stop_price: str = field(name="stopPrice", default="0")
    iceberg_quantity: str = field(name="icebergQty", default="0")
    working: bool | None = field(name="isWorking", default=None)
    working_time: int | None = field(name="workingTime", default=None)
    """-1 until it works."""
    quote_order_quantity: str | None = field(name="origQuoteOrderQty", default=None)
    self_trade_prevention_mode: str | None = field(name="selfTradePreventionMode", default=None)
    prevented_match_id: int | None = field(name="preventedMatchId", default=None)
    prevented_quantity: str | None = field(name="preventedQuantity", default=None)
    strategy_id: int | None = field(name="strategyId", default=None)
    strategy_type: int | None = field(name="strategyType", default=None)
    trailing_delta: int | None = field(name="trailingDelta", default=None)
    trailing_time: int | None = field(name="trailingTime", default=None)
    used_sor: bool | None = field(name="usedSor", default=None)
    working_floor: str | None = field(name="workingFloor", default=None)
    peg_price_type: str | None = field(name="pegPriceType", default=None)
    peg_offset_type: str | None = field(name="pegOffsetType", default=None)
    peg_offset_value: int | None = field(name="pegOffsetValue", default=None)
    pegged_price: str | None = field(name="peggedPrice", default=None)
    expiry_reason: str | None = field(name="expiryReason", default=None)


class SpotTradeAnswer(Struct, frozen=True, kw_only=True):
    """A fill on spot (``GET /api/v3/myTrades``)."""

    symbol: str
    trade_id: int = field(name="id")
    order_id: int = field(name="orderId")
    price: str
    quantity: str = field(name="qty")
    quote_quantity: str = field(name="quoteQty")
    commission: str
    commission_asset: str = field(name="commissionAsset")
    trade_time: int = field(name="time")
    buyer: bool = field(name="isBuyer")
    maker: bool = field(name="isMaker")
    order_list_id: int = field(name="orderListId", default=-1)
    best_match: bool | None = field(name="isBestMatch", default=None)


class SpotAsset(Struct, frozen=True, kw_only=True):
    """One asset of a spot account."""

    asset: str
    free: str
    locked: str


class SpotAccount(Struct, frozen=True, kw_only=True):
    """A spot account (``GET /api/v3/account``); what it does not name, it has nothing of."""

    balances: list[SpotAsset]
    update_time: int = field(name="updateTime", default=0)
    """Of the account; 0: never."""
    account_type: str | None = field(name="accountType", default=None)
    can_trade: bool | None = field(name="canTrade", default=None)
    can_withdraw: bool | None = field(name="canWithdraw", default=None)
    can_deposit: bool | None = field(name="canDeposit", default=None)
    uid: int | None = None


class FuturesOrderAnswer(Struct, frozen=True, kw_only=True):
    """An order on futures (``GET …/order``, ``openOrders``, ``allOrders``)."""

    symbol: str
    order_id: int = field(name="orderId")
    client_order_id: str = field(name="clientOrderId")
    price: str
    quantity: str = field(name="origQty")
    """In the base asset; on COIN-M in contracts."""
    executed_quantity: str = field(name="executedQty")
    status: str
    time_in_force: str = field(name="timeInForce")
    order_type: str = field(name="type")
    side: str
    update_time: int = field(name="updateTime")
    created_time: int | None = field(name="time", default=None)
    """Queries; acknowledgements lack it."""
    average_price: str | None = field(name="avgPrice", default=None)
    """Queries; acknowledgements lack it since 2026-06-30."""
    cumulative_quote: str | None = field(name="cumQuote", default=None)
    """USD-M, queries."""
    cumulative_base: str | None = field(name="cumBase", default=None)
    """COIN-M, queries."""
    original_type: str | None = field(name="origType", default=None)
    position_side: str | None = field(name="positionSide", default=None)
    stop_price: str | None = field(name="stopPrice", default=None)
    activation_price: str | None = field(name="activatePrice", default=None)
    """Trailing orders."""
    callback_rate: str | None = field(name="priceRate", default=None)
    """Trailing orders: percent."""
    reduce_only: bool | None = field(name="reduceOnly", default=None)
    close_position: bool | None = field(name="closePosition", default=None)
    price_protect: bool | None = field(name="priceProtect", default=None)
    working_type: str | None = field(name="workingType", default=None)
    price_match: str | None = field(name="priceMatch", default=None)
    self_trade_prevention_mode: str | None = field(name="selfTradePreventionMode", default=None)
    good_till_time: int | None = field(name="goodTillDate", default=None)
    """0: none."""
    pair: str | None = None
    """COIN-M."""


class FuturesTradeAnswer(Struct, frozen=True, kw_only=True):
    """A fill on futures (``GET …/userTrades``)."""

    symbol: str
    trade_id: int = field(name="id")
    order_id: int = field(name="orderId")
    price: str
    quantity: str = field(name="qty")
    """In the base asset; on COIN-M in contracts."""
    commission: str
    commission_asset: str = field(name="commissionAsset")
    trade_time: int = field(name="time")
    realized_profit: str | None = field(name="realizedPnl", default=None)
    quote_quantity: str | None = field(name="quoteQty", default=None)
    """USD-M."""
    base_quantity: str | None = field(name="baseQty", default=None)
    """COIN-M."""
    side: str | None = None
    position_side: str | None = field(name="positionSide", default=None)
    buyer: bool | None = None
    maker: bool | None = None
    margin_asset: str | None = field(name="marginAsset", default=None)
    """COIN-M."""
    pair: str | None = None
    """COIN-M."""


class AlgoOrderAnswer(Struct, frozen=True, kw_only=True):
    """A conditional order on futures (``GET …/algoOrder``, ``openAlgoOrders``, ``allAlgoOrders``)."""

    algo_id: int = field(name="algoId")
    client_algo_id: str = field(name="clientAlgoId")
    order_type: str = field(name="orderType")
    symbol: str
    side: str
    time_in_force: str = field(name="timeInForce")
    quantity: str
    status: str = field(name="algoStatus")
    update_time: int = field(name="updateTime")
    created_time: int | None = field(name="createTime", default=None)
    algo_type: str | None = field(name="algoType", default=None)
    position_side: str | None = field(name="positionSide", default=None)
    actual_order_id: int | str | None = field(name="actualOrderId", default=None)
    """Id of the order that came of it; empty before it was triggered."""
    actual_price: str | None = field(name="actualPrice", default=None)
    actual_quantity: str | None = field(name="actualQty", default=None)
    actual_type: str | None = field(name="actualType", default=None)
    trigger_price: str | None = field(name="triggerPrice", default=None)
    price: str | None = None
    activation_price: str | None = field(name="activatePrice", default=None)
    """Trailing orders."""
    callback_rate: str | None = field(name="callbackRate", default=None)
    """Trailing orders: percent."""
    activated: bool | None = field(name="isActivated", default=None)
    """Trailing orders."""
    reduce_only: bool | None = field(name="reduceOnly", default=None)
    close_position: bool | None = field(name="closePosition", default=None)
    price_protect: bool | None = field(name="priceProtect", default=None)
    working_type: str | None = field(name="workingType", default=None)
    price_match: str | None = field(name="priceMatch", default=None)
    self_trade_prevention_mode: str | None = field(name="selfTradePreventionMode", default=None)
    trigger_time: int | None = field(name="triggerTime", default=None)
    """0: not yet."""
    good_till_time: int | None = field(name="goodTillDate", default=None)
    """0: none."""
    reason: str | None = field(name="rejectReason", default=None)


class FuturesBalanceAnswer(Struct, frozen=True, kw_only=True):
    """One asset of a futures account (an item of ``GET /fapi/v3/balance``, ``/dapi/v1/balance``)."""

    asset: str
    balance: str
    """The wallet balance."""
    cross_wallet_balance: str = field(name="crossWalletBalance")
    update_time: int = field(name="updateTime", default=0)
    """0: never used."""
    account_alias: str | None = field(name="accountAlias", default=None)
    cross_unrealized_profit: str | None = field(name="crossUnPnl", default=None)
    available_balance: str | None = field(name="availableBalance", default=None)
    max_withdraw_amount: str | None = field(name="maxWithdrawAmount", default=None)
    """USD-M."""
    withdraw_available: str | None = field(name="withdrawAvailable", default=None)
    """COIN-M."""
    margin_available: bool | None = field(name="marginAvailable", default=None)
    """USD-M."""


class FuturesAsset(Struct, frozen=True, kw_only=True):
    """One asset of a futures account, inside ``GET …/account``."""

    asset: str
    wallet_balance: str = field(name="walletBalance")
    cross_wallet_balance: str | None = field(name="crossWalletBalance", default=None)
    unrealized_profit: str | None = field(name="unrealizedProfit", default=None)
    margin_balance: str | None = field(name="marginBalance", default=None)
    maintenance_margin: str | None = field(name="maintMargin", default=None)
    available_balance: str | None = field(name="availableBalance", default=None)
    update_time: int = field(name="updateTime", default=0)
    """0: never used, or not told."""


class PositionAnswer(Struct, frozen=True, kw_only=True):
    """One position (an item of ``positionRisk``, or of ``positions`` in ``GET …/account``)."""

    symbol: str
    amount: str = field(name="positionAmt")
    """Signed; on COIN-M in contracts."""
    position_side: str = field(name="positionSide", default="BOTH")
    entry_price: str | None = field(name="entryPrice", default=None)
    """Not in ``/fapi/v3/account``."""
    break_even_price: str | None = field(name="breakEvenPrice", default=None)
    mark_price: str | None = field(name="markPrice", default=None)
    unrealized_profit_of_risk: str | None = field(name="unRealizedProfit", default=None)
    """Spelled so in ``positionRisk``."""
    unrealized_profit_of_account: str | None = field(name="unrealizedProfit", default=None)
    """Spelled so in ``account``."""
    isolated_wallet: str | None = field(name="isolatedWallet", default=None)
    isolated_margin: str | None = field(name="isolatedMargin", default=None)
    maintenance_margin: str | None = field(name="maintMargin", default=None)
    leverage: int | str | None = None
    """COIN-M and the second versions: text."""
    margin_type: str | None = field(name="marginType", default=None)
    """``cross`` or ``isolated``; COIN-M and the second versions."""
    isolated: bool | None = None
    """The same in ``/dapi/v1/account``."""
    update_time: int = field(name="updateTime", default=0)
    """0: never used."""


class FuturesAccount(Struct, frozen=True, kw_only=True):
    """A futures account (``GET /fapi/v3/account``, ``/dapi/v1/account``).

    The USD-M answer names the positions that are not zero and those with open orders alone.
    """

    assets: list[FuturesAsset]
    positions: list[PositionAnswer]
    multi_assets_mode: bool | None = field(name="multiAssetsMargin", default=None)
    """The second version."""
