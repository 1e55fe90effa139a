"""What an agent receives: records of one partition, in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import faust
from faust.streams import Stream
from faust.types import AppT, EventT, Message, StreamT


__all__ = ["Batch", "BatchSchema", "Origin", "RawRecord", "batch_of", "unacknowledged"]


class Origin(Protocol):
    """A record as far as it can be told from others: what is set aside is kept so."""

    @property
    def topic(self) -> str:
        """Name of the topic."""

    @property
    def partition(self) -> int:
        """Number of the partition."""

    @property
    def offset(self) -> int:
        """Position in the partition."""

    @property
    def timestamp(self) -> int:
        """The record's timestamp, ms since the epoch."""

    @property
    def key(self) -> bytes | None:
        """The key; None: has none."""

    @property
    def value(self) -> bytes | None:
        """The value; None: a tombstone."""


class RawRecord(Origin, Protocol):
    """A Kafka record as the client library delivers it (aiokafka's ``ConsumerRecord``)."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """The headers, in order."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one topic and partition, at least one, offsets rising."""

    topic: str
    partition: int
    records: Sequence[RawRecord]
    generation: int
    """The group's generation in which they were fetched."""


class BatchSchema(faust.Schema[Any, Any]):
    """Hands values through as they are: decoding is the agent's, where a bad record can be set aside."""

    def loads_key(self, app: AppT, message: Message, **_: Any) -> Any:
        """Return the key as it is."""
        return message.key

    def loads_value(self, app: AppT, message: Message, **_: Any) -> Any:
        """Return the value as it is: a :class:`Batch`."""
        return message.value


def unacknowledged(stream: StreamT[Batch]) -> AsyncIterator[EventT[Batch]]:
    """Return the events of a stream, to be acknowledged by the caller: Faust's own loop does so even after an error."""
    events: AsyncIterator[EventT[Batch]] = cast(Stream[Batch], stream).noack().events()
    return events


def batch_of(event: EventT[Batch]) -> Batch:
    """Return an event's batch."""
    return cast(Batch, event.value)
