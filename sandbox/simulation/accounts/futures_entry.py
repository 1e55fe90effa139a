"""Futures' orders as they are asked for: what may be ordered, and what is refused."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from sandbox.simulation.accounts.algo_clerk import sets_off, watched_price
from sandbox.simulation.accounts.algo_orders import ALGO_TYPES
from sandbox.simulation.accounts.amounts import ONE, price_units
from sandbox.simulation.accounts.fields import Fields
from sandbox.simulation.accounts.floor import Floor
from sandbox.simulation.accounts.futures_account import FuturesAccount, mark_units, notional_units
from sandbox.simulation.accounts.futures_check import check_margin, check_position
from sandbox.simulation.accounts.moment import Moment
from sandbox.simulation.accounts.orders import AccountOrder, Terms
from sandbox.simulation.accounts.refusals import missing, refused
from sandbox.simulation.accounts.triggers import reaches
from sandbox.simulation.engine import Side
from sandbox.simulation.symbol_market import SymbolMarket
from schemas.markets import Market


__all__ = ["FuturesEntry"]

_PREVENTIONS: Final = ("EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "NONE")
_TIMES_IN_FORCE: Final = ("GTC", "IOC", "FOK", "GTX", "GTD")
_SHORTEST_DATED_MS: Final = 600_000
"""How long an order that is good till a date is good at least."""
_ELSEWHERE: Final = frozenset(ALGO_TYPES)
"""Types that the order endpoint refuses: the algo endpoint takes them."""
_MAX_ORDERS: Final = 200
_LEAST_CALLBACK: Final = 10
_LARGEST_CALLBACK: Final = 2_000
"""Of a trailing stop, in hundredths of a percent: 20 % since 2026-10-23."""
_MIN_NOTIONAL: Final = 5
_PERCENT: Final = 5
"""How far from the mark price a limit may be, ``PERCENT_PRICE``."""
_POSITION_SIDE: Final = "Order's position side does not match user's setting."
_INVALID: Final = "Data sent for parameter '{}' is not valid."
_SIDES: Final = ("BOTH", "LONG", "SHORT")


class FuturesEntry:
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

    def terms(self, fields: Fields, account: FuturesAccount, moment: Moment) -> Terms:
        """Return what is ordered of the engine.

        Raises:
            RefusedError: the venue would not take it.
        """
        market = self.market(fields)
        each = market.instrument
        order_type = fields.choice("type", ("LIMIT", "MARKET", *_ELSEWHERE), (-1116, "Invalid orderType."))
        if order_type in _ELSEWHERE:
            raise refused(
                -4120,
                "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
            )
        if fields.truth("closePosition"):
            raise refused(-4136, "Target strategy invalid for orderType MARKET,closePosition true.")
        limit = order_type == "LIMIT"
        terms = self._common(fields, account, market, order_type)
        terms = replace(
            terms,
            client_id=self._client_id(fields, "newClientOrderId"),
            time_in_force=self._time_in_force(fields, required=limit),
            good_till_ms=_good_till_ms(fields, moment),
            price=fields.price("price", each) if limit else 0,
            quantity=fields.quantity("quantity", each),
        )
        terms = self._reducing(fields, account, terms)
        self._check(terms, account, market, moment)
        return terms

    def conditional(self, fields: Fields, account: FuturesAccount, moment: Moment) -> Terms:
        """Return a conditional order that is asked for.

        Raises:
            RefusedError: the venue would not take it.
        """
        market = self.market(fields)
        each = market.instrument
        fields.choice("algoType", ("CONDITIONAL",), (-4117, "Invalid algoType."))
        order_type = fields.choice("type", ALGO_TYPES, (-1116, "Invalid orderType."))
        limit = ALGO_TYPES[order_type] == "LIMIT"
        closes = fields.truth("closePosition")
        trails = order_type == "TRAILING_STOP_MARKET"
        if closes and (limit or trails or "quantity" in fields):
            raise refused(-1106, "Parameter 'quantity' sent when not required.")
        terms = self._common(fields, account, market, order_type)
        terms = replace(
            terms,
            client_id=self._client_id(fields, "clientAlgoId"),
            time_in_force=self._time_in_force(fields, required=False),
            good_till_ms=_good_till_ms(fields, moment),
            price=fields.price("price", each) if limit else 0,
            stop_price=0 if trails else fields.price("triggerPrice", each),
            activation_price=fields.price("activatePrice", each) if trails and "activatePrice" in fields else 0,
            callback=_callback(fields) if trails else 0,
            quantity=0 if closes else fields.quantity("quantity", each),
            close_position=closes,
        )
        terms = self._reducing(fields, account, terms)
        if trails and terms.activation_price:
            activation = price_units(each, terms.activation_price)
            at_once = reaches(terms.side, activation, watched_price(terms, market, moment))
        else:
            at_once = not trails and sets_off(terms, market, moment)
        if at_once:
            raise refused(-2021, "Order would immediately trigger.")
        if account.algos.find(None, terms.client_id) in account.algos.waiting():
            raise refused(-4116, "ClientOrderId is duplicated.")
        if len(account.algos.waiting()) >= _MAX_ORDERS:
            raise refused(-4045, "Reach max stop order limit.")
        return terms

    def amended(self, fields: Fields, account: FuturesAccount, order: AccountOrder, moment: Moment) -> tuple[int, int]:
        """Return the price and the quantity that an order is to have.

        Raises:
            RefusedError: the venue would not change it so.
        """
        each = order.terms.instrument
        if fields.side() is not order.terms.side or order.terms.order_type != "LIMIT":
            raise refused(-1128, "Combination of optional parameters invalid.")
        quantity, price = fields.quantity("quantity", each), fields.price("price", each)
        if (price, quantity) == (order.terms.price, order.terms.quantity):
            raise refused(-5027, "No need to modify the order.")
        if quantity > order.filled:
            wanted = replace(order.terms, price=price, quantity=quantity - order.filled)
            self._check_price(wanted, self.market(fields), moment)
            check_position(account, wanted, order)
            if wanted.quantity > order.remaining:
                check_margin(account, replace(wanted, quantity=wanted.quantity - order.remaining), self._floor, moment)
        return price, quantity

    def _common(self, fields: Fields, account: FuturesAccount, market: SymbolMarket, order_type: str) -> Terms:
        position_side = fields.choice("positionSide", _SIDES, (-4061, _POSITION_SIDE), "BOTH")
        if (position_side != "BOTH") != account.hedged:
            raise refused(-4061, _POSITION_SIDE)
        return Terms(
            instrument=market.instrument,
            client_id="",
            side=fields.side(),
            order_type=order_type,
            prevention=fields.choice(
                "selfTradePreventionMode",
                _PREVENTIONS,
                (-1130, _INVALID.format("selfTradePreventionMode")),
                _PREVENTIONS[0],
            ),
            position_side=position_side,
            price_protect=fields.truth("priceProtect"),
            working_type=fields.choice(
                "workingType",
                ("CONTRACT_PRICE", "MARK_PRICE"),
                (-1130, _INVALID.format("workingType")),
                "CONTRACT_PRICE",
            ),
        )

    def _reducing(self, fields: Fields, account: FuturesAccount, terms: Terms) -> Terms:
        """Say whether an order only reduces: in hedge mode the sides say it."""
        if not account.hedged:
            return replace(terms, reduce_only=fields.truth("reduceOnly") or terms.close_position)
        if "reduceOnly" in fields:
            raise refused(-1106, "Parameter 'reduceOnly' sent when not required.")
        return replace(terms, reduce_only=(terms.position_side == "LONG") == (terms.side is Side.SELL))

    def _client_id(self, fields: Fields, name: str) -> str:
        return fields.client_id(name) or self._floor.ids.client_id()

    def _time_in_force(self, fields: Fields, *, required: bool) -> str:
        fault = (-1115, "Invalid timeInForce.")
        return fields.choice("timeInForce", _TIMES_IN_FORCE, fault, None if required else "GTC")

    def _check(self, terms: Terms, account: FuturesAccount, market: SymbolMarket, moment: Moment) -> None:
        same = account.orders.find(terms.instrument.symbol, None, terms.client_id)
        if same is not None and same.open:
            raise refused(-4116, "ClientOrderId is duplicated.")
        if len(account.orders.open(terms.instrument.symbol)) >= _MAX_ORDERS:
            raise refused(-2025, "Reach max open order limit.")
        self._check_price(terms, market, moment)
        if terms.post_only and self._floor.sight.would_match(terms):
            raise refused(
                -5022,
                "Due to the order could not be executed as maker, the Post Only order will be rejected. "
                "The order will not be recorded in the order history",
            )
        if (
            terms.time_in_force == "FOK"
            and self._floor.sight.available(account.label, terms, terms.quantity) < terms.quantity
        ):
            raise refused(
                -5021,
                "Due to the order could not be filled immediately, the FOK order has been rejected. "
                "The order will not be recorded in the order history",
            )
        check_position(account, terms)
        check_margin(account, terms, self._floor, moment)

    def _check_price(self, terms: Terms, market: SymbolMarket, moment: Moment) -> None:
        each = terms.instrument
        mark = mark_units(market, moment.now_us)
        if terms.price:
            price = price_units(each, terms.price) * 100
            if terms.side is Side.BUY and price > mark * (100 + _PERCENT):
                raise refused(-4016, "Limit price can't be higher than the mark price by so much.")
            if terms.side is Side.SELL and price < mark * (100 - _PERCENT):
                raise refused(-4024, "Limit price can't be lower than the mark price by so much.")
        top = market.top.ask_price if terms.side is Side.BUY else market.top.bid_price
        notional = notional_units(each, terms.price or top, terms.quantity)
        if each.market is Market.USDM and not terms.reduce_only and notional < _MIN_NOTIONAL * ONE:
            raise refused(
                -4164,
                f"Order's notional must be no smaller than {_MIN_NOTIONAL} (unless you choose reduce only).",
            )


def _good_till_ms(fields: Fields, moment: Moment) -> int:
    """Return until when an order is good, to the second; 0 where it has no date."""
    if fields.optional("timeInForce") != "GTD":
        return 0
    date = fields.integer("goodTillDate")
    if date is None:
        raise missing("goodTillDate")
    if date <= moment.now_ms + _SHORTEST_DATED_MS:
        raise refused(-1130, _INVALID.format("goodTillDate"))
    return date // 1000 * 1000


def _callback(fields: Fields) -> int:
    """Return how far the price has to come back, in hundredths of a percent."""
    callback, rest = divmod(fields.units("callbackRate"), ONE // 100)
    if rest or not _LEAST_CALLBACK <= callback <= _LARGEST_CALLBACK:
        raise refused(-2007, "Invalid callBack rate.")
    return callback
