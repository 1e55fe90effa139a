"""What must not reach the broker: one bad record blocks its partition.

A record stamped far ahead, or larger than the broker's limit, fails its whole batch, and every later batch of that
partition with ``OutOfOrderSequenceNumber`` until a new producer is made.
"""

from __future__ import annotations

import hashlib
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from ingest.core.records import Record


__all__ = ["AHEAD_MS", "EARLIEST_MS", "Cut", "VenueClock", "cut", "with_receive_time"]

EARLIEST_MS: Final = 1_262_304_000_000
"""2010-01-01: before Bitcoin had a price."""
AHEAD_MS: Final = 30 * 60_000
"""How far an event time may be ahead of the venue's clock."""
CUT_BYTES: Final = 64 * 1024
"""How much of an oversized original is kept."""


class VenueClock:
    """What time it is at the venue, as far as its answers and its events tell.

    In a replay that is years ago, and may run faster than ours: what it said last plus what passed since, or the
    newest plausible event, whichever is later. Until it has said something, its clock is taken to be ours. What is
    plausible follows from its words alone: were events believed on the word of events, a few wrong ones would carry
    it ahead without end.

    Args:
        wall_ms: our clock, milliseconds since the epoch.
        now_ms: our monotonic clock, milliseconds.
    """

    def __init__(self, wall_ms: int, now_ms: float) -> None:
        self._said_ms = wall_ms
        self._said_at_ms = now_ms
        self._newest_event_ms = 0
        self.asked = False
        """Whether the venue was heard: before, all this is our own clock."""

    def set(self, server_time_ms: int, now_ms: float) -> None:
        """Take over what the venue answered to the question for its time."""
        self._said_ms, self._said_at_ms, self.asked = server_time_ms, now_ms, True

    def observe(self, event_time_ms: int) -> None:
        """Take note of a plausible event time."""
        self._newest_event_ms = max(self._newest_event_ms, event_time_ms)

    def told(self, now_ms: float) -> int:
        """Return what it said last plus what passed since, milliseconds since the epoch."""
        return self._said_ms + int(max(0.0, now_ms - self._said_at_ms))

    def now(self, now_ms: float) -> int:
        """Return the venue's time, milliseconds since the epoch."""
        return max(self.told(now_ms), self._newest_event_ms)

    def latest_plausible(self, now_ms: float) -> int:
        """Return the latest event time that is taken for true."""
        return self.told(now_ms) + AHEAD_MS


def with_receive_time(record: Record, receive_time_ms: int) -> Record:
    """Return the record stamped with its receive time instead of an event time that cannot be."""
    return replace(record, timestamp_ms=receive_time_ms, event_time=None)


class Cut(Struct, frozen=True):
    """What is kept of an original that is set aside."""

    kept: bytes
    length: int
    """Of the whole."""
    sha256: str
    """Of the whole, in hex."""


def cut(original: bytes, limit: int = CUT_BYTES) -> Cut:
    """Return the beginning of an original, with the length and the hash of all of it."""
    return Cut(original[:limit], len(original), hashlib.sha256(original).hexdigest())
