"""The one way out: records to the broker in batches of their own partition, one future per batch.

Idempotent, acks=all. A call returns when the broker has acknowledged everything; if it does not, the call raises, the
worker ends, and nothing after the last commit is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from processors import metrics
from processors.errors import OutputError
from schemas.kafka_access import Servers, aiokafka_access


__all__ = ["Grouped", "KafkaPublisher", "Offsets", "Publisher", "Record"]

_BATCH_BYTES: Final = 512 * 1024


class Record(msgspec.Struct, frozen=True):
    """What goes over the wire."""

    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: Sequence[tuple[str, bytes]] = ()


Grouped = dict[tuple[str, int], list[Record]]
"""Records by topic and partition."""

Offsets = dict[tuple[str, int], list[range]]
"""Where the records of each topic and partition are, in order. A negative start: there, but it is unknown where."""


class Publisher(Protocol):
    """Takes records to the broker."""

    async def publish(self, records: Grouped) -> Offsets:
        """Return where the records are when all of them, grouped by topic and partition, are acknowledged.

        Raises:
            OutputError: some are not.
        """


class KafkaPublisher:
    """Publishes over one idempotent producer.

    Args:
        bootstrap_servers: the broker.
        client_id: shown in the broker's logs.
        request_timeout_s: how long the broker may take to acknowledge, retries and a leader election included.
    """

    def __init__(self, bootstrap_servers: Servers, client_id: str, *, request_timeout_s: float = 30.0) -> None:
        self._producer = AIOKafkaProducer(
            **aiokafka_access(bootstrap_servers),
            client_id=client_id,
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            linger_ms=0,
            max_batch_size=_BATCH_BYTES,
            max_request_size=4 * 1024 * 1024,
            request_timeout_ms=int(request_timeout_s * 1000),
        )

    async def start(self) -> None:
        """Connect."""
        await self._producer.start()

    async def stop(self) -> None:
        """Send what is buffered and disconnect."""
        await self._producer.stop()

    async def publish(self, records: Grouped) -> Offsets:
        """Return where the records are when all of them are acknowledged, see :class:`Publisher`."""
        sent: list[tuple[str, int, int, asyncio.Future[RecordMetadata]]] = []
        offsets: Offsets = {}
        try:
            for (topic, partition), group in records.items():
                for batch in self._batches(group):
                    count = batch.record_count()
                    try:
                        future = await self._producer.send_batch(batch, topic, partition=partition)
                        sent.append((topic, partition, count, future))
                    except (KafkaError, AssertionError) as error:
                        raise OutputError(topic, partition, repr(error)) from error
            for topic, partition, count, future in sent:
                try:
                    first = (await future).offset
                    offsets.setdefault((topic, partition), []).append(range(first, first + count))
                except KafkaError as error:
                    raise OutputError(topic, partition, repr(error)) from error
        finally:
            for *_, future in sent:
                future.add_done_callback(_consume)
        for (topic, _), group in records.items():
            metrics.OUTPUTS.labels(topic).inc(len(group))
        return offsets

    def _batches(self, group: Sequence[Record]) -> Iterable[BatchBuilder]:
        batch = self._producer.create_batch()
        for record in group:
            fields = {
                "timestamp": record.timestamp_ms,
                "key": record.key,
                "value": record.value,
                "headers": list(record.headers),
            }
            if batch.append(**fields) is None:
                yield batch
                batch = self._producer.create_batch()
                batch.append(**fields)
        batch.close()
        yield batch


def _consume(future: asyncio.Future[RecordMetadata]) -> None:
    """Look at a result that nobody waits for any more: one failure of a publish is reported, not each."""
    if not future.cancelled():
        future.exception()
