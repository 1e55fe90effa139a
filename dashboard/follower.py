"""Reads the derived topics into the store: no consumer group, nothing committed, nobody disturbed.

At start a compacted topic is read from its beginning, any other from a bounded number of records before its end; then
both are followed. Topics that are deleted and made anew are noticed by their offsets, and read anew.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from time import monotonic
from typing import Final, NoReturn, TypeVar

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from dashboard import metrics
from dashboard.core.operations import CONTROL_READ, MEASURED
from dashboard.errors import BrokerUnavailableError, TopicsMissingError
from dashboard.reader import Reader
from schemas.codec import Codec, DecodeError
from schemas.kafka_access import Servers, aiokafka_access
from schemas.kafka_refusal import refusal
from schemas.markets import Market
from schemas.registry import RegistryUnavailableError
from schemas.topics import Cleanup, ControlType, Layer, Topic, TopicTable


__all__ = ["Follower", "Tails", "topics_to_read"]

_POLL_MS: Final = 200
_AT_ONCE: Final = 500
"""Records applied before a request has its turn."""
_LOOK_S: Final = 2.0
"""Between two looks at the ends of the topics."""
_LOOK_LIMIT_S: Final = 5.0
_PAUSE_S: Final = 1.0
_FETCH_BYTES: Final = 256 * 1024
_HEAD_BYTES: Final = 5
"""Of Confluent's wire format: a zero and the schema's id."""

_SHORT: Final[Mapping[str, int]] = {ControlType.HEARTBEAT: 500, ControlType.DEAD_LETTER: 50}
"""Of these only the newest matter."""

T = TypeVar("T")
"""What an attempt comes to."""

_log = structlog.get_logger("dashboard.follower")


class Tails(msgspec.Struct, frozen=True):
    """How many records before its end reading a partition begins, where the topic is not compacted alone."""

    records: int
    candles: int

    def of(self, topic: Topic) -> int | None:
        """Return the number for a topic; None: all of it."""
        if topic.cleanup is Cleanup.COMPACT:
            return None
        if topic.type in _SHORT:
            return min(self.records, _SHORT[topic.type])
        return self.candles if topic.schema == "candle" else self.records


def topics_to_read(table: TopicTable, markets: Collection[Market], schemas: Collection[str]) -> list[Topic]:
    """Return the derived topics of markets whose values have one of these schemas, and the control topics."""
    derived = [
        topic for topic in table if topic.layer is Layer.DERIVED and topic.market in markets and topic.schema in schemas
    ]
    return [*derived, *map(table.control, CONTROL_READ)]


class Follower:
    """Follows topics for ever.

    Args:
        bootstrap_servers: the broker.
        codec: decodes the values.
        reader: says what to read, takes it, and is told how far it goes and when the broker answered.
        tails: how far back to begin.
    """

    def __init__(self, bootstrap_servers: Servers, codec: Codec, reader: Reader, tails: Tails) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topics = {topic.name: topic for topic in reader.topics}
        self._codec = codec
        self._reader = reader
        self._synchrony = reader.synchrony
        self._tails = tails
        self._known_ids: set[tuple[str, bytes]] = set()

    async def run(self, *, start_timeout_s: float) -> NoReturn:
        """Read until cancelled.

        Args:
            start_timeout_s: how long to wait for the broker.

        Raises:
            BrokerUnavailableError: it did not answer in that time.
            TopicsMissingError: topics do not exist.
        """
        try:
            access = aiokafka_access(self._bootstrap_servers)
        except OSError as error:
            raise await self._unavailable(error) from error
        consumer = AIOKafkaConsumer(
            **access,
            client_id="binance-dashboard",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=_POLL_MS,
            max_partition_fetch_bytes=_FETCH_BYTES,
        )
        deadline = monotonic() + start_timeout_s
        try:
            await self._patiently(consumer.start, deadline)
            partitions = await self._patiently(lambda: self._assign(consumer), deadline)
            await self._follow(consumer, partitions)
        finally:
            await consumer.stop()

    async def _patiently(self, attempt: Callable[[], Awaitable[T]], deadline: float) -> T:
        """Return what an attempt comes to; one that the broker fails is made again until the deadline."""
        while True:
            try:
                return await attempt()
            except KafkaError as error:
                unavailable = await self._unavailable(error)
                if monotonic() >= deadline:
                    raise unavailable from error
                reason = str(unavailable.refusal or error)
                _log.warning("waiting for the broker", servers=str(self._bootstrap_servers), reason=reason)
            await asyncio.sleep(_PAUSE_S)

    async def _unavailable(self, error: Exception) -> BrokerUnavailableError:
        """Return what is to be said of a broker that was not had."""
        refused = await asyncio.to_thread(refusal, self._bootstrap_servers)
        return BrokerUnavailableError(self._bootstrap_servers, str(error), refused)

    async def _assign(self, consumer: AIOKafkaConsumer) -> Sequence[TopicPartition]:
        """Take all partitions and seek to where reading begins."""
        existing = await consumer.topics()
        if missing := sorted(self._topics.keys() - existing):
            raise TopicsMissingError(missing)
        partitions = [
            TopicPartition(topic.name, number) for topic in self._topics.values() for number in range(topic.partitions)
        ]
        consumer.assign(partitions)
        await self._begin(consumer, partitions)
        _log.info("reading", topics=len(self._topics), partitions=len(partitions))
        return partitions

    async def _follow(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> NoReturn:
        looked_at, announced = monotonic(), False
        while True:
            await self._fetch(consumer)
            await self._note_positions(consumer)
            if not announced and not self._synchrony.obstacles():
                announced = True
                _log.info("synchronised")
            if monotonic() - looked_at > _LOOK_S:
                await self._look(consumer, partitions)
                looked_at = monotonic()
            await asyncio.sleep(0)  # a request has its turn even where records are at hand

    async def _fetch(self, consumer: AIOKafkaConsumer) -> None:
        try:
            fetched = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_AT_ONCE)
        except OffsetOutOfRangeError as error:
            await self._begin_anew(consumer, list(error.args[0]))
            return
        except KafkaError as error:
            _log.warning("the broker does not give records", reason=repr(error))
            await asyncio.sleep(_PAUSE_S)
            return
        for tp, records in fetched.items():
            self._reader.contact.confirm(self._reader.clock_s())
            await self._apply(tp, records)

    async def _begin(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        """Seek to where reading begins."""
        begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        self._reader.contact.confirm(self._reader.clock_s())
        for tp in partitions:
            tail = self._tails.of(self._topics[tp.topic])
            position = begins[tp] if tail is None else max(begins[tp], ends[tp] - tail)
            consumer.seek(tp, position)
            self._synchrony.begin(tp.topic, tp.partition, position, ends[tp])

    async def _begin_anew(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        """Read partitions again whose log is another one, or was deleted up to behind where we were."""
        for tp in partitions:
            topic = self._topics[tp.topic]
            _log.warning("partition is read anew", topic=tp.topic, partition=tp.partition)
            metrics.REPLACED.labels(tp.topic).inc()
            self._reader.forget(topic, tp.partition)
        try:
            await self._begin(consumer, partitions)
        except KafkaError as error:
            _log.warning("the broker does not tell offsets", reason=repr(error))
            await asyncio.sleep(_PAUSE_S)

    async def _apply(self, tp: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        topic = self._topics[tp.topic]
        heard_ms, older = self._reader.clock_ms(), 0
        for record in records:
            if topic.schema is None:
                # The one kind without a schema: it says why in its headers.
                self._reader.operations.take_dead_letter(record.timestamp, dict(record.headers))
                continue
            if record.value is None:
                continue  # a tombstone: of an order that ended long ago, of which only the last are kept here
            try:
                value = await self._decode(topic.schema, record)
            except DecodeError as error:
                metrics.UNREADABLE.labels(tp.topic).inc()
                _log.error("record cannot be read", reason=str(error))
            else:
                older += not self._reader.take(topic, value, heard_ms)
        if topic.type in MEASURED and not self._synchrony.obstacles((tp.topic,)):
            passage, newest = self._reader.operations.passage, records[-1]
            passage.note(tp.topic, newest.timestamp, heard_ms, self._reader.clock_s())
        metrics.RECORDS.labels(tp.topic).inc(len(records))
        metrics.OLDER.labels(tp.topic).inc(older)

    async def _decode(self, schema: str, record: ConsumerRecord) -> msgspec.Struct:
        """Return the value of a record.

        Where its schema's id is new the codec asks the registry: in a thread, so that no request waits for that, and
        again until it answers.

        Raises:
            DecodeError: it is not what its topic holds.
        """
        place = (record.topic, record.partition, record.offset)
        written_with = (schema, bytes((record.value or b"")[:_HEAD_BYTES]))
        if written_with in self._known_ids:
            return self._codec.decode(*place, record.value)
        while True:
            try:
                value = await asyncio.to_thread(self._codec.decode, *place, record.value)
            except RegistryUnavailableError as error:
                _log.warning("waiting for the schema registry", reason=str(error))
                await asyncio.sleep(_PAUSE_S)
            else:
                self._known_ids.add(written_with)
                return value

    async def _note_positions(self, consumer: AIOKafkaConsumer) -> None:
        for topic, number in self._synchrony.unread():
            self._synchrony.advance(topic, number, await consumer.position(TopicPartition(topic, number)))
        metrics.UNSYNCHRONISED.set(len(self._synchrony.unread()))

    async def _look(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        """Ask for the ends: whether the broker answers, how far behind we are, and whether a log was replaced."""
        try:
            async with asyncio.timeout(_LOOK_LIMIT_S):
                ends = await consumer.end_offsets(partitions)
        except (KafkaError, TimeoutError) as error:
            _log.warning("the broker does not tell offsets", reason=repr(error))
            return
        self._reader.contact.confirm(self._reader.clock_s())
        lag: defaultdict[str, int] = defaultdict(int)
        replaced = []
        for tp in partitions:
            behind = ends[tp] - await consumer.position(tp)
            if behind < 0:
                replaced.append(tp)
            lag[tp.topic] += max(0, behind)
        for topic, behind in lag.items():
            metrics.LAG.labels(topic).set(behind)
        if replaced:
            await self._begin_anew(consumer, replaced)
