"""What a book offers near its mid price, and what orders of some sizes would pay for it.

A snapshot is cut at some depth, and what lies deeper is unknown until it changes. So levels count only as far as every
one is known; what would need others is None, never an estimate.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from operator import mul
from typing import Final

import msgspec

from processors.core.book import EVERYWHERE, Columns, OrderBook
from processors.core.rounding import half_even
from processors.core.slippage import ContractFill, Fill, walk, walk_contracts
from schemas.decimals import ONE
from schemas.derived import Liquidity


__all__ = ["BANDS_BPS", "LiquidityPlan", "liquidity_of"]

BANDS_BPS: Final = (10, 50, 100)
"""Distances from the mid price within which depth is summed, narrowest first; each has its fields in the record."""

_BPS: Final = 10_000
_FIRST_LEVELS: Final = 50


class LiquidityPlan(msgspec.Struct, frozen=True):
    """When liquidity is measured, and with orders of which sizes."""

    interval_ms: int = 1_000
    """Event time between two measurements of a symbol."""
    quote_sizes: tuple[int, ...] = (10_000 * ONE, 100_000 * ONE)
    """Sizes of orders in quote asset, scaled by 10^8, ascending."""
    contracts: tuple[int, ...] = (100 * ONE, 1_000 * ONE)
    """The same where quantities are contracts, of which a book does not tell the worth: in contracts, by 10^8."""


class _Depth(msgspec.Struct, frozen=True):
    quantity: int | None = None
    quote_quantity: int | None = None


class _Side(msgspec.Struct, frozen=True):
    """What there is to say of one side: of each band and each size, in their order."""

    depths: list[_Depth]
    average_prices: list[int | None]
    slippages_bps: list[int | None]


def liquidity_of(
    book: OrderBook, plan: LiquidityPlan, *, contracts: bool, symbol: str, time: int, update_id: int, input_offset: int
) -> Liquidity:
    """Return the liquidity of a book.

    Args:
        book: the book; it is right.
        plan: the sizes.
        contracts: whether quantities are contracts, as on COIN-M.
        symbol: whose book it is.
        time: the boundary of event time.
        update_id: where the book stands.
        input_offset: of the last raw record in it.
    """
    bid, _, ask, _ = book.best()
    bid_edges: list[int] = []
    ask_edges: list[int] = []
    spread = spread_bps = None
    if bid is not None and ask is not None:
        bid_edges, ask_edges = _edges(bid + ask)
        spread = ask - bid
        spread_bps = half_even(2 * spread * _BPS * ONE, bid + ask)
    bids = _side(book.bids_from, book.bid_reach, bid_edges, plan, contracts=contracts)
    asks = _side(book.asks_from, book.ask_reach, ask_edges, plan, contracts=contracts)
    (bid_10, bid_50, bid_100), (ask_10, ask_50, ask_100) = bids.depths, asks.depths
    return Liquidity(
        symbol=symbol,
        time=time,
        update_id=update_id,
        bid_price=bid,
        ask_price=ask,
        spread=spread,
        spread_bps=spread_bps,
        bid_depth_10bps=bid_10.quantity,
        bid_depth_50bps=bid_50.quantity,
        bid_depth_100bps=bid_100.quantity,
        ask_depth_10bps=ask_10.quantity,
        ask_depth_50bps=ask_50.quantity,
        ask_depth_100bps=ask_100.quantity,
        bid_quote_depth_10bps=bid_10.quote_quantity,
        bid_quote_depth_50bps=bid_50.quote_quantity,
        bid_quote_depth_100bps=bid_100.quote_quantity,
        ask_quote_depth_10bps=ask_10.quote_quantity,
        ask_quote_depth_50bps=ask_50.quote_quantity,
        ask_quote_depth_100bps=ask_100.quote_quantity,
        imbalance_10bps=_imbalance(bid_10.quantity, ask_10.quantity),
        imbalance_50bps=_imbalance(bid_50.quantity, ask_50.quantity),
        imbalance_100bps=_imbalance(bid_100.quantity, ask_100.quantity),
        sizes=list(plan.contracts if contracts else plan.quote_sizes),
        buy_average_prices=asks.average_prices,
        buy_slippages_bps=asks.slippages_bps,
        sell_average_prices=bids.average_prices,
        sell_slippages_bps=bids.slippages_bps,
        known_bid_price=None if book.bid_reach == EVERYWHERE else book.bid_reach,
        known_ask_price=None if book.ask_reach == EVERYWHERE else -book.ask_reach,
        input_offset=input_offset,
    )


def _edges(double_mid: int) -> tuple[list[int], list[int]]:
    """Return the keys of the lowest bid and of the highest ask price within each band.

    The mid price has half ticks, so it comes as twice itself. Edges are rounded towards it, to a price that can be: of
    keys, which grow towards the best price, that is up.
    """
    scale = 2 * _BPS
    return (
        [-(double_mid * (bps - _BPS) // scale) for bps in BANDS_BPS],
        [-(double_mid * (bps + _BPS) // scale) for bps in BANDS_BPS],
    )


def _side(
    levels_from: Callable[[int], Columns], reach: int, edges: Sequence[int], plan: LiquidityPlan, *, contracts: bool
) -> _Side:
    """Measure one side.

    Args:
        levels_from: returns its levels from a key on.
        reach: the key from which on every level is known.
        edges: of the bands, narrowest first; none without a mid price.
        plan: the sizes.
        contracts: whether quantities are contracts.
    """
    within = [edge for edge in edges if edge >= reach]
    levels = levels_from(within[-1] if within else reach)
    depths = _depths(levels, within, contracts=contracts)
    depths.extend([_Depth()] * (len(BANDS_BPS) - len(depths)))
    sizes = plan.contracts if contracts else plan.quote_sizes
    fills: list[Fill | ContractFill] = []
    # Most orders end at the first levels: the others are looked at only for those that do not.
    known, partial = _best_first(levels, _FIRST_LEVELS), True
    for size in sizes:
        fill = _fill(known, size, contracts=contracts)
        if fill.exhausted and partial:
            known, partial = _best_first(levels_from(reach) if within else levels), False
            fill = _fill(known, size, contracts=contracts)
        if fill.exhausted:
            break  # as every larger one
        fills.append(fill)
    beyond = [None] * (len(sizes) - len(fills))
    return _Side(
        depths, [*(fill.average_price for fill in fills), *beyond], [*(fill.slippage_bps for fill in fills), *beyond]
    )


def _depths(levels: Columns, edges: Sequence[int], *, contracts: bool) -> list[_Depth]:
    """Return the sums over the levels from each edge on."""
    keys, quantities = levels
    depths: list[_Depth] = []
    quantity = quote_quantity = 0
    end = len(keys)
    for edge in edges:
        begin = bisect_left(keys, edge)
        quantity += sum(quantities[begin:end])
        if not contracts:
            quote_quantity += abs(sum(map(mul, keys[begin:end], quantities[begin:end])))
        depths.append(_Depth(quantity, None if contracts else quote_quantity))
        end = begin
    return depths


def _best_first(levels: Columns, count: int | None = None) -> Columns:
    """Return prices and quantities of the best levels, best first."""
    stop = None if count is None else -count - 1
    keys, quantities = levels
    return [*map(abs, keys[:stop:-1])], quantities[:stop:-1]


def _fill(levels: Columns, size: int, *, contracts: bool) -> Fill | ContractFill:
    prices, quantities = levels
    if contracts:
        return walk_contracts(prices, quantities, quantity=size)
    return walk(prices, quantities, quote_quantity=size * ONE)


def _imbalance(bid_quantity: int | None, ask_quantity: int | None) -> int | None:
    if bid_quantity is None or ask_quantity is None or not bid_quantity + ask_quantity:
        return None
    return half_even((bid_quantity - ask_quantity) * ONE, bid_quantity + ask_quantity)
