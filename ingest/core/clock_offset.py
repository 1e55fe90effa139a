"""What the venue's clock shows, from a few answers to the question for its time.

An answer was made at some moment between question and receipt; half way is the best guess, and wrong by no more than
half the round trip. So of a few answers the one with the shortest round trip is believed.

A real venue's clock runs as fast as ours. That of a replay or a simulation may run many times as fast: a correction
would be old at once. So how fast it ran between two measurements is looked at too, and followed if it is clearly not
one to one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from msgspec import Struct


__all__ = ["MEASURE_AGAIN_MS", "ClockOffset", "Reading"]

MEASURE_AGAIN_MS: Final = 60_000.0
"""Two clocks of ordinary machines drift apart by a few milliseconds in so long."""
_APART_MS: Final = 500.0
"""Between two measurements from which a pace is told."""
_OUT_OF_STEP: Final = 0.05
"""A clock that gains or loses no more than this part runs as ours does, and was measured inexactly."""
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
    def middle_ms(self) -> float:
        """When it was made, as far as anybody can tell."""
        return (self.sent_ms + self.received_ms) / 2

    def time_at(self, now_ms: float, pace: float = 1.0) -> float:
        """Return the venue's time, if its clock has run so fast since."""
        return self.server_time + _CUT_MS + pace * (now_ms - self.middle_ms)


class ClockOffset:
    """The difference between the venue's clock and our monotonic one, which no correction of ours moves."""

    def __init__(self) -> None:
        self._reading: Reading | None = None
        self._anchor: Reading | None = None
        """An earlier answer, from which the pace is told."""
        self._measured_ms = 0.0
        self._pace = 1.0

    @property
    def reading(self) -> Reading | None:
        """The answer that is believed; None: nothing was measured."""
        return self._reading

    @property
    def pace(self) -> float:
        """How many times as fast as ours the venue's clock runs."""
        return self._pace

    def learn(self, readings: Sequence[Reading], now_ms: float) -> float:
        """Take a new measurement of one answer or more.

        Returns:
            By how many milliseconds the venue's clock is ahead of what was believed; 0.0 at the first.
        """
        best = min(readings, key=lambda reading: reading.round_trip_ms)
        moved_ms = 0.0 if self._reading is None else best.time_at(best.middle_ms) - self._at(best.middle_ms)
        if self._anchor is None:
            self._anchor = best
        elif best.middle_ms - self._anchor.middle_ms >= _APART_MS:
            pace = (best.server_time - self._anchor.server_time) / (best.middle_ms - self._anchor.middle_ms)
            self._pace = 1.0 if abs(pace - 1.0) <= _OUT_OF_STEP else max(0.0, pace)
            self._anchor = best
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
        return int(self._at(now_ms))

    def earliest(self, now_ms: float) -> int:
        """Return a time that the venue's clock has surely reached: it is wrong by half a round trip at most."""
        doubt_ms = 0.0 if self._reading is None else self._reading.round_trip_ms / 2 + 1.0
        return self.time(now_ms) - math.ceil(doubt_ms * max(1.0, self._pace))

    def _at(self, now_ms: float) -> float:
        return 0.0 if self._reading is None else self._reading.time_at(now_ms, self._pace)
