"""The crowd: who places, cancels and takes, and how much, so that the book looks like a market's.

Traders see the book and, roughly, the hidden value of the asset. Makers quote close to the touch and, thinning out,
far from it; they close a wide spread, and pull quotes that the value has left behind. Takers come now and then in
sizes with a heavy tail, and at once, all on one side, when the value has run through the quotes.
"""

from __future__ import annotations

from math import log
from random import Random
from typing import Final

from sandbox.simulation.engine import BookSide, Execution, MatchingEngine, Order, Side
from sandbox.simulation.instruments import Instrument
from sandbox.simulation.value import PairValue


__all__ = ["OrderFlow"]

_TOLERANCE: Final = 0.3e-4
"""How far, as a part of the price, the value may be from the quotes before anybody minds: 0.3 basis points."""
_REACH: Final = 0.03
"""How far from the touch the furthest quotes are, as a part of the price."""
_REACH_TICKS_PER_LEVEL: Final = 3
"""At least so many ticks, or coarse books would not have room for their levels."""
_CROWDING: Final = 4.0
"""Quotes per level fall with the fourth root of the distance: most are near the touch, some far."""
_TAKING: Final = 0.09
"""Part of takers among all actions while the quotes are right."""
_CHASING: Final = 0.35
"""Part of takers while the quotes are wrong."""
_PULLING: Final = 0.25
"""Part of cancellations of wrong quotes while there are such."""
_JOINING: Final = 0.6
"""Part of new quotes that go inside a wide spread."""
_MAKER_TAIL: Final = 1.6
_TAKER_TAIL: Final = 1.25
"""Exponents of the Pareto laws of quantities: the smaller, the heavier the tail."""
_MAKER_POWER: Final = -1.0 / _MAKER_TAIL
_MAX_MULTIPLE: Final = 300.0
"""No order is larger than so many typical ones."""
_SLIPPAGE: Final = 0.001
"""Takers accept a price this part worse than the touch."""
_FEWEST_LEVELS: Final = 8
"""A side is never traded or cancelled down below this."""


