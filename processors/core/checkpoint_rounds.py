"""Checkpoints of a partition's state: what a state must be able to do, and in which order checkpoints are written."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import msgspec

from processors.core.records import Output
from schemas.markets import Market


__all__ = ["CheckpointError", "Checkpointed", "Entity"]


class Entity(msgspec.Struct, frozen=True, order=True):
    """A part of a partition's state that is written and read as a whole."""

    market: Market
    key: str
    """The symbol, or ``symbol|source`` where a symbol has several."""


class CheckpointError(ValueError):
    """A dumped state that cannot be read: damaged, or of a version that this code does not know."""


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
