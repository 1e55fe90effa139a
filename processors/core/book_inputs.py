"""Diffs and snapshots in numbers, and as bytes for a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from processors.core.book import Level
from processors.core.packed import pack, unpack


__all__ = ["Diff", "PackedInput", "Snapshot"]


class PackedInput(msgspec.Struct, frozen=True, array_like=True):
    """A diff or snapshot as bytes; of a snapshot ``covers_after`` says nothing."""

    covers_after: int
    final_id: int
    event_time: int | None
    bids: bytes
    asks: bytes


class Diff(msgspec.Struct, frozen=True):
    """A diff in numbers."""

    covers_after: int
    """It holds every change after this id."""
    final_id: int
    event_time: int | None
    bids: list[Level]
    asks: list[Level]

    @property
    def order(self) -> tuple[int, int]:
        """Where it belongs among others."""
        return self.covers_after, self.final_id

    @property
    def size(self) -> int:
        """What it costs to keep, in levels."""
        return len(self.bids) + len(self.asks) + 1

    def pack(self) -> PackedInput:
        """Return it as bytes."""
        return PackedInput(self.covers_after, self.final_id, self.event_time, _pack(self.bids), _pack(self.asks))

    @classmethod
    def unpack(cls, packed: PackedInput) -> Diff:
        """Return what was packed.

        Raises:
            ValueError: it cannot be read.
        """
        bids, asks = _unpack(packed.bids), _unpack(packed.asks)
        return cls(packed.covers_after, packed.final_id, packed.event_time, bids, asks)


class Snapshot(msgspec.Struct, frozen=True):
    """A depth snapshot in numbers."""

    last_id: int
    event_time: int | None
    bids: list[Level]
    asks: list[Level]

    def pack(self) -> PackedInput:
        """Return it as bytes."""
        return PackedInput(self.last_id, self.last_id, self.event_time, _pack(self.bids), _pack(self.asks))

    @classmethod
    def unpack(cls, packed: PackedInput) -> Snapshot:
        """Return what was packed.

        Raises:
            ValueError: it cannot be read.
        """
        return cls(packed.final_id, packed.event_time, _unpack(packed.bids), _unpack(packed.asks))


def _pack(levels: Iterable[Level]) -> bytes:
    return pack([number for level in levels for number in level])


def _unpack(packed: bytes) -> list[Level]:
    numbers = unpack(packed)
    return list(zip(numbers[::2], numbers[1::2], strict=True))
