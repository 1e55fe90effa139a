"""The venue's time as it told it, and which event times that bears out."""

from __future__ import annotations

import math
from typing import Final

from ingest.core.reading import DISORDER_MS


__all__ = ["TELL_AGAIN_MS", "ToldTime"]

TELL_AGAIN_MS: Final = 600_000
"""So often the venue is asked in any case: its clock and ours drift apart."""


class ToldTime:
    """What the venue said last of its time, and when by our monotonic clock; before the first word nobody knows."""

    def __init__(self) -> None:
        self._told: tuple[int, float] | None = None

    def set(self, venue_time: int, now_ms: float) -> None:
        """Take what the venue said, or the best guess at it."""
        self._told = venue_time, now_ms

    def latest(self, now_ms: float) -> float:
        """Return the latest event time that is believed: of what is vouched for, so much is taken off again."""
        if self._told is None:
            return math.inf
        venue_time, told_ms = self._told
        return venue_time + (now_ms - told_ms) + DISORDER_MS

    def is_old(self, now_ms: float) -> bool:
        """Return whether it is time to ask again."""
        return self._told is not None and now_ms - self._told[1] >= TELL_AGAIN_MS
