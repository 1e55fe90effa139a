"""The life of conditional orders: set off by a price, they become regular ones, and end with them."""

from __future__ import annotations

from typing import Protocol

from msgspec.structs import replace

from sandbox.simulation.accounts.algo_orders import ALGO_TYPES, AlgoOrder, AlgoStatus
from sandbox.simulation.accounts.amounts import price_units
from sandbox.simulation.accounts.floor import Floor
from sandbox.simulation.accounts.futures_account import FuturesAccount, mark_units
from sandbox.simulation.accounts.futures_check import check_margin, check_position
from sandbox.simulation.accounts.futures_events import algo_update
from sandbox.simulation.accounts.moment import Moment
from sandbox.simulation.accounts.orders import AccountOrder, Terms
from sandbox.simulation.accounts.triggers import comes_back, goes_off, reaches
from sandbox.simulation.engine import Side
from sandbox.simulation.rest.requests import RefusedError
from sandbox.simulation.symbol_market import SymbolMarket


__all__ = ["AlgoClerk", "sets_off", "watched_price"]


class _Takes(Protocol):
    accounts: dict[str, FuturesAccount]

    def accept(self, account: FuturesAccount, terms: Terms, moment: Moment, algo_id: int = 0) -> AccountOrder: ...


class AlgoClerk:
    """Keeps the conditional orders of all accounts of a futures market."""

    def __init__(self, floor: Floor, clerk: _Takes) -> None:
        self._floor = floor
        self._clerk = clerk

    def accept(self, account: FuturesAccount, terms: Terms, moment: Moment) -> AlgoOrder:
        """Take a conditional order and tell of it."""
        order = AlgoOrder(
            account=account.label,
            algo_id=self._floor.ids.algo(),
            terms=terms,
            created_ms=moment.now_ms,
            update_ms=moment.now_ms,
        )
        if terms.callback:
            order.activated = not terms.activation_price
            order.extreme = self._watched(terms, moment)
        account.algos.put(order)
        moment.tell(account.label, algo_update(account, order, moment))
        if terms.good_till_ms:
            self._floor.later(terms.good_till_ms, lambda then: self._let_lapse(order, then))
        return order

    def _let_lapse(self, order: AlgoOrder, moment: Moment) -> None:
        if order.waiting:
            self._move(order, AlgoStatus.EXPIRED, moment)

    def cancel(self, order: AlgoOrder, moment: Moment) -> None:
        """Cancel one that waits."""
        self._move(order, AlgoStatus.CANCELED, moment)

    def close_symbol(self, account: FuturesAccount, symbol: str, moment: Moment) -> None:
        """Let those of a symbol expire that is traded no more."""
        for order in account.algos.waiting(symbol):
            order.reason = "The symbol is traded no more."
            self._move(order, AlgoStatus.EXPIRED, moment)

    def price_moved(self, market: SymbolMarket, moment: Moment) -> None:
        """Set off what the last trade sets off."""
        symbol = market.instrument.symbol
        for account in self._clerk.accounts.values():
            for order in account.algos.waiting(symbol):
                if order.waiting and self._goes_off(account, order, market, moment):
                    self._trigger(account, order, moment)

    def _goes_off(self, account: FuturesAccount, order: AlgoOrder, market: SymbolMarket, moment: Moment) -> bool:
        terms = order.terms
        if not terms.callback:
            return sets_off(terms, market, moment)
        price = watched_price(terms, market, moment)
        if not order.activated:
            if reaches(terms.side, price_units(terms.instrument, terms.activation_price), price):
                order.activated, order.extreme, order.update_ms = True, price, moment.now_ms
                moment.tell(account.label, algo_update(account, order, moment))
            return False
        order.extreme = max(order.extreme, price) if terms.side is Side.SELL else min(order.extreme, price)
        return comes_back(terms.side, terms.callback, order.extreme, price)

    def _watched(self, terms: Terms, moment: Moment) -> int:
        market = self._floor.open_market(terms.instrument.symbol)
        return 0 if market is None else watched_price(terms, market, moment)

    def ended(self, actual: AccountOrder, moment: Moment) -> None:
        """Let a conditional order be over with the regular one that it has become."""
        if actual.algo_id:
            order = self._clerk.accounts[actual.account].algos.find(actual.algo_id, None)
            if order is not None and order.status is AlgoStatus.TRIGGERED:
                self._move(order, AlgoStatus.FINISHED, moment)

    def _trigger(self, account: FuturesAccount, order: AlgoOrder, moment: Moment) -> None:
        order.trigger_ms = moment.now_ms
        self._move(order, AlgoStatus.TRIGGERING, moment)
        terms = order.terms
        each = terms.instrument
        if terms.close_position:
            quantity = account.closing(each, terms.position_side, terms.side)
            if not quantity:
                order.reason = "There is no position to close."
                self._move(order, AlgoStatus.EXPIRED, moment)
                return
            terms = replace(terms, quantity=quantity, reduce_only=True)
        actual = replace(terms, order_type=ALGO_TYPES[terms.order_type], original_type=terms.order_type)
        try:
            check_position(account, actual)
            check_margin(account, actual, self._floor, moment)
        except RefusedError as refusal:
            order.reason = refusal.message
            self._move(order, AlgoStatus.REJECTED, moment)
            return
        order.actual = self._clerk.accept(account, actual, moment, order.algo_id)
        self._move(order, AlgoStatus.TRIGGERED, moment)
        self._floor.work(order.actual, moment)

    def _move(self, order: AlgoOrder, status: AlgoStatus, moment: Moment) -> None:
        account = self._clerk.accounts[order.account]
        account.algos.move(order, status, moment.now_ms)
        moment.tell(account.label, algo_update(account, order, moment))


def watched_price(terms: Terms, market: SymbolMarket, moment: Moment) -> int:
    """Return the price that a conditional order watches: the last trade's, or the mark price."""
    if terms.working_type == "MARK_PRICE":
        return mark_units(market, moment.now_us)
    return price_units(terms.instrument, market.last_price())


def sets_off(terms: Terms, market: SymbolMarket, moment: Moment) -> bool:
    """Return whether the price that it watches sets off a conditional order."""
    price = watched_price(terms, market, moment)
    return goes_off(terms.order_type, terms.side, price_units(terms.instrument, terms.stop_price), price)
