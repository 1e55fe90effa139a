"""Spot's answers about an account, in the venue's words."""

from __future__ import annotations

from typing import Any, Final

from sandbox.simulation.accounts.amounts import fixed
from sandbox.simulation.accounts.commission import SPOT_RATES
from sandbox.simulation.accounts.orders import AccountOrder, FillRecord, OrderList
from sandbox.simulation.accounts.spot_clerk import SpotAccount
from sandbox.simulation.engine import Side


__all__ = ["account_answer", "cancelled", "list_answer", "order_answer", "placed", "trade_answer"]

_Answer = dict[str, Any]
_ZERO: Final = fixed(0)
_FULL_BY_DEFAULT: Final = frozenset({"MARKET", "LIMIT"})
_NO_LIST: Final = -1


def order_answer(order: AccountOrder) -> _Answer:
    """Return an order as queries tell it."""
    terms = order.terms
    each = terms.instrument
    answer: _Answer = {
        "symbol": each.symbol,
        "orderId": order.order_id,
        "orderListId": _list_id(order),
        "clientOrderId": terms.client_id,
        "price": each.price.text(terms.price),
        "origQty": each.quantity.text(terms.quantity),
        "executedQty": each.quantity.text(order.filled),
        "cummulativeQuoteQty": fixed(order.value),
        "status": order.status.value,
        "timeInForce": terms.time_in_force,
        "type": terms.order_type,
        "side": terms.side.value,
        "stopPrice": each.price.text(terms.stop_price),
        "icebergQty": _ZERO,
        "time": order.created_ms,
        "updateTime": order.update_ms,
        "isWorking": order.working_ms >= 0,
        "workingTime": order.working_ms,
        "origQuoteOrderQty": fixed(terms.quote_quantity),
        "selfTradePreventionMode": terms.prevention,
    }
    if order.prevention is not None:
        answer["preventedMatchId"] = order.prevention.match_id
        answer["preventedQuantity"] = each.quantity.text(order.prevented)
    if order.expiry:
        answer["expiryReason"] = order.expiry
    return answer


def placed(order: AccountOrder, form: str | None) -> _Answer:
    """Return the answer to a new order: ``ACK``, ``RESULT`` or ``FULL``, by default as the order's type has it."""
    form = form or ("FULL" if order.terms.order_type in _FULL_BY_DEFAULT else "ACK")
    answer: _Answer = {
        "symbol": order.terms.instrument.symbol,
        "orderId": order.order_id,
        "orderListId": _list_id(order),
        "clientOrderId": order.terms.client_id,
        "transactTime": order.created_ms,
    }
    if form == "ACK":
        return answer
    answer |= _result(order)
    if order.working_ms >= 0:
        answer["workingTime"] = order.working_ms
    answer["selfTradePreventionMode"] = order.terms.prevention
    if order.terms.stop_price:
        answer["stopPrice"] = order.terms.instrument.price.text(order.terms.stop_price)
    if form == "FULL":
        answer["fills"] = [_fill(order, fill) for fill in order.fills]
    return answer


def cancelled(order: AccountOrder, cancel_id: str) -> _Answer:
    """Return the answer to a cancellation."""
    answer: _Answer = {
        "symbol": order.terms.instrument.symbol,
        "origClientOrderId": order.terms.client_id,
        "orderId": order.order_id,
        "orderListId": _list_id(order),
        "clientOrderId": cancel_id,
        "transactTime": order.update_ms,
    }
    answer |= _result(order)
    answer["selfTradePreventionMode"] = order.terms.prevention
    return answer


def _result(order: AccountOrder) -> _Answer:
    terms = order.terms
    each = terms.instrument
    return {
        "price": each.price.text(terms.price),
        "origQty": each.quantity.text(terms.quantity),
        "executedQty": each.quantity.text(order.filled),
        "origQuoteOrderQty": fixed(terms.quote_quantity),
        "cummulativeQuoteQty": fixed(order.value),
        "status": order.status.value,
        "timeInForce": terms.time_in_force,
        "type": terms.order_type,
        "side": terms.side.value,
    }


def _fill(order: AccountOrder, fill: FillRecord) -> _Answer:
    each = order.terms.instrument
    return {
        "price": each.price.text(fill.price),
        "qty": each.quantity.text(fill.quantity),
        "commission": fixed(fill.commission),
        "commissionAsset": fill.commission_asset,
        "tradeId": fill.trade_id,
    }


def trade_answer(order: AccountOrder, fill: FillRecord) -> _Answer:
    """Return an item of ``myTrades``."""
    each = order.terms.instrument
    return {
        "symbol": each.symbol,
        "id": fill.trade_id,
        "orderId": order.order_id,
        "orderListId": _list_id(order),
        "price": each.price.text(fill.price),
        "qty": each.quantity.text(fill.quantity),
        "quoteQty": fixed(fill.value),
        "commission": fixed(fill.commission),
        "commissionAsset": fill.commission_asset,
        "time": fill.time_ms,
        "isBuyer": order.terms.side is Side.BUY,
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def list_answer(each: OrderList, *, with_reports: bool = False) -> _Answer:
    """Return an order list."""
    symbol = each.instrument.symbol
    answer: _Answer = {
        "orderListId": each.list_id,
        "contingencyType": each.kind,
        "listStatusType": "ALL_DONE" if each.done else "EXEC_STARTED",
        "listOrderStatus": "ALL_DONE" if each.done else "EXECUTING",
        "listClientOrderId": each.client_id,
        "transactionTime": each.created_ms,
        "symbol": symbol,
        "orders": [
            {"symbol": symbol, "orderId": leg.order_id, "clientOrderId": leg.terms.client_id} for leg in each.legs
        ],
    }
    if with_reports:
        answer["orderReports"] = [placed(leg, "RESULT") for leg in each.legs]
    return answer


def account_answer(account: SpotAccount, *, without_zeros: bool) -> _Answer:
    """Return ``account``."""
    ledger = account.ledger
    balances = ((asset, ledger.balance(asset)) for asset in ledger.assets())
    rates = {
        name: f"{rate / 1_000_000:.8f}" for name, rate in (("maker", SPOT_RATES.maker), ("taker", SPOT_RATES.taker))
    }
    return {
        "makerCommission": SPOT_RATES.maker // 100,
        "takerCommission": SPOT_RATES.taker // 100,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": rates | {"buyer": _ZERO, "seller": _ZERO},
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": account.update_ms,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": fixed(each.free), "locked": fixed(each.locked)}
            for asset, each in balances
            if not without_zeros or each.free or each.locked
        ],
        "permissions": ["SPOT"],
        "uid": 354_937_868 + sum(account.label.encode()),
    }


def _list_id(order: AccountOrder) -> int:
    return _NO_LIST if order.order_list is None else order.order_list.list_id
