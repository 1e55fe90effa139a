"""Tells when the pipeline has done all there is to do; detected, never timed.

A replay is over when the exchange has sent everything, the raw topics hold everything, the workers have read all of
it, heartbeats vouch for times beyond the last event and were read too, and the derived topics grow no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition

from sandbox.verify.topics import Partition, admin_of, end_offsets
from schemas.codec import Codec, DecodeError
from schemas.control import Heartbeat
from schemas.markets import Market
from schemas.topics import ControlType, Layer, RawType, Topic, TopicTable, partition_of


__all__ = ["HeartbeatWatch", "Log", "Needed", "behind", "needed_heartbeats"]

Needed = tuple[Market, str, int]
"""Market, stream type and raw partition of which a heartbeat is needed."""

_TIMEOUT_S: Final = 30.0


class Log:
    """How far the topics and their readers are."""

    def __init__(self, bootstrap_servers: str, table: TopicTable) -> None:
        self._admin = admin_of(bootstrap_servers)
        self._topics = list(table)

    def ends(self, *layers: Layer, markets: Iterable[Market]) -> dict[Partition, int]:
        """Return the end offset of every partition of the layers' topics; control topics belong to every market."""
        wanted = {None, *markets}
        topics = [topic for topic in self._topics if topic.layer in layers and topic.market in wanted]
        return self.ends_of(topics)

    def ends_of(self, topics: Sequence[Topic]) -> dict[Partition, int]:
        """Return the end offset of every partition of some topics."""
        return end_offsets(self._admin, topics)

    def committed(self, group: str) -> dict[Partition, int]:
        """Return the committed offsets of a consumer group."""
        request = [ConsumerGroupTopicPartitions(group)]
        answer = self._admin.list_consumer_group_offsets(request, request_timeout=_TIMEOUT_S)[group].result()
        return {(tp.topic, tp.partition): tp.offset for tp in answer.topic_partitions or () if tp.offset >= 0}


def behind(reads: Iterable[str], ends: Mapping[Partition, int], committed: Mapping[Partition, int]) -> int:
    """Return how many records of the topics that a group reads it has not done up to `ends`."""
    topics = set(reads)
    return sum(max(0, end - committed.get(place, 0)) for place, end in ends.items() if place[0] in topics)


def needed_heartbeats(streams: Iterable[tuple[Market, RawType, str]]) -> frozenset[Needed]:
    """Return the heartbeats that must come: of every partition in which a symbol of a vouched stream type lies.

    Args:
        streams: market, type and symbol of each subscribed stream.
    """
    vouched = {RawType.TRADE, RawType.AGG_TRADE, RawType.DEPTH}
    return frozenset(
        (market, str(raw_type), partition_of(symbol)) for market, raw_type, symbol in streams if raw_type in vouched
    )


class HeartbeatWatch:
    """Follows the heartbeats until each needed one vouches for the end of the market's events."""

    def __init__(self, bootstrap_servers: str, table: TopicTable, codec: Codec, until: Mapping[Needed, int]) -> None:
        self._topic = table.control(ControlType.HEARTBEAT)
        self._codec = codec
        self._missing = dict(until)
        self.reached: dict[Partition, int] = {}
        """Offset after the heartbeat that was needed, by partition of the heartbeat topic."""
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "log_level": 0,  # what matters comes as errors
                "group.id": "binance-sandbox-heartbeats",  # demanded by the client; nothing is committed
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )
        self._consumer.assign([TopicPartition(self._topic.name, number, 0) for number in range(self._topic.partitions)])

    def close(self) -> None:
        """Stop following."""
        self._consumer.close()

    @property
    def missing(self) -> Mapping[Needed, int]:
        """The heartbeats that have not come, and what time each must vouch for."""
        return self._missing

    def poll(self, timeout_s: float) -> bool:
        """Read what came since; return whether all have come."""
        for message in self._consumer.consume(5_000, timeout_s):
            if message.error() is not None:
                continue
            partition, offset = message.partition() or 0, message.offset() or 0
            try:
                value = self._codec.decode(self._topic.name, partition, offset, message.value())
            except DecodeError:
                continue
            if isinstance(value, Heartbeat):
                self._take(value, partition, offset)
        return not self._missing

    def _take(self, heartbeat: Heartbeat, partition: int, offset: int) -> None:
        key = (heartbeat.market, heartbeat.stream, heartbeat.partition)
        until = self._missing.get(key)
        if until is not None and heartbeat.vouched_until >= until:
            del self._missing[key]
            place = (self._topic.name, partition)
            self.reached[place] = max(offset + 1, self.reached.get(place, 0))
