"""When an account is compared with the venue: woken by what happens, and from time to time."""

from __future__ import annotations

from ingest.core.backoff import delay_s
from schemas.control import ReconcileCause


__all__ = ["Wakes"]


class Wakes:
    """Causes that wait for a comparison. All times are of one monotonic clock.

    Args:
        interval_ms: how long after the end of a whole comparison the next one comes without a cause.
        now_ms: the time.
    """

    def __init__(self, interval_ms: float, now_ms: float) -> None:
        self._interval_ms = interval_ms
        self._timer_ms = now_ms + interval_ms
        self._waiting: dict[ReconcileCause, None] = {}
        self._under_way: tuple[ReconcileCause, ...] = ()
        self._not_before_ms = now_ms
        self._failures = 0

    def wake(self, cause: ReconcileCause) -> None:
        """Ask for a comparison that begins from now on: one that is under way does not count."""
        self._waiting[cause] = None

    @property
    def urgent(self) -> bool:
        """Whether a cause waits that came during the comparison that is under way."""
        return bool(self._waiting)

    def begin(self, now_ms: float) -> ReconcileCause | None:
        """Return why a comparison begins now, the first cause of those that waited; None: none is to begin."""
        if self.wait_ms(now_ms) > 0:
            return None
        self._under_way = tuple(self._waiting) or (ReconcileCause.TIMER,)
        self._waiting.clear()
        return self._under_way[0]

    def succeeded(self, now_ms: float) -> None:
        """Take note that the comparison is whole."""
        self._under_way, self._failures = (), 0
        self._not_before_ms, self._timer_ms = now_ms, now_ms + self._interval_ms

    def failed(self, now_ms: float, jitter: float, *, ceiling_s: float = 60.0) -> float:
        """Take note that the comparison failed: it is to be done again, for the same causes.

        Args:
            now_ms: the time.
            jitter: a random number in [0, 1).
            ceiling_s: the longest wait.

        Returns:
            The seconds until then.
        """
        self._waiting = dict.fromkeys([*self._under_way, *self._waiting])
        self._under_way = ()
        wait_s = delay_s(self._failures, jitter, ceiling_s=ceiling_s)
        self._failures += 1
        self._not_before_ms = now_ms + wait_s * 1000
        return wait_s

    def wait_ms(self, now_ms: float) -> float:
        """Return how long no comparison is to begin, if nothing happens."""
        due_ms = self._not_before_ms if self._waiting else max(self._timer_ms, self._not_before_ms)
        return max(0.0, due_ms - now_ms)
