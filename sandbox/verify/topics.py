"""Reads topics from their beginning to what is their end now."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final, cast

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # its __all__ lacks it

from sandbox.verify.evidence import Evidence
from sandbox.verify.outcome import REST_DEPTH, Outcome
from sandbox.verify.symbols import SymbolId
from schemas.codec import Codec, DecodeError
from schemas.markets import Market
from schemas.topics import (
    CANDLE_INTERVALS,
    ControlType,
    DerivedType,
    Layer,
    RawType,
    Topic,
    TopicTable,
    UnknownTopicError,
    candle_type,
    partition_of,
)


__all__ = [
    "Partition",
    "Record",
    "admin_of",
    "collect_evidence",
    "collect_outcome",
    "diffs_of",
    "end_offsets",
    "read_to_end",
    "snapshots_of",
]

_AT_ONCE: Final = 5_000
_ATTEMPTS: Final = 60
_PAUSE_S: Final = 0.5
_NOT_YET: Final = frozenset(
    {
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
    }
)
"""What a broker that has just started answers until it knows what it leads."""
_WAIT_S: Final = 0.2
_SILENCE_LIMIT_S: Final = 60.0
_SHOWN: Final = 10
_PROVING: Final = (
    DerivedType.TRADE,
    DerivedType.TRADE_FLOW,
    DerivedType.ALERT,
    DerivedType.TOP_OF_BOOK,
    *map(candle_type, CANDLE_INTERVALS),
)


Partition = tuple[str, int]
"""Topic and number."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record of a topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]

    def header(self, name: str) -> str:
        """Return the text of a header, empty if there is none."""
        for known, value in self.headers:
            if known == name:
                return (value or b"").decode(errors="replace")
        return ""


@cache
def admin_of(bootstrap_servers: str) -> AdminClient:
    """Return this process's one admin client of a broker.

    Where clients came and went twice a second, `list_offsets` ended the process with a segmentation fault within a
    minute (confluent-kafka 2.16.0); one that stays did not in 1,600 rounds.
    """
    return AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})


def end_offsets(admin: AdminClient, topics: Iterable[Topic]) -> dict[Partition, int]:
    """Return the next offset of every partition.

    Raises:
        KafkaException: the broker does not answer, or lacks a topic.
    """
    partitions = [TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)]
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    attempt = 1
    while True:
        ends = admin.list_offsets(dict.fromkeys(partitions, latest))
        try:
            return {(partition.topic, partition.partition): ends[partition].result().offset for partition in partitions}
        except KafkaException as error:
            if attempt == _ATTEMPTS or error.args[0].code() not in _NOT_YET:
                raise
        attempt += 1
        time.sleep(_PAUSE_S)


def read_to_end(bootstrap_servers: str, topics: Sequence[Topic]) -> Iterator[Record]:
    """Yield every record that the topics hold at this moment; each partition in its order.

    Raises:
        KafkaException: the broker does not answer.
        TimeoutError: it stopped delivering before the end.
    """
    wanted = {place: end for place, end in end_offsets(admin_of(bootstrap_servers), topics).items() if end > 0}
    if not wanted:
        return
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "log_level": 0,  # what matters comes as errors
            "group.id": "binance-sandbox-verification",  # demanded by the client; nothing is committed
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            # Of hundreds of partitions each may otherwise hold up to 64 MiB.
            "queued.max.messages.kbytes": 65_536,
            "fetch.max.bytes": 8 * 1024 * 1024,
        }
    )
    try:
        consumer.assign([TopicPartition(topic, number, 0) for topic, number in wanted])
        yield from _consume(consumer, wanted)
    finally:
        consumer.close()


def _consume(consumer: Consumer, wanted: dict[Partition, int]) -> Iterator[Record]:
    silent_s = 0.0
    while wanted:
        # It waits for as many as asked for, or for as long as told.
        messages = consumer.consume(_AT_ONCE, timeout=_WAIT_S)
        silent_s = 0.0 if messages else silent_s + _WAIT_S
        if silent_s >= _SILENCE_LIMIT_S:
            msg = f"the broker delivered nothing for {_SILENCE_LIMIT_S:g} s"
            raise TimeoutError(msg)
        for message in messages:
            partition = (message.topic() or "", message.partition() or 0)
            error = message.error()
            if error is not None:
                if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                    raise KafkaException(error)
                wanted.pop(partition, None)
                continue
            end = wanted.get(partition)
            offset = message.offset() or 0
            if end is None or offset >= end:
                continue  # written since
            yield _record(message, *partition, offset)
            if offset == end - 1:
                del wanted[partition]


