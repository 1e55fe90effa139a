"""What was read of one live socket: up to which exchange time, and from which on nothing is missing."""

from __future__ import annotations

from collections import deque
from typing import Final

from schemas.topics import RawType


__all__ = ["DISORDER_MS", "SILENCE_MS", "Reading"]

DISORDER_MS: Final = 2_000
"""How far the streams of one connection may be out of step."""
SILENCE_MS: Final = 5_000
"""After so long without a frame that tells a time, the venue is asked; also how long an event may be under way."""
_BEGINNING_MS: Final = 2_000
"""A later answer would be ahead of events that are still under way."""
_QUESTIONS: Final = 8
"""Questions under way that are remembered."""


class Reading:
    """What is known of one socket whose subscriptions are acknowledged.

    Args:
        now_ms: when they were.
    """

    def __init__(self, now_ms: float) -> None:
        self.live_ms = self.heard_ms = now_ms
        self.first_event: int | None = None
        self.newest_event: int | None = None
        """The largest event time that the venue's clock bears out."""
        self._ahead: int | None = None
        """The largest that it does not, since the venue was asked last."""
        self._asked_about: deque[tuple[float, int]] = deque(maxlen=_QUESTIONS)
        """The same of before the last questions, and when those were sent."""
        self.live_time: int | None = None
        """The venue's time just after the subscriptions were acknowledged; None: it did not tell in time."""
        self.quiet_until: int | None = None
        """Up to which exchange time there was nothing more, told by the venue's clock in a silence."""
        self.inherited_since: int | None = None
        """From which exchange time on nothing is missing together with the sockets before."""
        self.added: set[tuple[RawType, str]] = set()
        """Stream types and symbols that were acknowledged while another socket was the one that is vouched by."""
        self.added_ms = 0.0

    def reads(self, newest_event: int, now_ms: float, latest: float) -> bool:
        """Take note of frames, and of the largest event time among them.

        Args:
            newest_event: that time.
            now_ms: when.
            latest: the latest event time that the venue's clock bears out. One beyond tells nothing until the venue
                was asked: it may be wrong, or its clock runs faster than ours, as a replay's does.

        Returns:
            Whether the time is believed.
        """
        if newest_event > latest:
            self._ahead = max(newest_event, self._ahead or 0)
            return False
        self.heard_ms = now_ms
        if self.first_event is None or self.newest_event is None:
            self.first_event = self.newest_event = newest_event
        else:
            self.newest_event = max(self.newest_event, newest_event)
        return True

    @property
    def ahead(self) -> bool:
        """Whether events came that are ahead of the venue's clock as far as it is known."""
        return self._ahead is not None

    def asks(self, now_ms: float) -> None:
        """Take note that the venue is asked for its time."""
        if self._ahead is not None:
            self._asked_about.append((now_ms, self._ahead))
            self._ahead = None

    def borne_out(self, asked_ms: float, latest: float) -> int | None:
        """Return the largest event time that an answer bears out; what it does not is wrong, and forgotten.

        Args:
            asked_ms: when the question was sent: the events of before cannot be later than its answer.
            latest: the latest event time that is believed now.
        """
        borne_out = None
        while self._asked_about and self._asked_about[0][0] <= asked_ms:
            _, event = self._asked_about.popleft()
            if event <= latest:
                borne_out = max(event, borne_out or 0)
        return borne_out

    def is_quiet(self, until: int) -> None:
        """Take note that up to an exchange time there was nothing more to read."""
        self.quiet_until = max(self.quiet_until or 0, until)
        if self.whole_since() is None:
            # It was live by then, and nothing has come since: nothing of that time is under way any more. Where a
            # few events came before the silence, no later one may ever tell.
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
