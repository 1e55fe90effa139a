"""Liquidity as its definition says, by fractions and without haste."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor

from processors.core.liquidity import BANDS_BPS, LiquidityPlan
from processors.core.slippage import walk, walk_contracts
from schemas.decimals import ONE
from schemas.derived import Liquidity


__all__ = ["naive_liquidity"]


def naive_liquidity(
    bids: dict[int, int],
    asks: dict[int, int],
    known: tuple[int | None, int | None],
    plan: LiquidityPlan,
    *,
    contracts: bool = False,
) -> Liquidity:
    """Return what docs/semantics.md says, of quantities by price; ``known`` as in the record."""
    mid = Fraction(max(bids) + min(asks), 2) if bids and asks else None
    known_bid = 0 if known[0] is None else known[0]
    known_ask = 10**30 if known[1] is None else known[1]
    fields: dict[str, int | None] = {}
    for bps in BANDS_BPS:
        depth: dict[str, int | None] = {"bid": None, "ask": None}
        quote: dict[str, int | None] = {"bid": None, "ask": None}
        if mid is not None:
            low, high = mid * Fraction(10_000 - bps, 10_000), mid * Fraction(10_000 + bps, 10_000)
            if ceil(low) >= known_bid:
                within = {price: quantity for price, quantity in bids.items() if price >= low}
                depth["bid"], quote["bid"] = sum(within.values()), sum(p * q for p, q in within.items())
            if floor(high) <= known_ask:
                within = {price: quantity for price, quantity in asks.items() if price <= high}
                depth["ask"], quote["ask"] = sum(within.values()), sum(p * q for p, q in within.items())
        for side in ("bid", "ask"):
            fields[f"{side}_depth_{bps}bps"] = depth[side]
            fields[f"{side}_quote_depth_{bps}bps"] = None if contracts else quote[side]
        bid, ask = depth["bid"], depth["ask"]
        unsaid = bid is None or ask is None or bid + ask == 0
        fields[f"imbalance_{bps}bps"] = None if unsaid else round(Fraction(bid - ask, bid + ask) * ONE)  # type: ignore[operator]
    sells = sorted(((p, q) for p, q in bids.items() if p >= known_bid), reverse=True)
    buys = sorted((p, q) for p, q in asks.items() if p <= known_ask)
    sizes = plan.contracts if contracts else plan.quote_sizes
    buy_costs, sell_costs = (_costs(side, sizes, contracts=contracts) for side in (buys, sells))
    return Liquidity(
        symbol="X",
        time=1,
        update_id=2,
        bid_price=max(bids, default=None),
        ask_price=min(asks, default=None),
        spread=None if mid is None else min(asks) - max(bids),
        spread_bps=None if mid is None else round((min(asks) - max(bids)) / mid * 10_000 * ONE),
        sizes=list(sizes),
        buy_average_prices=[price for price, _ in buy_costs],
        buy_slippages_bps=[bps for _, bps in buy_costs],
        sell_average_prices=[price for price, _ in sell_costs],
        sell_slippages_bps=[bps for _, bps in sell_costs],
        known_bid_price=known[0],
        known_ask_price=known[1],
        input_offset=3,
        **fields,
    )


def _costs(
    side: list[tuple[int, int]], sizes: Sequence[int], *, contracts: bool
) -> list[tuple[int | None, int | None]]:
    prices, quantities = [price for price, _ in side], [quantity for _, quantity in side]
    found: list[tuple[int | None, int | None]] = []
    for size in sizes:
        if contracts:
            fill = walk_contracts(prices, quantities, quantity=size)
            found.append((None, None) if fill.exhausted else (fill.average_price, fill.slippage_bps))
        else:
            taken = walk(prices, quantities, quote_quantity=size * ONE)
            found.append((None, None) if taken.exhausted else (taken.average_price, taken.slippage_bps))
    return found
