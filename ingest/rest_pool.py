"""The turns of all REST requests that count against one limit of this address."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from structlog.stdlib import BoundLogger

from ingest.core.budget import Budget, Importance, Ticket
from ingest.core.windows import Limit, Pool, Usage
from ingest.metrics import Metrics


__all__ = ["RestPool", "Turn"]


class Turn:
    """The permission to send one request, and what came of it."""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self.usages: Sequence[Usage] = ()
        """What the answer said of the address's use."""
        self.outcome = "unreachable"
        """For the metrics; until there is an answer, there is none."""


class RestPool:
    """Lets requests through as their budget allows; shared by the clients of all markets of a pool.

    Args:
        name: the pool.
        budget: decides.
        now_ms: the monotonic clock.
        wall_ms: our clock, milliseconds since the epoch; bans are remembered as a time.
        metrics: told of weight, queue and waits.
        log: bound to the pool.
        remember: called with the time, since the epoch, until which the address is banned.
    """

    def __init__(
        self,
        name: Pool,
        budget: Budget,
        *,
        now_ms: Callable[[], float],
        wall_ms: Callable[[], int],
        metrics: Metrics,
        log: BoundLogger,
        remember: Callable[[Pool, int], object] = lambda _pool, _until_ms: None,
    ) -> None:
        self.name = name
        self._budget = budget
        self._now_ms = now_ms
        self._wall_ms = wall_ms
        self._metrics = metrics
        self._log = log
        self._remember = remember
        self._turns: dict[Ticket, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def wait_s(self, weight: int, importance: Importance) -> float:
        """Return about how long a request would wait now; 0: not at all."""
        return self._budget.wait_ms(weight, importance, self._now_ms()) / 1000

    def learn(self, limits: Sequence[Limit]) -> None:
        """Take the venue's limits."""
        self._budget.learn(limits, self._now_ms())
        self._serve()

    def restore_ban(self, until_ms: int) -> None:
        """Take note of a ban of an earlier run.

        Args:
            until_ms: its end, since the epoch.
        """
        now_ms = self._now_ms()
        left_ms = until_ms - self._wall_ms()
        self._budget.restraint.restore_ban(now_ms + left_ms, now_ms)
        if left_ms > 0:
            self._log.error("address still banned by the venue: nothing is asked", pause_s=round(left_ms / 1000, 1))
        self._tell()

    @asynccontextmanager
    async def turn(self, weight: int, importance: Importance) -> AsyncIterator[Turn]:
        """Wait for the turn of a request, which ends with the context."""
        arrived_ms = self._now_ms()
        ticket = self._budget.enqueue(weight, importance, arrived_ms)
        permission = self._turns[ticket] = asyncio.get_running_loop().create_future()
        turn: Turn | None = None
        try:
            self._serve()
            await permission
            waited_s = max(0.0, self._now_ms() - arrived_ms) / 1000
            self._metrics.rest_waits.labels(self.name, importance.name.lower()).observe(waited_s)
            turn = Turn(ticket)
            yield turn
        finally:
            del self._turns[ticket]
            if turn is None:
                self._budget.withdraw(ticket)
            else:
                self._budget.ended(ticket, turn.usages, self._now_ms())
                self._metrics.rest_requests.labels(self.name, turn.outcome).inc()
            self._serve()

    def succeeded(self, turn: Turn) -> None:
        """Take note of a good answer."""
        turn.outcome = "ok"
        self._budget.restraint.answered()

    def refused(self, turn: Turn, retry_after_s: float | None, *, banned: bool) -> None:
        """Take note that the venue says that too much was asked: nobody asks for a while."""
        turn.outcome = "banned" if banned else "slow-down"
        now_ms = self._now_ms()
        sent_ms = now_ms if turn.ticket.sent_ms is None else turn.ticket.sent_ms
        refusal = self._budget.restraint.refused(sent_ms, retry_after_s, banned=banned, now_ms=now_ms)
        pause_s = round((refusal.until_ms - now_ms) / 1000, 1)
        if banned and refusal.news:
            self._log.error("address banned by the venue: nothing is asked", pause_s=pause_s)
            self._remember(self.name, self._wall_of(refusal.until_ms))
        elif refusal.news:
            self._log.warning("venue wants to be asked less: nothing is asked", pause_s=pause_s)
        self._tell()

    def _serve(self) -> None:
        """Give turns to those who may have them, and come back when the next may."""
        now_ms = self._now_ms()
        while (ticket := self._budget.next(now_ms)) is not None:
            permission = self._turns[ticket]
            if permission.done():  # cancelled, but not run since
                self._budget.withdraw(ticket)
            else:
                permission.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait_ms = self._budget.next_in_ms(now_ms)
        if math.isfinite(wait_ms):
            self._timer = asyncio.get_running_loop().call_later(max(0.001, wait_ms / 1000), self._serve)
        self._tell()

    def _tell(self) -> None:
        now_ms, budget, metrics = self._now_ms(), self._budget, self._metrics
        metrics.rest_used_weight.labels(self.name).set(budget.used(now_ms))
        metrics.rest_allowed_weight.labels(self.name).set(budget.allowed(now_ms))
        for importance in Importance:
            metrics.rest_queue.labels(self.name, importance.name.lower()).set(budget.waiting(importance))
        if math.isfinite(budget.restraint.until_ms):
            metrics.rest_paused_until.labels(self.name).set(self._wall_of(budget.restraint.until_ms) / 1000)

    def _wall_of(self, monotonic_ms: float) -> int:
        return int(self._wall_ms() + monotonic_ms - self._now_ms())
