"""Batches of records as aiokafka sends them, which can be taken apart again.

After a failure everything unacknowledged goes out once more through a new producer. The built batch itself serves as
the memory of what is in it: a second copy of every record, kept for the rare failure, would cost more than twice the
memory and time.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from ingest.core.records import Record


__all__ = ["CODECS", "PartitionQueue", "RecordBatch"]

CODECS: Final = {"none": 0, "lz4": 3}
"""Compression codecs by Kafka's numbers (protocol guide, "Record Batch", attributes)."""


class RecordBatch(BatchBuilder):  # type: ignore[misc]  # aiokafka is not typed
    """Records of one partition that travel together.

    Args:
        max_bytes: most that it holds before compression; a single larger record is accepted as the first.
        codec: one of ``CODECS``.
    """

    def __init__(self, max_bytes: int, codec: int) -> None:
        super().__init__(max_bytes, codec)
        self._relative_offset: int = 0
        self._limits = (max_bytes, codec)
        self.bytes = 0
        """What its records take, before compression."""
        self.refusals = 0
        """How often the broker refused these records."""

    def add(self, record: Record) -> int:
        """Append a record; returns the bytes that it takes, 0 if it does not fit any more."""
        # The parent's `append` does the same by four more calls; this line runs for every record.
        offset = self._relative_offset
        added = self._builder.append(offset, record.timestamp_ms, record.key, record.value, record.headers)
        if added is None:
            self.close()
            return 0
        self._relative_offset = offset + 1
        size: int = added.size
        self.bytes += size
        return size

    def records(self, topic: str, partition: int) -> list[Record]:
        """Return what is in it."""
        batch = MemoryRecords(bytes(self._build())).next_batch()
        return [
            Record(topic, partition, one.key or b"", one.value or b"", one.timestamp, list(one.headers))
            for one in batch
        ]

    def renewed(self, topic: str, partition: int, parts: int = 1) -> list[RecordBatch]:
        """Return the same records as one or several batches that no producer has touched."""
        records = self.records(topic, partition)
        size = -(-len(records) // parts)
        return [self._filled(records[start : start + size]) for start in range(0, len(records), size)]

    def _filled(self, records: list[Record]) -> RecordBatch:
        max_bytes, codec = self._limits
        # They did fit; their varints may be a few bytes longer now that another record is the first.
        batch = RecordBatch(max_bytes + 16 * len(records), codec)
        for record in records:
            batch.add(record)
        return batch


class PartitionQueue:
    """Batches of one partition on their way, in order: being sent, waiting, being filled."""

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.sending: RecordBatch | None = None
        self.waiting: deque[RecordBatch] = deque()
        self.filling: RecordBatch | None = None
        self.scheduled = False
        """Whether something is being sent, or is about to be."""
        self.acknowledged = 0
        self.next_offset: int | None = None

    @property
    def unacknowledged(self) -> int:
        """How many records are on their way."""
        on_their_way = [self.sending, *self.waiting, self.filling]
        return sum(batch.record_count() for batch in on_their_way if batch is not None)

    @property
    def published(self) -> int:
        """How many records were handed over in all."""
        return self.acknowledged + self.unacknowledged

    @property
    def has_more(self) -> bool:
        """Whether anything is left to send."""
        return bool(self.waiting) or self.filling is not None

    def take(self) -> RecordBatch | None:
        """Return the next batch to send, which is then being sent."""
        if self.waiting:
            self.sending = self.waiting.popleft()
        else:
            self.sending, self.filling = self.filling, None
        return self.sending
