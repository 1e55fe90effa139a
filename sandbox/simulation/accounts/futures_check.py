"""What a futures account must have for an order."""

from __future__ import annotations

from sandbox.simulation.accounts.floor import Floor
from sandbox.simulation.accounts.futures_account import FuturesAccount, margin_asset
from sandbox.simulation.accounts.margin import available_units, required_units
from sandbox.simulation.accounts.moment import Moment
from sandbox.simulation.accounts.orders import AccountOrder, Terms
from sandbox.simulation.accounts.refusals import insufficient_margin, refused
from sandbox.simulation.engine import Side


__all__ = ["check_margin", "check_position"]


def check_position(account: FuturesAccount, terms: Terms, instead_of: AccountOrder | None = None) -> None:
    """Refuse an order that only reduces where there is too little to reduce.

    Stricter than the venue: all open orders of the same side count, for any of them may trade first.

    Raises:
        RefusedError: there is less left of the position than it would reduce.
    """
    if not terms.reduce_only:
        return
    each = terms.instrument
    standing = account.standing(each.symbol, terms.position_side, terms.side)
    spoken_for = sum(order.remaining for order in standing if order is not instead_of)
    if terms.quantity > account.closing(each, terms.position_side, terms.side) - spoken_for:
        raise refused(-2022, "ReduceOnly Order is rejected.")


def check_margin(account: FuturesAccount, terms: Terms, floor: Floor, moment: Moment) -> None:
    """Refuse an order for which there is too little margin.

    Raises:
        RefusedError: it is so.
    """
    each = terms.instrument
    market = floor.open_market(each.symbol)
    top = 0 if market is None else market.top.ask_price if terms.side is Side.BUY else market.top.bid_price
    required = required_units(account, terms, terms.price or top)
    if required and required > available_units(account, margin_asset(each), floor, moment.now_us):
        raise insufficient_margin()
