"""What becomes of a trade, or of a hole in the ids, when trades are put in order."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec


__all__ = ["Duplicate", "Held", "Hole", "HoleClosed", "HoleNarrowed", "InOrder", "Late", "SequenceResult"]

ItemT = TypeVar("ItemT")
"""What is put in order."""


class InOrder(msgspec.Struct, Generic[ItemT], frozen=True):
    """The next trade."""

    epoch: int
    item: ItemT


class Late(msgspec.Struct, Generic[ItemT], frozen=True):
    """A trade whose place the flow has passed."""

    epoch: int
    item: ItemT


class Hole(msgspec.Struct, frozen=True):
    """Ids that the flow goes on without. ``(epoch, first_id)`` names it."""

    epoch: int
    first_id: int
    last_id: int
    previous_time: int
    """Trade time of the last id before it."""
    next_time: int
    """Trade time of the first id after it."""
    input_offset: int
    """Offset of the record after it."""
    absent: bool
    """Whether the venue has no such ids: then nothing is missing."""


class HoleNarrowed(msgspec.Struct, frozen=True):
    """Some ids of a hole that the flow has passed are accounted for: what is still missing lies between these times."""

    epoch: int
    first_id: int
    spans: tuple[tuple[int, int], ...]
    """Trade times before and after each run of ids that is still missing."""


class HoleClosed(msgspec.Struct, frozen=True):
    """The fate of a hole that the flow has passed is final."""

    epoch: int
    first_id: int
    recovered: bool
    """True: every id arrived, or the venue has none. False: what is missing stays missing."""


class Duplicate(msgspec.Struct, frozen=True):
    """An id that was here before, or of an epoch that is over."""

    trade_id: int


class Held(msgspec.Struct, frozen=True):
    """A trade that waits behind a hole."""

    trade_id: int


SequenceResult = InOrder[ItemT] | Late[ItemT] | Hole | HoleNarrowed | HoleClosed | Duplicate | Held
