"""The request budget of one address: who may ask the venue, and when.

The venue counts what an address asks in windows that are aligned to its own clock, and tells the count with every
answer. Two things are held at once, and neither needs to know where a window of the venue begins:

- *Our own requests*: in no span of a window's length is more sent than the share. A request counts from when it is sent
  until a window's length after its end, so that the venue may have counted it at any time in between.
- *The whole address*: the highest count that the venue told in its present window, and what is under way on top, stay
  below the share less a margin. The margin is as large as what one process may have under way: so two processes, each
  of which sees the other's requests only with the next answer, stay within the share together.

Requests are served by importance, in order of arrival within one. A part of the share is kept for the more important,
so that a thousand books that want a snapshot do not make a hole in the trades wait for the next minute; and the longest
waiting request of all gets every tenth turn once it has waited long, so that none waits for ever.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Final

from msgspec import Struct

from ingest.core.restraint import Restraint
from ingest.core.windows import Kind, Limit, Usage, Window


__all__ = ["Budget", "Importance", "Ticket"]

FRACTIONS: Final = (1.0, 0.95, 0.85, 0.7)
"""How much of the share a request of each importance may use; the rest is kept for the more important."""
UNDER_WAY: Final = 1 / 16
"""How much of the share may be under way at once."""
PATIENCE_MS: Final = 600_000.0
"""A request that has waited so long gets turns before more important ones."""
TURN: Final = 10
"""One of so many turns goes to the longest waiting request, if its patience is at an end."""


class Importance(IntEnum):
    """What a request is for; the lower is served first."""

    CLOCK = 0
    """The venue's time; exchangeInfo at start."""
    HOLE = 1
    """A hole in a stream of trades."""
    BOOK = 2
    """A snapshot that a book waits for."""
    REFRESH = 3
    """A routine snapshot."""


class Ticket:
    """A request's place in the queue, and then its permission."""

    __slots__ = ("arrived_ms", "importance", "sent_ms", "weight")

    def __init__(self, weight: int, importance: Importance, arrived_ms: float) -> None:
        self.weight = weight
        self.importance = importance
        self.arrived_ms = arrived_ms
        self.sent_ms: float | None = None
        """When it got its turn; None: it waits."""


class _Turn(Struct, frozen=True):
    """Whose turn it is."""

    ticket: Ticket
    fraction: float
    """How much of the share it may use."""
    patient: bool
    """Whether it comes before more important ones."""


