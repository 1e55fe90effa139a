"""A venue that weighs requests, and processes that ask it, in a time of their own."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count

from ingest.core.budget import Budget, Importance, Ticket
from ingest.core.windows import Usage


__all__ = ["Process", "World"]


class World:
    """Time, and a venue that counts weight in windows of its own clock.

    Args:
        window_ms: the length of a window.
        phase_ms: where in its window the venue is at time 0.
        dated: whether answers tell the venue's time, cut to seconds.
    """

    def __init__(self, window_ms: int, phase_ms: int, *, dated: bool) -> None:
        self.now_ms = 0.0
        self.window_ms = window_ms
        self.phase_ms = phase_ms
        self.dated = dated
        self.weighed: Counter[int] = Counter()
        """Weight that arrived, by window."""
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers: Iterator[int] = count()

    def at(self, time_ms: float, event: Callable[[], None]) -> None:
        """Let something happen at a time."""
        heapq.heappush(self._events, (max(time_ms, self.now_ms), next(self._numbers), event))

    def weigh(self, weight: int) -> Usage:
        """Count a request that arrives now; returns what the answer tells."""
        venue_ms = self.now_ms + self.phase_ms
        window = int(venue_ms // self.window_ms)
        self.weighed[window] += weight
        date_ms = int(venue_ms // 1000) * 1000
        left_ms = self.window_ms - date_ms % self.window_ms if self.dated else self.window_ms
        return Usage(self.window_ms, self.weighed[window], left_ms)

    def run(self, most_events: int = 200_000) -> None:
        """Let time pass until nothing happens any more."""
        for _ in range(most_events):
            if not self._events:
                return
            self.now_ms, _, event = heapq.heappop(self._events)
            event()
        raise AssertionError("it does not come to an end")


class Process:
    """One process that asks the venue, as its budget allows.

    Args:
        world: its venue.
        budget: decides.
        latencies: how long requests take to the venue, and answers back; negative: the answer is lost.
    """

    def __init__(self, world: World, budget: Budget, latencies: Iterator[tuple[float, float]]) -> None:
        self.world = world
        self.budget = budget
        self.served: list[Ticket] = []
        self.skipped_over: list[tuple[Ticket, int]] = []
        """Requests that were served while so many more important ones waited."""
        self._latencies = latencies
        self._timer_ms = math.inf

    def ask(self, weight: int, importance: Importance) -> None:
        """Put a request into the queue."""
        self.budget.enqueue(weight, importance, self.world.now_ms)
        self._serve()

    def _serve(self) -> None:
        now_ms = self.world.now_ms
        while (ticket := self.budget.next(now_ms)) is not None:
            self.served.append(ticket)
            passed = sum(self.budget.waiting(Importance(one)) for one in range(ticket.importance))
            self.skipped_over.append((ticket, passed))
            self._send(ticket)
        wait_ms = self.budget.next_in_ms(now_ms)
        if math.isfinite(wait_ms) and not now_ms < self._timer_ms <= now_ms + wait_ms:
            self._timer_ms = now_ms + wait_ms
            self.world.at(self._timer_ms, self._serve)

    def _send(self, ticket: Ticket) -> None:
        there_ms, back_ms = next(self._latencies)

        def arrive() -> None:
            usage = self.world.weigh(ticket.weight)
            usages = [usage] if back_ms >= 0 else []
            self.world.at(self.world.now_ms + abs(back_ms), lambda: self._end(ticket, usages))

        self.world.at(self.world.now_ms + there_ms, arrive)

    def _end(self, ticket: Ticket, usages: list[Usage]) -> None:
        self.budget.ended(ticket, usages, self.world.now_ms)
        self._serve()
