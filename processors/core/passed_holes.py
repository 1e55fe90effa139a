"""The holes in the ids of one symbol that the flow has passed, and what comes of what is learned about them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

from processors.core.decisions import Decision
from processors.core.missing_ids import IdRun, KeptMissing, MissingIds
from processors.core.sequence_results import Hole, HoleClosed, HoleNarrowed
from schemas.control import GapStatus


__all__ = ["PassedHoles"]

HOLE_LIMIT: Final = 10_000
"""Holes remembered. What belongs to an older one is taken for a repetition."""


class PassedHoles:
    """Holes of one epoch, in the order of their ids."""

    __slots__ = ("_holes",)

    def __init__(self) -> None:
        self._holes: list[MissingIds] = []

    def begin(self, trade_id: int, trade_time: int) -> None:
        """Take the first id of an epoch: those before it may still come, though nobody misses them."""
        if trade_id > 0:
            self._holes.append(MissingIds(IdRun(0, trade_id - 1, 0, trade_time), reported=False))

    def add(self, hole: Hole, told: Iterable[Decision]) -> Iterator[HoleNarrowed | HoleClosed]:
        """Take a hole, and what the ledger has said about it already."""
        run = IdRun(hole.first_id, hole.last_id, hole.previous_time, hole.next_time)
        missing = MissingIds(run, reported=not hole.absent)
        self._holes.append(missing)
        if len(self._holes) > HOLE_LIMIT:
            del self._holes[0]
        for decision in told:
            yield from self._settle(hole.epoch, missing, decision)

    def miss(self, trade_id: int) -> bool:
        """Return whether an id is missing."""
        hole = self._hole_of(trade_id)
        return hole is not None and hole.overlaps(trade_id, trade_id)

    def fill(self, epoch: int, trade_id: int, trade_time: int) -> Iterator[HoleNarrowed | HoleClosed]:
        """Take an id that was missing."""
        hole = self._hole_of(trade_id)
        assert hole is not None  # noqa: S101 - see miss()
        hole.strike(trade_id, trade_id, trade_time)
        yield from self._what_is_left(epoch, hole)

    def decide(self, epoch: int, decision: Decision) -> Iterator[HoleNarrowed | HoleClosed]:
        """Take what the ledger says."""
        for hole in list(self._holes):
            yield from self._settle(epoch, hole, decision)

    def end(self, epoch: int) -> Iterator[HoleClosed]:
        """Take the end of an epoch: what is missing stays missing."""
        for hole in self._holes:
            if hole.reported:
                yield HoleClosed(epoch, hole.first_id, recovered=False)
        self._holes.clear()

    def dump(self) -> list[KeptMissing]:
        """Return all, written down."""
        return [hole.dump() for hole in self._holes]

    def load(self, kept: list[KeptMissing]) -> None:
        """Take over what was written down.

        Raises:
            ValueError: nothing is missing in one.
        """
        self._holes = [MissingIds.of(hole) for hole in kept[-HOLE_LIMIT:]]

    def _hole_of(self, trade_id: int) -> MissingIds | None:
        position = bisect_right(self._holes, trade_id, key=lambda hole: hole.first_id) - 1
        return self._holes[position] if position >= 0 else None

    def _settle(self, epoch: int, hole: MissingIds, decision: Decision) -> Iterator[HoleNarrowed | HoleClosed]:
        if not hole.reported or not hole.overlaps(decision.first_id, decision.last_id):
            return
        if decision.status is GapStatus.ABSENT:
            hole.strike(decision.first_id, decision.last_id)
            yield from self._what_is_left(epoch, hole)
        elif decision.status is GapStatus.UNFILLABLE:
            hole.give_up(decision.first_id, decision.last_id)
            if hole.hopeless:
                yield HoleClosed(epoch, hole.first_id, recovered=False)

    def _what_is_left(self, epoch: int, hole: MissingIds) -> Iterator[HoleNarrowed | HoleClosed]:
        if not hole.runs:
            self._holes.remove(hole)
        if hole.reported:
            if hole.runs:
                spans = tuple((run.previous_time, run.next_time) for run in hole.runs)
                yield HoleNarrowed(epoch, hole.first_id, spans)
                if hole.hopeless:
                    yield HoleClosed(epoch, hole.first_id, recovered=False)
            else:
                yield HoleClosed(epoch, hole.first_id, recovered=True)
