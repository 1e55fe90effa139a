"""A stream that speaks at its own pace, as an activity of the agenda, while it is wanted."""

from __future__ import annotations

from sandbox.exchange.source import StreamEvent
from sandbox.simulation.agenda import Output
from sandbox.simulation.feed import SEND_DELAY_US
from sandbox.simulation.publishers.depth import DepthDiffs
from sandbox.simulation.publishers.periodic import PeriodicStream
from schemas.markets import Market


__all__ = ["Publication"]


class Publication:
    """One periodic stream; called when it is due."""

    def __init__(self, market: Market, name: str, stream: PeriodicStream) -> None:
        self._market = market
        self._name = name
        self._stream = stream
        self._wanted = True

    def first_us(self, now_us: int) -> int:
        """Return when it may speak first."""
        return self._stream.schedule.next_due_us(now_us)

    def stop(self) -> None:
        """Say nothing any more."""
        self._wanted = False
        if isinstance(self._stream, DepthDiffs):
            self._stream.close()

    def __call__(self, now_us: int, output: Output) -> int | None:
        """Say what is new; return when to look again."""
        if not self._wanted:
            return None
        due_us = now_us + SEND_DELAY_US
        for data in self._stream.frames(now_us, due_us // 1000):
            output.append(StreamEvent(due_us * 1000, self._market, self._name, data))
        return self._stream.schedule.next_due_us(now_us)
