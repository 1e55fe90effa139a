"""Whether the other side of a socket is still there."""

from __future__ import annotations


__all__ = ["Pulse"]


class Pulse:
    """What was heard last, and when to ask whether anybody is there.

    Args:
        idle_ms: nothing heard for so long, not even a pong, means that nobody is.
    """

    def __init__(self, idle_ms: float) -> None:
        self._idle_ms = idle_ms
        self._heard_ms = 0.0
        self._pinged = False

    def heard(self, now_ms: float) -> None:
        """Take note that something came: a frame, or the pong of a ping."""
        self._heard_ms = now_ms
        self._pinged = False

    def is_gone(self, now_ms: float) -> bool:
        """Return whether nothing was heard for too long."""
        return now_ms - self._heard_ms > self._idle_ms

    def wants_ping(self, now_ms: float) -> bool:
        """Return whether to ask now; once in each silence."""
        if self._pinged or now_ms - self._heard_ms <= self._idle_ms / 2:
            return False
        self._pinged = True
        return True
