"""Streams that speak at their own pace."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from sandbox.simulation.news import News


__all__ = ["Pace", "PeriodicStream", "Schedule"]


class Pace(Struct, frozen=True):
    """Points in time at a constant distance."""

    period_us: int
    phase_us: int = 0
    """Where the points lie between multiples of the period."""

    def next_due_us(self, now_us: int) -> int:
        """Return the first point after a time."""
        return (now_us - self.phase_us) // self.period_us * self.period_us + self.period_us + self.phase_us


class Schedule(Protocol):
    """Points in time at which a stream may speak."""

    def next_due_us(self, now_us: int) -> int:
        """Return the first point after a time."""
        ...


class PeriodicStream(Protocol):
    """A stream that looks at the market at points in time and says what is new."""

    @property
    def schedule(self) -> Schedule:
        """When it looks."""
        ...

    @property
    def news(self) -> News | None:
        """Without such there is nothing new; None: it must look at every point of its schedule."""
        ...

    def renewed_us(self, now_us: int) -> int | None:
        """Return the moment after `now_us` from which on there is something new even without news; None: never."""
        ...

    def frames(self, now_us: int, event_time_ms: int) -> list[bytes]:
        """Return the payloads due at a point in time, stamped with `event_time_ms`; none when nothing is new."""
        ...
