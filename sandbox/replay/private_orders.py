"""What REST says of an account's orders and fills in a replay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from sandbox.exchange.source import RestReply, error_reply, json_reply
from sandbox.recordings.private import PrivateEvent
from sandbox.verify.private.reports import ALGO, TERMINAL, Fields, Fill, OrderId, OrderReport, fill_of, report_of
from schemas.markets import Market


__all__ = ["OrderAnswers"]

Params = Mapping[str, str]
Item = dict[str, Any]
_LIMIT: Final = 500
_NO_ORDER: Final = error_reply(400, -2013, "Order does not exist.")


class OrderAnswers:
    """The orders of an account on a market, as its events tell them.

    Args:
        market: the market.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self._latest: dict[OrderId, OrderReport] = {}
        self._created: dict[OrderId, int] = {}
        self._fills: dict[tuple[str, int], Item] = {}

    @property
    def symbols(self) -> frozenset[str]:
        """The symbols of its orders."""
        return frozenset(symbol for symbol, _, _ in self._latest)

    def take(self, event: PrivateEvent, fields: Fields) -> None:
        """Take in an event.

        Raises:
            UnreadableEventError: It lacks what every event of its type has.
        """
        report, lite = report_of(event, fields), fill_of(event, fields)
        if lite is not None:
            (symbol, _, order_id), fill = lite
            if fill.trade_id is not None:
                self._fills.setdefault((symbol, fill.trade_id), self._fill(symbol, order_id, fill, fields))
        if report is None:
            return
        known = self._latest.get(report.order)
        if known is None or report.rank > known.rank:
            self._latest[report.order] = report
        created_ms = self._created.get(report.order, report.time_ms)
        self._created[report.order] = min(created_ms, report.time_ms)
        trade_id = report.fill.trade_id if report.fill is not None else None
        if report.fill is not None and trade_id is not None and trade_id >= 0:  # allocations are no trades
            symbol, _, order_id = report.order
            self._fills[symbol, trade_id] = self._fill(symbol, order_id, report.fill, report.fields)

    def answer(self, path: str, params: Params) -> RestReply | None:
        """Answer a question; None: it is none about orders."""
        answer = _ANSWERS.get(path)
        return None if answer is None else answer(self, params)

    def all_orders(self) -> list[Item]:
        """Return every order as REST shows it."""
        return [self._item(order) for order in sorted(self._latest)]

    def _open_orders(self, params: Params) -> RestReply:
        return json_reply(self._listed(params, "regular", still_open=True))

    def _orders_of(self, params: Params) -> RestReply:
        return json_reply(self._listed(params, "regular"))

    def _open_algo_orders(self, params: Params) -> RestReply:
        return json_reply(self._listed(params, ALGO, still_open=True))

    def _algo_orders(self, params: Params) -> RestReply:
        return json_reply(self._listed(params, ALGO))

    def _order(self, params: Params) -> RestReply:
        return self._one(params, "regular", "orderId", ("origClientOrderId", "clientOrderId"))

    def _algo_order(self, params: Params) -> RestReply:
        return self._one(params, ALGO, "algoId", ("clientAlgoId", "clientAlgoId"))

    def _one(self, params: Params, kind: str, by_id: str, by_client: tuple[str, str]) -> RestReply:
        asked, named = by_client
        for item in self._listed({"symbol": params.get("symbol", "")}, kind):
            if str(item[by_id]) == params.get(by_id) or item[named] == params.get(asked, ""):
                return json_reply(item)
        return _NO_ORDER

    def _trades(self, params: Params) -> RestReply:
        items = [
            item
            for (symbol, _), item in sorted(self._fills.items())
            if params.get("symbol") in {None, "", symbol} and params.get("orderId") in {None, str(item["orderId"])}
        ]
        return json_reply(_page(items, params, "id", "fromId", "time"))

    def _listed(self, params: Params, kind: str, *, still_open: bool = False) -> list[Item]:
        items = [
            self._item(order)
            for order, latest in sorted(self._latest.items())
            if order[1] == kind
            and params.get("symbol") in {None, "", order[0]}
            and not (still_open and latest.status in TERMINAL)
        ]
        if still_open:
            return items
        by_id, time = ("algoId", "createTime") if kind == ALGO else ("orderId", "time")
        return _page(items, params, by_id, by_id, time)

    def _item(self, order: OrderId) -> Item:
        report, created_ms = self._latest[order], self._created[order]
        if order[1] == ALGO:
            return _algo_item(report, created_ms)
        return _spot_item(report) if self._market is Market.SPOT else self._futures_item(report, created_ms)

    def _futures_item(self, report: OrderReport, created_ms: int) -> Item:
        fields = report.fields
        item = {
            "symbol": report.order[0],
            "orderId": report.order[2],
            "clientOrderId": fields["c"],
            "price": fields["p"],
            "avgPrice": fields.get("ap", "0"),
            "origQty": fields["q"],
            "executedQty": fields["z"],
            "status": report.status,
            "timeInForce": fields["f"],
            "type": fields["o"],
            "origType": fields.get("ot", fields["o"]),
            "side": fields["S"],
            "positionSide": fields.get("ps", "BOTH"),
            "stopPrice": fields.get("sp", "0"),
            "reduceOnly": fields.get("R", False),
            "closePosition": fields.get("cp", False),
            "priceProtect": fields.get("pP", False),
            "workingType": fields.get("wt", "CONTRACT_PRICE"),
            "priceMatch": fields.get("pm", "NONE"),
            "selfTradePreventionMode": fields.get("V", "NONE"),
            "goodTillDate": fields.get("gtd", 0),
            "time": created_ms,
            "updateTime": report.time_ms,
        }
        item |= {ours: fields[theirs] for ours, theirs in _TRAILING.items() if theirs in fields}
        if self._market is Market.USDM:
            fills = [fill for fill in self._fills.values() if fill["orderId"] == report.order[2]]
            item["cumQuote"] = f"{sum((Decimal(fill['quoteQty']) for fill in fills), Decimal(0)):f}"
        return item

    def _fill(self, symbol: str, order_id: int, fill: Fill, fields: Fields) -> Item:
        item: Item = {
            "symbol": symbol,
            "id": fill.trade_id,
            "orderId": order_id,
            "price": f"{fill.price:f}",
            "qty": f"{fill.quantity:f}",
            "commission": f"{fill.commission or Decimal(0):f}",
            "commissionAsset": fill.commission_asset or "",
            "time": fill.time_ms,
        }
        buyer, maker = fill.side == "BUY", fields.get("m", False)
        if self._market is Market.SPOT:
            ours = {
                "isBuyer": buyer,
                "isMaker": maker,
                "isBestMatch": True,
                "quoteQty": f"{fill.quote:f}",
            }
            return item | ours | {"orderListId": fields.get("g", -1)}
        item |= {
            "side": fill.side,
            "buyer": buyer,
            "maker": maker,
            "positionSide": fields.get("ps", "BOTH"),
        }
        item["realizedPnl"] = f"{fill.realized_profit or Decimal(0):f}"
        if self._market is Market.USDM:
            item["quoteQty"] = f"{fill.price * fill.quantity:f}"
        return item


