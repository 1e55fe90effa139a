"""Positions closed by force, of which the venue tells one a second."""

from __future__ import annotations

from msgspec import Struct

from sandbox.simulation.engine import Execution
from sandbox.simulation.news import News


__all__ = ["Liquidation", "LiquidationTape"]

_SECOND_US = 1_000_000


class Liquidation(Struct, frozen=True):
    """A position closed by force, as the order that did it."""

    execution: Execution
    time_us: int

    @property
    def filled(self) -> int:
        """Filled quantity in steps."""
        return self.execution.order.quantity - self.execution.order.remaining


class LiquidationTape:
    """The largest liquidation of each second (since 2026-04-14 the venue publishes the largest)."""

    def __init__(self) -> None:
        self._current: Liquidation | None = None
        self._before: Liquidation | None = None
        self.news = News()

    def add(self, liquidation: Liquidation) -> None:
        """Take account of the next liquidation."""
        self.news.tell(liquidation.time_us)
        current = self._current
        if current is None or liquidation.time_us // _SECOND_US != current.time_us // _SECOND_US:
            self._before, self._current = current, liquidation
        elif liquidation.filled > current.filled:
            self._current = liquidation

    def largest_before(self, now_us: int) -> Liquidation | None:
        """Return the largest of the whole second before the one that contains `now_us`."""
        second = now_us // _SECOND_US - 1
        for each in (self._current, self._before):
            if each is not None and each.time_us // _SECOND_US == second:
                return each
        return None
