"""The port through which everything leaves ingest for Kafka."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from ingest.core.heartbeats import Position
from ingest.core.records import Record


__all__ = ["Delivery", "Publisher"]


class Delivery(Struct, frozen=True):
    """A batch that the broker has acknowledged."""

    topic: str
    partition: int
    offset: int
    """Of its first record; -1: the broker does not tell."""
    record_count: int
    byte_count: int
    """Before compression."""
    seconds: float
    """Since it was sent."""


class Publisher(Protocol):
    """Takes records, keeps their order within each partition, and knows which of them the broker has.

    A record counts as delivered when the broker has acknowledged it. What is handed over is never dropped: it is sent
    again until it is acknowledged, so a record can be in the log twice. Memory is bounded by the callers' courtesy:
    before they hand over more they wait for :meth:`room` while :attr:`full`.
    """

    @property
    def full(self) -> bool:
        """Whether callers must wait for :meth:`room`."""

    @property
    def unacknowledged(self) -> int:
        """How many records the broker has not acknowledged yet."""

    def publish(self, record: Record) -> None:
        """Hand over a record, to be delivered soon; returns at once."""

    async def deliver(self, record: Record) -> int:
        """Hand over a record and wait until the broker has it; returns its offset, -1 if the broker does not tell.

        Raises:
            RecordRefusedError: the broker refuses this very record.
        """

    async def room(self) -> None:
        """Wait until there is room for more."""

    def position(self, topic: str, partition: int) -> Position:
        """Return how far this publisher is in a partition."""

    async def drain(self, limit_s: float) -> int:
        """Wait until everything is acknowledged, but no longer than this; returns how many records are not."""
