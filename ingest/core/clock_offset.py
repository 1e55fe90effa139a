"""What the venue's clock shows, from a few answers to the question for its time.

An answer was made at some moment between question and receipt; half way is the best guess, and wrong by no more than
half the round trip. So of a few answers the one with the shortest round trip is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct


__all__ = ["MEASURE_AGAIN_MS", "ClockOffset", "Reading"]

MEASURE_AGAIN_MS: Final = 300_000.0
"""Two clocks of ordinary machines drift apart by less than 0.1 s in so long."""
_CUT_MS: Final = 0.5
"""The venue cuts its time to milliseconds: on average so much is lost."""


class Reading(Struct, frozen=True):
    """One answer to the question for the venue's time."""

    server_time: int
    sent_ms: float
    """By our monotonic clock."""
    received_ms: float

    @property
    def round_trip_ms(self) -> float:
        """How long the answer took."""
        return self.received_ms - self.sent_ms

    @property
    def offset_ms(self) -> float:
        """What to add to our monotonic clock to have the venue's time."""
        return self.server_time + _CUT_MS - (self.sent_ms + self.received_ms) / 2


class ClockOffset:
    """The difference between the venue's clock and our monotonic one, which no correction of ours moves."""

    def __init__(self) -> None:
        self._reading: Reading | None = None
        self._measured_ms = 0.0

    @property
    def reading(self) -> Reading | None:
        """The answer that is believed; None: nothing was measured."""
        return self._reading

    def learn(self, readings: Sequence[Reading], now_ms: float) -> float:
        """Take a new measurement of one answer or more.

        Returns:
            By how many milliseconds the venue's clock is ahead of what was believed; 0.0 at the first.
        """
        best = min(readings, key=lambda reading: reading.round_trip_ms)
        moved_ms = 0.0 if self._reading is None else best.offset_ms - self._reading.offset_ms
        self._reading, self._measured_ms = best, now_ms
        return moved_ms

    def is_old(self, now_ms: float) -> bool:
        """Return whether it is time to measure, for the first time or again."""
        return self._reading is None or now_ms - self._measured_ms >= MEASURE_AGAIN_MS

    def time(self, now_ms: float) -> int:
        """Return the venue's time, milliseconds since the epoch; only after a measurement."""
        if self._reading is None:
            msg = "the venue's clock was not measured"
            raise ValueError(msg)
        return int(now_ms + self._reading.offset_ms)
