"""What the tables must say at the end, by the exchange's own books.

Nothing of it is shared with the processors: it is laid out from what the exchange keeps, in the words of the tables'
schemas, and exactly. Of what no answer of the venue tells nothing is demanded: the realised profit that a position
accumulates (``cr``), how an order list stands, why a futures order expired, and who cancelled. What follows the mark
price is of the moment at which it was told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, Final

import msgspec

from schemas.markets import Market


__all__ = ["Kept", "kept_of"]

_PLACES: Final = Decimal("1e-16")
_DIGITS: Final = 60
_ENDED: Final = frozenset({"FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"})

Fields = Mapping[str, object]
"""Fields of a record of a table, and what each must be; numbers as decimals."""


class Kept(msgspec.Struct):
    """What the exchange keeps of one account on one market: by key of the table's record."""

    orders: dict[bytes, Fields]
    balances: dict[bytes, Fields]
    positions: dict[bytes, Fields]
    fills: dict[tuple[str, int], bytes]
    """By symbol and trade id: the order that was filled."""


def kept_of(market: Market, account: str, books: Mapping[str, Any]) -> Kept:
    """Return what ``/sandbox/accounts/books`` tells of an account, as the tables must say it."""
    orders: dict[bytes, Fields] = {}
    of_order = _futures_order(market) if market.is_futures else _spot_order
    for order in books["orders"]:
        orders[f"{account}|{order['symbol']}|{order['orderId']}".encode()] = {
            "account": account,
            **of_order(order),
            **_fills(market, order["fills"]),
        }
    for order in books.get("algoOrders", ()):
        orders[f"{account}|{order['symbol']}|algo:{order['algoId']}".encode()] = {
            "account": account,
            **_algo_order(order),
        }
    return Kept(
        orders=orders,
        balances={f"{account}|{asset}".encode(): _balance(each) for asset, each in books["balances"].items()},
        positions={
            f"{account}|{each['symbol']}|{each['positionSide']}".encode(): _position(each)
            for each in books.get("positions", ())
        },
        fills={
            (order["symbol"], fill["id"]): f"{account}|{order['symbol']}|{order['orderId']}".encode()
            for order in books["orders"]
            for fill in order["fills"]
        },
    )


def _spot_order(order: Mapping[str, Any]) -> dict[str, object]:
    filled, value = Decimal(order["executedQty"]), Decimal(order["cummulativeQuoteQty"])
    return {
        **_order(order),
        "order_list_id": _known(order["orderListId"]),
        "iceberg_quantity": Decimal(order["icebergQty"]),
        "working": order["isWorking"] and order["status"] not in _ENDED,
        "working_time": _known(order["workingTime"]),
        "quote_order_quantity": _positive(order["origQuoteOrderQty"]),
        "filled_quote_quantity": value,
        "average_price": _quotient(value, filled),
        "prevented_quantity": _positive(order.get("preventedQuantity", "0")),
        "expiry_reason": order.get("expiryReason"),
    }


def _futures_order(market: Market) -> Callable[[Mapping[str, Any]], dict[str, object]]:
    def of_order(order: Mapping[str, Any]) -> dict[str, object]:
        return {
            **_order(order),
            **_futures(order),
            "original_type": order["origType"],
            "average_price": _positive(order["avgPrice"]),
            "filled_quote_quantity": Decimal(order["cumQuote"]) if market is Market.USDM else None,
            "activation_price": _positive(order.get("activatePrice", "0")),
            "callback_rate": _positive(order.get("priceRate", "0")),
            "algo_id": order["algoId"] or None,
        }

    return of_order


