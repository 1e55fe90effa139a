"""Spot's desk: requests of accounts, done and answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sandbox.simulation.accounts.amounts import fixed, units_of
from sandbox.simulation.accounts.commission import FEE_ASSET
from sandbox.simulation.accounts.fields import Fields
from sandbox.simulation.accounts.floor import Floor
from sandbox.simulation.accounts.ledger import InsufficientError, Ledger, Lock
from sandbox.simulation.accounts.moment import Moment
from sandbox.simulation.accounts.orders import AccountOrder, OrderFile, OrderList, Terms
from sandbox.simulation.accounts.refusals import (
    insufficient_balance,
    missing,
    no_such_order,
    refused,
    unknown_order,
)
from sandbox.simulation.accounts.selection import select
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
from sandbox.simulation.engine import Side
from schemas.markets import Market


__all__ = ["SpotDesk"]

_Action = Callable[[SpotAccount, Fields, Moment], object]
_OCO_PRICES: Final = "The relationship of the prices for the orders is not correct."
_WIDEST_DAYS: Final = 1


class SpotDesk:
    """Answers what accounts ask of spot; see `sandbox.simulation.accounts.venue_accounts.Desk`."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._clerk = SpotClerk(floor)
        self._entry = SpotEntry(floor)
        floor.employ(self._clerk)
        self._actions: dict[tuple[str, str], _Action] = {
            ("POST", "order"): self._place,
            ("POST", "order/test"): self._test,
            ("GET", "order"): self._query,
            ("DELETE", "order"): self._cancel,
            ("PUT", "order/amend/keepPriority"): self._amend,
            ("GET", "openOrders"): self._open_orders,
            ("DELETE", "openOrders"): self._cancel_all,
            ("GET", "allOrders"): self._all_orders,
            ("GET", "myTrades"): self._trades,
            ("GET", "account"): self._account,
            ("POST", "orderList/oco"): self._place_oco,
            ("GET", "orderList"): self._query_list,
            ("DELETE", "orderList"): self._cancel_list,
            ("GET", "openOrderList"): self._open_lists,
            ("GET", "allOrderList"): self._all_lists,
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
        order = self._clerk.accept(account, terms, self._lock(account, [terms]), moment)
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

    def _lock(self, account: SpotAccount, legs: list[Terms]) -> Lock:
        needs = [self._clerk.need(account.label, terms) for terms in legs]
        try:
            return account.ledger.lock(needs[0][0], max(amount for _, amount in needs))
        except InsufficientError as error:
            raise insufficient_balance() from error

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
            days=_WIDEST_DAYS,
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
            days=_WIDEST_DAYS,
        )
        return [trade_answer(order, fill) for order, fill in chosen]

    def _account(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        return account_answer(account, without_zeros=fields.truth("omitZeroBalances"))

    # Lists

    def _place_oco(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        legs = [self._entry.terms(fields, account, prefix) for prefix in ("above", "below")]
        _check_oco(legs)
        lock = self._lock(account, legs)
        each = OrderList(
            list_id=self._floor.ids.order_list(),
            client_id=fields.client_id("listClientOrderId") or self._floor.ids.client_id(),
            instrument=legs[0].instrument,
            created_ms=moment.now_ms,
            legs=[],
        )
        for terms in legs:
            order = self._clerk.accept(account, terms, lock, moment)
            order.order_list = each
            each.legs.append(order)
        for order in each.legs:
            self._clerk.tell_accepted(order, moment)
        self._clerk.open_list(account, each, moment)
        for order in each.legs:
            if order.open and not order.waiting:
                self._floor.work(order, moment)
        return list_answer(each, with_reports=True)

    def _find_list(self, account: SpotAccount, fields: Fields, client_id_name: str) -> OrderList | None:
        list_id, client_id = fields.integer("orderListId"), fields.optional(client_id_name)
        if list_id is None and client_id is None:
            raise missing("orderListId")
        if list_id is not None:
            return account.orders.lists.get(list_id)
        found = [each for each in account.orders.lists.values() if each.client_id == client_id]
        return found[-1] if found else None

    def _query_list(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        each = self._find_list(account, fields, "origClientOrderId")
        if each is None:
            raise refused(-2018, "Order list does not exist.")
        return list_answer(each)

    def _cancel_list(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        each = self._find_list(account, fields, "listClientOrderId")
        if each is None or each.done or each.instrument.symbol != fields.text("symbol"):
            raise unknown_order()
        cancel_id = fields.client_id("newClientOrderId") or self._floor.ids.client_id()
        self._clerk.cancel(each.legs[0], cancel_id, moment)
        return list_answer(each) | {"orderReports": [cancelled(leg, cancel_id) for leg in each.legs]}

    def _open_lists(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        return [list_answer(each) for each in account.orders.lists.values() if not each.done]

    def _all_lists(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        lists = select(
            list(account.orders.lists.values()),
            fields,
            id_name="fromId",
            id_of=lambda each: each.list_id,
            time_of=lambda each: each.created_ms,
            days=_WIDEST_DAYS,
        )
        return [list_answer(each) for each in lists]


def _check_oco(legs: list[Terms]) -> None:
    """Refuse a pair that is no OCO: one leg waits for its stop price, prices lie around the last one."""
    above, below = legs
    conditional = [bool(terms.stop_price) for terms in legs]
    if not any(conditional):
        raise refused(-1128, "Combination of optional parameters invalid.")
    makers = [terms for terms in legs if not terms.stop_price]
    if any(terms.order_type != "LIMIT_MAKER" for terms in makers):
        raise refused(-1116, "Invalid orderType.")
    if (above.stop_price or above.price) <= (below.stop_price or below.price):
        raise refused(-2010, _OCO_PRICES)
    sells_above = above.side is Side.SELL
    for terms, is_above in ((above, True), (below, False)):
        if terms.order_type == "LIMIT_MAKER" and is_above != sells_above:
            raise refused(-2010, _OCO_PRICES)


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
