"""What an earlier run, or another process, knew of partitions: their progress, and what is missing in them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from aiokafka.structs import TopicPartition
from msgspec import Struct
from structlog.stdlib import BoundLogger

from ingest.control_records import ControlRecords
from ingest.core.log_partitions import DEPTH_SNAPSHOT
from ingest.kafka_log import read_latest
from schemas.control import Gap, Progress
from schemas.kafka_access import Servers
from schemas.topics import ControlType, RawType, Topic, TopicTable


__all__ = ["Known", "notes_of", "read_known", "starts_of"]


class Known(Struct, frozen=True):
    """What the control topics say."""

    notes: list[Progress]
    gaps: list[Gap]


async def read_known(
    bootstrap_servers: Servers, table: TopicTable, control: ControlRecords, numbers: Collection[int], log: BoundLogger
) -> Known:
    """Read progress and ledger of partitions to their ends.

    Args:
        bootstrap_servers: brokers.
        table: names the topics.
        control: reads the records.
        numbers: of the partitions; a symbol's control records are in the partition of its raw records.
        log: told what cannot be read.
    """
    values: dict[ControlType, list[Any]] = {}
    for control_type in (ControlType.PROGRESS, ControlType.GAP):
        records = await read_latest(bootstrap_servers, table.control(control_type), sorted(numbers))
        # In a thread: a schema that is not known yet is asked of the registry.
        values[control_type], errors = await asyncio.to_thread(control.read, records)
        for error in errors:
            log.error("control record cannot be read", topic=str(control_type), reason=str(error))
    notes = [value for value in values[ControlType.PROGRESS] if isinstance(value, Progress)]
    gaps = [value for value in values[ControlType.GAP] if isinstance(value, Gap)]
    return Known(notes, gaps)


def notes_of(
    topic: Topic, place: TopicPartition, notes: Iterable[Progress], end: int, log: BoundLogger
) -> list[Progress]:
    """Return the notes about a partition.

    Args:
        topic: which.
        place: its partition.
        notes: all there are.
        end: where the partition ends: notes of beyond it are of a topic that is no more.
        log: told of those.
    """
    streams = {topic.type, DEPTH_SNAPSHOT} if topic.type == RawType.DEPTH else {topic.type}
    found = [
        note
        for note in notes
        if note.market == topic.market and note.partition == place.partition and note.stream in streams
    ]
    kept = [note for note in found if note.offset < end]
    if len(kept) < len(found):
        log.error("progress beyond the end: the topic was made anew", topic=place.topic, partition=place.partition)
    return kept


async def starts_of(
    reader: Any, partitions: Iterable[TopicPartition], notes: Mapping[TopicPartition, Collection[Progress]]
) -> dict[TopicPartition, int | None]:
    """Return where to go on reading: at the committed offset, else behind the oldest note; None: at the beginning."""
    starts: dict[TopicPartition, int | None] = {}
    for partition in partitions:
        committed = await reader.committed(partition)
        if committed is None:
            committed = min((note.offset + 1 for note in notes.get(partition, ())), default=None)
        starts[partition] = committed
    return starts
