"""What is in the log after a run: every event once, or not."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # re-exported without saying so
from msgspec import Struct

from bench.frames import Course


__all__ = ["Identity", "Judgement", "Reader", "Seen", "framed", "normalised", "raw"]

_WAIT_S: Final = 60.0
_AT_ONCE: Final = 10_000

Identity = tuple[str, int]
"""Symbol and aggregate trade id."""


class Seen(Struct, frozen=True):
    """One record of the log."""

    identity: Identity
    partition: int
    offset: int
    written_ms: int
    receive_time_ns: int
    """0: it has no such header."""


class Judgement(Struct, frozen=True):
    """Whether what was sent is there."""

    lost: int
    duplicates: int

    @classmethod
    def of(cls, course: Course, seen: Sequence[Seen]) -> Judgement:
        """Compare the log with what was sent."""
        counts = Counter(one.identity for one in seen)
        sent = {(symbol, number) for symbol, ids in course.ids().items() for number in ids}
        strangers = counts.keys() - sent
        if strangers:
            msg = f"the log holds what was never sent: {sorted(strangers)[:3]}"
            raise ValueError(msg)
        return cls(len(sent) - len(counts), counts.total() - len(counts))


class Reader:
    """Reads topics from where they ended before a run.

    Args:
        servers: Kafka.
        topics: which, with the number of their partitions.
        identity: of a record's value.
    """

    def __init__(self, servers: str, topics: Mapping[str, int], identity: Callable[[bytes], Identity]) -> None:
        self._partitions = [TopicPartition(topic, number) for topic, count in topics.items() for number in range(count)]
        self._identity = identity
        self._servers = servers
        self._consumer = Consumer(
            {"bootstrap.servers": servers, "group.id": "bench", "enable.auto.commit": False, "log_level": 0}
        )
        self._starts = self.ends()

    def ends(self) -> dict[tuple[str, int], int]:
        """Return where every partition ends now."""
        deadline = time.monotonic() + _WAIT_S
        while True:
            # A new one each time: what an older one knows of the leaders may be out of date, and it does not ask again.
            admin = AdminClient({"bootstrap.servers": self._servers, "log_level": 0})
            asked = admin.list_offsets({one: OffsetSpec.latest() for one in self._partitions})  # type: ignore[no-untyped-call]
            try:
                return {(one.topic, one.partition): asked[one].result().offset for one in self._partitions}
            except KafkaException:  # of a new topic the broker learns a little after the controller
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def count(self) -> int:
        """Return how many records came since the last :meth:`read`."""
        return sum(self.ends().values()) - sum(self._starts.values())

    def read(self) -> list[Seen]:
        """Return the records since the last call."""
        ends = self.ends()
        wanted = {place: end - self._starts[place] for place, end in ends.items() if end > self._starts[place]}
        self._consumer.assign([TopicPartition(*place, self._starts[place]) for place in wanted])
        seen = [self._seen(message) for message in self._messages(sum(wanted.values()))]
        self._starts = ends
        return seen

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def _messages(self, count: int) -> Iterator[Message]:
        while count > 0:
            messages = self._consumer.consume(min(count, _AT_ONCE), timeout=_WAIT_S)
            if not messages:
                msg = f"the log does not give its last {count} records"
                raise TimeoutError(msg)
            count -= len(messages)
            yield from messages

    def _seen(self, message: Message) -> Seen:
        headers: dict[str, Any] = dict(message.headers() or ())
        return Seen(
            self._identity(message.value() or b""),
            message.partition() or 0,
            message.offset() or 0,
            message.timestamp()[1],
            int(headers.get("receive_time_ns", 0)),
        )


class _Trade(Struct):
    s: str
    a: int


class _Frame(Struct):
    data: _Trade


class _Normalised(Struct):
    symbol: str
    id: str


_decode_trade: Final = msgspec.json.Decoder(_Trade).decode
_decode_frame: Final = msgspec.json.Decoder(_Frame).decode
_decode_normalised: Final = msgspec.json.Decoder(_Normalised).decode


def raw(value: bytes) -> Identity:
    """Return the identity of a payload as Binance sent it."""
    trade = _decode_trade(value)
    return trade.s, trade.a


def framed(value: bytes) -> Identity:
    """Return the identity of a whole frame."""
    trade = _decode_frame(value).data
    return trade.s, trade.a


def normalised(value: bytes) -> Identity:
    """Return the identity of what cryptofeed writes."""
    trade = _decode_normalised(value)
    return trade.symbol.replace("-", ""), int(trade.id)
