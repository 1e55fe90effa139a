"""Reading the checkpoints that manifests name, and loading them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from processors.batching import RawRecord
from processors.checkpoints import decompressed
from processors.core.checkpoint_rounds import Entity, Written
from processors.manifests import UnitName
from processors.rebuild import Bounds, LogReader, Place, Range
from processors.units import Flow, Unit
from schemas.codec import Codec, DecodeError
from schemas.control import CheckpointRound
from schemas.derived import Checkpoint
from schemas.markets import Market
from schemas.topics import Layer, TopicTable


__all__ = ["Cause", "Lost", "States", "load_unit", "read_states", "trimmed_of"]

_BREATH_S: Final = 0.02
"""How long to load without letting others have their turn."""


class Cause(StrEnum):
    """Why a checkpoint does not serve."""

    MISSING = "missing"
    """Its record is not there, or only an older one is."""
    UNDECODABLE = "undecodable"
    TRIMMED = "trimmed"
    """The log after it is not there any more."""
    TOO_LARGE = "too-large"
    """It was never written."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A checkpoint that does not serve."""

    entity: Entity | None
    """None: what belongs to no entity."""
    cause: Cause
    detail: str = ""


@dataclass(slots=True)
class States:
    """The records of one partition of a checkpoint topic, from the oldest that a manifest names to the end."""

    by_key: dict[bytes, list[RawRecord]] = field(default_factory=lambda: defaultdict(list))


class _Entry:
    """An entity as its manifest names it."""

    __slots__ = ("entity", "offset", "position")

    def __init__(self, entity: Entity, offset: int, position: int) -> None:
        self.entity, self.offset, self.position = entity, offset, position


def _entries(manifest: CheckpointRound, flow: Flow) -> list[_Entry]:
    """Return the entities of the markets that the flow reads now."""
    markets = {str(topic.market): topic.market for topic in flow.topics if topic.layer is Layer.RAW}
    entries = zip(manifest.markets, manifest.keys, manifest.offsets, manifest.positions, strict=True)
    return [
        _Entry(Entity(market, key), offset, position)
        for name, key, offset, position in entries
        if (market := markets.get(name)) is not None
    ]


async def read_states(
    reader: LogReader, table: TopicTable, flows: Mapping[str, Flow], manifests: Mapping[UnitName, CheckpointRound]
) -> Mapping[Place, States]:
    """Return the records that the manifests name, and later ones of the same keys, from all topics at once.

    Raises:
        RebuildError: the broker does not give them.
    """
    begins: dict[Place, int] = {}
    for (name, partition), manifest in manifests.items():
        for entry in _entries(manifest, flows[name]):
            if entry.offset >= 0:
                place = _topic(table, flows[name], entry.entity.market), partition
                begins[place] = min(entry.offset, begins.get(place, entry.offset))
    states = {place: States() for place in begins}
    if not begins:
        return states
    bounds = await reader.bounds(begins.keys())
    async for piece in reader.read([Range(*place, begin, bounds[place].end) for place, begin in begins.items()]):
        by_key = states[piece.topic, piece.partition].by_key
        for record in piece.records:
            by_key[record.key or b""].append(record)
    return states


def _topic(table: TopicTable, flow: Flow, market: Market) -> str:
    assert flow.checkpoint is not None  # noqa: S101 - it has manifests
    return table.derived(market, flow.checkpoint).name


