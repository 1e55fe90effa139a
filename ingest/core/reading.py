"""What was read of one live socket: up to which exchange time, and from which on nothing is missing."""

from __future__ import annotations

from typing import Final

from schemas.topics import RawType


__all__ = ["DISORDER_MS", "SILENCE_MS", "Reading"]

DISORDER_MS: Final = 2_000
"""How far the streams of one connection may be out of step."""
SILENCE_MS: Final = 5_000
"""After so long without a frame that tells a time, the venue is asked; also how long an event may be under way."""
_BEGINNING_MS: Final = 2_000
"""A later answer would be ahead of events that are still under way."""


class Reading:
    """What is known of one socket whose subscriptions are acknowledged.

    Args:
        now_ms: when they were.
    """

    def __init__(self, now_ms: float) -> None:
        self.live_ms = self.heard_ms = now_ms
        self.first_event: int | None = None
        self.newest_event: int | None = None
        self.live_time: int | None = None
        """The venue's time just after the subscriptions were acknowledged; None: it did not tell in time."""
        self.quiet_until: int | None = None
        """Up to which exchange time there was nothing more, told by the venue's clock in a silence."""
        self.inherited_since: int | None = None
        """From which exchange time on nothing is missing together with the sockets before."""
        self.added: set[tuple[RawType, str]] = set()
        """Stream types and symbols that were acknowledged while another socket was the one that is vouched by."""
        self.added_ms = 0.0

    def reads(self, newest_event: int, now_ms: float) -> None:
        """Take note of frames, and of the largest event time among them."""
        self.heard_ms = now_ms
        if self.first_event is None or self.newest_event is None:
            self.first_event = self.newest_event = newest_event
        else:
            self.newest_event = max(self.newest_event, newest_event)

    def is_quiet(self, until: int) -> None:
        """Take note that up to an exchange time there was nothing more to read."""
        self.quiet_until = max(self.quiet_until or 0, until)
        if self.live_time is None and self.first_event is None:
            # It was live by then, and nothing has come since: nothing of that time is under way any more.
            self.live_time = until

    def silent(self, now_ms: float) -> bool:
        """Return whether nothing that tells a time was read for long."""
        return now_ms - self.heard_ms >= SILENCE_MS

    def begins(self, now_ms: float) -> bool:
        """Return whether the venue's time is still wanted for when it went live."""
        return self.live_time is None and now_ms - self.live_ms <= _BEGINNING_MS

    def whole_since(self) -> int | None:
        """Return from which exchange time on nothing is missing; None: that cannot be said yet."""
        if self.inherited_since is not None:
            return self.inherited_since
        if self.live_time is not None or self.first_event is None or self.newest_event is None:
            return self.live_time
        # An event of before the acknowledgement may be as late as the streams are out of step.
        since = self.first_event + DISORDER_MS
        return since if self.newest_event - DISORDER_MS >= since else None

    def reached(self, now_ms: float, server_time: int | None) -> int | None:
        """Return up to which exchange time everything was read; None: nothing is known."""
        if self.silent(now_ms):
            return None if server_time is None else server_time - SILENCE_MS
        return None if self.newest_event is None else self.newest_event - DISORDER_MS

    def joins(self, successor: Reading) -> bool:
        """Return whether nothing is missing between what was read of this socket and its successor's beginning."""
        since = successor.whole_since()
        until = self.quiet_until
        if self.newest_event is not None:
            until = max(self.newest_event - DISORDER_MS, until or 0)
        return self.whole_since() is not None and since is not None and until is not None and until >= since
