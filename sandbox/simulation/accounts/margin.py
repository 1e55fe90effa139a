"""How much margin an account has left, and the warning that it is nearly gone.

A simple rule: nobody is liquidated here. The warning comes when what an account is worth falls below so much more than
the maintenance margin of its positions, once, until it has recovered.
"""

from __future__ import annotations

from typing import Final

from sandbox.simulation.accounts.amounts import cut_off
from sandbox.simulation.accounts.commission import FUTURES_RATES
from sandbox.simulation.accounts.floor import Floor
from sandbox.simulation.accounts.futures_account import (
    FuturesAccount,
    margin_asset,
    mark_units,
    notional_at,
    notional_units,
    unrealized_units,
)
from sandbox.simulation.accounts.futures_events import MAINTENANCE_MILLIONTHS, margin_call
from sandbox.simulation.accounts.moment import Moment
from sandbox.simulation.accounts.orders import Terms
from sandbox.simulation.accounts.positions import Position
from sandbox.simulation.symbol_market import SymbolMarket


__all__ = ["MarginWatch", "available_units", "required_units"]

_MILLION: Final = 1_000_000
_WARNING_PERCENT: Final = 120
"""Of the maintenance margin: below that the venue warns."""


def available_units(account: FuturesAccount, asset: str, floor: Floor, now_us: int) -> int:
    """Return what is left for new orders, in units; negative when it is less than nothing."""
    kept = account.order_margin(asset)
    worth = account.wallet(asset).balance
    for position in account.held(asset):
        mark = _mark(position, floor, now_us)
        worth += unrealized_units(position, mark)
        kept += notional_at(position, mark) // account.leverage(position.instrument.symbol)
    return worth - kept


def required_units(account: FuturesAccount, terms: Terms, ticks: int) -> int:
    """Return what a new order would keep at a price, its commission included, in units.

    What closes a position needs no margin.
    """
    each = terms.instrument
    fee = cut_off(notional_units(each, ticks, terms.quantity) * FUTURES_RATES.taker, _MILLION)
    opening = 0 if terms.reduce_only else terms.quantity - account.closing(each, terms.position_side, terms.side)
    if opening <= 0:
        return 0
    return notional_units(each, ticks, opening) // account.leverage(each.symbol) + fee


class MarginWatch:
    """Warns accounts."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def look(self, account: FuturesAccount, market: SymbolMarket, moment: Moment) -> None:
        """Look at an account after a trade of a symbol."""
        each = market.instrument
        if not any(position.instrument.symbol == each.symbol for position in account.held()):
            return
        asset = margin_asset(each)
        positions = [(position, _mark(position, self._floor, moment.now_us)) for position in account.held(asset)]
        worth = account.wallet(asset).balance + sum(unrealized_units(position, mark) for position, mark in positions)
        needed = sum(notional_at(position, mark) for position, mark in positions) * MAINTENANCE_MILLIONTHS // _MILLION
        low = worth * 100 < needed * _WARNING_PERCENT
        if low and not account.warned:
            moment.tell(account.label, margin_call(account, asset, positions, moment))
        account.warned = low


def _mark(position: Position, floor: Floor, now_us: int) -> int:
    """Return the mark price; of a contract that is traded no more, the entry price."""
    market = floor.open_market(position.instrument.symbol)
    return position.entry if market is None else mark_units(market, now_us)
