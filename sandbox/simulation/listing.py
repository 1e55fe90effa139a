"""How a symbol comes to the market: its assets' values, its numbers, and generators of its own for all its chance."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Final

from sandbox.simulation.assets import asset
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.feed import SymbolFeed
from sandbox.simulation.flow import OrderFlow
from sandbox.simulation.instruments import Instrument
from sandbox.simulation.symbol_market import SymbolMarket
from sandbox.simulation.trading import Trading, Witness
from sandbox.simulation.update_ids import SharedUpdateIds, SymbolUpdateIds, UpdateIds
from sandbox.simulation.value import STEP_US, AssetValue, PairValue
from schemas.markets import Market


__all__ = ["Listings"]

_FIRST_ID: Final = 1
"""Of trades and of updates, where numbers begin while the venue runs: in a new listing, and after a wipe."""

_LIVELY: Final = 0.1
"""From this activity on, values move as finely as they can."""
_WIDEST_STEP_US: Final = 2_000_000


class Listings:
    """Makes the market of a symbol, at the opening and later.

    Each time that a symbol is listed, relisted or wiped is an epoch of its ids; the first one is 0.
    """

    def __init__(self, config: SimulationConfig, witness: Witness | None) -> None:
        self._config = config
        self._witness = witness
        self._values: dict[str, AssetValue] = {}
        self._epochs: Counter[tuple[Market, str]] = Counter()
        self._wipes = 0
        # Where orders are rare nobody sees a value between two of them: a day of such a market must cost little.
        self._step_us = min(_WIDEST_STEP_US, max(STEP_US, int(STEP_US * _LIVELY / config.activity)))
        self._shared = {market: self._first_shared(market) for market in Market if market.is_futures}

    def at_opening(self, each: Instrument) -> Trading:
        """List a symbol that was traded long before: its ids are large."""
        rng = self._rng(each, 0)
        first_trade_id, first_update_id = rng.randrange(10**6, 5 * 10**9), rng.randrange(10**8, 6 * 10**10)
        ids = self._shared.get(each.market) or SymbolUpdateIds(first_update_id)
        return self._list(each, rng, ids, first_trade_id)

    def later(self, each: Instrument) -> Trading:
        """List a new symbol, or one that was delisted: its own ids begin at the lowest number."""
        return self._begin(each, self._shared.get(each.market) or SymbolUpdateIds(_FIRST_ID))

    def wiped(self, each: Instrument) -> Trading:
        """List a symbol again as after a wipe: all its ids begin at the lowest number, on futures too."""
        return self._begin(each, self._wiped_ids(each.market, each.symbol))

    def wipe_shared_ids(self, market: Market) -> None:
        """Let the update ids that a futures market's symbols share begin anew."""
        if market.is_futures:
            self._wipes += 1
            self._shared[market] = self._wiped_ids(market, f"wipe {self._wipes}")

    def _begin(self, each: Instrument, ids: UpdateIds) -> Trading:
        epoch = self._epochs[each.market, each.symbol]
        return self._list(each, self._rng(each, epoch), ids, _FIRST_ID)

    def _list(self, each: Instrument, rng: Random, update_ids: UpdateIds, first_trade_id: int) -> Trading:
        config, key = self._config, (each.market, each.symbol)
        epoch = self._epochs[key]
        self._epochs[key] += 1
        market = SymbolMarket(
            each,
            PairValue(self._value(each.base_asset), self._value(each.quote_asset)),
            update_ids,
            epoch=epoch,
            listed_late=first_trade_id == _FIRST_ID,
            first_trade_id=first_trade_id,
            phase_ms=rng.randrange(1, 100),
            trades_kept=config.trades_kept,
            minutes_kept=config.minutes_kept,
            second_klines="1s" in config.kline_intervals(each.market),
        )
        flow = OrderFlow(
            each, market.engine, market.value, rng, activity=config.activity, depth_levels=config.depth_levels
        )
        liquidations = self._rng(each, epoch, "liquidations ")
        return Trading(market, flow, SymbolFeed(market), liquidations, activity=config.activity, witness=self._witness)

    def _value(self, name: str) -> AssetValue:
        value = self._values.get(name)
        if value is None:
            known = asset(name)
            rng = self._generator(f"value {name}")
            start_us = self._config.start_ms * 1000
            value = AssetValue(rng, known.usd_price, known.daily_volatility, start_us, self._step_us)
            self._values[name] = value
        return value

    def _first_shared(self, market: Market) -> UpdateIds:
        rng = self._generator(f"update ids {market}")
        return SharedUpdateIds(rng.randrange(10**12, 10**13), rng)

    def _wiped_ids(self, market: Market, purpose: str) -> UpdateIds:
        if market is Market.SPOT:
            return SymbolUpdateIds(_FIRST_ID)
        return SharedUpdateIds(_FIRST_ID, self._generator(f"update ids {market} {purpose}"))

    def _rng(self, each: Instrument, epoch: int, purpose: str = "") -> Random:
        return self._generator(f"{purpose}{each.market} {each.symbol}{f' epoch {epoch}' if epoch else ''}")

    def _generator(self, purpose: str) -> Random:
        return Random(f"{self._config.seed} {purpose}")  # noqa: S311  (a simulation, no secret)
