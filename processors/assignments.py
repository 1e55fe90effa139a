"""Which partitions this worker has, and the units that keep their state."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

import structlog
from faust.types import TP

from processors import metrics
from processors.rebuild import LogReader, Logs, Range
from processors.units import Flow, Unit, UnitFactory


__all__ = ["Assignments", "Gate"]

_log = structlog.get_logger(__name__)

_TELL_EVERY_S = 5.0
_STOP_S = 5.0


class Gate(Protocol):
    """Lets records of partitions through that were held back."""

    def release(self, partitions: Iterable[TP], generation: int) -> None:
        """Deliver from these partitions, unless another generation began."""


class Assignments:
    """Keeps a unit for each assigned partition of each flow, and brings it up to date before its stream goes on.

    An :class:`~processors.batching.AssignmentListener`. Units of partitions that stay are kept over a rebalance; those
    of partitions that went are dropped at once, so a partition that comes back later is rebuilt from the log.

    Args:
        flows: the family's flows.
        factory: makes units.
        logs: the log to rebuild from.
        fail: called with the error when a rebuild fails.
    """

    def __init__(
        self,
        flows: Sequence[Flow],
        factory: UnitFactory,
        logs: Logs,
        fail: Callable[[BaseException], Awaitable[None]],
    ) -> None:
        self._flows = flows
        self._factory = factory
        self._logs = logs
        self._fail = fail
        self._units: dict[tuple[str, int], Unit] = {}
        self._gate: Gate | None = None
        self._rebuilding: asyncio.Task[None] | None = None
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

    def assigned(self, generation: int, starts: Mapping[TP, int]) -> Collection[TP]:
        """Keep, drop and make units; hold back the partitions of those that must catch up."""
        self._cancel()
        self._owned = self._whole = True
        metrics.REBALANCES.inc()
        units: dict[tuple[str, int], Unit] = {}
        held: set[TP] = set()
        behind: list[tuple[Unit, list[Range]]] = []
        for flow in self._flows:
            for partition in sorted({tp.partition for tp in starts if tp.topic in flow.topic_names}):
                if missing := [name for name in flow.topic_names if TP(name, partition) not in starts]:
                    _log.error(
                        "partition held back: not all its topics were assigned here; "
                        "do workers of different versions or settings share the group?",
                        flow=flow.name, partition=partition, missing=missing,
                    )  # fmt: skip
                    self._whole = False
                    held.update(tp for tp in starts if tp.partition == partition and tp.topic in flow.topic_names)
                    continue
                unit = self._units.get((flow.name, partition)) or self._factory.unit(flow, partition)
                units[flow.name, partition] = unit
                ranges = _behind(unit, starts)
                unit.ready = not ranges
                if ranges:
                    behind.append((unit, ranges))
                    held.update(TP(name, partition) for name in flow.topic_names)
        self._units = units
        self._count()
        _log.info("partitions assigned", generation=generation, flows=self._described(), rebuilding=len(behind))
        if behind:
            self._rebuilding = asyncio.create_task(self._rebuild(generation, behind), name="rebuild")
        return held

    async def revoking(self) -> None:
        """Stop rebuilding; what was applied stays applied."""
        self._owned = False
        if task := self._cancel():
            await asyncio.wait([task], timeout=_STOP_S)  # it applies nothing any more; it may still be disconnecting

    close = revoking

    def _cancel(self) -> asyncio.Task[None] | None:
        task, self._rebuilding = self._rebuilding, None
        if task is not None:
            task.cancel()
        return task

    async def _rebuild(self, generation: int, behind: Sequence[tuple[Unit, list[Range]]]) -> None:
        try:
            async with self._logs.open() as reader:
                for unit, ranges in behind:
                    await self._catch_up(reader, unit, ranges)
                    unit.ready = True
                    self._count()
                    assert self._gate is not None  # noqa: S101 - attached before the app starts
                    self._gate.release([TP(name, unit.partition) for name in unit.flow.topic_names], generation)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the partitions would be held for ever
            await self._fail(error)

    async def _catch_up(self, reader: LogReader, unit: Unit, ranges: Sequence[Range]) -> None:
        loop = asyncio.get_running_loop()
        began_at = told_at = loop.time()
        applied, total = 0, sum(r.end - r.begin for r in ranges)
        log = _log.bind(flow=unit.flow.name, partition=unit.partition)
        async for records in reader.read(unit.partition, ranges):
            # Their outputs were written before their offsets were committed.
            unit.apply(records, lagging=True)
            applied += len(records)
            if loop.time() - told_at > _TELL_EVERY_S:
                told_at = loop.time()
                log.info("rebuilding", applied=applied, of_at_most=total)
            await asyncio.sleep(0)
        for r in ranges:
            unit.pass_over(r.topic, r.end)
        seconds = loop.time() - began_at
        metrics.REBUILD_SECONDS.labels(unit.flow.name).observe(seconds)
        log.info("rebuilt", applied=applied, seconds=round(seconds, 3))

    def _count(self) -> None:
        for flow in self._flows:
            ready = [unit.ready for unit in self._units.values() if unit.flow.name == flow.name]
            metrics.PARTITIONS.labels(flow.name, "running").set(sum(ready))
            metrics.PARTITIONS.labels(flow.name, "rebuilding").set(len(ready) - sum(ready))

    def _described(self) -> dict[str, list[int]]:
        return {
            flow.name: sorted(unit.partition for unit in self._units.values() if unit.flow.name == flow.name)
            for flow in self._flows
        }


def _behind(unit: Unit, starts: Mapping[TP, int]) -> list[Range]:
    """Return what a unit lacks: from its next offset of each topic to the offset at which that topic goes on."""
    return [
        Range(name, unit.next_offset(name), start)
        for name in unit.flow.topic_names
        if unit.next_offset(name) < (start := starts[TP(name, unit.partition)])
    ]
