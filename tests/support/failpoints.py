"""Places at which a worker kills itself, as no signal from outside can be timed to: around what makes it lose nothing.

Outputs, then checkpoints, then offsets: between any two of these a worker may end. Nothing of this is in the workers;
a test's worker is put together with it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import NoReturn

from faust.types import TP

from processors.batching import BatchConsumer
from processors.publisher import Grouped, Offsets, Publisher


__all__ = ["FailingPublisher", "Failpoint", "Fuse", "fail_around_commits"]


class Failpoint(StrEnum):
    """Where a worker ends."""

    AFTER_OUTPUTS = "after-outputs"
    """The outputs of a batch are durable, the batch is not acknowledged."""
    BEFORE_STATES = "before-states"
    """States were dumped and are not written."""
    AFTER_STATES = "after-states"
    """States are written, the manifest that names them is not."""
    AFTER_CHECKPOINT = "after-checkpoint"
    """The manifest is written: the checkpoints are ahead of the committed offsets."""
    BEFORE_COMMIT = "before-commit"
    """Batches are acknowledged, their offsets are not committed."""
    AFTER_COMMIT = "after-commit"
    """Offsets are committed, and nobody here knows it."""


class Fuse:
    """Kills this process when it has come to a place so many times.

    Args:
        setting: the place and how many times it is passed first, like ``after-outputs:3``; None: never.
    """

    def __init__(self, setting: str | None) -> None:
        place, _, passes = (setting or "").partition(":")
        self._place = Failpoint(place) if place else None
        self._passes = int(passes or 0)

    def reach(self, place: Failpoint) -> None:
        """Come to a place."""
        if place is not self._place:
            return
        if self._passes == 0:
            _die()
        self._passes -= 1


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL was survived")


class FailingPublisher:
    """A publisher with failpoints.

    Args:
        publisher: does the work.
        fuse: kills.
        states: names of the topics of checkpoints.
        manifests: name of the topic of manifests.
    """

    def __init__(self, publisher: Publisher, fuse: Fuse, *, states: Collection[str], manifests: str) -> None:
        self._publisher = publisher
        self._fuse = fuse
        self._states = states
        self._manifests = manifests

    async def publish(self, records: Grouped) -> Offsets:
        """Publish, and die before or after it."""
        topics = {topic for topic, _ in records}
        if topics & {*self._states}:
            self._fuse.reach(Failpoint.BEFORE_STATES)
        offsets = await self._publisher.publish(records)
        if topics & {*self._states}:
            self._fuse.reach(Failpoint.AFTER_STATES)
        elif self._manifests in topics:
            self._fuse.reach(Failpoint.AFTER_CHECKPOINT)
        else:
            self._fuse.reach(Failpoint.AFTER_OUTPUTS)
        return offsets


def fail_around_commits(consumer: BatchConsumer, fuse: Fuse) -> None:
    """Have a consumer die before or after it commits."""
    commit = consumer._commit

    async def fatal_commit(offsets: Mapping[TP, int]) -> bool:
        fuse.reach(Failpoint.BEFORE_COMMIT)
        done = await commit(offsets)
        fuse.reach(Failpoint.AFTER_COMMIT)
        return done

    consumer._commit = fatal_commit  # type: ignore[method-assign]
