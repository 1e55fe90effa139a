"""A stream that speaks at its own pace, as an activity of the agenda, while it is wanted."""

from __future__ import annotations

from sandbox.exchange.source import StreamEvent
from sandbox.simulation.agenda import Agenda, Output
from sandbox.simulation.feed import SEND_DELAY_US
from sandbox.simulation.publishers.depth import DepthDiffs
from sandbox.simulation.publishers.periodic import PeriodicStream
from schemas.markets import Market


__all__ = ["Publication"]


class Publication:
    """One periodic stream; the agenda calls it when it is due.

    Where the stream can tell what makes it speak, it sleeps until then: a market in which little happens costs
    little, however often its streams might speak. What it says, and when, is the same as if it looked at every point
    of its schedule.
    """

    __slots__ = (
        "_agenda",
        "_due_us",
        "_listening",
        "_market",
        "_name",
        "_news",
        "_planned",
        "_rank",
        "_stream",
        "_wanted",
    )

    def __init__(self, market: Market, name: str, stream: PeriodicStream, agenda: Agenda) -> None:
        """Plan the first look."""
        self._market = market
        self._name = name
        self._stream = stream
        self._agenda = agenda
        self._news = stream.news
        self._rank = agenda.rank()
        self._wanted = True
        self._listening = False
        self._planned: set[int] = set()
        """When the agenda will call; a call that is no longer due finds nothing to do."""
        self._due_us: int | None = None
        self._plan(stream.schedule.next_due_us(agenda.now_us))

    def stop(self) -> None:
        """Say nothing any more."""
        self._wanted = False
        if isinstance(self._stream, DepthDiffs):
            self._stream.close()

    def __call__(self, now_us: int, output: Output) -> int | None:
        """Say what is new; return when to look again, None when there is nothing to wait for but news."""
        self._planned.discard(now_us)
        if not self._wanted or now_us != self._due_us:
            return None
        stream = self._stream
        due_us = now_us + SEND_DELAY_US
        for data in stream.frames(now_us, due_us // 1000):
            output.append(StreamEvent(due_us * 1000, self._market, self._name, data))
        next_us = stream.schedule.next_due_us(now_us)
        if self._news is None:
            self._due_us = next_us
            return next_us
        if not self._listening:
            self._listening = True
            self._news.waiting.append(self._wake)
        renewed_us = stream.renewed_us(now_us)
        self._due_us = None
        if renewed_us is not None:
            self._plan(max(next_us, stream.schedule.next_due_us(renewed_us - 1)))
        return None

    def _wake(self, now_us: int) -> None:
        self._listening = False
        due_us = self._stream.schedule.next_due_us(now_us)
        if self._wanted and (self._due_us is None or due_us < self._due_us):
            self._plan(due_us)

    def _plan(self, due_us: int) -> None:
        self._due_us = due_us
        if due_us not in self._planned:
            self._planned.add(due_us)
            self._agenda.add_ranked(due_us, self._rank, self)
