"""Writing checkpoints: of each partition round after round, a little at a time.

A checkpoint contains only what was applied, and it is written only after the outputs of all that was applied are
durable: the records below it need not be read again by anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, time_ns
from typing import Final

import cramjam
import structlog

from processors import metrics
from processors.core.checkpoint_rounds import Entity, Round, Written
from processors.publisher import Grouped, Publisher, Record
from processors.units import Unit
from schemas.codec import Codec
from schemas.control import CheckpointRound
from schemas.derived import Checkpoint
from schemas.keys import checkpoint_round_key
from schemas.topics import ControlType, TopicTable


__all__ = ["COMPRESSION", "CheckpointWriter", "Dumped", "compressed", "decompressed"]

_log = structlog.get_logger(__name__)

COMPRESSION: Final = "lz4"
_SIZE_BYTES: Final = 4
_LARGEST_STATE: Final = 256 * 1024 * 1024
# Below max.message.bytes of the topics and max_request_size of the producer, with room for framing.
_LARGEST_RECORD: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Dumped:
    """An entity's state, taken at one moment, on its way to the broker."""

    unit: Unit
    entity: Entity
    position: int
    value: bytes


class CheckpointWriter:
    """Writes the checkpoints of one worker.

    Args:
        table: the topics.
        codec: encodes the records.
        publisher: takes them to the broker.
    """

    def __init__(self, table: TopicTable, codec: Codec, publisher: Publisher) -> None:
        self._table = table
        self._codec = codec
        self._publisher = publisher
        self._manifests = table.control(ControlType.CHECKPOINT)
        self._first = 0

    def waiting(self, units: Sequence[Unit]) -> list[Unit]:
        """Return those of the units of which something is to be written; another comes first each time."""
        now_ms = _now_ms()
        self._first += 1
        ordered = (units[(self._first + number) % len(units)] for number in range(len(units)))
        return [unit for unit in ordered if unit.rounds.due(now_ms) or unit.rounds.waiting]

    def collect(self, unit: Unit, enough: Callable[[], bool]) -> list[Dumped]:
        """Begin the unit's round if it is due, and dump what is next, until it is enough.

        To be called when the outputs of all that the unit applied are durable.
        """
        now_ms = _now_ms()
        if unit.rounds.due(now_ms):
            unit.rounds.begin(now_ms, unit.next_offsets(), unit.checkpointed)
        return list(self._dump(unit, enough))

    def _dump(self, unit: Unit, enough: Callable[[], bool]) -> Iterable[Dumped]:
        rounds = unit.rounds
        while not enough() and (entity := rounds.take()) is not None:
            position = unit.position(entity.market)
            state = compressed(unit.checkpointed.dump(entity))
            checkpoint = Checkpoint(key=entity.key, position=position, compression=COMPRESSION, state=state)
            assert unit.flow.checkpoint is not None  # noqa: S101 - it has checkpoints
            value = self._codec.encode(self._table.derived(entity.market, unit.flow.checkpoint), checkpoint)
            if len(value) > _LARGEST_RECORD:
                _log.error(
                    "state too large for a checkpoint; it will have to begin anew after a restart",
                    flow=unit.flow.name, market=entity.market, key=entity.key, bytes=len(value), limit=_LARGEST_RECORD,
                )  # fmt: skip
                rounds.note(entity, Written(-1, position, 0))
            else:
                yield Dumped(unit, entity, position, value)

    async def write(self, dumped: Sequence[Dumped], units: Sequence[Unit], may: Callable[[], bool]) -> None:
        """Write what was dumped, then the manifests of the rounds that are whole with it.

        Args:
            dumped: what to write; what is not of one of the units waits for the next time.
            units: those that the worker has, and may speak for.
            may: whether this worker may still speak for them.

        Raises:
            OutputError: the broker did not take it.
        """
        theirs = set(units)
        for one in dumped:
            if one.unit not in theirs:
                one.unit.rounds.put_back(one.entity)
        if dumped := [one for one in dumped if one.unit in theirs]:
            await self._write_states(dumped)
        whole = {unit: whole for unit in units if (whole := unit.rounds.whole()) is not None}
        if whole and may():
            await self._write_manifests(whole)

    async def _write_states(self, dumped: Sequence[Dumped]) -> None:
        grouped: Grouped = {}
        places: dict[tuple[str, int], list[Dumped]] = {}
        now_ms = time_ns() // 1_000_000
        for one in dumped:
            assert one.unit.flow.checkpoint is not None  # noqa: S101 - it has checkpoints
            place = self._table.derived(one.entity.market, one.unit.flow.checkpoint).name, one.unit.partition
            grouped.setdefault(place, []).append(Record(one.entity.key.encode(), one.value, now_ms))
            places.setdefault(place, []).append(one)
        offsets = await self._publisher.publish(grouped)
        for place, ones in places.items():
            placed = [(offset, batch.start >= 0) for batch in offsets[place] for offset in batch]
            for one, (offset, is_known) in zip(ones, placed, strict=True):
                if not is_known:  # an attempt whose answer was lost had succeeded
                    one.unit.rounds.put_back(one.entity)
                else:
                    one.unit.rounds.note(one.entity, Written(offset, one.position, len(one.value)))
                metrics.CHECKPOINT_BYTES.labels(one.unit.flow.name).inc(len(one.value))

    async def _write_manifests(self, whole: Mapping[Unit, tuple[Round, Mapping[Entity, Written]]]) -> None:
        grouped: Grouped = {}
        wall_ms = time_ns() // 1_000_000
        for unit, (begun, entities) in whole.items():
            begun_time = wall_ms - (_now_ms() - begun.begun_ms)
            manifest = _manifest(unit, begun, entities, begun_time)
            record = Record(checkpoint_round_key(manifest), self._codec.encode(self._manifests, manifest), wall_ms)
            grouped.setdefault((self._manifests.name, unit.partition), []).append(record)
        await self._publisher.publish(grouped)
        for unit, (begun, _) in whole.items():
            unit.rounds.finish()
            metrics.CHECKPOINT_ROUND_SECONDS.labels(unit.flow.name).observe((_now_ms() - begun.begun_ms) / 1_000)


