"""Reading the manifests: which checkpoints a partition's state is made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import structlog

from processors import metrics
from processors.batching import RawRecord
from processors.rebuild import LogReader, Place, Range
from schemas.codec import Codec, DecodeError
from schemas.control import CheckpointRound
from schemas.topics import ControlType, TopicTable


__all__ = ["ManifestReader", "UnitName"]

_log = structlog.get_logger(__name__)

UnitName = tuple[str, int]
"""Flow and partition."""

_TAIL: Final = 100
"""Records at the end of a partition among which the last manifest of each flow most likely is."""


class ManifestReader:
    """Finds the last manifest of each flow and partition.

    Args:
        table: the topics.
        codec: decodes manifests.
    """

    def __init__(self, table: TopicTable, codec: Codec) -> None:
        self._topic = table.control(ControlType.CHECKPOINT).name
        self._codec = codec

    async def read(self, reader: LogReader, units: Collection[UnitName]) -> Mapping[UnitName, CheckpointRound]:
        """Return the last manifest of each unit that has one that can be read.

        Raises:
            RebuildError: the broker does not give them.
            RegistryUnavailableError: the registry does not answer.
        """
        bounds = await reader.bounds({(self._topic, partition) for _, partition in units})
        found: dict[UnitName, RawRecord] = {}
        tails = [Range(t, p, max(kept.begin, kept.end - _TAIL), kept.end) for (t, p), kept in bounds.items()]
        await self._collect(reader, tails, found)
        missing = {partition for name, partition in units if (name, partition) not in found}
        rest = [
            Range(t, p, bounds[t, p].begin, tail.begin)
            for tail in tails
            if (t := tail.topic) and (p := tail.partition) in missing and bounds[t, p].begin < tail.begin
        ]
        await self._collect(reader, rest, found)
        return {name: manifest for name in units if (manifest := self._decoded(name, found.get(name))) is not None}

    async def _collect(self, reader: LogReader, ranges: list[Range], found: dict[UnitName, RawRecord]) -> None:
        """Keep the last record of each unit, unless a later one is known."""
        async for piece in reader.read(ranges):
            for record in piece.records:
                flow, _, partition = (record.key or b"").decode(errors="replace").rpartition("|")
                if partition == str(record.partition):
                    known = found.get((flow, record.partition))
                    if known is None or known.offset < record.offset:
                        found[flow, record.partition] = record

    def _decoded(self, name: UnitName, record: RawRecord | None) -> CheckpointRound | None:
        if record is None or record.value is None:
            return None
        place: Place = (record.topic, record.partition)
        try:
            manifest = self._codec.decode(*place, record.offset, record.value)
            if not isinstance(manifest, CheckpointRound):
                return None
            _check(manifest)
        except (DecodeError, ValueError) as error:
            flow, partition = name
            metrics.CHECKPOINTS_LOST.labels(flow, "undecodable").inc()
            _log.warning(
                "the list of checkpoints cannot be read; the partition is rebuilt from what the log has",
                flow=flow, partition=partition, reason=str(error),
            )  # fmt: skip
            return None
        return manifest


def _check(manifest: CheckpointRound) -> None:
    entities = {len(manifest.markets), len(manifest.keys), len(manifest.offsets), len(manifest.positions)}
    topics = {len(manifest.topics), len(manifest.next_offsets), len(manifest.topic_ids or manifest.topics)}
    if len(entities) != 1 or len(topics) != 1:
        msg = "parallel arrays of different lengths"
        raise ValueError(msg)
