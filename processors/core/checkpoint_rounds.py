"""Checkpoints of a partition's state: what a state must be able to do, and in which order checkpoints are written.

A *round* begins by noting how far the log was applied, and what belongs to no entity. Then the entities that changed
are written, a few at a time, each as it is at that moment. When all are acknowledged, a *manifest* says so. Whoever
takes the partition over loads what the manifest names and reads the log from where the round began.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol, runtime_checkable

import msgspec

from processors.core.records import DeadLetter, Difference, Output
from schemas.markets import Market
from schemas.topics import RawType


__all__ = [
    "SLACK_BYTES",
    "CheckpointError",
    "CheckpointRounds",
    "Checkpointed",
    "Entity",
    "HoldsRecords",
    "Round",
    "Written",
]

SLACK_BYTES: Final = 1 << 20
"""Bytes of outdated checkpoints that are not worth writing anything anew."""


class Entity(msgspec.Struct, frozen=True, order=True):
    """A part of a partition's state that is written and read as a whole."""

    market: Market
    key: str
    """The symbol; of what is private, see :mod:`processors.core.account_partition`."""


class CheckpointError(ValueError):
    """A dumped state that cannot be read: damaged, or of a version that this code does not know."""


@runtime_checkable
class Checkpointed(Protocol):
    """A partition's state that can be written down entity by entity and brought back.

    An entity may be brought back in a newer state than the offset from which its partition's log is then read: it keeps
    the ``next_offset`` of its own raw topic and passes over the raw records below that. Control records are read again
    from that offset whatever the entity's age: applying one twice must change nothing.
    """

    def entities(self) -> Collection[Entity]:
        """Return all entities."""

    def entities_changed(self) -> Collection[Entity]:
        """Return the entities that changed since each was last dumped or loaded."""

    def dump(self, entity: Entity) -> bytes:
        """Return the whole state of an entity, which counts as unchanged from then on."""

    def load(self, entity: Entity, state: bytes) -> None:
        """Take over a dumped entity.

        Raises:
            CheckpointError: it cannot be read; nothing changed.
        """

    def dump_shared(self) -> bytes:
        """Return what belongs to no entity."""

    def load_shared(self, state: bytes) -> None:
        """Take over what belongs to no entity.

        Raises:
            CheckpointError: it cannot be read; nothing changed.
        """

    def start_anew(self, entity: Entity) -> None:
        """Begin an entity whose checkpoint is lost: it claims nothing that the log does not tell."""

    def announce(self) -> Collection[Output]:
        """Return what readers must be told again after the state was brought back.

        The predecessor may have said otherwise last, by its own clock.
        """


@runtime_checkable
class HoldsRecords(Protocol):
    """A partition's state that takes records which it may not apply yet: they speak of what is in another raw topic.

    Those are in no checkpoint: a round notes that they are still to be read.
    """

    def first_held(self) -> Mapping[tuple[Market, RawType], int]:
        """Return the first offset of each raw topic that was taken and is not applied."""

    def passed_over(self, market: Market, raw_type: RawType, offset: int) -> Iterable[Output | DeadLetter | Difference]:
        """Take note that no record below an offset is left to come; return what comes of it.

        Records that retention deleted are passed over, and those that were applied before a state was brought back.
        """


class Written(msgspec.Struct, frozen=True):
    """The last checkpoint of an entity."""

    offset: int
    """Of its record; -1: it could not be written, and is lost until it can."""
    position: int
    """How far the log was applied: the larger, the newer."""
    size: int
    """Of its record, bytes."""


class Round(msgspec.Struct, frozen=True):
    """What a round noted when it began."""

    begun_ms: int
    next_offsets: Mapping[str, int]
    """First offset of each topic that was not applied."""
    shared: bytes
    entities: tuple[Entity, ...]
    """All there were; a later one is told by the log."""


