"""Bringing the state of partitions back: checkpoints first, then the log since them.

The outputs of what is read again were written by whoever read it first, and are dropped. Then each stream goes on
exactly at the committed offset.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import structlog

from processors import metrics
from processors.core.checkpoint_rounds import Entity
from processors.manifests import ManifestReader
from processors.rebuild import Bounds, LogReader, Logs, Place, Range
from processors.states import Lost, load_unit, read_states, trimmed_of
from processors.told_alerts import Alerting, open_alerts
from processors.units import Unit
from schemas.codec import Codec
from schemas.control import CheckpointRound
from schemas.derived import Alert
from schemas.markets import Market
from schemas.topics import Layer, TopicTable


__all__ = ["Behind", "Restorer", "Source"]

_log = structlog.get_logger(__name__)

_TELL_EVERY_S: Final = 5.0


class Source(StrEnum):
    """Where a state came from, before what was left of the log was applied to it."""

    CHECKPOINT = "checkpoint"
    LOG = "log"
    KEPT = "kept"
    """It was here already: others had the partition in between."""


@dataclass(slots=True)
class Behind:
    """A unit that is behind the offsets at which its topics go on."""

    unit: Unit
    starts: Mapping[str, int]
    source: Source = Source.KEPT
    applied: int = 0
    told: Sequence[tuple[Entity, Alert]] = field(default=())
    """Alerts that are open, and of which it may know nothing."""

    def start(self, market: Market) -> int:
        """Return where the stream of a market's raw records goes on, where there is one such stream."""
        raw = [topic.name for topic in self.unit.flow.topics if topic.layer is Layer.RAW and topic.market is market]
        return max(self.starts[name] for name in raw)

    def ranges(self, *, control: bool) -> list[Range]:
        """Return what it lacks of its control topics, or of its raw ones."""
        unit = self.unit
        return [
            Range(topic.name, unit.partition, unit.next_offset(topic.name), self.starts[topic.name])
            for topic in unit.flow.topics
            if (topic.layer is Layer.CONTROL) is control and unit.next_offset(topic.name) < self.starts[topic.name]
        ]


