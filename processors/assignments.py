"""Which partitions this worker has, and the units that keep their state."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

import structlog
from faust.types import TP

from processors import metrics
from processors.restore import Behind, Restorer
from processors.units import Flow, Unit, UnitFactory


__all__ = ["Assignments", "Gate"]

_log = structlog.get_logger(__name__)

_STOP_S = 5.0


class Gate(Protocol):
    """Lets records of partitions through that were held back."""

    def release(self, partitions: Iterable[TP], generation: int) -> None:
        """Deliver from these partitions, unless another generation began."""


class Assignments:
    """Keeps a unit for each assigned partition of each flow, and brings it up to date before its stream goes on.

    An :class:`~processors.batching.AssignmentListener`. Units of partitions that stay are kept over a rebalance; those
    of partitions that went are dropped at once, so the state of one that comes back later is brought back like any.

    Args:
        flows: the family's flows.
        factory: makes units.
        restorer: brings units up to date.
        fail: called with the error when that fails.
    """

    def __init__(
        self,
        flows: Sequence[Flow],
        factory: UnitFactory,
        restorer: Restorer,
        fail: Callable[[BaseException], Awaitable[None]],
    ) -> None:
        self._flows = flows
        self._factory = factory
        self._restorer = restorer
        self._fail = fail
        self._units: dict[tuple[str, int], Unit] = {}
        self._gate: Gate | None = None
        self._restoring: asyncio.Task[None] | None = None
        self._owned = False
        self._whole = True

    def attach(self, gate: Gate) -> None:
        """Say who holds records back."""
        self._gate = gate

    def unit(self, flow: Flow, partition: int) -> Unit:
        """Return the unit of an assigned partition."""
        return self._units[flow.name, partition]

    def units(self, flow: Flow) -> list[Unit]:
        """Return the units of a flow that are up to date; none while partitions are being taken away."""
        return [unit for unit in self._units.values() if unit.flow.name == flow.name and unit.ready and self._owned]

    @property
    def settled(self) -> bool:
        """Whether the group gave this worker an assignment, be it empty, and all of it is being worked on."""
        return self._owned and self._whole and all(unit.ready for unit in self._units.values())

    @property
    def restoring(self) -> int:
        """How many partitions' states are being brought back."""
        return sum(not unit.ready for unit in self._units.values())

    def assigned(self, generation: int, starts: Mapping[TP, int]) -> Collection[TP]:
        """Keep, drop and make units; hold back the partitions of those that must catch up."""
        self._cancel()
        self._owned = self._whole = True
        metrics.REBALANCES.inc()
        units: dict[tuple[str, int], Unit] = {}
        held: set[TP] = set()
        behind: list[Behind] = []
        for flow in self._flows:
            names = flow.topic_names
            for partition in sorted({tp.partition for tp in starts if tp.topic in names}):
                if missing := [name for name in names if TP(name, partition) not in starts]:
                    _log.error(
                        "partition held back: not all its topics were assigned here; "
                        "do workers of different versions or settings share the group?",
                        flow=flow.name, partition=partition, missing=missing,
                    )  # fmt: skip
                    self._whole = False
                    held.update(tp for tp in starts if tp.partition == partition and tp.topic in names)
                    continue
                unit = self._units.get((flow.name, partition)) or self._factory.unit(flow, partition)
                units[flow.name, partition] = unit
                unit.ready = unit.restored and all(unit.next_offset(n) >= starts[TP(n, partition)] for n in names)
                if not unit.ready:
                    unit.rounds.abandon()
                    behind.append(Behind(unit, {name: starts[TP(name, partition)] for name in names}))
                    held.update(TP(name, partition) for name in names)
        self._units = units
        self._count()
        _log.info("partitions assigned", generation=generation, flows=self._described(), restoring=len(behind))
        if behind:
            self._restoring = asyncio.create_task(self._restore(generation, behind), name="restore")
        return held

    async def revoking(self) -> None:
        """Stop restoring; what was applied stays applied."""
        self._owned = False
        if task := self._cancel():
            await asyncio.wait([task], timeout=_STOP_S)  # it applies nothing any more; it may still be disconnecting

    close = revoking

    def _cancel(self) -> asyncio.Task[None] | None:
        task, self._restoring = self._restoring, None
        if task is not None:
            task.cancel()
        return task

    async def _restore(self, generation: int, behind: Sequence[Behind]) -> None:
        def done(unit: Unit) -> None:
            unit.ready = True
            self._count()
            assert self._gate is not None  # noqa: S101 - attached before the app starts
            self._gate.release([TP(name, unit.partition) for name in unit.flow.topic_names], generation)

        try:
            await self._restorer.restore(behind, done)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the partitions would be held for ever
            await self._fail(error)

    def _count(self) -> None:
        for flow in self._flows:
            ready = [unit.ready for unit in self._units.values() if unit.flow.name == flow.name]
            metrics.PARTITIONS.labels(flow.name, "running").set(sum(ready))
            metrics.PARTITIONS.labels(flow.name, "restoring").set(len(ready) - sum(ready))

    def _described(self) -> dict[str, list[int]]:
        return {
            flow.name: sorted(unit.partition for unit in self._units.values() if unit.flow.name == flow.name)
            for flow in self._flows
        }
