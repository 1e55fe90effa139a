"""Topics as they lie on the broker, read whole and written to as any producer could."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, cast

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition


__all__ = ["Entry", "append", "read_whole"]

_SILENCE_S: Final = 30.0
_WAIT_S: Final = 0.5
_AT_ONCE: Final = 5_000


class Entry(msgspec.Struct, frozen=True):
    """One record."""

    partition: int
    offset: int
    timestamp_ms: int
    key: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


def read_whole(bootstrap_servers: str, topic: str) -> list[Entry]:
    """Return every record of a topic, in order of partition and offset.

    Raises:
        KafkaException: the broker does not answer, or lacks the topic.
    """
    return sorted(_entries(bootstrap_servers, topic), key=lambda entry: (entry.partition, entry.offset))


def _entries(bootstrap_servers: str, topic: str) -> Iterator[Entry]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "log_level": 0,  # what matters comes as errors
            "group.id": "compat-truth",  # demanded by the client; nothing is committed
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    try:
        known = consumer.list_topics(topic, timeout=_SILENCE_S).topics[topic]
        if known.error is not None:
            raise KafkaException(known.error)
        running = set(known.partitions)
        consumer.assign([TopicPartition(topic, number, 0) for number in running])
        silent_s = 0.0
        while running:
            messages = consumer.consume(_AT_ONCE, _WAIT_S)
            silent_s = 0.0 if messages else silent_s + _WAIT_S
            if silent_s >= _SILENCE_S:
                msg = f"topic {topic}: the broker delivered nothing for {_SILENCE_S:g} s"
                raise KafkaException(msg)
            for message in messages:
                error = message.error()
                if error is None:
                    headers = cast("list[tuple[str, bytes]]", message.headers() or [])
                    yield Entry(
                        message.partition() or 0,
                        message.offset() or 0,
                        message.timestamp()[1],
                        (message.key() or b"").decode(),
                        message.value() or b"",
                        tuple(headers),
                    )
                elif error.code() == KafkaError._PARTITION_EOF:
                    running.discard(message.partition() or 0)
                else:
                    raise KafkaException(error)
    finally:
        consumer.close()


def append(bootstrap_servers: str, topic: str, entries: Iterable[Entry]) -> int:
    """Write records to the end of a topic, each into the partition of its key; returns how many.

    Raises:
        KafkaException: the broker did not take them.
    """
    producer = Producer({"bootstrap.servers": bootstrap_servers, "partitioner": "murmur2_random", "acks": "all"})
    count = 0
    for entry in entries:
        count += 1
        producer.produce(topic, entry.value, entry.key, timestamp=entry.timestamp_ms, headers=list(entry.headers))
    if left := producer.flush(_SILENCE_S):
        msg = f"{left} records were not taken"
        raise KafkaException(msg)
    return count