def _order(order: Mapping[str, Any]) -> dict[str, object]:
    """Return what all markets tell alike."""
    return {
        "symbol": order["symbol"],
        "kind": "regular",
        "order_id": order["orderId"],
        "client_order_id": order["clientOrderId"],
        "side": order["side"],
        "order_type": order["type"],
        "time_in_force": order["timeInForce"],
        "status": order["status"],
        "price": Decimal(order["price"]),
        "stop_price": Decimal(order["stopPrice"]),
        "quantity": Decimal(order["origQty"]),
        "filled_quantity": Decimal(order["executedQty"]),
        "self_trade_prevention_mode": order["selfTradePreventionMode"],
        "created_time": order["time"],
        "update_time": order["updateTime"],
        "irregular_count": 0,
    }


def _futures(order: Mapping[str, Any]) -> dict[str, object]:
    """Return what regular and conditional orders of futures tell alike."""
    return {
        "position_side": order["positionSide"],
        "reduce_only": order["reduceOnly"],
        "close_position": order["closePosition"],
        "price_protect": order["priceProtect"],
        "working_type": order["workingType"],
        "price_match": order["priceMatch"],
        "good_till_time": order.get("goodTillDate") or None,
    }


def _algo_order(order: Mapping[str, Any]) -> dict[str, object]:
    return {
        **_futures(order),
        "symbol": order["symbol"],
        "kind": "algo",
        "order_id": order["algoId"],
        "client_order_id": order["clientAlgoId"],
        "side": order["side"],
        "order_type": order["orderType"],
        "time_in_force": order["timeInForce"],
        "status": order["algoStatus"],
        "price": Decimal(order["price"]),
        "stop_price": Decimal(order["triggerPrice"]),
        "activation_price": _positive(order.get("activatePrice", "0")),
        "callback_rate": _positive(order.get("callbackRate", "0")),
        "quantity": Decimal(order["quantity"]),
        "self_trade_prevention_mode": order["selfTradePreventionMode"],
        "created_time": order["createTime"],
        "update_time": order["updateTime"],
        "triggered_order_id": int(order["actualOrderId"]) if order["actualOrderId"] else None,
        "triggered_time": order["triggerTime"] or None,
        "filled_quantity": Decimal(order.get("actualQty", "0")),
        "average_price": _positive(order["actualPrice"]),
        "irregular_count": 0,
    }


def _fills(market: Market, fills: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Return what an order's fills add up to."""
    commissions: dict[str, Decimal] = defaultdict(Decimal)
    for fill in fills:
        commissions[fill["commissionAsset"]] += Decimal(fill["commission"])
    found: dict[str, object] = {
        "fill_count": len(fills),
        "fills_known_quantity": sum((Decimal(fill["qty"]) for fill in fills), Decimal()),
        "commissions": {asset: amount for asset, amount in sorted(commissions.items()) if amount},
    }
    if market.is_futures:
        found["realized_profit"] = sum((Decimal(fill["realizedPnl"]) for fill in fills), Decimal())
    last = max(fills, key=lambda fill: fill["id"], default=None)
    return found | {
        "last_trade_id": last and last["id"],
        "last_fill_price": last and Decimal(last["price"]),
        "last_fill_quantity": last and Decimal(last["qty"]),
    }


def _balance(balance: Mapping[str, str]) -> Fields:
    names = {
        "free": "free",
        "locked": "locked",
        "wallet": "wallet_balance",
        "crossWallet": "cross_wallet_balance",
    }
    return {ours: Decimal(balance[name]) for name, ours in names.items() if name in balance}


def _position(position: Mapping[str, Any]) -> Fields:
    return {
        "symbol": position["symbol"],
        "position_side": position["positionSide"],
        "amount": Decimal(position["positionAmt"]),
        "entry_price": Decimal(position["entryPrice"]),
    }


def _known(number: int) -> int | None:
    return None if number < 0 else number


def _positive(text: str) -> Decimal | None:
    return Decimal(text) or None


def _quotient(value: Decimal, quantity: Decimal) -> Decimal | None:
    if not quantity:
        return None
    with localcontext(prec=_DIGITS):
        return (value / quantity).quantize(_PLACES, ROUND_HALF_UP)
