"""What an account has on a futures market: wallets, positions, and the margin that they leave."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from sandbox.simulation.accounts.algo_orders import AlgoFile
from sandbox.simulation.accounts.amounts import ONE, quantity_units, units_of, value_units
from sandbox.simulation.accounts.orders import AccountOrder, OrderFile
from sandbox.simulation.accounts.positions import Position, profit_units
from sandbox.simulation.engine import Side
from sandbox.simulation.instruments import Instrument
from sandbox.simulation.publishers.mark_price import mark_price
from sandbox.simulation.symbol_market import SymbolMarket
from schemas.markets import Market


__all__ = [
    "DEFAULT_LEVERAGE",
    "FuturesAccount",
    "Wallet",
    "margin_asset",
    "mark_units",
    "notional_at",
    "notional_units",
    "unrealized_units",
]

DEFAULT_LEVERAGE: Final = 20


class Wallet(Struct, eq=False):
    """What an account has of one asset that can be margin, in units; all of it is cross margin."""

    balance: int
    update_ms: int
    paid_in: int
    """Of it, what came from outside: the rest was earned, less commissions."""


class FuturesAccount(Struct, eq=False, kw_only=True):
    """One account on one futures market."""

    label: str
    alias: str
    wallets: dict[str, Wallet]
    orders: OrderFile
    algos: AlgoFile
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    """By symbol and side."""
    leverages: dict[str, int] = field(default_factory=dict)
    hedged: bool = False
    """Whether a symbol has two positions, one a side."""
    warned: bool = False
    """Whether it was told that its margin is nearly gone, and has not recovered since."""

    def wallet(self, asset: str) -> Wallet:
        """Return the wallet of an asset."""
        found = self.wallets.get(asset)
        if found is None:
            found = self.wallets[asset] = Wallet(0, 0, 0)
        return found

    def position(self, each: Instrument, side: str) -> Position:
        """Return a position, an empty one where there is none."""
        key = each.symbol, side
        found = self.positions.get(key)
        if found is None:
            found = self.positions[key] = Position(each, side)
        return found

    def leverage(self, symbol: str) -> int:
        """Return how many times its margin a position may be."""
        return self.leverages.get(symbol, DEFAULT_LEVERAGE)

    def held(self, asset: str | None = None) -> list[Position]:
        """Return the positions that are not empty, of one margin asset or all."""
        return [
            each for each in self.positions.values() if each.amount and asset in {None, margin_asset(each.instrument)}
        ]

    def closing(self, each: Instrument, position_side: str, side: Side) -> int:
        """Return how much of a position an order of this side would close, in steps."""
        amount = self.position(each, position_side).amount
        return max(0, amount if side is Side.SELL else -amount)

    def standing(self, symbol: str, position_side: str, side: Side) -> list[AccountOrder]:
        """Return the open orders of one side for a position, oldest first."""
        return [
            order
            for order in self.orders.open(symbol)
            if order.terms.position_side == position_side and order.terms.side is side
        ]

    def order_margin(self, asset: str) -> int:
        """Return what open orders keep, in units: nothing for those that only reduce."""
        return sum(
            notional_units(order.terms.instrument, order.terms.price, order.remaining)
            // self.leverage(order.terms.instrument.symbol)
            for order in self.orders.open()
            if not order.terms.reduce_only and margin_asset(order.terms.instrument) == asset
        )


def margin_asset(each: Instrument) -> str:
    """Return the asset that is a contract's margin."""
    return each.base_asset if each.market is Market.COINM else each.quote_asset


def mark_units(market: SymbolMarket, now_us: int) -> int:
    """Return the mark price in hundred-millionths."""
    return units_of(mark_price(market, now_us).mark)


def notional_units(each: Instrument, ticks: int, steps: int) -> int:
    """Return what a quantity is worth in the margin asset, in units; 0 at no price."""
    return value_units(each, ticks, abs(steps)) if ticks else 0


def unrealized_units(position: Position, mark: int) -> int:
    """Return what a position would earn at the mark price, in units."""
    return profit_units(position.instrument, position.amount, position.entry, mark)


def notional_at(position: Position, mark: int) -> int:
    """Return what a position is worth at the mark price in the margin asset, in units and without its sign."""
    each = position.instrument
    if each.contract_size is None:
        return quantity_units(each, abs(position.amount)) * mark // ONE
    return abs(position.amount) * each.contract_size * ONE * ONE // mark
