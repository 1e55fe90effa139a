"""Requests about orders on a futures market, conditional ones too."""

from __future__ import annotations

from typing import Final

from sandbox.simulation.accounts.algo_orders import AlgoOrder
from sandbox.simulation.accounts.fields import Fields
from sandbox.simulation.accounts.floor import Floor
from sandbox.simulation.accounts.futures_account import FuturesAccount
from sandbox.simulation.accounts.futures_clerk import FuturesClerk
from sandbox.simulation.accounts.futures_entry import FuturesEntry
from sandbox.simulation.accounts.futures_order_answers import algo_answer, order_answer, placed, trade_answer
from sandbox.simulation.accounts.moment import Moment
from sandbox.simulation.accounts.orders import AccountOrder, FillRecord
from sandbox.simulation.accounts.refusals import missing, no_such_order, refused, unknown_order
from sandbox.simulation.accounts.selection import WIDEST_FUTURES_DAYS, select
from schemas.markets import Market


__all__ = ["FuturesOrders"]

_ALL_CANCELLED: Final = {"code": 200, "msg": "The operation of cancel all open order is done."}


class FuturesOrders:
    """Does and answers them."""

    def __init__(self, floor: Floor, clerk: FuturesClerk) -> None:
        self._floor = floor
        self._clerk = clerk
        self._entry = FuturesEntry(floor)

    # The engine's orders

    def place(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        """Take an order."""
        terms = self._entry.terms(fields, account, moment)
        order = self._clerk.accept(account, terms, moment)
        acknowledged = placed(order)
        self._floor.work(order, moment)
        return placed(order) if fields.optional("newOrderRespType") == "RESULT" else acknowledged

    def test(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        """Check an order and forget it."""
        self._entry.terms(fields, account, moment)
        return {}

    def query(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        """Tell of one order."""
        order = _find(account, fields)
        if order is None:
            raise no_such_order()
        return order_answer(order)

    def open_order(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        """Tell of one open order."""
        order = _find(account, fields)
        if order is None or not order.open:
            raise no_such_order()
        return order_answer(order)

    def amend(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        """Change price and quantity of an order."""
        order = _find(account, fields)
        if order is None or not order.open:
            raise no_such_order()
        price, quantity = self._entry.amended(fields, account, order, moment)
        self._clerk.amend(order, price, quantity, moment)
        return placed(order)

    def cancel(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        """Cancel an order."""
        order = _find(account, fields)
        if order is None or not order.open:
            raise unknown_order()
        self._clerk.cancel(order, moment)
        return placed(order)

    def cancel_all(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        """Cancel all open orders of a symbol."""
        for order in account.orders.open(self._entry.market(fields).instrument.symbol):
            if order.open:
                self._clerk.cancel(order, moment)
        return _ALL_CANCELLED

    def open_orders(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        """Tell of all open orders."""
        orders = account.orders.open(fields.optional("symbol"))
        pair = fields.optional("pair")
        return [order_answer(order) for order in orders if pair in {None, order.terms.instrument.pair}]

    def all_orders(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        """Tell of orders by id or time; of all symbols where none is named."""
        symbol, pair = fields.optional("symbol"), fields.optional("pair")
        if symbol is None and pair is None and moment.market is Market.COINM:
            raise missing("symbol")
        orders = [
            order
            for order in (account.orders.all() if symbol is None else account.orders.of(symbol))
            if pair in {None, order.terms.instrument.pair}
        ]
        chosen = select(
            orders,
            fields,
            id_name="orderId",
            id_of=lambda order: order.order_id,
            time_of=lambda order: order.created_ms,
            days=WIDEST_FUTURES_DAYS,
        )
        return [order_answer(order) for order in chosen]

    def trades(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        """Tell of trades by id or time."""
        order_id = fields.integer("orderId")
        fills = [
            (order, fill) for order, fill in self._fills(account, fields, moment) if order_id in {None, order.order_id}
        ]
        chosen = select(
            fills,
            fields,
            id_name="fromId",
            id_of=lambda each: each[1].trade_id,
            time_of=lambda each: each[1].time_ms,
            days=WIDEST_FUTURES_DAYS,
        )
        return [trade_answer(order, fill) for order, fill in chosen]

    def _fills(self, account: FuturesAccount, fields: Fields, moment: Moment) -> list[tuple[AccountOrder, FillRecord]]:
        pair = fields.optional("pair")
        if moment.market is not Market.COINM or pair is None:
            return account.orders.fills(fields.text("symbol"))
        orders = (order for order in account.orders.all() if order.terms.instrument.pair == pair)
        return sorted(((order, fill) for order in orders for fill in order.fills), key=lambda each: each[1].time_ms)

    # Conditional orders

    def place_algo(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        """Take a conditional order."""
        terms = self._entry.conditional(fields, account, moment)
        return algo_answer(self._clerk.algos.accept(account, terms, moment))

    def query_algo(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        """Tell of one conditional order."""
        order = _find_algo(account, fields)
        if order is None:
            raise no_such_order()
        return algo_answer(order)

    def cancel_algo(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        """Cancel a conditional order that waits."""
        order = _find_algo(account, fields)
        if order is None or not order.waiting:
            raise unknown_order()
        self._clerk.algos.cancel(order, moment)
        return {
            "algoId": order.algo_id,
            "clientAlgoId": order.terms.client_id,
            "code": "200",
            "msg": "success",
        }

    def cancel_all_algos(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        """Cancel all conditional orders of a symbol."""
        for order in account.algos.waiting(self._entry.market(fields).instrument.symbol):
            self._clerk.algos.cancel(order, moment)
        return _ALL_CANCELLED

    def open_algos(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        """Tell of the conditional orders that wait."""
        algo_id = fields.integer("algoId")
        found = account.algos.waiting(fields.optional("symbol"))
        return [algo_answer(order) for order in found if algo_id in {None, order.algo_id}]

    def all_algos(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        """Tell of conditional orders by id or time."""
        symbol = fields.text("symbol")
        chosen = select(
            [order for order in account.algos.all() if order.terms.instrument.symbol == symbol],
            fields,
            id_name="algoId",
            id_of=lambda order: order.algo_id,
            time_of=lambda order: order.created_ms,
            days=WIDEST_FUTURES_DAYS,
        )
        return [algo_answer(order) for order in chosen]


def _find(account: FuturesAccount, fields: Fields) -> AccountOrder | None:
    order_id, client_id = fields.integer("orderId"), fields.optional("origClientOrderId")
    if order_id is None and client_id is None:
        raise refused(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    return account.orders.find(fields.text("symbol"), order_id, client_id)


def _find_algo(account: FuturesAccount, fields: Fields) -> AlgoOrder | None:
    algo_id, client_id = fields.integer("algoId"), fields.optional("clientAlgoId")
    if algo_id is None and client_id is None:
        raise refused(-1102, "Param 'algoId' or 'clientAlgoId' must be sent, but both were empty/null!")
    return account.algos.find(algo_id, client_id)
