"""Spot's desk: requests of accounts, done and answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.simulation.accounts.amounts import fixed, units_of
from sandbox.simulation.accounts.commission import FEE_ASSET
from sandbox.simulation.accounts.fields import Fields
from sandbox.simulation.accounts.floor import Floor
from sandbox.simulation.accounts.ledger import InsufficientError, Ledger
from sandbox.simulation.accounts.moment import Moment
from sandbox.simulation.accounts.orders import AccountOrder, OrderFile
from sandbox.simulation.accounts.refusals import (
    no_such_order,
    refused,
    unknown_order,
)
from sandbox.simulation.accounts.selection import WIDEST_SPOT_DAYS, select
from sandbox.simulation.accounts.spot_answers import (
    account_answer,
    cancelled,
    list_answer,
    order_answer,
    placed,
    trade_answer,
)
from sandbox.simulation.accounts.spot_clerk import SpotAccount, SpotClerk
from sandbox.simulation.accounts.spot_entry import SpotEntry
from sandbox.simulation.accounts.spot_lists import SpotLists
from sandbox.simulation.accounts.spot_replace import cancel_and_replace
from schemas.markets import Market


__all__ = ["SpotDesk"]

_Action = Callable[[SpotAccount, Fields, Moment], object]


class SpotDesk:
    """Answers what accounts ask of spot; see `sandbox.simulation.accounts.venue_accounts.Desk`."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._clerk = SpotClerk(floor)
        self._entry = SpotEntry(floor)
        floor.employ(self._clerk)
        lists = SpotLists(floor, self._clerk, self._entry)
        self._actions: dict[tuple[str, str], _Action] = {
            ("POST", "order"): self._place,
            ("POST", "order/test"): self._test,
            ("GET", "order"): self._query,
            ("DELETE", "order"): self._cancel,
            ("POST", "order/cancelReplace"): self._replace,
            ("PUT", "order/amend/keepPriority"): self._amend,
            ("GET", "openOrders"): self._open_orders,
            ("DELETE", "openOrders"): self._cancel_all,
            ("GET", "allOrders"): self._all_orders,
            ("GET", "myTrades"): self._trades,
            ("GET", "account"): self._account,
            ("POST", "orderList/oco"): lists.place_oco,
            ("POST", "order/oco"): lists.place_oco_of_before,
            ("GET", "orderList"): lists.query,
            ("DELETE", "orderList"): lists.cancel,
            ("GET", "openOrderList"): lists.open_lists,
            ("GET", "allOrderList"): lists.all_lists,
        }

    def open(self, label: str, balances: Mapping[str, int], now_ms: int) -> None:
        """Let an account begin with these free amounts."""
        pays_in_bnb = balances.get(FEE_ASSET, 0) > 0
        self._clerk.accounts[label] = SpotAccount(label, Ledger(balances), pays_in_bnb, OrderFile(), now_ms)

    def knows(self, label: str) -> bool:
        """Return whether there is such an account."""
        return label in self._clerk.accounts

    def action(self, method: str, path: str) -> Callable[[str, Mapping[str, str], Moment], object] | None:
        """Return what answers a request; None where there is no such endpoint."""
        action = self._actions.get((method, path))
        if action is None:
            return None
        return lambda label, params, moment: action(self._clerk.accounts[label], Fields(params, Market.SPOT), moment)

    def transfer(self, label: str, asset: str, amount: str, moment: Moment) -> None:
        """Let an amount arrive, or leave.

        Raises:
            ValueError: it is no amount, or more than there is.
        """
        try:
            self._clerk.transfer(self._clerk.accounts[label], asset, units_of(amount), moment)
        except InsufficientError as error:
            raise ValueError(str(error)) from error

    def close_symbol(self, symbol: str, moment: Moment) -> None:
        """Let all orders of a symbol end that is traded no more."""
        self._clerk.close_symbol(symbol, moment)

    def books(self) -> dict[str, Any]:
        """Return all accounts as they are kept here."""
        return {label: _books(account) for label, account in sorted(self._clerk.accounts.items())}

    # Orders

    def _place(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        form = self._form(fields)
        terms = self._entry.terms(fields, account)
        order = self._clerk.accept(account, terms, self._clerk.lock_for(account, [terms]), moment)
        self._clerk.tell_accepted(order, moment)
        if not order.waiting:
            self._floor.work(order, moment)
        return placed(order, form)

    def _test(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        self._form(fields)
        self._entry.terms(fields, account)
        return {}

    def _form(self, fields: Fields) -> str | None:
        if "newOrderRespType" not in fields:
            return None
        fault = (-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
        return fields.choice("newOrderRespType", ("ACK", "RESULT", "FULL"), fault)

    def _cancel(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        order = self._find(account, fields)
        if order is None or not order.open:
            raise unknown_order()
        cancel_id = fields.client_id("newClientOrderId") or self._floor.ids.client_id()
        self._clerk.cancel(order, cancel_id, moment)
        return cancelled(order, cancel_id)

    def _cancel_all(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        symbol = self._entry.market(fields).instrument.symbol
        orders = account.orders.open(symbol)
        if not orders:
            raise unknown_order()
        cancel_id = self._floor.ids.client_id()
        answers: list[object] = []
        for order in orders:
            if order.open:
                self._clerk.cancel(order, cancel_id, moment)
                in_list = order.order_list is not None
                answers.append(cancelled(order, cancel_id) if not in_list else _cancelled_list(order))
        return answers

    def _replace(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        return cancel_and_replace(
            fields,
            lambda names: self._cancel(account, names, moment),
            lambda names: self._place(account, names, moment),
        )

    def _amend(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        order = self._find(account, fields)
        if order is None or not order.open:
            raise no_such_order()
        quantity = fields.quantity("newQty", order.terms.instrument)
        if not order.filled < quantity < order.terms.quantity or order.waiting:
            raise refused(-2038, "This order cannot be amended.")
        old_id = order.terms.client_id
        client_id = fields.client_id("newClientOrderId") or self._floor.ids.client_id()
        execution_id = self._clerk.amend(order, quantity, client_id, moment)
        amended = order_answer(order) | {"origClientOrderId": old_id}
        return {
            "transactTime": moment.now_ms,
            "executionId": execution_id,
            "amendedOrder": amended,
        }

    def _query(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        order = self._find(account, fields)
        if order is None:
            raise no_such_order()
        return order_answer(order)

    def _find(self, account: SpotAccount, fields: Fields) -> AccountOrder | None:
        symbol = self._symbol(fields)
        order_id, client_id = fields.integer("orderId"), fields.optional("origClientOrderId")
        if order_id is None and client_id is None:
            raise refused(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        return account.orders.find(symbol, order_id, client_id)

    def _symbol(self, fields: Fields) -> str:
        """Return the symbol asked for, a delisted one too if it had orders."""
        return fields.text("symbol")

    def _open_orders(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        return [order_answer(order) for order in account.orders.open(fields.optional("symbol"))]

    def _all_orders(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        orders = select(
            account.orders.of(self._symbol(fields)),
            fields,
            id_name="orderId",
            id_of=lambda order: order.order_id,
            time_of=lambda order: order.created_ms,
            days=WIDEST_SPOT_DAYS,
        )
        return [order_answer(order) for order in orders]

    def _trades(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        order_id = fields.integer("orderId")
        fills = account.orders.fills(self._symbol(fields))
        if order_id is not None:
            fills = [(order, fill) for order, fill in fills if order.order_id == order_id]
        chosen = select(
            fills,
            fields,
            id_name="fromId",
            id_of=lambda each: each[1].trade_id,
            time_of=lambda each: each[1].time_ms,
            days=WIDEST_SPOT_DAYS,
        )
        return [trade_answer(order, fill) for order, fill in chosen]

    def _account(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        return account_answer(account, without_zeros=fields.truth("omitZeroBalances"))


def _cancelled_list(order: AccountOrder) -> dict[str, Any]:
    assert order.order_list is not None  # noqa: S101 - asked for before
    return list_answer(order.order_list) | {
        "orderReports": [cancelled(leg, leg.terms.client_id) for leg in order.order_list.legs]
    }


def _books(account: SpotAccount) -> dict[str, Any]:
    ledger = account.ledger
    return {
        "balances": {
            asset: {"free": fixed(ledger.balance(asset).free), "locked": fixed(ledger.balance(asset).locked)}
            for asset in ledger.assets()
        },
        "orders": [
            order_answer(order) | {"fills": [trade_answer(order, fill) for fill in order.fills]}
            for order in account.orders.all()
        ],
        "lists": [list_answer(each) for each in account.orders.lists.values()],
    }
