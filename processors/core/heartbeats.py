"""When a heartbeat counts, and what is known from heartbeats about the time before a symbol's first record.

A heartbeat vouches for what lies below an offset of a raw partition. It comes in another topic, so it may be read
before the records it speaks of: then it waits for them (architecture §4.6).
"""

from __future__ import annotations

from collections import deque
from typing import Final

from schemas.control import Heartbeat


__all__ = ["Coverage", "HeartbeatGate"]

WAITING_LIMIT: Final = 4_096
"""Heartbeats that may wait. Beyond it every second one is dropped: the next one vouches for more."""
RUN_LIMIT: Final = 1_000
"""Runs of ingest remembered."""


class HeartbeatGate:
    """Holds the heartbeats of one raw partition back until its records were processed."""

    __slots__ = ("_waiting", "next_offset")

    def __init__(self) -> None:
        self.next_offset = 0
        """Every record below was processed."""
        self._waiting: deque[Heartbeat] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def newest(self) -> Heartbeat | None:
        """The last heartbeat that waits."""
        return self._waiting[-1] if self._waiting else None

    def offer(self, heartbeat: Heartbeat) -> list[Heartbeat]:
        """Take a heartbeat; return those that count now."""
        self._waiting.append(heartbeat)
        if len(self._waiting) > WAITING_LIMIT:
            # One more than an even number: the newest, which vouches for the most, is among those that stay.
            self._waiting = deque(list(self._waiting)[::2])
        return self.due()

    def due(self) -> list[Heartbeat]:
        """Return the heartbeats that count now, each once."""
        due: list[Heartbeat] = []
        while self._waiting and self._waiting[0].offset <= self.next_offset:
            due.append(self._waiting.popleft())
        return due


class Coverage:
    """Since when a raw partition is known to be whole.

    A run of ingest vouches from its first heartbeat on. What happened before, or between two runs, is only known where
    ids tell.
    """

    __slots__ = ("_ingest_ids", "_runs")

    def __init__(self) -> None:
        self._ingest_ids: deque[str] = deque(maxlen=RUN_LIMIT)
        self._runs: deque[tuple[int, int]] = deque(maxlen=RUN_LIMIT)

    def note(self, heartbeat: Heartbeat) -> bool:
        """Take a heartbeat as soon as it is read; return whether it is the first of its run."""
        if self._ingest_ids and self._ingest_ids[-1] == heartbeat.ingest_id:
            return False
        if heartbeat.ingest_id in self._ingest_ids:
            return False
        self._ingest_ids.append(heartbeat.ingest_id)
        self._runs.append((heartbeat.offset, heartbeat.vouched_until))
        return True

    def since(self, offset: int) -> int | None:
        """Return since when the run that delivered the record at ``offset`` vouches; None: it did not before it."""
        for run_offset, vouched_until in reversed(self._runs):
            if run_offset <= offset:
                return vouched_until
        return None
