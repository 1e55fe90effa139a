"""The order flow looks like a market's."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest

from sandbox.simulation.assets import asset
from sandbox.simulation.engine import MatchingEngine, Side
from sandbox.simulation.flow import OrderFlow
from sandbox.simulation.instruments import instrument
from sandbox.simulation.value import AssetValue, PairValue
from schemas.markets import Market


START_US = 1_793_577_600_000_000


def chance(purpose: str) -> Random:
    return Random(purpose)  # noqa: S311  (a simulation, no secret)


class Crowd:
    """One symbol's flow and book, with the time at which it has arrived."""

    def __init__(self, market: Market, symbol: str, depth_levels: int = 100) -> None:
        each = instrument(market, symbol)
        self.engine = MatchingEngine()
        self.value = PairValue(
            AssetValue(chance("value"), asset(each.base_asset).usd_price, 0.03, START_US),
            AssetValue(chance("money"), 1.0, 0.0, START_US),
        )
        self.flow = OrderFlow(each, self.engine, self.value, chance("flow"), activity=20.0, depth_levels=depth_levels)
        self.price, self.quantity = each.price, each.quantity
        self.now_us = START_US
        self.flow.open_market(START_US)

    def live(self, actions: int, look: Callable[[], None]) -> None:
        for _ in range(actions):
            self.now_us += self.flow.wait_us()
            self.flow.act(self.now_us)
            look()


SYMBOLS = [(Market.SPOT, "BTCUSDT"), (Market.SPOT, "PEPEUSDT"), (Market.USDM, "BTCUSDT"), (Market.COINM, "BTCUSD_PERP")]


@pytest.mark.parametrize(("market", "symbol"), SYMBOLS)
def test_the_book_opens_with_its_levels_around_the_value(market: Market, symbol: str) -> None:
    crowd = Crowd(market, symbol)
    bid, ask = crowd.engine.bids.best_price(), crowd.engine.asks.best_price()

    assert bid is not None
    assert ask is not None
    assert bid < ask
    assert bid - 2 <= crowd.price.steps(crowd.value.at(START_US)) <= ask + 2
    assert len(crowd.engine.bids.keys) == len(crowd.engine.asks.keys) == 100


@pytest.mark.parametrize(("market", "symbol"), SYMBOLS)
def test_both_sides_keep_about_their_levels_and_are_never_empty(market: Market, symbol: str) -> None:
    crowd = Crowd(market, symbol)
    levels: list[int] = []
    crowd.live(20_000, lambda: levels.extend((len(crowd.engine.bids.keys), len(crowd.engine.asks.keys))))

    assert min(levels) >= 8
    assert 70 <= sum(levels) / len(levels) <= 130


@pytest.mark.parametrize(("market", "symbol"), SYMBOLS)
def test_prices_follow_the_value(market: Market, symbol: str) -> None:
    """The middle of the book is mostly within ten basis points, or two ticks, of the hidden value."""
    crowd = Crowd(market, symbol)
    gaps: list[float] = []

    def look() -> None:
        bid, ask = crowd.engine.bids.best_price() or 0, crowd.engine.asks.best_price() or 0
        value = crowd.price.steps(crowd.value.at(crowd.now_us))
        gaps.append(abs((bid + ask) / 2 - value) / max(2.0, value * 1e-3))

    crowd.live(20_000, look)

    assert sorted(gaps)[int(0.9 * len(gaps))] < 1.0


def test_takers_come_on_both_sides_in_sizes_with_a_heavy_tail() -> None:
    crowd = Crowd(Market.SPOT, "BTCUSDT")
    sides: list[Side] = []
    sizes: list[int] = []
    for _ in range(20_000):
        crowd.now_us += crowd.flow.wait_us()
        execution = crowd.flow.act(crowd.now_us)
        if execution is not None and execution.fills:
            sides.append(execution.order.side)
            sizes.append(sum(fill.quantity for fill in execution.fills))
    sizes.sort()

    assert 0.3 < sides.count(Side.BUY) / len(sides) < 0.7
    assert sizes[-1] > 20 * sizes[len(sizes) // 2]


def test_the_crowd_never_cancels_an_order_of_somebody_else() -> None:
    """Neither by chance nor because it is the first in line at a price that the value has left."""
    crowd = Crowd(Market.SPOT, "PEPEUSDT", depth_levels=20)
    mine = [crowd.engine.place(Side.BUY, price, 5, owner="alice").order for price in (100, 200, 300)]
    crowd.live(5_000, lambda: None)

    assert all(crowd.engine.resting(order.order_id) is order or not order.remaining for order in mine)


def test_a_liquidation_takes() -> None:
    crowd = Crowd(Market.USDM, "BTCUSDT")
    execution = crowd.flow.liquidate(START_US)

    assert execution is not None
    assert execution.fills
    assert execution.order.price is not None


def test_the_value_is_the_same_whenever_it_is_asked_for() -> None:
    often, seldom = (AssetValue(chance("walk"), 100.0, 0.05, START_US) for _ in range(2))
    for step in range(1, 5_000):
        often.move_to(START_US + step * 77_777)
    seldom.move_to(START_US + 4_999 * 77_777)

    assert (often.now, often.average, often.turbulence) == (seldom.now, seldom.average, seldom.turbulence)
    assert often.now != 100.0


def test_a_stable_coin_does_not_move() -> None:
    value = AssetValue(chance("walk"), 1.0, 0.0, START_US)
    value.move_to(START_US + 10**12)

    assert (value.now, value.turbulence) == (1.0, 1.0)


def test_volatility_comes_in_clusters() -> None:
    """Large moves follow large ones: absolute moves of neighbouring ten seconds are correlated."""
    value = AssetValue(chance("walk"), 100.0, 0.03, START_US)
    moves, before = [], value.now
    for step in range(1, 5_000):
        value.move_to(START_US + step * 10_000_000)
        moves.append(abs(value.now / before - 1))
        before = value.now
    mean = sum(moves) / len(moves)
    deviations = [move - mean for move in moves]
    covariance = sum(a * b for a, b in pairwise(deviations))

    assert covariance / sum(a * a for a in deviations) > 0.05


@pytest.mark.parametrize(("market", "symbol"), [(Market.SPOT, "PEPEUSDT"), (Market.USDM, "1000PEPEUSDT")])
def test_levels_of_a_coin_worth_next_to_nothing_are_within_what_a_record_holds(market: Market, symbol: str) -> None:
    """By far: levels grow for hours, and what is wider than 64 bits at scale 8 ends in dead letters."""
    crowd = Crowd(market, symbol, depth_levels=500)
    crowd.live(15_000, lambda: None)

    sides = (crowd.engine.bids, crowd.engine.asks)
    largest = max(side.quantity_at(abs(key)) for side in sides for key in side.keys)
    quantity = crowd.quantity
    assert largest * quantity.step_units * 10 ** (8 - quantity.places) < 2**63 // 5