class CheckpointRounds:
    """Decides what of one partition's state is written next.

    Entities that did not change are not written again, until so many bytes were written after the last record of one
    that a reader, who begins at the oldest, would read more than about three times what it needs.

    Args:
        interval_ms: between the beginnings of two rounds; a round that takes longer is followed by the next at once.
    """

    def __init__(self, interval_ms: int) -> None:
        self._interval_ms = interval_ms
        self._due_ms: int | None = None
        self._covered_ms: int | None = None
        """When all that was applied until then was last known to be written."""
        self._round: Round | None = None
        self._waiting: deque[Entity] = deque()
        self._unconfirmed: set[Entity] = set()
        self._last: Mapping[str, int] | None = None
        self._known: dict[Entity, Written] = {}
        self._written_at: dict[Entity, int] = {}
        """Bytes that had been written to the topic of the entity's market before its record."""
        self._bytes: dict[Market, int] = {}

    def note(self, entity: Entity, written: Written) -> None:
        """Take note of an entity's last checkpoint: one that was loaded, in the order of offsets, or just written."""
        before = self._bytes.get(entity.market, 0)
        self._known[entity] = written
        self._written_at[entity] = before
        self._bytes[entity.market] = before + written.size
        self._unconfirmed.discard(entity)

    def outdated(self, market: Market, size: int) -> None:
        """Take note of a record that was read although a later one of its entity follows."""
        self._bytes[market] = self._bytes.get(market, 0) + size

    def due(self, now_ms: int) -> bool:
        """Return whether a round is to begin. The first call begins to count."""
        if self._due_ms is None:
            self._due_ms, self._covered_ms = now_ms + self._interval_ms, now_ms
        return self._round is None and now_ms >= self._due_ms

    def begin(self, now_ms: int, next_offsets: Mapping[str, int], state: Checkpointed) -> bool:
        """Begin a round; return whether there is anything to say."""
        self._due_ms = now_ms + self._interval_ms
        entities = tuple(state.entities())
        wanted = set(state.entities_changed())
        wanted.update(entity for entity in entities if entity not in self._known)
        if self._last == next_offsets and not wanted:
            self._covered_ms = now_ms
            return False
        wanted.update(self._outdated(entities))
        self._round = Round(now_ms, dict(next_offsets), state.dump_shared(), entities)
        # Oldest first, so that the beginning of what must be read moves on even if the round is never whole.
        self._waiting = deque(sorted(wanted, key=lambda entity: (self._written_at.get(entity, -1), entity)))
        self._unconfirmed = set(wanted)
        return True

    @property
    def waiting(self) -> bool:
        """Whether an entity is left to be written in the round that is going on."""
        return bool(self._waiting)

    def take(self) -> Entity | None:
        """Return the entity to write next; None: none is left, or no round is going on."""
        return self._waiting.popleft() if self._waiting else None

    def put_back(self, entity: Entity) -> None:
        """Take note that an entity was not written after all."""
        self._waiting.append(entity)

    def whole(self) -> tuple[Round, Mapping[Entity, Written]] | None:
        """Return the round and where its entities are, once all of them are acknowledged."""
        if self._round is None or self._unconfirmed:
            return None
        return self._round, {entity: self._known[entity] for entity in self._round.entities}

    def finish(self) -> None:
        """Take note that the manifest of the round is acknowledged."""
        if self._round is not None:
            self._last, self._covered_ms = self._round.next_offsets, self._round.begun_ms
            self._round = None

    def abandon(self) -> None:
        """Drop a round that is going on; what it wrote stays good."""
        self._round = None
        self._waiting.clear()
        self._unconfirmed.clear()

    def age_ms(self, now_ms: int) -> int:
        """Return how long ago the last whole round began; what was applied since then would be read again."""
        return 0 if self._covered_ms is None else now_ms - self._covered_ms

    def span(self, market: Market) -> int:
        """Return how many bytes lie between the oldest checkpoint in use of a market and the newest."""
        starts = [at for entity, at in self._written_at.items() if entity.market is market]
        return self._bytes.get(market, 0) - min(starts) if starts else 0

    def _outdated(self, entities: Collection[Entity]) -> list[Entity]:
        live: dict[Market, int] = {}
        for entity in entities:
            if (written := self._known.get(entity)) is not None:
                live[entity.market] = live.get(entity.market, 0) + written.size
        return [
            entity
            for entity in entities
            if (at := self._written_at.get(entity)) is not None
            and self._bytes[entity.market] - at > 2 * live[entity.market] + SLACK_BYTES
        ]
