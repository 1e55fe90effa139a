"""Trade flow of one window as a fold: ``take``, ``merge``, ``told``.

A window changes in place, for every trade of a busy market is folded into one. ``take`` and ``merge`` do not depend on
the order of what they take. That each trade comes once is the sequencer's promise, not checked here.
"""

from __future__ import annotations

from typing import Final

import msgspec

from processors.core.rounding import half_even
from processors.core.trades import Match
from schemas.derived import FLOW_WINDOWS, TakerSide, TradeFlow, TradeSource


__all__ = ["FlowWindow", "merge", "take", "told"]

_BUY: Final = TakerSide.BUY
"""Looked up once: members of enumerations are slow to find."""


class FlowWindow(msgspec.Struct, gc=False):
    """What was traded so far. Numbers are scaled by 10**8, quote quantities by 10**16."""

    open_time: int
    complete: bool = True
    """Whether nothing can be missing, as far as is known."""
    lost: bool = False
    """Whether something is missing that nobody can fill any more."""
    trade_count: int = 0
    quantity: int = 0
    """Sum of quantities as sent: of the base asset, on COIN-M contracts."""
    buy_quantity: int = 0
    """The part of it in which the taker bought; so with the other sums."""
    base: int = 0
    buy_base: int = 0
    quote: int = 0
    buy_quote: int = 0
    known: bool = True
    """Whether base and quote quantities are known of all trades."""
    largest_quantity: int = 0
    largest_time: int = 0
    largest_id: int = 0
    largest_price: int = 0
    largest_quote: int | None = None
    largest_bought: bool = False
    input_offset: int = -1
    """Largest offset folded in."""


def take(window: FlowWindow, match: Match) -> None:
    """Fold one trade into a window."""
    quantity, base, quote, offset = match.quantity, match.base_quantity, match.quote_quantity, match.input_offset
    window.trade_count += match.last_trade_id - match.first_trade_id + 1
    window.quantity += quantity
    if base is None or quote is None:
        window.known = False
        base = quote = 0
    window.base += base
    window.quote += quote
    if match.taker_side is _BUY:
        window.buy_quantity += quantity
        window.buy_base += base
        window.buy_quote += quote
    if quantity >= window.largest_quantity:
        _compare(window, match)
    if window.input_offset < offset:  # noqa: PLR1730 - a call less for each trade
        window.input_offset = offset


def _compare(window: FlowWindow, match: Match) -> None:
    """Note a trade that may be the largest: of several the first by trade time, then id."""
    place = match.trade_time, match.trade_id
    if match.quantity > window.largest_quantity or place < (window.largest_time, window.largest_id):
        window.largest_quantity = match.quantity
        window.largest_time, window.largest_id = place
        window.largest_price = match.price
        window.largest_quote = match.quote_quantity
        window.largest_bought = match.taker_side is TakerSide.BUY


def merge(window: FlowWindow, shorter: FlowWindow) -> None:
    """Fold a shorter window, which lies in it, into a window."""
    window.trade_count += shorter.trade_count
    window.quantity += shorter.quantity
    window.buy_quantity += shorter.buy_quantity
    window.base += shorter.base
    window.buy_base += shorter.buy_base
    window.quote += shorter.quote
    window.buy_quote += shorter.buy_quote
    window.known = window.known and shorter.known
    larger = shorter.largest_quantity - window.largest_quantity
    earlier = (shorter.largest_time, shorter.largest_id) < (window.largest_time, window.largest_id)
    if larger > 0 or (larger == 0 and earlier):
        window.largest_quantity = shorter.largest_quantity
        window.largest_time, window.largest_id = shorter.largest_time, shorter.largest_id
        window.largest_price = shorter.largest_price
        window.largest_quote = shorter.largest_quote
        window.largest_bought = shorter.largest_bought
    window.input_offset = max(window.input_offset, shorter.input_offset)


def told(
    window: FlowWindow, symbol: str, source: TradeSource, name: str, *, contracts: bool, revision: bool
) -> TradeFlow:
    """Return the record of a window that something was traded in."""
    known, base, quote = window.known, window.base, window.quote
    return TradeFlow(
        symbol=symbol,
        window=name,
        open_time=window.open_time,
        close_time=window.open_time + FLOW_WINDOWS[name],
        source=source,
        base_volume=base if known else None,
        quote_volume=quote if known else None,
        contract_volume=window.quantity if contracts else None,
        trade_count=window.trade_count,
        taker_buy_base_volume=window.buy_base if known else None,
        taker_buy_quote_volume=window.buy_quote if known else None,
        taker_sell_base_volume=base - window.buy_base if known else None,
        taker_sell_quote_volume=quote - window.buy_quote if known else None,
        vwap=half_even(quote, base) if known and base else None,
        largest_trade_id=window.largest_id,
        largest_price=window.largest_price,
        largest_quantity=window.largest_quantity,
        largest_quote_quantity=window.largest_quote,
        largest_taker_side=TakerSide.BUY if window.largest_bought else TakerSide.SELL,
        complete=window.complete,
        revision=revision,
        input_offset=window.input_offset,
    )
