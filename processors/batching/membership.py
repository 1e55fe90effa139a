"""Whether the group still counts on this worker.

A worker that was stopped for longer than the session timeout and then continued does not know that its partitions
belong to somebody else by now. It finds out at its next heartbeat; until then it must not send anything.
"""

from __future__ import annotations


__all__ = ["Membership"]


class Membership:
    """When the broker last confirmed that this worker is a member. Times are of one monotonic clock, in seconds.

    Args:
        session_timeout_s: after so long without a heartbeat the broker gives the partitions away.
    """

    def __init__(self, session_timeout_s: float) -> None:
        self.session_timeout_s = session_timeout_s
        self._confirmed_at: float | None = None

    def confirm(self, at: float) -> None:
        """Note a heartbeat that succeeded; ``at`` is when it was *sent*: the broker counts from later."""
        if self._confirmed_at is None or at > self._confirmed_at:
            self._confirmed_at = at

    def age_s(self, now: float) -> float | None:
        """Return how long ago the last confirmed heartbeat was sent; None: never a member."""
        return None if self._confirmed_at is None else now - self._confirmed_at

    def is_current(self, now: float) -> bool:
        """Whether the last confirmed heartbeat is younger than half the session timeout."""
        age = self.age_s(now)
        return age is not None and age < self.session_timeout_s / 2
