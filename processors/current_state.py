"""What a compacted topic says now: read to its end without a group, the newest version of each key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from processors.rebuild import Logs, Piece, Range
from schemas.codec import Codec, DecodeError
from schemas.topics import Topic


__all__ = ["CurrentState", "Fault", "read_current"]

Version = Callable[[msgspec.Struct], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A record that cannot be read."""

    topic: str
    reason: str


@dataclass(frozen=True, slots=True)
class CurrentState:
    """What topics say."""

    values: Mapping[str, Sequence[msgspec.Struct]]
    """By the name of the topic, in no particular order."""
    faults: Sequence[Fault]


async def read_current(logs: Logs, topics: Iterable[Topic], codec: Codec, version: Version) -> CurrentState:
    """Return the newest value of every key of compacted topics, up to where they end when this begins.

    Of two values of a key the one with the larger version counts, and of equal ones the later: a writer that was
    stopped and went on may have written an old one last. A tombstone ends a key, until a value follows it.

    Args:
        logs: the broker.
        topics: what to read.
        codec: decodes values.
        version: tells the version of a value.

    Raises:
        RebuildError: the broker does not give it.
        RegistryUnavailableError: the registry does not answer.
    """
    reading = _Reading(topics, codec, version)
    async with logs.open() as reader:
        bounds = await reader.bounds(reading.places)
        ranges = [Range(*place, bounds[place].begin, bounds[place].end) for place in reading.places]
        async for piece in reader.read([one for one in ranges if one.begin < one.end]):
            # In a thread: of the first record of each schema the codec asks the registry.
            await asyncio.to_thread(reading.take, piece)
    return reading.state()


class _Reading:
    def __init__(self, topics: Iterable[Topic], codec: Codec, version: Version) -> None:
        wanted = list(topics)
        self.places = [(topic.name, partition) for topic in wanted for partition in range(topic.partitions)]
        self._found: dict[str, dict[tuple[int, bytes | None], msgspec.Struct]] = {topic.name: {} for topic in wanted}
        self._faults: list[Fault] = []
        self._codec = codec
        self._version = version

    def take(self, piece: Piece) -> None:
        newest, version = self._found[piece.topic], self._version
        for record in piece.records:
            key = record.partition, record.key
            if record.value is None:
                newest.pop(key, None)
                continue
            try:
                value = self._codec.decode(piece.topic, record.partition, record.offset, record.value)
            except DecodeError as error:
                self._faults.append(Fault(piece.topic, str(error)))
                continue
            known = newest.get(key)
            if known is None or version(value) >= version(known):
                newest[key] = value

    def state(self) -> CurrentState:
        return CurrentState({name: list(newest.values()) for name, newest in self._found.items()}, self._faults)
