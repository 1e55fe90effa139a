"""What a robot knows: the rules of symbols, and its own orders as far as it was told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any, Final, Self

from msgspec import Struct

from schemas.markets import Market


__all__ = ["Knowledge", "Quote", "Rules", "Standing"]

_OPEN: Final = frozenset({"NEW", "PARTIALLY_FILLED"})
_NO_NOTIONAL: Final = Decimal(0)


class Quote(Struct, frozen=True):
    """Best prices."""

    bid: Decimal
    ask: Decimal


class Rules(Struct, frozen=True):
    """In which steps a symbol is traded."""

    symbol: str
    market: Market
    tick: Decimal
    step: Decimal
    min_notional: Decimal
    quote_factor: Decimal
    """How much of the quote asset a dollar is, roughly."""

    @classmethod
    def of(cls, market: Market, answer: Mapping[str, Any], quote_factor: Decimal = Decimal(1)) -> Self:
        """Read them from a symbol of ``exchangeInfo``; the factor where the quote asset is no kind of dollar."""
        filters = {each["filterType"]: each for each in answer["filters"]}
        notional = filters.get("MIN_NOTIONAL", {}).get("notional") or filters.get("NOTIONAL", {}).get("minNotional")
        return cls(
            answer["symbol"],
            market,
            Decimal(filters["PRICE_FILTER"]["tickSize"]).normalize(),
            Decimal(filters["LOT_SIZE"]["stepSize"]).normalize(),
            Decimal(notional) if notional else _NO_NOTIONAL,
            quote_factor,
        )

    @property
    def spot(self) -> bool:
        """Whether it is a pair of spot."""
        return self.market is Market.SPOT

    @property
    def coinm(self) -> bool:
        """Whether quantities are contracts."""
        return self.market is Market.COINM

    def to_tick(self, price: Decimal) -> Decimal:
        """Return the nearest price that there is."""
        return max(self.tick, _multiple(price, self.tick, ROUND_HALF_EVEN))

    def up_to_step(self, quantity: Decimal) -> Decimal:
        """Return the next larger quantity that there is."""
        return max(self.step, _multiple(quantity, self.step, ROUND_CEILING))

    def down_to_step(self, quantity: Decimal) -> Decimal:
        """Return the next smaller quantity that there is; it may be nothing."""
        return _multiple(quantity, self.step, ROUND_FLOOR)

    def smallest(self, price: Decimal) -> Decimal:
        """Return the smallest quantity that may be ordered at a price."""
        return self.step if self.coinm else self.up_to_step(self.min_notional / price)

    def round_value(self, value: Decimal) -> Decimal:
        """Return a value with at most eight decimals."""
        return value.quantize(Decimal("1e-8")).normalize()


def _multiple(value: Decimal, unit: Decimal, rounding: str) -> Decimal:
    return (value / unit).quantize(Decimal(1), rounding=rounding) * unit


class Standing(Struct, frozen=True):
    """An order that was open when the robot last heard of it."""

    client_id: str
    side: str
    quantity: Decimal
    plain_limit: bool
    """Whether it can be amended."""
    algo: bool = False


class Knowledge:
    """Orders by symbol, from answers alone."""

    def __init__(self) -> None:
        self._standing: dict[str, dict[str, Standing]] = {}
        self._net: Counter[str] = Counter()

    def of(self, symbol: str) -> list[Standing]:
        """Return the orders that may be open, oldest first."""
        return list(self._standing.get(symbol, {}).values())

    def leaning(self, symbol: str) -> int:
        """Return 1 when more orders bought than sold, -1 when more sold, else 0."""
        net = self._net[symbol]
        return (net > 0) - (net < 0)

    def learn(self, params: Mapping[str, str], path: str, method: str, status: int, body: Any) -> None:
        """Take account of an answer."""
        symbol = params.get("symbol", "")
        if method == "DELETE":
            self._forget(params, path, symbol)
        elif status != 200:
            if method == "PUT":
                self._forget(params, path, symbol)
        elif path == "orderList/oco":
            for leg in body["orders"]:
                standing = Standing(leg["clientOrderId"], params["side"], Decimal(params["quantity"]), False)
                self._put(symbol, standing)
        elif path == "algoOrder":
            self._put(symbol, Standing(body["clientAlgoId"], params["side"], Decimal(body["quantity"]), False, True))
        elif path in {"order", "order/amend/keepPriority"}:
            self._learn_order(params, path, symbol, body)

    def _learn_order(self, params: Mapping[str, str], path: str, symbol: str, body: Any) -> None:
        order = body.get("amendedOrder", body)
        if path == "order/amend/keepPriority":
            self._drop(symbol, params["origClientOrderId"])
        quantity = Decimal(order["executedQty"])
        if quantity and "newClientOrderId" in params:
            self._net[symbol] += 1 if order["side"] == "BUY" else -1
        client_id = order["clientOrderId"]
        if order.get("status", "NEW") in _OPEN:
            plain_limit = order["type"] == "LIMIT" and not order.get("reduceOnly", False)
            self._put(symbol, Standing(client_id, order["side"], Decimal(order["origQty"]), plain_limit))
        else:
            self._drop(symbol, client_id)

    def _forget(self, params: Mapping[str, str], path: str, symbol: str) -> None:
        """Forget what was cancelled, or was not there any more."""
        if path in {"openOrders", "allOpenOrders"}:
            orders = self._standing.get(symbol, {})
            self._standing[symbol] = {name: order for name, order in orders.items() if order.algo}
        elif path == "algoOrder":
            for orders in self._standing.values():
                orders.pop(params["clientAlgoId"], None)
        else:
            self._drop(symbol, params["origClientOrderId"])

    def _put(self, symbol: str, standing: Standing) -> None:
        self._standing.setdefault(symbol, {})[standing.client_id] = standing

    def _drop(self, symbol: str, client_id: str) -> None:
        self._standing.get(symbol, {}).pop(client_id, None)
