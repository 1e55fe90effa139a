"""The books of a futures market's accounts: orders, wallets, positions, and the events that tell of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace

from sandbox.simulation.accounts.algo_clerk import AlgoClerk
from sandbox.simulation.accounts.amounts import value_units
from sandbox.simulation.accounts.commission import FUTURES_RATES, charge
from sandbox.simulation.accounts.floor import End, Floor, Match
from sandbox.simulation.accounts.futures_account import FuturesAccount, margin_asset, mark_units
from sandbox.simulation.accounts.futures_events import (
    Change,
    account_config,
    account_update,
    order_update,
    trade_lite,
)
from sandbox.simulation.accounts.margin import MarginWatch
from sandbox.simulation.accounts.moment import Moment
from sandbox.simulation.accounts.orders import AccountOrder, FillRecord, Status, Terms
from sandbox.simulation.accounts.positions import Position
from sandbox.simulation.engine import Side
from sandbox.simulation.instruments import Instrument
from sandbox.simulation.symbol_market import SymbolMarket
from schemas.markets import Market


__all__ = ["FuturesClerk"]

_EXPIRY: Final = {
    End.SELF_TRADE: "1",
    End.IOC: "2",
    End.REDUCE_ONLY: "4",
    End.EXCHANGE: "7",
    End.LIQUIDITY: "9",
    End.FOK: "10",
    End.POST_ONLY: "11",
}
_EARLY_EVERY: Final = 3
"""Of so many fills of takers, one is told in short before the order is told of at all."""


class FuturesClerk:
    """Keeps the accounts of a futures market; see `sandbox.simulation.accounts.floor.Clerk`."""

    def __init__(self, floor: Floor, symbols: Callable[[], Iterable[SymbolMarket]]) -> None:
        self.accounts: dict[str, FuturesAccount] = {}
        self.algos = AlgoClerk(floor, self)
        self._floor = floor
        self._symbols = symbols
        self._margin = MarginWatch(floor)
        self._changed: dict[tuple[str, str, str], Instrument] = {}
        """Positions whose reducing orders are to be looked at."""
        self._modifications = 0

    # Orders come

    def accept(self, account: FuturesAccount, terms: Terms, moment: Moment, algo_id: int = 0) -> AccountOrder:
        """Take an order and tell of it; it does not work yet."""
        order = AccountOrder(
            account=account.label,
            order_id=self._floor.ids.order(),
            terms=terms,
            created_ms=moment.now_ms,
            update_ms=moment.now_ms,
            working_ms=moment.now_ms,
            fills=[],
            algo_id=algo_id,
        )
        account.orders.put(order)
        self._look_at(account, terms)
        if terms.good_till_ms:
            self._floor.later(terms.good_till_ms, lambda then: self._let_lapse(order, then))
        moment.tell_of_new(
            account.label, order.order_id, order_update(account, order, Change(execution_type="NEW"), moment)
        )
        return order

    def cancel(self, order: AccountOrder, moment: Moment) -> None:
        """Cancel an open order."""
        self._floor.withdraw(order, moment)
        self._end(order, Status.CANCELED, "", "CANCELED", moment)

    def _let_lapse(self, order: AccountOrder, moment: Moment) -> None:
        if order.open:
            self._floor.withdraw(order, moment)
            self.expired(order, End.TIME, moment)

    def amend(self, order: AccountOrder, price: int, quantity: int, moment: Moment) -> None:
        """Change price and quantity: only an order that merely gets smaller keeps its place."""
        if quantity <= order.filled:
            self.cancel(order, moment)
            return
        account, same_price = self.accounts[order.account], price == order.terms.price
        smaller = order.terms.quantity - quantity
        stays = same_price and smaller > 0
        if stays:
            self._floor.shrink(order, smaller, moment)
        else:
            self._floor.withdraw(order, moment)
        order.terms = replace(order.terms, price=price, quantity=quantity)
        order.update_ms = moment.now_ms
        self._modifications += 1
        change = Change(execution_type="AMENDMENT", modify_id=str(self._modifications))
        moment.tell(account.label, order_update(account, order, change, moment))
        self._look_at(account, order.terms)
        if not stays:
            self._floor.work(order, moment)

    # Orders trade and end

    def filled(self, order: AccountOrder, match: Match, moment: Moment) -> None:
        """Take account of a trade and tell of it."""
        account, terms, trade = self.accounts[order.account], order.terms, match.trade
        each, asset = terms.instrument, margin_asset(terms.instrument)
        value = value_units(each, trade.price, trade.quantity)
        position = account.position(each, terms.position_side)
        signed = trade.quantity if terms.side is Side.BUY else -trade.quantity
        realized = position.fill(signed, trade.price, moment.now_ms)
        fee = charge(asset, value, FUTURES_RATES.of(maker=match.maker))
        wallet = account.wallet(asset)
        wallet.balance += realized - fee.amount
        wallet.update_ms = moment.now_ms
        fill = FillRecord(
            trade_id=trade.trade_id,
            price=trade.price,
            quantity=trade.quantity,
            value=value,
            maker=match.maker,
            commission=fee.amount,
            commission_asset=fee.asset,
            time_ms=trade.time_ms,
            realized=realized,
        )
        account.orders.add(order, fill)
        self._look_at(account, terms)
        self._tell_fill(account, order, fill, moment)
        if not order.open:
            self.algos.ended(order, moment)

    def expired(self, order: AccountOrder, end: End, moment: Moment) -> None:
        """Let an order expire and tell of it."""
        status = Status.EXPIRED_IN_MATCH if end is End.SELF_TRADE else Status.EXPIRED
        self._end(order, status, _EXPIRY.get(end, "0"), "EXPIRED", moment)

    def _end(self, order: AccountOrder, status: Status, expiry: str, execution_type: str, moment: Moment) -> None:
        account = self.accounts[order.account]
        account.orders.end(order, status, moment.now_ms, expiry)
        change = Change(execution_type=execution_type)
        moment.tell(account.label, order_update(account, order, change, moment))
        self.algos.ended(order, moment)

    def _tell_fill(self, account: FuturesAccount, order: AccountOrder, fill: FillRecord, moment: Moment) -> None:
        event = order_update(account, order, Change(execution_type="TRADE", fill=fill), moment)
        lite = None if moment.market is Market.COINM else trade_lite(order, fill, moment)
        early = not fill.maker and fill.trade_id % _EARLY_EVERY == 0
        if lite is not None and early:
            moment.tell_too_early(account.label, order.order_id, lite)
        elif lite is not None and fill.trade_id % 2:
            moment.tell(account.label, lite)
            lite = None
        position = account.position(order.terms.instrument, order.terms.position_side)
        self._tell_account(account, "ORDER", {margin_asset(order.terms.instrument): 0}, [position], moment)
        moment.tell(account.label, event)
        if lite is not None and not early:
            moment.tell(account.label, lite)

    # What follows from trades

    def settle(self, moment: Moment) -> None:
        """Let reducing orders expire that could turn a position round."""
        while self._changed:
            label, symbol, position_side = key = next(iter(self._changed))
            each = self._changed.pop(key)
            account = self.accounts[label]
            for side in Side:
                room = account.closing(each, position_side, side)
                orders = account.standing(symbol, position_side, side)
                surplus = sum(order.remaining for order in orders) - room
                for order in reversed([order for order in orders if order.terms.reduce_only]):
                    if surplus <= 0:
                        break
                    surplus -= order.remaining
                    self._floor.withdraw(order, moment)
                    self.expired(order, End.REDUCE_ONLY, moment)

    def price_moved(self, market: SymbolMarket, moment: Moment) -> None:
        """Set off conditional orders; warn accounts whose margin is nearly gone."""
        self.algos.price_moved(market, moment)
        for account in self.accounts.values():
            self._margin.look(account, market, moment)

    # Money and settings

    def transfer(self, account: FuturesAccount, asset: str, change: int, moment: Moment) -> None:
        """Let an amount arrive, or leave.

        Raises:
            ValueError: there is not so much.
        """
        wallet = account.wallet(asset)
        if wallet.balance + change < 0:
            msg = f"{asset}: {-change} units are to leave, {wallet.balance} are there"
            raise ValueError(msg)
        wallet.balance += change
        wallet.paid_in += change
        wallet.update_ms = moment.now_ms
        self._tell_account(account, "DEPOSIT" if change > 0 else "WITHDRAW", {asset: change}, [], moment)

    def set_leverage(self, account: FuturesAccount, symbol: str, leverage: int, moment: Moment) -> None:
        """Change how large positions may be."""
        account.leverages[symbol] = leverage
        moment.tell(account.label, account_config(account, symbol, moment))

    def close_symbol(self, symbol: str, moment: Moment) -> None:
        """Let all orders of a symbol expire: it is traded no more."""
        self._floor.forget(symbol)
        for account in self.accounts.values():
            for order in account.orders.open(symbol):
                self.expired(order, End.EXCHANGE, moment)
            self.algos.close_symbol(account, symbol, moment)

    def mark(self, each: Instrument, moment: Moment) -> int:
        """Return a contract's mark price, 0 once it is traded no more."""
        market = self._floor.open_market(each.symbol)
        return 0 if market is None else mark_units(market, moment.now_us)

    def _tell_account(
        self,
        account: FuturesAccount,
        reason: str,
        assets: dict[str, int],
        changed: Iterable[Position],
        moment: Moment,
    ) -> None:
        positions = list(changed)
        if moment.market is Market.COINM:  # its page: all symbols, not only those that changed
            for market in self._symbols():
                each = market.instrument
                for side in ("LONG", "SHORT") if account.hedged else ("BOTH",):
                    position = account.position(each, side)
                    if position not in positions:
                        positions.append(position)
        told = [(each, self.mark(each.instrument, moment)) for each in positions]
        moment.tell(account.label, account_update(account, reason, assets, told, moment))

    def _look_at(self, account: FuturesAccount, terms: Terms) -> None:
        each = terms.instrument
        self._changed[account.label, each.symbol, terms.position_side] = each
