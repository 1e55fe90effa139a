"""Spot's orders as they are asked for: what may be ordered, and what is refused."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from sandbox.simulation.accounts.amounts import value_units
from sandbox.simulation.accounts.fields import Fields
from sandbox.simulation.accounts.floor import Floor
from sandbox.simulation.accounts.orders import Terms
from sandbox.simulation.accounts.refusals import filter_failure, missing, refused
from sandbox.simulation.accounts.spot_clerk import SpotAccount
from sandbox.simulation.accounts.triggers import goes_off
from sandbox.simulation.symbol_market import SymbolMarket


__all__ = ["SpotEntry"]

_PREVENTIONS: Final = ("EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH")
_TIMES_IN_FORCE: Final = ("GTC", "IOC", "FOK")
_MAX_ORDERS: Final = 200
_MAX_STOP_ORDERS: Final = 5
_MAX_NOTIONAL: Final = 9_000_000
_WORST_PRICE_FACTOR: Final = 5
"""Of ``PERCENT_PRICE_BY_SIDE``: so many times the last price, or a part of it, is as far as a price may be."""


class _Kind(Struct, frozen=True):
    """What an order type takes."""

    price: bool = False
    stop: bool = False
    time_in_force: bool = False


_KINDS: Final = {
    "LIMIT": _Kind(price=True, time_in_force=True),
    "LIMIT_MAKER": _Kind(price=True),
    "MARKET": _Kind(),
    "STOP_LOSS": _Kind(stop=True),
    "STOP_LOSS_LIMIT": _Kind(price=True, stop=True, time_in_force=True),
    "TAKE_PROFIT": _Kind(stop=True),
    "TAKE_PROFIT_LIMIT": _Kind(price=True, stop=True, time_in_force=True),
}


class SpotEntry:
    """Reads orders from requests and checks them."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def market(self, fields: Fields) -> SymbolMarket:
        """Return the market of the symbol that is asked for.

        Raises:
            RefusedError: it is missing, or not traded.
        """
        found = self._floor.open_market(fields.text("symbol"))
        if found is None:
            raise refused(-1121, "Invalid symbol.")
        return found

    def terms(self, fields: Fields, account: SpotAccount, prefix: str = "") -> Terms:
        """Return what is ordered; `prefix` where the parameters of one leg of a list have one.

        Raises:
            RefusedError: the venue would not take it.
        """
        market = self.market(fields)
        each = market.instrument
        names = _Names(prefix)
        order_type = fields.choice(names.of("type"), _KINDS, (-1116, "Invalid orderType."))
        kind = _KINDS[order_type]
        client_id = fields.client_id(names.client_id) or self._floor.ids.client_id()
        terms = Terms(
            instrument=each,
            client_id=client_id,
            side=fields.side(),
            order_type=order_type,
            time_in_force=self._time_in_force(fields, names, kind),
            price=fields.price(names.of("price"), each) if kind.price else 0,
            stop_price=fields.price(names.of("stopPrice"), each) if kind.stop else 0,
            prevention=fields.choice(
                "selfTradePreventionMode",
                _PREVENTIONS,
                (-1130, "Data sent for parameter 'selfTradePreventionMode' is not valid."),
                _PREVENTIONS[0],
            ),
        )
        if not kind.price and names.of("price") in fields:
            raise refused(-1106, f"Parameter '{names.of('price')}' sent when not required.")
        terms = self._with_quantity(fields, account, terms)
        self._check(terms, market, account)
        return terms

    def _time_in_force(self, fields: Fields, names: _Names, kind: _Kind) -> str:
        name = names.of("timeInForce")
        if not kind.time_in_force:
            if name in fields:
                raise refused(-1106, f"Parameter '{name}' sent when not required.")
            return "GTC"
        return fields.choice(name, _TIMES_IN_FORCE, (-1115, "Invalid timeInForce."))

    def _with_quantity(self, fields: Fields, account: SpotAccount, terms: Terms) -> Terms:
        each = terms.instrument
        if terms.order_type != "MARKET" or "quoteOrderQty" not in fields:
            if terms.order_type == "MARKET" and "quantity" not in fields:
                raise missing("quantity")
            return replace(terms, quantity=fields.quantity("quantity", each))
        if "quantity" in fields:
            raise refused(-1128, "Combination of optional parameters invalid.")
        value = fields.units("quoteOrderQty")
        steps = self._floor.sight.steps_for(account.label, terms, value)
        if not steps:
            raise filter_failure("NOTIONAL")
        return replace(terms, quantity=steps, quote_quantity=value)

    def _check(self, terms: Terms, market: SymbolMarket, account: SpotAccount) -> None:
        self._check_price(terms, market)
        self._check_numbers(terms, account)
        same = account.orders.find(terms.instrument.symbol, None, terms.client_id)
        if same is not None and same.open:
            raise refused(-2010, "Duplicate order sent.")
        last = market.last_price()
        if terms.stop_price and goes_off(terms.order_type, terms.side, terms.stop_price, last):
            raise refused(-2010, "Stop price would trigger immediately.")
        if terms.order_type == "LIMIT_MAKER" and self._floor.sight.would_match(terms):
            raise refused(-2010, "Order would immediately match and take.")

    def _check_price(self, terms: Terms, market: SymbolMarket) -> None:
        if not terms.price:
            return
        last = market.last_price()
        if not last <= terms.price * _WORST_PRICE_FACTOR <= last * _WORST_PRICE_FACTOR**2:
            raise filter_failure("PERCENT_PRICE_BY_SIDE")
        if value_units(terms.instrument, terms.price, terms.quantity) > _MAX_NOTIONAL * 10**8:
            raise filter_failure("NOTIONAL")

    def _check_numbers(self, terms: Terms, account: SpotAccount) -> None:
        orders = account.orders.open(terms.instrument.symbol)
        if len(orders) >= _MAX_ORDERS:
            raise filter_failure("MAX_NUM_ORDERS")
        if terms.stop_price and sum(order.waiting for order in orders) >= _MAX_STOP_ORDERS:
            raise filter_failure("MAX_NUM_ALGO_ORDERS")


class _Names:
    """How the parameters of an order are called: ``price``, or ``abovePrice`` in a list."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def of(self, name: str) -> str:
        return self._prefix + name[0].upper() + name[1:] if self._prefix else name

    @property
    def client_id(self) -> str:
        return f"{self._prefix}ClientOrderId" if self._prefix else "newClientOrderId"