class Budget:
    """Decides when requests of one address may be sent. All times are of one monotonic clock.

    Args:
        limits: the venue's; those it is known for, until it tells them.
        share: how much of them all processes of this address may use.
    """

    def __init__(self, limits: Iterable[Limit], share: float) -> None:
        self._share = share
        self.restraint = Restraint()
        """Pauses that the venue asks for."""
        self._windows = [Window(limit) for limit in limits]
        self._queues: tuple[deque[Ticket], ...] = tuple(deque() for _ in Importance)
        self._under_way: set[Ticket] = set()
        self._under_way_weight = 0
        self._turns = 0
        self._told = False
        self._blind = False
        """Whether the last request to end brought no count, although the venue tells it: who knows what others use."""

    # What may be known

    def waiting(self, importance: Importance) -> int:
        """Return how many requests wait."""
        return len(self._queues[importance])

    def used(self, now_ms: float) -> int:
        """Return the weight used in the window that is closest to its limit, as far as it is known."""
        return max((window.used(now_ms) for window in self._weighing()), default=0) + self._under_way_weight

    def allowed(self, now_ms: float) -> int:
        """Return the weight that may be used in a window."""
        return min((self._cap(window, now_ms) for window in self._weighing()), default=0)

    def wait_ms(self, weight: int, importance: Importance, now_ms: float) -> float:
        """Return how long a request would wait if it came now, if nothing else came; 0: not at all.

        It is an estimate: what is under way may use less or more.
        """
        ahead = sum(ticket.weight for queue in self._queues[: importance + 1] for ticket in queue)
        count = sum(len(queue) for queue in self._queues[: importance + 1])
        pause_ms = self.restraint.left_ms(now_ms)
        return pause_ms + max(
            (
                window.estimate_ms(
                    self._amounts(window, ahead, count) + self._amounts(window, weight, 1),
                    self._busy(window),
                    *self._most(window, FRACTIONS[importance], now_ms),
                    now_ms + pause_ms,
                )
                for window in self._windows
            ),
            default=0.0,
        )

    # Turns

    def enqueue(self, weight: int, importance: Importance, now_ms: float) -> Ticket:
        """Put a request into the queue."""
        ticket = Ticket(weight, importance, now_ms)
        self._queues[importance].append(ticket)
        return ticket

    def next(self, now_ms: float) -> Ticket | None:
        """Return the request that may be sent now, which then counts; None: nobody may."""
        turn = self._turn(now_ms)
        if turn is None or self._obstacle_ms(turn, now_ms) > 0:
            return None
        head = turn.ticket
        self._turns = 0 if turn.patient else self._turns + 1
        self._queues[head.importance].popleft()
        head.sent_ms = now_ms
        self._under_way.add(head)
        self._under_way_weight += head.weight
        return head

    def next_in_ms(self, now_ms: float) -> float:
        """Return when to call :meth:`next` again if nothing happens; infinite: not before something does."""
        turn = self._turn(now_ms)
        return math.inf if turn is None else self._obstacle_ms(turn, now_ms)

    def withdraw(self, ticket: Ticket) -> None:
        """Take back a request that was not sent, whether it still waits or has its turn."""
        if ticket.sent_ms is None:
            self._queues[ticket.importance].remove(ticket)
            ticket.sent_ms = math.nan
        elif ticket in self._under_way:
            self._leave(ticket)

    def ended(self, ticket: Ticket, usages: Sequence[Usage], now_ms: float) -> None:
        """Take note that a request has ended.

        Args:
            ticket: which.
            usages: what the answer said of the address's use; nothing if there was no answer.
            now_ms: the time.
        """
        self._leave(ticket)
        self._told = self._told or bool(usages)
        self._blind = self._told and not usages
        told = {usage.window_ms: usage for usage in usages}
        for window in self._windows:
            window.add(self._amounts(window, ticket.weight, 1), now_ms)
            if window.limit.kind is Kind.WEIGHT:
                sent_ms = now_ms if ticket.sent_ms is None else ticket.sent_ms
                window.told(told.get(window.limit.window_ms), ticket.weight, sent_ms, now_ms)

    # What the venue says

    def learn(self, limits: Iterable[Limit], now_ms: float) -> None:
        """Take the venue's limits for those from now on; what was used stays used."""
        known = {(one.limit.kind, one.limit.window_ms): one for one in self._windows}
        windows: list[Window] = []
        for limit in limits:
            window = known.get((limit.kind, limit.window_ms)) or self._new_window(limit, now_ms)
            window.limit = limit
            windows.append(window)
        # Limits that hold no weight would be none at all: an answer without them does not take those away.
        if any(window.limit.kind is Kind.WEIGHT for window in windows):
            self._windows = windows

    # Inside

    def _turn(self, now_ms: float) -> _Turn | None:
        heads = [queue[0] for queue in self._queues if queue]
        if not heads:
            return None
        if self._turns >= TURN:
            oldest = min(heads, key=lambda ticket: ticket.arrived_ms)
            if now_ms - oldest.arrived_ms >= PATIENCE_MS:
                return _Turn(oldest, 1.0, patient=True)
        return _Turn(heads[0], FRACTIONS[heads[0].importance], patient=False)

    def _obstacle_ms(self, turn: _Turn, now_ms: float) -> float:
        """Return how long a request must wait; infinite: for the end of another."""
        weight, fraction = turn.ticket.weight, turn.fraction
        if (pause_ms := self.restraint.left_ms(now_ms)) > 0:
            return pause_ms
        allowed = self.allowed(now_ms)
        blind = self._blind or any(window.forgotten(now_ms) for window in self._windows)
        if self._under_way and (blind or self._under_way_weight + weight > allowed * UNDER_WAY):
            return math.inf
        return max(
            (
                window.obstacle_ms(
                    self._amounts(window, weight, 1),
                    self._busy(window),
                    *self._most(window, fraction, now_ms),
                    now_ms,
                )
                for window in self._windows
            ),
            default=0.0,
        )

    def _leave(self, ticket: Ticket) -> None:
        self._under_way.remove(ticket)
        self._under_way_weight -= ticket.weight

    def _cap(self, window: Window, now_ms: float) -> int:
        return int(window.limit.limit * self._share * self.restraint.factor(now_ms))

    def _most(self, window: Window, fraction: float, now_ms: float) -> tuple[float, float]:
        """Return how much of ours, and of everybody's, may be used by who may use so much of the share."""
        cap = self._cap(window, now_ms)
        return cap * fraction, cap * (fraction - UNDER_WAY)

    def _weighing(self) -> list[Window]:
        return [window for window in self._windows if window.limit.kind is Kind.WEIGHT]

    def _busy(self, window: Window) -> int:
        return self._amounts(window, self._under_way_weight, len(self._under_way))

    @staticmethod
    def _amounts(window: Window, weight: int, count: int) -> int:
        return weight if window.limit.kind is Kind.WEIGHT else count

    def _new_window(self, limit: Limit, now_ms: float) -> Window:
        """Return a window in which everything known counts as used just now, as it may have been."""
        window = Window(limit)
        of_kind = [one for one in self._windows if one.limit.kind is limit.kind]
        window.add(max((one.own(now_ms) for one in of_kind), default=0), now_ms)
        return window
