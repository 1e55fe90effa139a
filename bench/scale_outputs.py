"""What came of a log: which outputs were to be there, and which of those that are there are one too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from time import process_time
from typing import Final

from confluent_kafka import Consumer, TopicPartition
from msgspec import Struct

from bench.scale_log import Entry
from bench.site import Site
from processors.core.book_partition import BookPartition
from processors.core.records import Output, RawRecord
from processors.core.trade_partition import TradePartition
from schemas.codec import Codec
from schemas.derived import TopOfBook, Trade
from schemas.markets import Market
from schemas.registry import Registry
from schemas.topics import PARTITIONS, DerivedType, RawType, TopicTable, partition_of


__all__ = ["Expected", "Found", "expect", "read"]

_WAIT_S: Final = 60.0
_AT_ONCE: Final = 10_000

Identity = tuple[str | int, ...]


class Expected(Struct, frozen=True):
    """What the core alone makes of the entries, in this process."""

    identities: Sequence[Sequence[Identity]]
    """Of each entry."""
    cpu_s: float

    def first(self, count: int) -> set[Identity]:
        """Return what comes of the first ``count`` entries."""
        return {identity for of_entry in self.identities[:count] for identity in of_entry}


class Found(Struct, frozen=True):
    """What the topic holds."""

    counts: Counter[Identity]

    @property
    def duplicates(self) -> int:
        """Outputs beyond their identities."""
        return self.counts.total() - len(self.counts)

    def lost(self, expected: set[Identity]) -> list[Identity]:
        """Return symbol and id of the outputs that are not there, whatever the flags of those that are."""
        return sorted({_bare(one) for one in expected} - {_bare(one) for one in self.counts}, key=str)


def expect(raw_type: RawType, entries: Sequence[Entry]) -> Expected:
    """Run the core over entries, a partition at a time as the workers have them."""
    partitions = [BookPartition() if raw_type is RawType.DEPTH else TradePartition() for _ in range(PARTITIONS)]
    identities: list[list[Identity]] = []
    cpu_s = 0.0
    for offset, entry in enumerate(entries):
        number = partition_of(entry.symbol)
        record = RawRecord(Market.SPOT, raw_type, number, offset, entry.time_ms, entry.symbol.encode(), entry.payload)
        begun_s = process_time()
        made = partitions[number].feed(record)
        cpu_s += process_time() - begun_s
        identities.append([*_identities(output.value for output in made if isinstance(output, Output))])
    return Expected(identities, cpu_s)


def read(site: Site, table: TopicTable, derived_type: DerivedType) -> Found:
    """Read a derived topic of the spot market from its beginning to its end."""
    topic = table.derived(Market.SPOT, derived_type).name
    codec = Codec(table, Registry(site.registry.url))
    consumer = Consumer(
        {"bootstrap.servers": site.broker.bootstrap_servers, "group.id": "bench", "enable.auto.commit": False}
    )
    counts: Counter[Identity] = Counter()
    try:
        ends = {
            number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_WAIT_S)[1]
            for number in range(PARTITIONS)
        }
        consumer.assign([TopicPartition(topic, number, 0) for number in ends])
        left = sum(ends.values())
        while left > 0:
            messages = consumer.consume(min(left, _AT_ONCE), timeout=_WAIT_S)
            if not messages:
                msg = f'topic "{topic}": does not give its last {left} records'
                raise TimeoutError(msg)
            left -= len(messages)
            counts.update(
                _identities(
                    codec.decode(topic, message.partition() or 0, message.offset() or 0, message.value() or b"")
                    for message in messages
                )
            )
    finally:
        consumer.close()
    return Found(counts)


def _identities(values: Iterable[object]) -> Iterable[Identity]:
    """Return the identities of the values that are counted."""
    for value in values:
        if isinstance(value, TopOfBook):
            yield value.symbol, value.update_id, value.state
        elif isinstance(value, Trade):
            yield value.symbol, value.trade_id, value.source, value.epoch, value.kind


def _bare(identity: Identity) -> Identity:
    """Return symbol and id."""
    return identity[:2]
