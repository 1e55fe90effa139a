"""How far the log is while a soak runs: how many records, and which holes are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]  # its __all__ lacks it

from sandbox.verify.topics import admin_of
from schemas.codec import Codec, DecodeError
from schemas.control import Gap, GapStatus
from schemas.topics import ControlType, Topic, TopicTable


__all__ = ["LedgerWatch", "LogWatch"]

_AT_ONCE: Final = 1_000
_TIMEOUT_S: Final = 3.0


class LogWatch:
    """Counts the records of topics; says the last count where the broker is away.

    Args:
        bootstrap_servers: the broker.
        topics: what is counted.
    """

    def __init__(self, bootstrap_servers: str, topics: Iterable[Topic]) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._partitions = [
            TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)
        ]
        self.records = 0

    def look(self) -> int:
        """Return how many records there are."""
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        wanted = dict.fromkeys(self._partitions, latest)
        ends = admin_of(self._bootstrap_servers).list_offsets(wanted, request_timeout=_TIMEOUT_S)
        with suppress(KafkaException):
            self.records = sum(end.result().offset for end in ends.values())
        return self.records


class LedgerWatch:
    """Follows the topic `gap`."""

    def __init__(self, bootstrap_servers: str, table: TopicTable, codec: Codec) -> None:
        self._topic = table.control(ControlType.GAP)
        self._codec = codec
        self._entries: dict[bytes, str] = {}
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "log_level": 0,  # the broker is restarted on purpose
                "group.id": "binance-sandbox-soak",  # demanded by the client; nothing is committed
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )
        self._consumer.assign([TopicPartition(self._topic.name, number, 0) for number in range(self._topic.partitions)])

    def look(self) -> None:
        """Take in what has come since."""
        for message in self._consumer.consume(_AT_ONCE, timeout=0.05):
            if message.error() is not None or message.value() is None:
                continue
            place = message.topic() or "", message.partition() or 0, message.offset() or 0
            try:
                value = self._codec.decode(*place, message.value())
            except DecodeError:
                continue  # the checker tells
            if isinstance(value, Gap):
                self._entries[message.key() or b""] = value.status

    def holes(self) -> dict[str, int]:
        """Return how many entries have which status, as far as was looked."""
        return dict(Counter(self._entries.values()))

    def unsettled(self) -> int:
        """Return how many entries are open or deferred, as far as was looked."""
        return sum(status in (GapStatus.OPEN, GapStatus.DEFERRED) for status in self._entries.values())

    def close(self) -> None:
        """Stop following."""
        self._consumer.close()