async def load_unit(
    unit: Unit,
    manifest: CheckpointRound,
    states: Mapping[Place, States],
    bounds: Mapping[Place, Bounds],
    *,
    table: TopicTable,
    codec: Codec,
) -> Sequence[Lost]:
    """Load what a manifest names into an empty unit, and return what of it does not serve.

    Args:
        unit: empty; afterwards it goes on where the round began.
        manifest: of the last whole round.
        states: the records.
        bounds: what exists of the unit's topics.
        table: the topics.
        codec: decodes the records.

    Raises:
        RegistryUnavailableError: the registry does not answer: not the records' fault.
    """
    try:
        unit.checkpointed.load_shared(decompressed(manifest.compression, manifest.shared))
    except ValueError as error:
        return [Lost(None, Cause.UNDECODABLE, str(error))]
    offsets = dict(zip(manifest.topics, manifest.next_offsets, strict=True))
    trimmed = {} if unit.flow.outlives_log else trimmed_of(unit, manifest, bounds)
    loader = _Loader(unit, states, table, codec)
    lost: list[Lost] = []
    loop = asyncio.get_running_loop()
    breathed_at = loop.time()
    for entry in _entries(manifest, unit.flow):
        if entry.entity.market in trimmed.values():
            lost.append(Lost(entry.entity, Cause.TRIMMED, "records after it were deleted"))
        elif (failure := loader.load(entry)) is not None:
            lost.append(failure)
        if loop.time() - breathed_at > _BREATH_S:
            await asyncio.sleep(0)
            breathed_at = loop.time()
    loader.note()
    for name in unit.flow.topic_names:
        unit.pass_over(name, offsets.get(name, 0))
    return lost


def trimmed_of(unit: Unit, manifest: CheckpointRound, bounds: Mapping[Place, Bounds]) -> dict[str, Market | None]:
    """Return the raw topics of which records that were not applied are gone, and their markets."""
    offsets = dict(zip(manifest.topics, manifest.next_offsets, strict=True))
    return {
        topic.name: topic.market
        for topic in unit.flow.topics
        if topic.layer is Layer.RAW
        and topic.name in offsets
        and offsets[topic.name] < bounds[topic.name, unit.partition].begin
    }


class _Loader:
    """Loads entities into a unit, and tells its rounds where their checkpoints are."""

    def __init__(self, unit: Unit, states: Mapping[Place, States], table: TopicTable, codec: Codec) -> None:
        self._unit = unit
        self._states = states
        self._table = table
        self._codec = codec
        self._loaded: dict[tuple[str, int], tuple[Entity, Written]] = {}

    def load(self, entry: _Entry) -> Lost | None:
        """Load the newest state of an entity that is there."""
        if entry.offset < 0:
            return Lost(entry.entity, Cause.TOO_LARGE)
        topic = _topic(self._table, self._unit.flow, entry.entity.market)
        records = self._states[topic, self._unit.partition].by_key.get(entry.entity.key.encode(), ())
        failure = Lost(entry.entity, Cause.MISSING, f"no record at offset {entry.offset} or later")
        readable: list[tuple[int, RawRecord, Checkpoint]] = []
        for record in records:
            if record.offset >= entry.offset:
                try:
                    checkpoint = self._decoded(record)
                except DecodeError as error:
                    failure = Lost(entry.entity, Cause.UNDECODABLE, str(error))
                else:
                    readable.append((checkpoint.position, record, checkpoint))
        # A worker that was stopped and went on may have written an old state last.
        for position, record, checkpoint in sorted(readable, key=lambda found: (-found[0], -found[1].offset)):
            if position < entry.position:
                return Lost(entry.entity, Cause.MISSING, f"position is {position}, was to be {entry.position}")
            try:
                self._unit.checkpointed.load(entry.entity, decompressed(checkpoint.compression, checkpoint.state))
            except ValueError as error:
                failure = Lost(entry.entity, Cause.UNDECODABLE, str(error))
            else:
                written = Written(record.offset, position, len(record.value or b""))
                self._loaded[topic, record.offset] = entry.entity, written
                return None
        return failure

    def note(self) -> None:
        """Tell the rounds of everything that was read, in order."""
        for (topic, partition), states in self._states.items():
            market = self._table[topic].market
            if partition != self._unit.partition or market is None:
                continue
            if self._table[topic].type is not self._unit.flow.checkpoint:
                continue
            read = [record for records in states.by_key.values() for record in records]
            for record in sorted(read, key=lambda record: record.offset):
                if (loaded := self._loaded.get((topic, record.offset))) is not None:
                    self._unit.rounds.note(*loaded)
                else:
                    self._unit.rounds.outdated(market, len(record.value or b""))

    def _decoded(self, record: RawRecord) -> Checkpoint:
        checkpoint = self._codec.decode(record.topic, record.partition, record.offset, record.value)
        if not isinstance(checkpoint, Checkpoint):
            raise DecodeError(record.topic, record.partition, record.offset, "no checkpoint")
        return checkpoint
