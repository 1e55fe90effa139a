"""A futures market's answers about orders and trades, in the venue's words."""

from __future__ import annotations

from typing import Any

from sandbox.simulation.accounts.algo_orders import AlgoOrder
from sandbox.simulation.accounts.amounts import ONE, fixed, plain
from sandbox.simulation.accounts.futures_account import margin_asset
from sandbox.simulation.accounts.futures_events import average_units
from sandbox.simulation.accounts.orders import AccountOrder, FillRecord
from sandbox.simulation.engine import Side
from schemas.markets import Market


__all__ = ["algo_answer", "order_answer", "placed", "trade_answer"]

_Answer = dict[str, Any]


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
    if terms.callback:
        answer["activatePrice"] = each.price.text(terms.activation_price)
        answer["priceRate"] = plain(terms.callback * ONE // 100)
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
    if terms.callback:
        answer["activatePrice"] = each.price.text(terms.activation_price)
        answer["callbackRate"] = plain(terms.callback * ONE // 100)
    if actual:
        answer["actualQty"] = each.quantity.text(actual.filled)
    return answer
