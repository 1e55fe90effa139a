"""Writing to Kafka: own batches per partition, acknowledged by all replicas, none lost and none out of order.

At most one batch of a partition is under way, so order holds whatever fails. The producer is idempotent; a batch that
fails all the same poisons its sequence numbers, and every later batch of the partition would fail with
``OutOfOrderSequenceNumber``. Then the producer is replaced, and all that is unacknowledged is sent again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from structlog.stdlib import BoundLogger

from ingest.batches import CODECS, PartitionQueue, RecordBatch
from ingest.core.backoff import backoff
from ingest.core.heartbeats import Position
from ingest.core.records import Record
from ingest.errors import KafkaUnavailableError, RecordRefusedError
from ingest.producers import UNREACHABLE, blames_records, close, connected, reason_of
from ingest.publisher import Delivery
from schemas.kafka_access import Servers


__all__ = ["KafkaPublisher", "PublisherLimits"]

_RESUME_SHARE: Final = 0.75
"""Callers go on when the buffer is filled no more than this."""
_RETIRE_S: Final = 5.0
"""What is under way through a producer that is given up may still be acknowledged for so long."""


class PublisherLimits(Protocol):
    """What the publisher is told to keep to; the settings of the section ``producer``."""

    @property
    def linger_ms(self) -> float:
        """How long a record may wait for company, in milliseconds."""

    @property
    def batch_bytes(self) -> int:
        """Largest batch before compression."""

    @property
    def buffer_bytes(self) -> int:
        """Unacknowledged records held in memory."""

    @property
    def compression(self) -> str:
        """``none`` or ``lz4``."""

    @property
    def request_timeout_ms(self) -> int:
        """How long the broker may take to answer; outlasts the election of a leader."""


class KafkaPublisher:
    """The publisher that writes to a broker.

    :meth:`start`, then :meth:`run` beside everything else until the end, :meth:`drain`, and :meth:`stop`.

    Args:
        bootstrap_servers: brokers, ``host:port`` with commas between.
        client_id: names this process in the broker's logs.
        limits: sizes and times.
        letter: makes the dead letter of a record that the broker refuses.
        random: random numbers in [0, 1).
        log: where troubles are told.
        delivered: told of every acknowledged batch.
    """

    def __init__(
        self,
        bootstrap_servers: Servers,
        client_id: str,
        limits: PublisherLimits,
        *,
        letter: Callable[[Record, str], Record],
        random: Callable[[], float],
        log: BoundLogger,
        delivered: Callable[[Delivery], object] = lambda _: None,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._client_id = client_id
        self._limits = limits
        self._codec = CODECS[limits.compression]
        self._letter = letter
        self._random = random
        self._log = log
        self._delivered = delivered
        self._queues: dict[tuple[str, int], PartitionQueue] = {}
        self._ready: list[PartitionQueue] = []
        self._waiting: dict[PartitionQueue, deque[tuple[int, asyncio.Future[int]]]] = {}
        self._bytes = 0
        self._producer: AIOKafkaProducer | None = None
        self._generation = 0
        self._failure: BaseException | None = None
        self._delays = self._new_delays()
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._room = asyncio.Event()
        self._idle = asyncio.Event()
        self._room.set()
        self._idle.set()
        self.acknowledged = 0
        """Records that the broker has, over all partitions."""
        self.failures = 0
        """Producers that had to be replaced."""

    # What callers use

    @property
    def full(self) -> bool:
        """Whether callers must wait for :meth:`room`."""
        return self._bytes >= self._limits.buffer_bytes

    @property
    def unacknowledged(self) -> int:
        """How many records the broker has not acknowledged yet."""
        return sum(queue.unacknowledged for queue in self._queues.values())

    @property
    def unacknowledged_bytes(self) -> int:
        """What they take in memory."""
        return self._bytes

    def publish(self, record: Record) -> None:
        """Hand over a record, to be delivered soon; returns at once."""
        queue = self._queues.get((record.topic, record.partition))
        if queue is None:
            queue = self._queue(record.topic, record.partition)
        batch = queue.filling
        size = 0 if batch is None else batch.add(record)
        if not size:
            size = self._next_batch(queue).add(record)
        self._bytes += size
        if not queue.scheduled:
            self._schedule(queue)

    async def deliver(self, record: Record) -> int:
        """Hand over a record and wait until the broker has it; returns its offset, -1 if the broker does not tell.

        Raises:
            RecordRefusedError: the broker refuses this very record.
        """
        self.publish(record)
        queue = self._queues[record.topic, record.partition]
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(queue, deque()).append((queue.published, future))
        return await future

    async def room(self) -> None:
        """Wait until there is room for more."""
        while self.full:
            self._room.clear()
            await self._room.wait()

    def position(self, topic: str, partition: int) -> Position:
        """Return how far this publisher is in a partition."""
        queue = self._queues.get((topic, partition))
        if queue is None:
            return Position(0, 0, None)
        return Position(queue.published, queue.acknowledged, queue.next_offset)

    def learn(self, topic: str, partition: int, next_offset: int) -> None:
        """Take note of where a partition ends now, before anything of this run is in it."""
        self._queue(topic, partition).next_offset = next_offset

    async def drain(self, limit_s: float) -> int:
        """Wait until everything is acknowledged, but no longer than this; returns how many records are not."""
        if self._bytes:
            self._idle.clear()
            self._wake.set()
            try:
                async with asyncio.timeout(limit_s):
                    await self._idle.wait()
            except TimeoutError:
                self._log.error("broker did not take everything in time", unacknowledged_count=self.unacknowledged)
        return self.unacknowledged

    # Life

    async def start(self, limit_s: float = 0.0) -> None:
        """Connect to the broker; wait for it, and say so, as long as allowed.

        Raises:
            KafkaUnavailableError: it did not answer within the limit.
        """
        waited_s = 0.0
        delays = backoff(self._random, ceiling_s=5.0)
        while True:
            try:
                self._producer = await self._connect()
            except UNREACHABLE as error:
                if waited_s >= limit_s:
                    raise KafkaUnavailableError(self._bootstrap_servers, limit_s, reason_of(error)) from error
                delay_s = next(delays)
                self._log.warning("waiting for Kafka", servers=str(self._bootstrap_servers), reason=reason_of(error))
                await asyncio.sleep(delay_s)
                waited_s += delay_s
            else:
                return

    async def run(self) -> None:
        """Send what is handed over, until cancelled; a failing producer is replaced."""
        while True:
            if self._producer is None:
                self._producer = await self._replacement()
                self._send_again()
            error = await self._pump(self._producer)
            self.failures += 1
            self._log.warning("producer failed, will be replaced", reason=reason_of(error))
            await self._retire(self._producer)
            self._producer = None

    async def stop(self) -> None:
        """Leave the broker; to be called after :meth:`drain`, when :meth:`run` has ended."""
        if self._timer is not None:
            self._timer.cancel()
        if self._producer is not None:
            self._generation += 1  # what is not acknowledged now will not be
            await close(self._producer, limit_s=1.0)
            self._producer = None

    async def _pump(self, producer: AIOKafkaProducer) -> BaseException:
        """Send batches until one fails; returns why."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._wake.wait()
            self._wake.clear()
            ready, self._ready = self._ready, []
            for queue in ready:
                if self._failure is None and (batch := queue.take()) is not None:
                    sent_at = clock()
                    try:
                        sent = await producer.send_batch(batch, queue.topic, partition=queue.partition)
                    except (KafkaError, AssertionError) as error:  # an unknown partition is an assertion there
                        self._failure = error
                    else:
                        sent.add_done_callback(partial(self._settled, queue, batch, self._generation, sent_at))
            if self._failure is not None:
                failure, self._failure = self._failure, None
                return failure

    def _settled(
        self, queue: PartitionQueue, batch: RecordBatch, generation: int, sent_at: float, sent: asyncio.Future[Any]
    ) -> None:
        """Take the fate of a batch."""
        error = None if sent.cancelled() else sent.exception()
        if generation != self._generation or sent.cancelled():
            return
        if error is not None:
            batch.refusals += blames_records(error)
            self._failure = error
            self._wake.set()
            return
        offset: int = sent.result().offset
        # A batch that had arrived before without our knowing is confirmed without its offset.
        queue.next_offset = None if offset < 0 else offset + batch.record_count()
        self._acknowledge(queue, batch.record_count(), batch.bytes, offset)
        seconds = sent.get_loop().time() - sent_at
        self._delivered(Delivery(queue.topic, queue.partition, offset, batch.record_count(), batch.bytes, seconds))
        self._delays = self._new_delays()
        queue.sending = None
        queue.scheduled = False
        if queue.has_more:
            self._schedule(queue)

    def _acknowledge(self, queue: PartitionQueue, count: int, size: int, offset: int) -> None:
        first = queue.acknowledged
        queue.acknowledged += count
        self.acknowledged += count
        self._bytes -= size
        waiting = self._waiting.get(queue)
        while waiting and waiting[0][0] <= queue.acknowledged:
            ticket, future = waiting.popleft()
            if not future.done():
                future.set_result(-1 if offset < 0 else offset + ticket - first - 1)
        if self._bytes <= self._limits.buffer_bytes * _RESUME_SHARE:
            self._room.set()
        if not self._bytes:
            self._idle.set()

    # Scheduling

    def _queue(self, topic: str, partition: int) -> PartitionQueue:
        return self._queues.setdefault((topic, partition), PartitionQueue(topic, partition))

    def _next_batch(self, queue: PartitionQueue) -> RecordBatch:
        if queue.filling is not None:
            queue.waiting.append(queue.filling)
            if queue.sending is None:
                self._wake.set()
        queue.filling = RecordBatch(self._limits.batch_bytes, self._codec)
        return queue.filling

    def _schedule(self, queue: PartitionQueue) -> None:
        """See to it that a queue is sent from: at once if a batch is full, else after a moment."""
        queue.scheduled = True
        self._ready.append(queue)
        if queue.waiting:
            self._wake.set()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._limits.linger_ms / 1000, self._time_is_up)

    def _time_is_up(self) -> None:
        self._timer = None
        self._wake.set()

    # Producers

    def _new_delays(self) -> Iterator[float]:
        return backoff(self._random, initial_s=0.1, ceiling_s=10.0)

    async def _connect(self) -> AIOKafkaProducer:
        return await connected(self._bootstrap_servers, self._client_id, self._limits.request_timeout_ms)

    async def _replacement(self) -> AIOKafkaProducer:
        """Return a new producer, however long the broker takes."""
        while True:
            await asyncio.sleep(next(self._delays))
            try:
                return await self._connect()
            except UNREACHABLE as error:
                self._log.warning("broker is away", reason=reason_of(error), unacknowledged_count=self.unacknowledged)

    async def _retire(self, producer: AIOKafkaProducer) -> None:
        """Give a producer up, after what is under way through it had its chance."""
        await close(producer, limit_s=_RETIRE_S)
        self._generation += 1
        self._failure = None

    def _send_again(self) -> None:
        """Put everything unacknowledged back in front, in order, as batches for the new producer."""
        self._ready = []
        letters: list[Record] = []
        for queue in self._queues.values():
            if queue.sending is not None:
                batch, queue.sending = queue.sending, None
                letters += self._put_back(queue, batch)
            queue.scheduled = False
            if queue.has_more:
                self._schedule(queue)
        for letter in letters:
            self.publish(letter)
        self._wake.set()

    def _put_back(self, queue: PartitionQueue, batch: RecordBatch) -> list[Record]:
        """Put a failed batch back; one that was refused again is halved, until the bad record is alone.

        Returns:
            The dead letter of a record that was alone and refused again.
        """
        if batch.refusals > 1 and batch.record_count() == 1:
            return self._set_aside(queue, batch)
        parts = batch.renewed(queue.topic, queue.partition, parts=2 if batch.refusals > 1 else 1)
        self._bytes += sum(part.bytes for part in parts) - batch.bytes
        for part in reversed(parts):
            part.refusals = min(batch.refusals, 1)
            queue.waiting.appendleft(part)
        return []

    def _set_aside(self, queue: PartitionQueue, batch: RecordBatch) -> list[Record]:
        """Go on without a record that the broker refuses; returns its dead letter."""
        (record,) = batch.records(queue.topic, queue.partition)
        reason = "refused by the broker, alone and twice"
        waiting = self._waiting.get(queue)
        if waiting and waiting[0][0] == queue.acknowledged + 1:
            _, future = waiting.popleft()
            if not future.done():  # whoever waited may have been cancelled
                future.set_exception(RecordRefusedError(queue.topic, queue.partition, reason))
        self._acknowledge(queue, 1, batch.bytes, offset=-1)
        letter = self._letter(record, reason)
        if letter.topic == record.topic:
            self._log.error("record lost: even its dead letter is refused", topic=record.topic)
            return []
        self._log.error("record refused by the broker", topic=record.topic, partition=record.partition)
        return [letter]
