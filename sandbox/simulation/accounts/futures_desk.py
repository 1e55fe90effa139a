"""A futures market's desk: requests of accounts, done and answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from sandbox.simulation.accounts.algo_orders import AlgoFile
from sandbox.simulation.accounts.amounts import fixed, plain, units_of
from sandbox.simulation.accounts.fields import Fields
from sandbox.simulation.accounts.floor import Floor
from sandbox.simulation.accounts.futures_account import FuturesAccount, Wallet, margin_asset
from sandbox.simulation.accounts.futures_answers import (
    Worth,
    account_answer,
    balance_answer,
    risk_answer,
)
from sandbox.simulation.accounts.futures_clerk import FuturesClerk
from sandbox.simulation.accounts.futures_order_answers import algo_answer, order_answer, trade_answer
from sandbox.simulation.accounts.futures_orders import FuturesOrders
from sandbox.simulation.accounts.ids import name_of
from sandbox.simulation.accounts.margin import available_units
from sandbox.simulation.accounts.moment import Moment
from sandbox.simulation.accounts.orders import OrderFile
from sandbox.simulation.accounts.positions import Position
from sandbox.simulation.accounts.refusals import missing, refused
from sandbox.simulation.symbol_market import SymbolMarket
from schemas.markets import Market


__all__ = ["FuturesDesk"]

_Action = Callable[[FuturesAccount, Fields, Moment], object]
_ALIAS_LENGTH: Final = 6
_LARGEST_LEVERAGE: Final = 125


class FuturesDesk:
    """Answers what accounts ask; see `sandbox.simulation.accounts.venue_accounts.Desk`."""

    def __init__(self, floor: Floor, symbols: Callable[[], Iterable[SymbolMarket]]) -> None:
        self._floor = floor
        self._symbols = symbols
        self._coinm = floor.market is Market.COINM
        self._clerk = FuturesClerk(floor, symbols)
        floor.employ(self._clerk)
        orders = FuturesOrders(floor, self._clerk)
        self._actions: dict[tuple[str, str], _Action] = {
            ("POST", "order"): orders.place,
            ("POST", "order/test"): orders.test,
            ("GET", "order"): orders.query,
            ("PUT", "order"): orders.amend,
            ("DELETE", "order"): orders.cancel,
            ("GET", "openOrder"): orders.open_order,
            ("GET", "openOrders"): orders.open_orders,
            ("DELETE", "allOpenOrders"): orders.cancel_all,
            ("GET", "allOrders"): orders.all_orders,
            ("GET", "userTrades"): orders.trades,
            ("POST", "algoOrder"): orders.place_algo,
            ("GET", "algoOrder"): orders.query_algo,
            ("DELETE", "algoOrder"): orders.cancel_algo,
            ("DELETE", "algoOpenOrders"): orders.cancel_all_algos,
            ("GET", "openAlgoOrders"): orders.open_algos,
            ("GET", "allAlgoOrders"): orders.all_algos,
            ("GET", "account"): self._account,
            ("GET", "balance"): self._balance,
            ("GET", "positionRisk"): self._risk,
            ("POST", "leverage"): self._leverage,
            ("POST", "marginType"): self._margin_type,
            ("GET", "positionSide/dual"): self._mode,
            ("POST", "positionSide/dual"): self._change_mode,
        }

    def open(self, label: str, balances: Mapping[str, int], now_ms: int) -> None:
        """Let an account begin with these wallets."""
        self._clerk.accounts[label] = FuturesAccount(
            label=label,
            alias=name_of(f"alias of {label}", _ALIAS_LENGTH),
            wallets={asset: Wallet(units, now_ms, units) for asset, units in balances.items()},
            orders=OrderFile(),
            algos=AlgoFile(),
        )

    def knows(self, label: str) -> bool:
        """Return whether there is such an account."""
        return label in self._clerk.accounts

    def action(self, method: str, path: str) -> Callable[[str, Mapping[str, str], Moment], object] | None:
        """Return what answers a request; None where there is no such endpoint."""
        action = self._actions.get((method, path))
        if action is None:
            return None
        return lambda label, params, moment: action(
            self._clerk.accounts[label], Fields(params, self._floor.market), moment
        )

    def transfer(self, label: str, asset: str, amount: str, moment: Moment) -> None:
        """Let an amount arrive, or leave.

        Raises:
            ValueError: it is no amount, or more than there is.
        """
        self._clerk.transfer(self._clerk.accounts[label], asset, units_of(amount), moment)

    def close_symbol(self, symbol: str, moment: Moment) -> None:
        """Let all orders of a symbol end that is traded no more."""
        self._clerk.close_symbol(symbol, moment)

    def books(self) -> dict[str, Any]:
        """Return all accounts as they are kept here."""
        return {label: _books(account) for label, account in sorted(self._clerk.accounts.items())}

    # Answers about the account

    def _account(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        positions = self._positions(account) if self._coinm else self._concerned(account)
        return account_answer(
            account,
            [(each, self._worth(account, each, moment)) for each in positions],
            lambda asset: available_units(account, asset, self._floor, moment.now_us),
            coinm=self._coinm,
        )

    def _balance(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        answers = []
        for asset in sorted(account.wallets):
            unrealized = sum(self._worth(account, each, moment).unrealized for each in account.held(asset))
            available = available_units(account, asset, self._floor, moment.now_us)
            answers.append(balance_answer(account, asset, unrealized, available, coinm=self._coinm))
        return answers

    def _risk(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        symbol = fields.optional("symbol")
        pair, asset = fields.optional("pair"), fields.optional("marginAsset")
        positions = self._positions(account) if self._coinm else self._concerned(account)
        return [
            risk_answer(account, each, self._worth(account, each, moment))
            for each in positions
            if symbol in {None, each.instrument.symbol}
            and pair in {None, each.instrument.pair}
            and asset in {None, margin_asset(each.instrument)}
        ]

    def _positions(self, account: FuturesAccount) -> list[Position]:
        """Return the positions of all symbols, the empty ones too."""
        sides = ("LONG", "SHORT") if account.hedged else ("BOTH",)
        for market in self._symbols():
            for side in sides:
                account.position(market.instrument, side)
        return [each for each in account.positions.values() if each.side in sides]

    def _concerned(self, account: FuturesAccount) -> list[Position]:
        """Return the positions that are not empty or for which there are open orders."""
        ordered = {
            (order.terms.instrument.symbol, order.terms.position_side): order.terms.instrument
            for order in account.orders.open()
        }
        for (_, side), each in ordered.items():
            account.position(each, side)
        return [each for key, each in account.positions.items() if each.amount or key in ordered]

    def _worth(self, account: FuturesAccount, position: Position, moment: Moment) -> Worth:
        return Worth.of(account, position, self._clerk.mark(position.instrument, moment) or position.entry)

    # Settings

    def _leverage(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        symbol = fields.text("symbol")
        if self._floor.open_market(symbol) is None:
            raise refused(-1121, "Invalid symbol.")
        leverage = fields.integer("leverage")
        if leverage is None:
            raise missing("leverage")
        if not 1 <= leverage <= _LARGEST_LEVERAGE:
            raise refused(-4028, f"Leverage {leverage} is not valid")
        self._clerk.set_leverage(account, symbol, leverage, moment)
        largest = {"maxQty": "1000000"} if self._coinm else {"maxNotionalValue": "1000000"}
        return {"leverage": leverage, "symbol": symbol} | largest

    def _margin_type(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        """Refuse: all margin is cross margin here."""
        fields.text("symbol")
        fields.choice("marginType", ("CROSSED",), (-4067, "Isolated margin is not simulated."))
        raise refused(-4046, "No need to change margin type.")

    def _mode(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        return {"dualSidePosition": account.hedged}

    def _change_mode(self, account: FuturesAccount, fields: Fields, moment: Moment) -> object:
        fields.text("dualSidePosition")
        hedged = fields.truth("dualSidePosition")
        if hedged == account.hedged:
            raise refused(-4059, "No need to change position side.")
        if account.orders.open() or account.algos.waiting():
            raise refused(-4067, "Position side cannot be changed if there exists open orders.")
        if account.held():
            raise refused(-4068, "Position side cannot be changed if there exists position.")
        account.hedged = hedged
        return {"code": 200, "msg": "success"}


def _books(account: FuturesAccount) -> dict[str, Any]:
    return {
        "balances": {
            asset: {
                "wallet": fixed(wallet.balance),
                "crossWallet": fixed(wallet.balance),
                "paidIn": fixed(wallet.paid_in),
            }
            for asset, wallet in sorted(account.wallets.items())
        },
        "positions": [
            {
                "symbol": symbol,
                "positionSide": side,
                "positionAmt": each.instrument.quantity.text(each.amount),
                "entryPrice": plain(each.entry),
                "realized": fixed(each.realized),
                "leverage": account.leverage(symbol),
                "updateTime": each.update_ms,
            }
            for (symbol, side), each in sorted(account.positions.items())
            if each.told
        ],
        "orders": [
            order_answer(order)
            | {"fills": [trade_answer(order, fill) for fill in order.fills], "algoId": order.algo_id}
            for order in account.orders.all()
        ],
        "algoOrders": [algo_answer(order) for order in account.algos.all()],
    }