def _page(items: Sequence[Item], params: Params, by_id: str, first: str, time: str) -> list[Item]:
    """Return what a question asks for: from an id or a time on as many as it wants, else the latest ones."""
    limit = int(params.get("limit") or _LIMIT)
    since, until = int(params.get("startTime") or 0), int(params.get("endTime") or 2**63)
    chosen = [item for item in items if since <= item[time] <= until and item[by_id] >= int(params.get(first) or 0)]
    from_the_start = params.get(first) or params.get("startTime")
    return chosen[:limit] if from_the_start else chosen[-limit:]


def _spot_item(report: OrderReport) -> Item:
    fields = report.fields
    item = {
        "symbol": report.order[0],
        "orderId": report.order[2],
        "orderListId": fields.get("g", -1),
        "clientOrderId": fields.get("C") or fields["c"],
        "price": fields["p"],
        "origQty": fields["q"],
        "executedQty": fields["z"],
        "cummulativeQuoteQty": fields["Z"],
        "status": report.status,
        "timeInForce": fields["f"],
        "type": fields["o"],
        "side": fields["S"],
        "stopPrice": fields.get("P", "0.00000000"),
        "icebergQty": fields.get("F", "0.00000000"),
        "time": fields.get("O", report.time_ms),
        "updateTime": report.time_ms,
        "isWorking": fields.get("w", report.status not in TERMINAL),
        "workingTime": fields.get("W", -1),
        "origQuoteOrderQty": fields.get("Q", "0.00000000"),
        "selfTradePreventionMode": fields.get("V", "NONE"),
    }
    return item | {ours: fields[theirs] for ours, theirs in _SOMETIMES.items() if theirs in fields}


def _algo_item(report: OrderReport, created_ms: int) -> Item:
    fields = report.fields
    return {
        "algoId": report.order[2],
        "clientAlgoId": fields["caid"],
        "algoType": fields.get("at", "CONDITIONAL"),
        "orderType": fields["o"],
        "symbol": report.order[0],
        "side": fields["S"],
        "positionSide": fields.get("ps", "BOTH"),
        "timeInForce": fields["f"],
        "quantity": fields["q"],
        "algoStatus": report.status,
        "actualOrderId": fields.get("ai", ""),
        "actualPrice": fields.get("ap", "0"),
        "actualQty": fields.get("aq", "0"),
        "triggerPrice": fields.get("tp", "0"),
        "price": fields.get("p", "0"),
        "reduceOnly": fields.get("R", False),
        "closePosition": fields.get("cp", False),
        "priceProtect": fields.get("pP", False),
        "workingType": fields.get("wt", "CONTRACT_PRICE"),
        "priceMatch": fields.get("pm", "NONE"),
        "selfTradePreventionMode": fields.get("V", "NONE"),
        "createTime": created_ms,
        "updateTime": report.time_ms,
        "triggerTime": fields.get("tt", 0),
        "goodTillDate": fields.get("gtd", 0),
    }


_SOMETIMES: Final = {
    "trailingDelta": "d",
    "trailingTime": "D",
    "preventedMatchId": "v",
    "preventedQuantity": "A",
    "strategyId": "j",
    "strategyType": "J",
    "expiryReason": "eR",
}
_TRAILING: Final = {"activatePrice": "AP", "priceRate": "cr"}
_ANSWERS: Final[Mapping[str, Callable[[OrderAnswers, Params], RestReply]]] = {
    "openOrders": OrderAnswers._open_orders,  # noqa: SLF001 - its own
    "allOrders": OrderAnswers._orders_of,  # noqa: SLF001
    "order": OrderAnswers._order,  # noqa: SLF001
    "myTrades": OrderAnswers._trades,  # noqa: SLF001
    "userTrades": OrderAnswers._trades,  # noqa: SLF001
    "openAlgoOrders": OrderAnswers._open_algo_orders,  # noqa: SLF001
    "allAlgoOrders": OrderAnswers._algo_orders,  # noqa: SLF001
    "algoOrder": OrderAnswers._algo_order,  # noqa: SLF001
    "openOrderList": lambda _, __: json_reply([]),
    "allOrderList": lambda _, __: json_reply([]),
}