class OrderFlow:
    """The stream of orders of one symbol."""

    __slots__ = (
        "_actions_per_us",
        "_crowd",
        "_depth_levels",
        "_engine",
        "_instrument",
        "_random",
        "_reach_least",
        "_rng",
        "_steps_per_value",
        "_typical",
        "_value",
    )

    def __init__(
        self,
        instrument: Instrument,
        engine: MatchingEngine,
        value: PairValue,
        rng: Random,
        *,
        activity: float,
        depth_levels: int,
    ) -> None:
        self._instrument = instrument
        self._engine = engine
        self._value = value
        self._rng = rng
        self._random = rng.random
        self._reach_least = depth_levels * _REACH_TICKS_PER_LEVEL
        self._steps_per_value = instrument.price.steps(1.0)
        self._actions_per_us = instrument.actions_per_s * activity / 1e6
        self._depth_levels = depth_levels
        self._typical = instrument.typical_quantity
        self._crowd: list[Order] = []
        """Orders of this crowd in any order, filled ones among them until somebody stumbles over them."""

    def open_market(self, start_us: int) -> None:
        """Fill both sides of the empty book around the value."""
        middle = self._value_in_ticks(start_us)
        for side in Side:
            book = self._engine.side(side)
            touch = int(middle) if side is Side.BUY else int(middle) + 1
            for _ in range(self._depth_levels * 20):
                if len(book.keys) >= self._depth_levels:
                    break
                self._quote(side, touch)

    def wait_us(self) -> int:
        """Return the time until the next action; the more is going on, the shorter."""
        return 1 + int(-log(1.0 - self._random()) / (self._actions_per_us * self._value.turbulence))

    def act(self, now_us: int) -> Execution | None:
        """Do the next thing that somebody in the crowd does; None when it came to nothing."""
        engine = self._engine
        value = self._value.at(now_us) * self._steps_per_value
        bid, ask = engine.bids.best_price(), engine.asks.best_price()
        if bid is None or ask is None:
            return self._quote(Side.BUY if bid is None else Side.SELL, max(2, int(value)))
        tolerance = value * _TOLERANCE
        tolerance = max(tolerance, 1.0)
        chance = self._random()
        if ask < value - tolerance:
            wrong = engine.asks
        elif bid > value + tolerance:
            wrong = engine.bids
        else:
            if chance < _TAKING:
                return self._take_at_random(value, bid, ask)
            return self._make(value, bid, ask, tolerance)
        if chance < _CHASING:
            return self._chase(wrong, value)
        if chance < _CHASING + _PULLING:
            return self._pull(wrong)
        return self._make(value, bid, ask, tolerance)

    def liquidate(self, now_us: int) -> Execution | None:
        """Sell or buy by force, a larger quantity than usual; None when the book is too thin."""
        side = Side.SELL if self._rng.random() < 0.5 else Side.BUY
        best = self._engine.side(side.opposite).best_price()
        if best is None:
            return None
        quantity = 1 + int(self._typical * 10 * self._rng.paretovariate(_TAKER_TAIL))
        return self._take(side, best, min(quantity, int(self._typical * _MAX_MULTIPLE) + 1))

    def _value_in_ticks(self, now_us: int) -> float:
        return self._value.at(now_us) * self._steps_per_value

    # Makers

    def _make(self, value: float, bid: int, ask: int, tolerance: float) -> Execution | None:
        """Place or cancel, whichever the book lacks, on the side that lacks it."""
        engine, random = self._engine, self._random
        bids, asks = len(engine.bids.keys), len(engine.asks.keys)
        buying = random() < 0.5 + 0.4 * (asks - bids) / (asks + bids)
        lack = 5.0 * (1.0 - (bids if buying else asks) / self._depth_levels)
        # At most nineteen in twenty place while the side lacks levels, at least one in twenty while it has too many.
        if random() >= (0.95 if lack > 1.0 else 0.05 if lack < -1.0 else 0.5 + 0.45 * lack):
            return self._cancel_any()
        if buying:
            inside = min(ask - 1, int(value + tolerance))
            room = inside - bid
        else:
            inside = max(bid + 1, int(value - tolerance))
            room = ask - inside
        side = Side.BUY if buying else Side.SELL
        if room > 0 and random() < _JOINING:
            back = int(room * random() ** 3)
            return self._place(side, inside - back if buying else inside + back)
        return self._quote(side, min(bid, inside) if buying else max(ask, inside))

    def _quote(self, side: Side, touch: int) -> Execution | None:
        """Place at some distance from the touch, mostly a small one."""
        reach = touch * _REACH
        reach = max(reach, self._reach_least)
        distance = int(reach * self._random() ** _CROWDING)
        return self._place(side, touch - distance if side is Side.BUY else touch + distance)

    def _place(self, side: Side, price: int) -> Execution | None:
        if price < 1:
            return None
        size = (1.0 - self._random()) ** _MAKER_POWER
        size = min(size, _MAX_MULTIPLE)
        execution = self._engine.place(side, price, 1 + int(self._typical * size * 0.5))
        if execution.order.remaining:
            self._crowd.append(execution.order)
        return execution

    def _cancel_any(self) -> Execution | None:
        """Cancel an order chosen at random among all."""
        crowd = self._crowd
        while crowd:
            index = int(self._random() * len(crowd))
            order = crowd[index]
            last = crowd.pop()
            if last is not order:
                crowd[index] = last
            if not order.remaining or not self._engine.resting(order.order_id):
                continue
            if len(self._engine.side(order.side).keys) <= _FEWEST_LEVELS:
                crowd.append(order)
                return None
            return self._engine.cancel(order.order_id)
        return None

    def _pull(self, wrong: BookSide) -> Execution | None:
        """Cancel the crowd's first order of the best level, which the value has left behind."""
        best = wrong.best_price()
        if best is None or len(wrong.keys) <= _FEWEST_LEVELS:
            return None
        first = wrong.first_at(best)
        return None if first.owner else self._engine.cancel(first.order_id)

    # Takers

    def _take_at_random(self, value: float, bid: int, ask: int) -> Execution | None:
        lean = (value - (bid + ask) / 2) / (2 * (ask - bid) + value * _TOLERANCE)
        buying = self._rng.random() < 0.5 + max(-0.4, min(0.4, lean))
        return self._take(Side.BUY if buying else Side.SELL, ask if buying else bid, self._taker_quantity())

    def _chase(self, wrong: BookSide, value: float) -> Execution | None:
        """Take what is better than the value: half of the best level, or more, and whatever comes behind it."""
        best = wrong.best_price()
        if best is None or len(wrong.keys) <= _FEWEST_LEVELS:
            return None
        quantity = wrong.quantity_at(best) // 2 + 2 * self._taker_quantity()
        return self._engine.take(wrong.side.opposite, quantity, max(1, int(value)))

    def _take(self, side: Side, touch: int, quantity: int) -> Execution | None:
        if len(self._engine.side(side.opposite).keys) <= _FEWEST_LEVELS:
            return None
        room = max(1, int(touch * _SLIPPAGE))
        limit = touch + room if side is Side.BUY else touch - room
        return self._engine.take(side, quantity, max(1, limit))

    def _taker_quantity(self) -> int:
        size = min(self._rng.paretovariate(_TAKER_TAIL), _MAX_MULTIPLE)
        return 1 + int(self._typical * size * 0.3)
