"""Which records a replay is over: asked for by time or offset, resolved once to exact offsets, kept in a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import msgspec

from schemas.markets import Market


__all__ = ["Bound", "BoundError", "BoundKind", "PartitionRange", "ReplayPlan", "parse_bound", "remaining"]

PLAN_VERSION: Final = 1
_LARGEST: Final = (1 << 63) - 1


class BoundKind(StrEnum):
    """How an end of a range is named."""

    EARLIEST = "earliest"
    """Everything that is kept."""
    LATEST = "latest"
    """What is there now."""
    TIME = "time"
    OFFSET = "offset"


class Bound(msgspec.Struct, frozen=True):
    """One end of a range."""

    kind: BoundKind
    value: int = 0
    """Milliseconds since the epoch, or an offset."""


class BoundError(ValueError):
    """A text that names no end of a range."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)

    def __str__(self) -> str:
        return (
            f'"{self.text}" is no end of a range: give a time (2024-08-09T00:00:00Z, or ms since the epoch), '
            '"offset:1000", "earliest" or "latest"'
        )


def parse_bound(text: str) -> Bound:
    """Return the end of a range that a text names. A time without a zone is UTC.

    Raises:
        BoundError: none.
    """
    named = text.strip()
    if named in {BoundKind.EARLIEST, BoundKind.LATEST}:
        return Bound(BoundKind(named))
    kind, digits = (BoundKind.OFFSET, named[7:]) if named.startswith("offset:") else (BoundKind.TIME, named)
    if digits.isascii() and digits.isdigit() and int(digits) <= _LARGEST:
        return Bound(kind, int(digits))
    try:
        time = datetime.fromisoformat(named)
    except ValueError:
        raise BoundError(text) from None
    return Bound(BoundKind.TIME, round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1_000))


class PartitionRange(msgspec.Struct, frozen=True):
    """Offsets of one partition of a topic: ``[begin, end)``."""

    topic: str
    partition: int
    begin: int
    end: int


class ReplayPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay is over, exactly: two replays of one plan read the same records."""

    version: int = PLAN_VERSION
    prefix: str
    """Of the topics that are read."""
    markets: tuple[Market, ...]
    families: tuple[str, ...]
    ranges: tuple[PartitionRange, ...]
    """Of every partition of every topic that these families read, empty ones included."""

    def __post_init__(self) -> None:
        """Refuse what no replay can be over."""
        if self.version != PLAN_VERSION:
            msg = f"a plan of version {self.version}, this reads version {PLAN_VERSION}"
            raise ValueError(msg)
        if any(not 0 <= one.begin <= one.end for one in self.ranges):
            raise ValueError("a range ends before it begins")

    @property
    def record_count(self) -> int:
        """How many offsets it spans."""
        return sum(one.end - one.begin for one in self.ranges)

    def of(self, topics: Iterable[str]) -> dict[tuple[str, int], PartitionRange]:
        """Return the ranges of topics, by topic and partition."""
        wanted = set(topics)
        return {(one.topic, one.partition): one for one in self.ranges if one.topic in wanted}

    def described(self) -> list[str]:
        """Return a line for each topic that something is read of, with the offsets of each partition."""
        by_topic: dict[str, list[PartitionRange]] = {}
        for one in self.ranges:
            if one.end > one.begin:
                by_topic.setdefault(one.topic, []).append(one)
        return [
            f"{topic}: {sum(one.end - one.begin for one in ranges)} in "
            + " ".join(f"{one.partition}:[{one.begin},{one.end})" for one in ranges)
            for topic, ranges in sorted(by_topic.items())
        ]


def remaining(ranges: Mapping[tuple[str, int], PartitionRange], done: Mapping[tuple[str, int], int]) -> int:
    """Return how many offsets are left, given the first that is not done of each partition."""
    return sum(max(0, one.end - max(one.begin, done.get(key, one.begin))) for key, one in ranges.items())
