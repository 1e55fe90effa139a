"""The books of spot's accounts: what each has, what it ordered, and the events that tell it so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from sandbox.simulation.accounts.amounts import quantity_units, value_units
from sandbox.simulation.accounts.commission import FEE_ASSET, SPOT_RATES, Commission, charge, discounted
from sandbox.simulation.accounts.floor import End, Floor, Match
from sandbox.simulation.accounts.ledger import InsufficientError, Ledger, Lock
from sandbox.simulation.accounts.moment import Moment
from sandbox.simulation.accounts.orders import AccountOrder, FillRecord, OrderFile, OrderList, Status, Terms
from sandbox.simulation.accounts.refusals import insufficient_balance
from sandbox.simulation.accounts.spot_events import (
    Report,
    account_position,
    balance_update,
    execution_report,
    list_status,
)
from sandbox.simulation.accounts.triggers import goes_off
from sandbox.simulation.engine import Side
from sandbox.simulation.symbol_market import SymbolMarket


__all__ = ["SpotAccount", "SpotClerk"]

_EXPIRY: Final = {
    End.IOC: "UNFILLED_IOC_QUANTITY_EXPIRED",
    End.FOK: "UNFILLED_FOK_ORDER_EXPIRED",
    End.LIQUIDITY: "INSUFFICIENT_LIQUIDITY",
    End.SIBLING: "OCO_TRIGGER",
    End.EXCHANGE: "EXCHANGE_CANCELED",
    End.SELF_TRADE: "",
}


class SpotAccount(Struct, eq=False):
    """One account on spot."""

    label: str
    ledger: Ledger
    pays_in_bnb: bool
    """Whether commissions are taken from BNB as long as there is some."""
    orders: OrderFile
    update_ms: int


class SpotClerk:
    """Keeps the accounts of spot; see `sandbox.simulation.accounts.floor.Clerk`."""

    def __init__(self, floor: Floor) -> None:
        self.accounts: dict[str, SpotAccount] = {}
        self._floor = floor
        self._waiting: dict[str, list[AccountOrder]] = {}
        """Conditional orders by symbol, oldest first."""

    # Orders come

    def need(self, account: str, terms: Terms) -> tuple[str, int]:
        """Return the asset and the amount that an order has to have set aside."""
        each = terms.instrument
        if terms.side is Side.SELL:
            return each.base_asset, quantity_units(each, terms.quantity)
        price = terms.price or terms.stop_price
        cost = value_units(each, price, terms.quantity) if price else self._floor.sight.cost(account, terms)
        return each.quote_asset, cost

    def lock_for(self, account: SpotAccount, legs: list[Terms]) -> Lock:
        """Set aside what orders need of which only one can trade.

        Raises:
            RefusedError: there is not so much free.
        """
        needs = [self.need(account.label, terms) for terms in legs]
        try:
            return account.ledger.lock(needs[0][0], max(amount for _, amount in needs))
        except InsufficientError as error:
            raise insufficient_balance() from error

    def accept(self, account: SpotAccount, terms: Terms, lock: Lock, moment: Moment) -> AccountOrder:
        """Take an order whose amount is set aside and tell of it; it does not work yet."""
        order = AccountOrder(
            account=account.label,
            order_id=self._floor.ids.order(),
            terms=terms,
            created_ms=moment.now_ms,
            update_ms=moment.now_ms,
            fills=[],
            lock=lock,
            working_ms=-1 if terms.stop_price else moment.now_ms,
        )
        account.orders.put(order)
        if terms.stop_price:
            self._waiting.setdefault(terms.instrument.symbol, []).append(order)
        return order

    def tell_accepted(self, order: AccountOrder, moment: Moment) -> None:
        """Tell of a new order, or of one that begins to work."""
        self._tell(order, "NEW", moment)

    # Orders trade and end

    def filled(self, order: AccountOrder, match: Match, moment: Moment) -> None:
        """Take account of a trade and tell of it."""
        account, terms, trade = self.accounts[order.account], order.terms, match.trade
        each, ledger, lock = terms.instrument, account.ledger, _lock_of(order)
        value, quantity = value_units(each, trade.price, trade.quantity), quantity_units(each, trade.quantity)
        buying = terms.side is Side.BUY
        ledger.spend(lock, value if buying else quantity)
        received_asset, received = (each.base_asset, quantity) if buying else (each.quote_asset, value)
        ledger.credit(received_asset, received)
        fee = self._charge(account, terms, received_asset, received, value, maker=match.maker)
        fill = FillRecord(
            trade_id=trade.trade_id,
            price=trade.price,
            quantity=trade.quantity,
            value=value,
            maker=match.maker,
            commission=fee.amount,
            commission_asset=fee.asset,
            time_ms=trade.time_ms,
        )
        account.orders.add(order, fill)
        self._end_siblings(order, moment)
        self._unlock(account, order)
        self._tell(order, "TRADE", moment, fill=fill)
        self._finish_list(order, moment)

    def expired(self, order: AccountOrder, end: End, moment: Moment) -> None:
        """Let an order expire and tell of it."""
        prevented = end is End.SELF_TRADE
        status = Status.EXPIRED_IN_MATCH if prevented else Status.EXPIRED
        self._end(order, status, moment, _EXPIRY.get(end, "REJECTED"))
        if end is not End.EXCHANGE:
            self._end_siblings(order, moment)
        self._tell(order, "TRADE_PREVENTION" if prevented else "EXPIRED", moment)
        self._finish_list(order, moment)

    def cancel(self, order: AccountOrder, cancel_id: str, moment: Moment) -> None:
        """Cancel an open order, and with it the list that it is of."""
        legs = [order] if order.order_list is None else order.order_list.legs
        for leg in legs:
            if leg.open:
                self._floor.withdraw(leg, moment)
                self._end(leg, Status.CANCELED, moment)
                self._tell(leg, "CANCELED", moment, cancel_id=cancel_id)
        self._finish_list(order, moment)

    def amend(self, order: AccountOrder, quantity: int, client_id: str, moment: Moment) -> int:
        """Let an order be smaller; it keeps its place. Return the execution id of the change."""
        self._floor.shrink(order, order.terms.quantity - quantity, moment)
        old_id = order.terms.client_id
        order.terms = replace(order.terms, quantity=quantity, client_id=client_id)
        order.update_ms = moment.now_ms
        account = self.accounts[order.account]
        account.orders.rename(order)
        self._unlock(account, order)
        return self._tell(order, "REPLACED", moment, cancel_id=client_id, original_id=old_id)

    # Prices set off what waits

    def settle(self, moment: Moment) -> None:
        """Nothing of spot waits for the end of an execution."""

    def price_moved(self, market: SymbolMarket, moment: Moment) -> None:
        """Let those conditional orders work that the last price sets off."""
        symbol, last = market.instrument.symbol, market.last_trade
        waiting = self._waiting.get(symbol)
        if not waiting or last is None:
            return
        self._waiting[symbol] = [order for order in waiting if order.waiting]
        for order in list(self._waiting[symbol]):
            terms = order.terms
            if order.waiting and goes_off(terms.order_type, terms.side, terms.stop_price, last.price):
                self._trigger(order, moment)

    def _trigger(self, order: AccountOrder, moment: Moment) -> None:
        self._end_siblings(order, moment)
        account = self.accounts[order.account]
        if not order.terms.price and order.terms.side is Side.BUY:
            lock = _lock_of(order)
            account.ledger.release(lock)
            try:
                order.lock = account.ledger.lock(lock.asset, self._floor.sight.cost(order.account, order.terms))
            except InsufficientError:
                self.expired(order, End.REJECTED, moment)
                return
        else:
            self._unlock(account, order)
        order.working_ms = order.update_ms = moment.now_ms
        self.tell_accepted(order, moment)
        self._finish_list(order, moment)
        self._floor.work(order, moment)

    # Money comes and goes

    def transfer(self, account: SpotAccount, asset: str, change: int, moment: Moment) -> None:
        """Let an amount arrive, or leave.

        Raises:
            InsufficientError: there is not so much free.
        """
        if change < 0:
            account.ledger.debit(asset, -change)
        else:
            account.ledger.credit(asset, change)
        moment.tell(account.label, balance_update(asset, change, moment))
        self._tell_balances(account, [asset], moment)

    def close_symbol(self, symbol: str, moment: Moment) -> None:
        """Let all orders of a symbol expire: it is traded no more."""
        self._floor.forget(symbol)
        for account in self.accounts.values():
            for order in account.orders.open(symbol):
                if order.open:
                    self.expired(order, End.EXCHANGE, moment)

    def _charge(
        self, account: SpotAccount, terms: Terms, received_asset: str, received: int, value: int, *, maker: bool
    ) -> Commission:
        rate = SPOT_RATES.of(maker=maker)
        if account.pays_in_bnb:
            fee = discounted(terms.instrument.quote_asset, value, rate)
            if fee.amount <= account.ledger.balance(FEE_ASSET).free:
                account.ledger.debit(FEE_ASSET, fee.amount)
                return fee
        fee = charge(received_asset, received, rate)
        account.ledger.debit(received_asset, fee.amount)
        return fee

    def _end(self, order: AccountOrder, status: Status, moment: Moment, expiry: str = "") -> None:
        account = self.accounts[order.account]
        account.orders.end(order, status, moment.now_ms, expiry)
        self._unlock(account, order)

    def _unlock(self, account: SpotAccount, order: AccountOrder) -> None:
        """Give back what is set aside and no longer needed."""
        lock = _lock_of(order)
        needed = 0
        for each in [order] if order.order_list is None else order.order_list.legs:
            if each.open and each.lock is lock:
                if not each.terms.price and not each.terms.stop_price and each.terms.side is Side.BUY:
                    return  # a market order: what it costs was reckoned before it began
                if each.working_ms >= 0 and not each.terms.price and each.terms.side is Side.BUY:
                    return
                needed = max(needed, self.need(each.account, replace(each.terms, quantity=each.remaining))[1])
        if needed < lock.amount:
            account.ledger.release(lock, lock.amount - needed)

    # Lists

    def open_list(self, account: SpotAccount, each: OrderList, moment: Moment) -> None:
        """Take a list whose legs are taken, and tell of it."""
        account.orders.lists[each.list_id] = each
        moment.tell(account.label, list_status(each, moment))

    def _end_siblings(self, order: AccountOrder, moment: Moment) -> None:
        """Let the other leg of a list expire: one of them has traded, was set off or has ended."""
        for leg in () if order.order_list is None else order.order_list.legs:
            if leg is not order and leg.open:
                self._floor.withdraw(leg, moment)
                self._end(leg, Status.EXPIRED, moment, _EXPIRY[End.SIBLING])
                self._tell(leg, "EXPIRED", moment)

    def _finish_list(self, order: AccountOrder, moment: Moment) -> None:
        """Tell that a list is done: only one of its orders is left, which is like any other now."""
        each = order.order_list
        if each is None or each.done or sum(leg.open for leg in each.legs) == len(each.legs):
            return
        each.done = True
        moment.tell(order.account, list_status(each, moment))

    # Telling

    def _tell(
        self,
        order: AccountOrder,
        execution_type: str,
        moment: Moment,
        *,
        fill: FillRecord | None = None,
        cancel_id: str = "",
        original_id: str = "",
    ) -> int:
        account, each = self.accounts[order.account], order.terms.instrument
        account.update_ms = moment.now_ms
        report = Report(
            execution_type=execution_type,
            execution_id=self._floor.ids.execution(each.symbol),
            fill=fill,
            cancel_id=cancel_id,
        )
        event = execution_report(order, report, moment)
        if original_id:
            event["C"] = original_id
        moment.tell(order.account, event)
        assets = [each.base_asset, each.quote_asset]
        if fill is not None:
            assets.append(fill.commission_asset)
        self._tell_balances(account, assets, moment)
        return report.execution_id

    def _tell_balances(self, account: SpotAccount, assets: Iterable[str], moment: Moment) -> None:
        account.update_ms = moment.now_ms
        moment.tell(account.label, account_position(account.ledger, assets, moment))


def _lock_of(order: AccountOrder) -> Lock:
    assert order.lock is not None  # noqa: S101 - spot takes no order without
    return order.lock
