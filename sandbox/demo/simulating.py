"""The simulated market as the command line describes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.simulation.config import SimulationConfig
from schemas.markets import Market


__all__ = ["simulation"]


def simulation(
    symbols: Iterable[str],
    *,
    seed: int,
    duration_s: float,
    activity: float,
    start_ms: int,
    trades_kept: int | None = None,
    depth_levels: int | None = None,
) -> SimulationConfig:
    """Return what is simulated.

    Args:
        symbols: as ``spot:BTCUSDT``; none: the simulation's own choice.
        seed: equal seeds give equal markets.
        duration_s: how long there is trading; 0: for ever.
        activity: factor on the rate of orders.
        start_ms: the venue's time at the start.
        trades_kept: how many trades of a symbol REST remembers; None: the simulation's own number.
        depth_levels: price levels on each side of a book, about; None: the simulation's own number.

    Raises:
        ValueError: naming what is not possible.
    """
    settings: dict[str, Any] = {
        "seed": seed,
        "duration_s": duration_s or None,
        "activity": activity,
        "start_ms": start_ms,
    }
    optional = {"trades_kept": trades_kept, "depth_levels": depth_levels}
    settings |= {name: value for name, value in optional.items() if value is not None}
    chosen: dict[Market, tuple[str, ...]] = {}
    for text in symbols:
        market, _, name = text.partition(":")
        if market not in set(Market) or not name:
            msg = f'symbol "{text}": not of the form MARKET:SYMBOL with market {", ".join(Market)}'
            raise ValueError(msg)
        owner = Market(market)
        chosen[owner] = (*chosen.get(owner, ()), name.upper())
    if chosen:
        settings["symbols"] = chosen
    return SimulationConfig(**settings)
