"""Requests about spot's order lists."""

from __future__ import annotations

from typing import Final

from sandbox.simulation.accounts.fields import Fields
from sandbox.simulation.accounts.floor import Floor
from sandbox.simulation.accounts.moment import Moment
from sandbox.simulation.accounts.orders import OrderList, Terms
from sandbox.simulation.accounts.refusals import missing, refused, unknown_order
from sandbox.simulation.accounts.selection import WIDEST_SPOT_DAYS, select
from sandbox.simulation.accounts.spot_answers import cancelled, list_answer
from sandbox.simulation.accounts.spot_clerk import SpotAccount, SpotClerk
from sandbox.simulation.accounts.spot_entry import SpotEntry
from sandbox.simulation.engine import Side


__all__ = ["SpotLists"]

_OCO_PRICES: Final = "The relationship of the prices for the orders is not correct."


class SpotLists:
    """Does and answers them."""

    def __init__(self, floor: Floor, clerk: SpotClerk, entry: SpotEntry) -> None:
        self._floor = floor
        self._clerk = clerk
        self._entry = entry

    def place_oco(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        """Take two orders of which one cancels the other."""
        legs = [self._entry.terms(fields, account, prefix) for prefix in ("above", "below")]
        _check_oco(legs)
        lock = self._clerk.lock_for(account, legs)
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

    def place_oco_of_before(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        """Take the same with the parameters of the older endpoint, which tell the limit from the stop."""
        maker, stop = ("above", "below") if fields.side() is Side.SELL else ("below", "above")
        limited = "stopLimitPrice" in fields
        names = {
            f"{maker}Price": "price",
            f"{maker}ClientOrderId": "limitClientOrderId",
            f"{stop}StopPrice": "stopPrice",
            f"{stop}Price": "stopLimitPrice",
            f"{stop}TimeInForce": "stopLimitTimeInForce",
            f"{stop}ClientOrderId": "stopClientOrderId",
        }
        types = {f"{maker}Type": "LIMIT_MAKER", f"{stop}Type": "STOP_LOSS_LIMIT" if limited else "STOP_LOSS"}
        return self.place_oco(account, fields.renamed(names).with_values(types), moment)

    def _find_list(self, account: SpotAccount, fields: Fields, client_id_name: str) -> OrderList | None:
        list_id, client_id = fields.integer("orderListId"), fields.optional(client_id_name)
        if list_id is None and client_id is None:
            raise missing("orderListId")
        if list_id is not None:
            return account.orders.lists.get(list_id)
        found = [each for each in account.orders.lists.values() if each.client_id == client_id]
        return found[-1] if found else None

    def query(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        """Tell of one list."""
        each = self._find_list(account, fields, "origClientOrderId")
        if each is None:
            raise refused(-2018, "Order list does not exist.")
        return list_answer(each)

    def cancel(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        """Cancel both orders of a list."""
        each = self._find_list(account, fields, "listClientOrderId")
        if each is None or each.done or each.instrument.symbol != fields.text("symbol"):
            raise unknown_order()
        cancel_id = fields.client_id("newClientOrderId") or self._floor.ids.client_id()
        self._clerk.cancel(each.legs[0], cancel_id, moment)
        return list_answer(each) | {"orderReports": [cancelled(leg, cancel_id) for leg in each.legs]}

    def open_lists(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        """Tell of the lists that are not done."""
        return [list_answer(each) for each in account.orders.lists.values() if not each.done]

    def all_lists(self, account: SpotAccount, fields: Fields, moment: Moment) -> object:
        """Tell of lists by id or time."""
        lists = select(
            list(account.orders.lists.values()),
            fields,
            id_name="fromId",
            id_of=lambda each: each.list_id,
            time_of=lambda each: each.created_ms,
            days=WIDEST_SPOT_DAYS,
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
