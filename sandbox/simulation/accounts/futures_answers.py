"""A futures market's answers about an account, in the venue's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from sandbox.simulation.accounts.algo_orders import AlgoOrder
from sandbox.simulation.accounts.amounts import fixed, plain
from sandbox.simulation.accounts.commission import FUTURES_RATES
from sandbox.simulation.accounts.futures_account import (
    FuturesAccount,
    margin_asset,
    notional_at,
    unrealized_units,
)
from sandbox.simulation.accounts.futures_events import MAINTENANCE_MILLIONTHS, average_units
from sandbox.simulation.accounts.orders import AccountOrder, FillRecord
from sandbox.simulation.accounts.positions import Position, break_even_units
from sandbox.simulation.engine import Side
from schemas.markets import Market


__all__ = [
    "Worth",
    "account_answer",
    "algo_answer",
    "balance_answer",
    "order_answer",
    "placed",
    "risk_answer",
    "trade_answer",
]

_Answer = dict[str, Any]
_MILLION = 1_000_000


class Worth(Struct, frozen=True):
    """What a position is worth at the moment of an answer, in units."""

    mark: int
    unrealized: int
    notional: int
    initial: int
    maintenance: int

    @staticmethod
    def of(account: FuturesAccount, position: Position, mark: int) -> Worth:
        """Reckon it."""
        notional = notional_at(position, mark) if position.amount else 0
        return Worth(
            mark,
            unrealized_units(position, mark),
            notional,
            notional // account.leverage(position.instrument.symbol),
            notional * MAINTENANCE_MILLIONTHS // _MILLION,
        )


def order_answer(order: AccountOrder) -> _Answer:
    """Return an order as queries tell it."""
    each = order.terms.instrument
    answer = placed(order)
    sums = {"cumBase": fixed(order.value)} if each.market is Market.COINM else {"cumQuote": fixed(order.value)}
    return answer | {"avgPrice": plain(average_units(order)), **sums, "time": order.created_ms}


def placed(order: AccountOrder) -> _Answer:
    """Return an order as acknowledgements tell it: without average price and sums since 2026-06-30."""
    terms = order.terms
    each = terms.instrument
    coinm = each.market is Market.COINM
    answer: _Answer = {"symbol": each.symbol}
    if coinm:
        answer["pair"] = each.pair
    answer |= {
        "orderId": order.order_id,
        "clientOrderId": terms.client_id,
        "price": each.price.text(terms.price),
        "origQty": each.quantity.text(terms.quantity),
        "executedQty": each.quantity.text(order.filled),
        "status": order.status.value,
        "timeInForce": terms.time_in_force,
        "type": terms.order_type,
        "origType": terms.original_type or terms.order_type,
        "side": terms.side.value,
        "positionSide": terms.position_side,
        "stopPrice": each.price.text(terms.stop_price),
        "reduceOnly": terms.reduce_only,
        "closePosition": terms.close_position,
        "priceProtect": terms.price_protect,
        "workingType": terms.working_type,
        "priceMatch": "NONE",
        "selfTradePreventionMode": terms.prevention,
        "updateTime": order.update_ms,
    }
    if not coinm:
        answer["goodTillDate"] = terms.good_till_ms
    return answer


def trade_answer(order: AccountOrder, fill: FillRecord) -> _Answer:
    """Return an item of ``userTrades``."""
    terms = order.terms
    each = terms.instrument
    coinm = each.market is Market.COINM
    answer: _Answer = {
        "symbol": each.symbol,
        "id": fill.trade_id,
        "orderId": order.order_id,
        "side": terms.side.value,
        "price": each.price.text(fill.price),
        "qty": each.quantity.text(fill.quantity),
        "realizedPnl": plain(fill.realized),
        "baseQty" if coinm else "quoteQty": plain(fill.value),
        "commission": plain(fill.commission),
        "commissionAsset": fill.commission_asset,
        "time": fill.time_ms,
        "positionSide": terms.position_side,
        "buyer": terms.side is Side.BUY,
        "maker": fill.maker,
    }
    if coinm:
        answer |= {"pair": each.pair, "marginAsset": margin_asset(each)}
    return answer


def algo_answer(order: AlgoOrder) -> _Answer:
    """Return a conditional order."""
    terms, actual = order.terms, order.actual
    each = terms.instrument
    answer: _Answer = {
        "algoId": order.algo_id,
        "clientAlgoId": terms.client_id,
        "algoType": "CONDITIONAL",
        "orderType": terms.order_type,
        "symbol": each.symbol,
        "side": terms.side.value,
        "positionSide": terms.position_side,
        "timeInForce": terms.time_in_force,
        "quantity": each.quantity.text(terms.quantity),
        "algoStatus": order.status.value,
        "actualOrderId": str(actual.order_id) if actual else "",
        "actualPrice": plain(average_units(actual)) if actual else "0",
        "triggerPrice": each.price.text(terms.stop_price),
        "price": each.price.text(terms.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": terms.prevention,
        "workingType": terms.working_type,
        "priceMatch": "NONE",
        "closePosition": terms.close_position,
        "priceProtect": terms.price_protect,
        "reduceOnly": terms.reduce_only,
        "createTime": order.created_ms,
        "updateTime": order.update_ms,
        "triggerTime": order.trigger_ms,
        "goodTillDate": terms.good_till_ms,
    }
    if actual:
        answer["actualQty"] = each.quantity.text(actual.filled)
    return answer


def risk_answer(account: FuturesAccount, position: Position, worth: Worth) -> _Answer:
    """Return an item of ``positionRisk``."""
    each = position.instrument
    answer: _Answer = {
        "symbol": each.symbol,
        "positionSide": position.side,
        "positionAmt": each.quantity.text(position.amount),
        "entryPrice": plain(position.entry),
        "breakEvenPrice": plain(break_even_units(position, FUTURES_RATES.taker)),
        "markPrice": fixed(worth.mark),
        "unRealizedProfit": fixed(worth.unrealized),
        "liquidationPrice": "0",
        "isolatedMargin": "0",
        "isolatedWallet": "0",
        "updateTime": position.update_ms,
    }
    if each.market is Market.COINM:
        return answer | {
            "leverage": str(account.leverage(each.symbol)),
            "maxQty": "1000000",
            "marginType": "cross",
            "isAutoAddMargin": "false",
            "notionalValue": fixed(_signed(worth.notional, position)),
        }
    return answer | {
        "notional": fixed(_signed(worth.notional, position)),
        "marginAsset": margin_asset(each),
        "initialMargin": fixed(worth.initial),
        "maintMargin": fixed(worth.maintenance),
        "positionInitialMargin": fixed(worth.initial),
        "openOrderInitialMargin": "0",
        "adl": 0,
        "bidNotional": "0",
        "askNotional": "0",
    }


def balance_answer(account: FuturesAccount, asset: str, unrealized: int, available: int, *, coinm: bool) -> _Answer:
    """Return an item of ``balance``."""
    wallet = account.wallet(asset)
    most = fixed(max(0, min(available, wallet.balance)))
    answer: _Answer = {
        "accountAlias": account.alias,
        "asset": asset,
        "balance": fixed(wallet.balance),
        "crossWalletBalance": fixed(wallet.balance),
        "crossUnPnl": fixed(unrealized),
        "availableBalance": fixed(max(0, available)),
        "withdrawAvailable" if coinm else "maxWithdrawAmount": most,
        "marginAvailable": True,
        "updateTime": wallet.update_ms,
    }
    if coinm:
        del answer["marginAvailable"]
    return answer


def account_answer(
    account: FuturesAccount,
    worths: list[tuple[Position, Worth]],
    available: Callable[[str], int],
    *,
    coinm: bool,
) -> _Answer:
    """Return ``account``: assets, and the positions given."""
    assets = [_asset(account, asset, worths, available(asset)) for asset in sorted(account.wallets)]
    positions = [_account_position(account, position, worth, coinm=coinm) for position, worth in worths]
    if coinm:
        return {
            "assets": assets,
            "positions": positions,
            "canDeposit": True,
            "canTrade": True,
            "canWithdraw": True,
            "feeTier": 0,
            "updateTime": max((each.update_ms for each in account.wallets.values()), default=0),
        }
    wallet = sum(each.balance for each in account.wallets.values())
    unrealized = sum(worth.unrealized for _, worth in worths)
    initial = sum(worth.initial for _, worth in worths)
    orders = sum(account.order_margin(asset) for asset in account.wallets)
    free = fixed(max(0, sum(available(asset) for asset in account.wallets)))
    return {
        "totalInitialMargin": fixed(initial + orders),
        "totalMaintMargin": fixed(sum(worth.maintenance for _, worth in worths)),
        "totalWalletBalance": fixed(wallet),
        "totalUnrealizedProfit": fixed(unrealized),
        "totalMarginBalance": fixed(wallet + unrealized),
        "totalPositionInitialMargin": fixed(initial),
        "totalOpenOrderInitialMargin": fixed(orders),
        "totalCrossWalletBalance": fixed(wallet),
        "totalCrossUnPnl": fixed(unrealized),
        "availableBalance": free,
        "maxWithdrawAmount": free,
        "assets": assets,
        "positions": positions,
    }


def _asset(account: FuturesAccount, asset: str, worths: list[tuple[Position, Worth]], available: int) -> _Answer:
    wallet, orders = account.wallet(asset), account.order_margin(asset)
    mine = [worth for position, worth in worths if margin_asset(position.instrument) == asset]
    unrealized, initial = sum(worth.unrealized for worth in mine), sum(worth.initial for worth in mine)
    return {
        "asset": asset,
        "walletBalance": fixed(wallet.balance),
        "unrealizedProfit": fixed(unrealized),
        "marginBalance": fixed(wallet.balance + unrealized),
        "maintMargin": fixed(sum(worth.maintenance for worth in mine)),
        "initialMargin": fixed(initial + orders),
        "positionInitialMargin": fixed(initial),
        "openOrderInitialMargin": fixed(orders),
        "crossWalletBalance": fixed(wallet.balance),
        "crossUnPnl": fixed(unrealized),
        "availableBalance": fixed(max(0, available)),
        "maxWithdrawAmount": fixed(max(0, min(available, wallet.balance))),
        "updateTime": wallet.update_ms,
    }


def _account_position(account: FuturesAccount, position: Position, worth: Worth, *, coinm: bool) -> _Answer:
    each = position.instrument
    answer: _Answer = {
        "symbol": each.symbol,
        "positionSide": position.side,
        "positionAmt": each.quantity.text(position.amount),
        "unrealizedProfit": fixed(worth.unrealized),
        "initialMargin": fixed(worth.initial),
        "maintMargin": fixed(worth.maintenance),
        "updateTime": position.update_ms,
    }
    if coinm:
        return answer | {
            "leverage": str(account.leverage(each.symbol)),
            "isolated": False,
            "entryPrice": plain(position.entry),
            "breakEvenPrice": plain(break_even_units(position, FUTURES_RATES.taker)),
            "positionInitialMargin": fixed(worth.initial),
            "openOrderInitialMargin": "0",
            "maxQty": "1000000",
        }
    return answer | {
        "isolatedMargin": "0",
        "notional": fixed(_signed(worth.notional, position)),
        "isolatedWallet": "0",
    }


def _signed(units: int, position: Position) -> int:
    return units if position.amount >= 0 else -units