class Restorer:
    """Brings units up to the offsets at which their streams go on.

    Args:
        table: the topics.
        codec: decodes checkpoints.
        logs: the log to read.
    """

    def __init__(self, table: TopicTable, codec: Codec, logs: Logs) -> None:
        self._table = table
        self._codec = codec
        self._logs = logs
        self._manifests = ManifestReader(table, codec)

    async def restore(self, units: Sequence[Behind], done: Callable[[Unit], None]) -> None:
        """Bring units up to date, all at once; call ``done`` for each as soon as it is.

        Raises:
            RebuildError: the broker does not give what is needed.
            RegistryUnavailableError: the registry does not answer, so what is read cannot be understood.
        """
        began_at = asyncio.get_running_loop().time()

        def finish(behind: Behind) -> None:
            self._finish(behind, asyncio.get_running_loop().time() - began_at)
            done(behind.unit)

        async with self._logs.open() as reader:
            await self._load(reader, [behind for behind in units if not behind.unit.restored])
            # A state learns what the ledger and the heartbeats say before it reads the raw records, so that each is
            # applied as soon as the raw records that it waits for are there.
            await self._apply(reader, units, control=True)
            await self._apply(reader, units, control=False, finish=finish)

    async def _load(self, reader: LogReader, units: Sequence[Behind]) -> None:
        if not units:
            return
        by_place = {(behind.unit.flow.name, behind.unit.partition): behind for behind in units}
        manifests = await self._manifests.read(reader, by_place.keys())
        bounds = await reader.bounds(
            [(name, behind.unit.partition) for behind in units for name in behind.unit.flow.topic_names]
        )
        # Before anything is read of them: one that is made anew after that is told by the next manifest.
        ids = await reader.topic_ids({topic for topic, _ in bounds})
        usable = {place: manifest for place, manifest in manifests.items() if _is_of_this_log(manifest, bounds, ids)}
        flows = {behind.unit.flow.name: behind.unit.flow for behind in units}
        states = await read_states(reader, self._table, flows, usable)
        for place, behind in by_place.items():
            unit = behind.unit
            unit.reset()
            unit.topic_ids = {name: ids[name] for name in unit.flow.topic_names if name in ids}
            behind.source = Source.LOG
            if (manifest := usable.get(place)) is not None:
                lost = await load_unit(unit, manifest, states, bounds, table=self._table, codec=self._codec)
                behind.source = self._settle(unit, lost)
                if unit.flow.outlives_log and (trimmed := trimmed_of(unit, manifest, bounds)):
                    _log.warning(
                        "records were deleted before they were applied; what they told is to be told again",
                        flow=unit.flow.name, partition=unit.partition, topics=sorted(trimmed),
                    )  # fmt: skip
                if behind.source is Source.CHECKPOINT and isinstance(unit.checkpointed, Alerting):
                    behind.told = await self._told(reader, behind, [one.entity for one in lost if one.entity])
            unit.restored = True

    async def _told(
        self, reader: LogReader, behind: Behind, forgotten: Collection[Entity]
    ) -> Sequence[tuple[Entity, Alert]]:
        """Return the open alerts about what begins anew, without those that are about to be told once more."""
        if not forgotten:
            return ()
        told = await open_alerts(reader, self._table, self._codec, behind.unit.partition, forgotten)
        return [(entity, alert) for entity, alert in told if alert.input_offset < behind.start(entity.market)]

    def _settle(self, unit: Unit, lost: Sequence[Lost]) -> Source:
        """Do what is to be done about lost checkpoints, say it once per cause, and return what the state rests on."""
        from_log = any(one.entity is None for one in lost) or (bool(lost) and unit.flow.lost_from_log)
        for cause in sorted({one.cause for one in lost}):
            ones = [one for one in lost if one.cause is cause]
            keys = [f"{one.entity.market} {one.entity.key}" for one in ones if one.entity is not None]
            metrics.CHECKPOINTS_LOST.labels(unit.flow.name, cause).inc(len(ones))
            _log.warning(
                "checkpoints lost; "
                + ("the partition is rebuilt from what the log has" if from_log else "what they held begins anew"),
                flow=unit.flow.name, partition=unit.partition, cause=cause, count=len(ones), examples=keys[:5],
                detail=ones[0].detail,
            )  # fmt: skip
        if from_log:
            unit.reset()
            return Source.LOG
        for one in lost:
            assert one.entity is not None  # noqa: S101 - see from_log
            unit.checkpointed.start_anew(one.entity)
        return Source.CHECKPOINT

    async def _apply(
        self,
        reader: LogReader,
        units: Sequence[Behind],
        *,
        control: bool,
        finish: Callable[[Behind], None] | None = None,
    ) -> None:
        """Apply what units lack of one layer, and call ``finish`` for each as soon as it lacks nothing."""
        owners: dict[Place, Behind] = {}
        ranges: list[Range] = []
        left: dict[int, int] = {}
        for behind in units:
            wanted = behind.ranges(control=control)
            ranges += wanted
            owners |= {(r.topic, r.partition): behind for r in wanted}
            left[id(behind)] = len(wanted)
            if not wanted and finish is not None:
                finish(behind)
        ends = {(r.topic, r.partition): r.end for r in ranges}
        loop = asyncio.get_running_loop()
        told_at = loop.time()
        async for piece in reader.read(ranges):
            place = piece.topic, piece.partition
            behind = owners[place]
            if piece.records:
                behind.unit.apply(piece.records, lagging=True)
                behind.applied += len(piece.records)
            behind.unit.pass_over(piece.topic, piece.position)
            if piece.position >= ends[place]:
                left[id(behind)] -= 1
                if not left[id(behind)] and finish is not None:
                    finish(behind)
            if loop.time() - told_at > _TELL_EVERY_S:
                told_at = loop.time()
                _log.info("restoring", partitions=sum(1 for count in left.values() if count))
            await asyncio.sleep(0)

    def _finish(self, behind: Behind, seconds: float) -> None:
        unit = behind.unit
        if behind.told and isinstance(unit.checkpointed, Alerting):
            unit.checkpointed.close_forgotten(behind.told)
        unit.announce()
        metrics.RESTORE_SECONDS.labels(unit.flow.name, behind.source).observe(seconds)
        _log.info(
            "restored",
            flow=unit.flow.name, partition=unit.partition, source=behind.source, applied=behind.applied,
            seconds=round(seconds, 3),
        )  # fmt: skip


def _is_of_this_log(manifest: CheckpointRound, bounds: Mapping[Place, Bounds], ids: Mapping[str, str]) -> bool:
    """Whether a manifest speaks of the topics that are there now, and of offsets that they have.

    A topic that was made anew may have grown beyond the offsets again, so they alone do not tell.
    """
    was = dict(zip(manifest.topics, manifest.topic_ids or (), strict=False))
    replaced = {name for name, topic_id in was.items() if topic_id and ids.get(name, topic_id) != topic_id}
    for topic, offset in zip(manifest.topics, manifest.next_offsets, strict=True):
        if (kept := bounds.get((topic, manifest.partition))) is not None and offset > kept.end:
            replaced.add(topic)
    if replaced:
        _log.warning(
            "checkpoints are of topics that were deleted and made anew; "
            "the partition is rebuilt from what the log has",
            flow=manifest.flow, partition=manifest.partition, topics=sorted(replaced),
        )  # fmt: skip
        metrics.CHECKPOINTS_LOST.labels(manifest.flow, "replaced").inc(len(manifest.keys))
    return not replaced
