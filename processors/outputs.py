"""What the cores say becomes records: encoded, conflated, and what cannot go, set aside."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from processors import metrics
from processors.batching import Origin
from processors.core.records import Output
from processors.publisher import Grouped, Record
from schemas.codec import Codec, DoesNotFitError
from schemas.markets import Market
from schemas.topics import Cleanup, ControlType, DerivedType, Topic, TopicTable


__all__ = ["Encoder", "Produced", "SetAside"]

_CUT: Final = 64 * 1024
# The broker's default limit for a batch is 1 MiB and one record; headers and framing take their part.
_LARGEST_VALUE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class SetAside:
    """An input record for the dead-letter topic."""

    reason: str
    """A code in kebab case, for instance ``bad-number``."""
    detail: str
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    private: bool = False
    """Whether it tells of an account."""


class Produced(msgspec.Struct, frozen=True):
    """An output of the core, and where it came from."""

    output: Output
    origin: Origin


class Encoder:
    """Turns outputs into records: the last per key where only that matters, and what cannot go, set aside.

    Args:
        table: the topics.
        codec: encodes the values.
    """

    def __init__(self, table: TopicTable, codec: Codec) -> None:
        self._table = table
        self._codec = codec
        self._dead_letters = table.control(ControlType.DEAD_LETTER)
        self._private_dead_letters = table.control(ControlType.PRIVATE_DEAD_LETTER)
        self._topics: dict[tuple[Market, DerivedType | ControlType], Topic] = {}
        # Most outputs go where the one before went, and enums are slow keys.
        self._last: Topic | None = None
        self._last_market: Market | None = None

    def records(self, outputs: Iterable[Produced | SetAside]) -> Grouped:
        """Return the records, grouped by topic and partition, in order."""
        grouped: Grouped = {}
        for output in self._conflated(outputs):
            topic, partition, record = (
                self._dead_letter_of(output) if isinstance(output, SetAside) else self._encoded(output)
            )
            grouped.setdefault((topic.name, partition), []).append(record)
        return grouped

    def _encoded(self, produced: Produced) -> tuple[Topic, int, Record]:
        output, origin = produced.output, produced.origin
        topic = self._topic(output)
        if output.value is None:
            return topic, origin.partition, Record(output.key, None, output.timestamp_ms)
        try:
            value = self._codec.encode(topic, output.value)
        except DoesNotFitError as error:
            return self._dead_letter_of(_set_aside("does-not-fit", f"{topic.name}: {error}", origin, topic))
        if len(value) > _LARGEST_VALUE:
            detail = f"{topic.name}: a value of {len(value)} bytes, limit {_LARGEST_VALUE}"
            return self._dead_letter_of(_set_aside("oversized", detail, origin, topic))
        return topic, origin.partition, Record(output.key, value, output.timestamp_ms)

    def _dead_letter_of(self, aside: SetAside) -> tuple[Topic, int, Record]:
        metrics.DEAD_LETTERS.labels(aside.topic, aside.reason).inc()
        value = aside.value if aside.value is not None else b""
        headers = {
            "source_topic": aside.topic,
            "source_partition": str(aside.partition),
            "source_offset": str(aside.offset),
            "reason": aside.reason,
            "detail": aside.detail,
            "sha256": hashlib.sha256(value).hexdigest(),
            "length": str(len(value)),
        }
        encoded = [(name, text.encode()) for name, text in headers.items()]
        topic = self._private_dead_letters if aside.private else self._dead_letters
        return topic, aside.partition, Record(aside.key, value[:_CUT], aside.timestamp, encoded)

    def _conflated(self, outputs: Iterable[Produced | SetAside]) -> Iterable[Produced | SetAside]:
        """Drop all but the last value of a key where the topic keeps only that anyway.

        But not of what is private: who follows an order wants to see every state of it.
        """
        kept: list[Produced | SetAside | None] = []
        last: dict[tuple[Market, DerivedType | ControlType, bytes], int] = {}
        for produced in outputs:
            if isinstance(produced, Produced):
                output = produced.output
                topic = self._topic(output)
                if topic.cleanup is not Cleanup.DELETE and not topic.private:
                    identity = (output.market, output.type, output.key)
                    if (earlier := last.get(identity)) is not None:
                        kept[earlier] = None
                    last[identity] = len(kept)
            kept.append(produced)
        return (produced for produced in kept if produced is not None)

    def _topic(self, output: Output) -> Topic:
        last = self._last
        if last is not None and output.type is last.type and output.market is self._last_market:
            return last
        topic = self._topics.get((output.market, output.type))
        if topic is None:
            of = output.type
            topic = self._table.derived(output.market, of) if isinstance(of, DerivedType) else self._table.control(of)
            self._topics[output.market, of] = topic
        self._last, self._last_market = topic, output.market
        return topic


def _set_aside(reason: str, detail: str, origin: Origin, output: Topic) -> SetAside:
    return SetAside(
        reason, detail, origin.topic, origin.partition, origin.offset, origin.timestamp, origin.key, origin.value,
        private=output.private,
    )  # fmt: skip
