"""The venue's clock, told from what a recorder received.

Payloads carry the venue's event time; the recorder's receive times may be seconds off but tell what passed in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_low


__all__ = ["EventTimes", "VenueClock"]

_NS_PER_MS = 1_000_000
_PLAUSIBLE_MS = 60_000
_CONVINCING_COUNT = 100
_SAMPLES = 100


class VenueClock:
    """Follows event times, runs on by receive times where there are none, and never goes back.

    A single event time more than a minute off is not believed (one poisoned payload must not move the clock by
    hours); a hundred in a row are: then the recorder's own clock has been set.
    """

    def __init__(self, anchor_ns: int, anchor_ms: int) -> None:
        self.now_ms = anchor_ms
        """The venue's time, ms since the epoch."""
        self._anchor_ns = anchor_ns
        self._anchor_ms = anchor_ms
        self._doubted_count = 0

    @classmethod
    def of(cls, first: Sequence[tuple[int, int]]) -> VenueClock:
        """Return a clock that starts at the first of some (receive time in ns, event time in ms).

        The median of their differences is taken for the difference of the clocks.
        """
        skew_ms = median_low(event_ms - receive_ns // _NS_PER_MS for receive_ns, event_ms in first)
        start_ns = first[0][0]
        return cls(start_ns, start_ns // _NS_PER_MS + skew_ms)

    def observe(self, receive_ns: int, event_ms: int) -> None:
        """Move on to a payload's receive time and event time; 0 where it carries none."""
        expected_ms = self._anchor_ms + (receive_ns - self._anchor_ns) // _NS_PER_MS
        if event_ms:
            if abs(event_ms - expected_ms) <= _PLAUSIBLE_MS or self._doubted_count >= _CONVINCING_COUNT:
                self._anchor_ns, self._anchor_ms = receive_ns, event_ms
                self._doubted_count = 0
                expected_ms = event_ms
            else:
                self._doubted_count += 1
        self.now_ms = max(self.now_ms, expected_ms)

    def advance(self, to_ms: int) -> None:
        """Move on to a time, if it is later."""
        self.now_ms = max(self.now_ms, to_ms)


class EventTimes:
    """Finds the span of a recording by the recorder's and by the venue's clock.

    The clock starts when some event times have been seen, so that a wrong one at the very beginning does not set it.
    """

    def __init__(self) -> None:
        self.first_ns = 0
        self.last_ns = 0
        self._start_ms = 0
        self._clock: VenueClock | None = None
        self._samples: list[tuple[int, int]] = []

    def observe(self, receive_ns: int, event_ms: int) -> None:
        """Note an entry's receive time and event time; 0 where it carries none."""
        self.first_ns = self.first_ns or receive_ns
        self.last_ns = max(self.last_ns, receive_ns)
        if self._clock is not None:
            self._clock.observe(self.last_ns, event_ms)
        elif event_ms:
            self._samples.append((receive_ns, event_ms))
            if len(self._samples) == _SAMPLES:
                self._start()

    def span_ms(self) -> tuple[int, int]:
        """Return the venue's time at the first and at the last entry; receive times if there is no event time."""
        if self._clock is None and not self._samples:
            return self.first_ns // _NS_PER_MS, self.last_ns // _NS_PER_MS
        clock = self._clock or self._start()
        clock.observe(self.last_ns, 0)
        return self._start_ms, clock.now_ms

    def _start(self) -> VenueClock:
        self._clock = clock = VenueClock.of(self._samples)
        skew_ms = clock.now_ms - self._samples[0][0] // _NS_PER_MS
        self._start_ms = self.first_ns // _NS_PER_MS + skew_ms
        for receive_ns, event_ms in self._samples:
            clock.observe(receive_ns, event_ms)
        return clock
