"""An account at a venue of a few lines: what was ordered and filled, and the lists that REST gives of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from ingest.core.account_endpoints import Asked
from ingest.core.account_walks import window_ms
from schemas.markets import Market


__all__ = ["RefusedError", "TinyAccount", "TinyOrder"]

_ID_FIELDS = {Asked.ORDERS: "orderId", Asked.FILLS: "fromId", Asked.ALGOS: "algoId"}


class RefusedError(Exception):
    """The venue's error code and message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class TinyOrder(Struct):
    """An order, of the matching engine or conditional."""

    symbol: str
    order_id: int
    time: int
    status: str = "NEW"
    filled: int = 0
    changed: int = 0


class TinyFill(Struct, frozen=True):
    symbol: str
    trade_id: int
    order_id: int
    time: int


class TinyAccount(Struct):
    """Everything of one account in one market; its clock is moved from outside."""

    market: Market
    now: int
    most: int = 1000
    """The largest page."""
    orders: list[TinyOrder] = field(default_factory=list)
    algos: list[TinyOrder] = field(default_factory=list)
    fills: list[TinyFill] = field(default_factory=list)
    unknown_symbols: set[str] = field(default_factory=set)
    """Those of which nothing is given."""

    def place(self, symbol: str, *, algo: bool = False, skip: int = 1) -> TinyOrder:
        """Order something."""
        orders = self.algos if algo else self.orders
        last = max((one.order_id for one in orders if algo or one.symbol == symbol), default=100)
        order = TinyOrder(symbol, last + skip, self.now, changed=self.now)
        orders.append(order)
        return order

    def fill(self, order: TinyOrder, *, whole: bool = False) -> None:
        """Let an order be filled, in part or to its end."""
        last = max((one.trade_id for one in self.fills if one.symbol == order.symbol), default=7000)
        self.fills.append(TinyFill(order.symbol, last + 3, order.order_id, self.now))
        order.filled += 1
        order.status = "FILLED" if whole else "PARTIALLY_FILLED"
        order.changed = self.now

    def end(self, order: TinyOrder, status: str = "CANCELED") -> None:
        """Let an order end."""
        order.status, order.changed = status, self.now

    def open_orders(self, *, algo: bool = False) -> list[TinyOrder]:
        """Return what is on the book."""
        return [one for one in (self.algos if algo else self.orders) if one.status in {"NEW", "PARTIALLY_FILLED"}]

    def answer(self, asked: Asked, params: Mapping[str, str | int]) -> Any:
        """Return what REST answers.

        Raises:
            RefusedError: it is no question, or about nothing that there is.
        """
        symbol = params.get("symbol")
        if symbol in self.unknown_symbols:
            raise RefusedError(-1121, "Invalid symbol.")
        if asked in {Asked.OPEN_ORDERS, Asked.OPEN_ALGOS}:
            algo = asked is Asked.OPEN_ALGOS
            show = _algo if algo else _order
            return [show(one) for one in self.open_orders(algo=algo) if symbol in {None, one.symbol}]
        match asked:
            case Asked.ORDERS:
                return [_order(one) for one in self._page(asked, self.orders, params)]
            case Asked.ALGOS:
                return [_algo(one) for one in self._page(asked, self.algos, params)]
            case Asked.FILLS:
                return [_fill(one) for one in self._page(asked, self.fills, params)]
            case _:
                return {"balances": [{"asset": "USDT", "free": "1.5", "locked": "0"}]}

    def _page(self, asked: Asked, items: list[Any], params: Mapping[str, str | int]) -> list[Any]:
        if "symbol" not in params:
            raise RefusedError(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        limit = min(int(params.get("limit", 500)), self.most)
        found = sorted((one for one in items if one.symbol == params["symbol"]), key=_id_of)
        if (from_id := params.get(_ID_FIELDS[asked])) is not None:
            if "startTime" in params:
                raise RefusedError(-1128, "Combination of optional parameters invalid.")
            return [one for one in found if _id_of(one) >= int(from_id)][:limit]
        start, end = int(params["startTime"]), int(params["endTime"])
        if end - start > window_ms(self.market):
            raise RefusedError(-1127, "More than 24 hours between startTime and endTime.")
        return [one for one in found if start <= one.time <= end][:limit]


def _id_of(item: TinyOrder | TinyFill) -> int:
    return item.order_id if isinstance(item, TinyOrder) else item.trade_id


def _order(order: TinyOrder) -> dict[str, Any]:
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "clientOrderId": f"c{order.order_id}",
        "executedQty": str(order.filled),
        "status": order.status,
        "time": order.time,
        "updateTime": order.changed,
    }


def _algo(order: TinyOrder) -> dict[str, Any]:
    return {
        "algoId": order.order_id,
        "algoType": "CONDITIONAL",
        "symbol": order.symbol,
        "algoStatus": order.status,
        "createTime": order.time,
        "updateTime": order.changed,
    }


def _fill(fill: TinyFill) -> dict[str, Any]:
    return {"symbol": fill.symbol, "id": fill.trade_id, "orderId": fill.order_id, "time": fill.time, "qty": "1"}