def _record(message: Message, topic: str, partition: int, offset: int) -> Record:
    headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
    return Record(topic, partition, offset, message.key(), message.value(), headers)


def collect_outcome(
    bootstrap_servers: str,
    table: TopicTable,
    codec: Codec,
    markets: Iterable[Market],
    directory: Path,
    *,
    tell: Callable[[int], object] = lambda _: None,
) -> Outcome:
    """Lay out what the topics hold.

    Args:
        bootstrap_servers: the broker.
        table: names the topics.
        codec: decodes the derived and control ones.
        markets: whose topics to read.
        directory: an empty directory for the files.
        tell: called now and then with the number of records read.

    Raises:
        KafkaException: the broker does not answer.
        TimeoutError: it stopped delivering before the end.
    """
    outcome = Outcome(directory)
    topics = [table.control(ControlType.GAP), table.control(ControlType.DEAD_LETTER)]
    for market in markets:
        topics += _raw_topics(table, market)
        topics += [table.derived(market, derived_type) for derived_type in _PROVING]
    for count, record in enumerate(read_to_end(bootstrap_servers, topics), 1):
        _take(outcome, table[record.topic], record, codec)
        if count % _AT_ONCE == 0:
            tell(count)
    return outcome


def _take(outcome: Outcome, topic: Topic, record: Record, codec: Codec) -> None:
    if topic.layer is Layer.RAW:
        _take_raw(outcome, topic, record)
    elif topic.type is ControlType.DEAD_LETTER:
        outcome.add_dead_letter({name: (value or b"").decode(errors="replace") for name, value in record.headers})
    elif record.value is not None:
        try:
            value = codec.decode(record.topic, record.partition, record.offset, record.value)
        except DecodeError as error:
            if len(outcome.undecodable) < _SHOWN:
                outcome.undecodable.append(str(error))
            return
        outcome.add_value(topic.market, value, record.offset)


def _take_raw(outcome: Outcome, topic: Topic, record: Record) -> None:
    symbol = (record.key or b"").decode(errors="replace")
    if topic.market is None or not isinstance(topic.type, RawType):
        raise UnknownTopicError(topic.name)
    if record.partition != partition_of(symbol) and len(outcome.misplaced) < _SHOWN:
        outcome.misplaced.append(f"{record.topic}[{record.partition}]@{record.offset}: key {symbol}")
    found = outcome.symbol(topic.market, symbol)
    found.add_raw(topic.type, record.value or b"", record.header("stream"), record.header("origin"))


def collect_evidence(bootstrap_servers: str, table: TopicTable, markets: Iterable[Market], directory: Path) -> Evidence:
    """Lay out what the venue sent as the raw topics hold it, where nobody else recorded it.

    Raises:
        KafkaException: the broker does not answer.
        TimeoutError: it stopped delivering before the end.
    """
    evidence = Evidence(directory)
    for market in markets:
        for record in read_to_end(bootstrap_servers, _raw_topics(table, market)):
            stream, value = record.header("stream"), record.value or b""
            if stream == REST_DEPTH:
                evidence.add_snapshot(SymbolId(market, (record.key or b"").decode()), value)
            else:
                evidence.add_frame(market, stream, value)
    return evidence


def snapshots_of(bootstrap_servers: str, table: TopicTable, symbol_id: SymbolId) -> Iterator[bytes]:
    """Yield the depth snapshots of a symbol in the raw topic."""
    return (value for stream, value in _depth_of(bootstrap_servers, table, symbol_id) if stream == REST_DEPTH)


def diffs_of(bootstrap_servers: str, table: TopicTable, symbol_id: SymbolId) -> Iterator[bytes]:
    """Yield the depth diffs of a symbol in the raw topic."""
    return (value for stream, value in _depth_of(bootstrap_servers, table, symbol_id) if stream != REST_DEPTH)


def _depth_of(bootstrap_servers: str, table: TopicTable, symbol_id: SymbolId) -> Iterator[tuple[str, bytes]]:
    key = symbol_id.symbol.encode()
    for record in read_to_end(bootstrap_servers, [table.raw(symbol_id.market, RawType.DEPTH)]):
        if record.key == key:
            yield record.header("stream"), record.value or b""


def _raw_topics(table: TopicTable, market: Market) -> list[Topic]:
    return [topic for topic in table if topic.layer is Layer.RAW and topic.market is market]
