"""What a measured process writes down."""

from __future__ import annotations

from msgspec import Struct


__all__ = ["Acknowledged", "Sightings"]


class Acknowledged(Struct, frozen=True, array_like=True):
    """Records of a partition that the broker acknowledged together."""

    partition: int
    offset: int
    """Of the first."""
    count: int
    time_ns: int
    """When the acknowledgement was taken in."""


class Sightings(Struct, frozen=True):
    """One run, seen from inside."""

    began_ns: int
    """When the first frame was read; 0: the records tell, by the receive time in their headers."""
    ended_ns: int
    """When the last record was acknowledged."""
    cpu_ns: int
    """Processor time spent meanwhile on ``cpu_events`` events."""
    cpu_events: int
    batches: list[Acknowledged]