def _now_ms() -> int:
    return round(monotonic() * 1_000)


def _manifest(unit: Unit, begun: Round, entities: Mapping[Entity, Written], begun_time: int) -> CheckpointRound:
    return CheckpointRound(
        flow=unit.flow.name,
        partition=unit.partition,
        begun_time=begun_time,
        topics=list(begun.next_offsets),
        next_offsets=list(begun.next_offsets.values()),
        topic_ids=[unit.topic_ids.get(topic, "") for topic in begun.next_offsets],
        compression=COMPRESSION,
        shared=compressed(begun.shared),
        markets=[str(entity.market) for entity in entities],
        keys=[entity.key for entity in entities],
        offsets=[written.offset for written in entities.values()],
        positions=[written.position for written in entities.values()],
    )


def compressed(state: bytes) -> bytes:
    """Return a state as it is in a record."""
    return bytes(cramjam.lz4.compress_block(state))


def decompressed(compression: str, state: bytes) -> bytes:
    """Return a state as it was.

    Raises:
        ValueError: it is damaged, or compressed in a way that this code does not know.
    """
    if compression != COMPRESSION:
        msg = f'compression is "{compression}", was to be "{COMPRESSION}"'
        raise ValueError(msg)
    if int.from_bytes(state[:_SIZE_BYTES], "little") > _LARGEST_STATE:
        msg = f"a state of more than {_LARGEST_STATE} bytes"
        raise ValueError(msg)
    try:
        return bytes(cramjam.lz4.decompress_block(state))
    except cramjam.DecompressionError as error:
        msg = f"state cannot be decompressed: {error}"
        raise ValueError(msg) from error
