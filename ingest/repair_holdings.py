"""The partitions that this process repairs: where their holes are, how far they are read, where they end."""

from __future__ import annotations

from asyncio import Lock
from collections.abc import Callable, Iterable
from typing import Any

from aiokafka.structs import TopicPartition

from ingest.connection import Clocks
from ingest.core.holes import Key
from ingest.core.ledger import OpenHole
from ingest.core.log_partitions import LogPartition, TradePartition
from ingest.core.tails import Newest, Tail
from ingest.metrics import Metrics
from ingest.repair_holes import HoleDesk
from schemas.markets import Market
from schemas.topics import RawType, Topic, TopicTable, partition_of


__all__ = ["HeldEnds", "Holdings"]


class Holdings:
    """The partitions of this process, as the group gave them.

    Args:
        table: names the topics.
        follows: whether a symbol's trades, or aggregate trades, are taken at present.
        metrics: gauges.
    """

    def __init__(self, table: TopicTable, follows: Callable[[Market, RawType, str], bool], metrics: Metrics) -> None:
        self.partitions: dict[TopicPartition, LogPartition] = {}
        self.reader: Any = None
        """The consumer; set before there is a partition."""
        self._table = table
        self._follows = follows
        self._metrics = metrics

    def place(self, key: Key) -> TopicPartition:
        """Return where the records of a stream and symbol lie."""
        market, raw_type, symbol = key
        return TopicPartition(self._table.raw(market, raw_type).name, partition_of(symbol))

    def trades(self, key: Key) -> TradePartition | None:
        """Return the partition of trades that a stream and symbol lie in; None: somebody else has it."""
        one = self.partitions.get(self.place(key))
        return one if isinstance(one, TradePartition) else None

    def drop(self, hole: OpenHole) -> None:
        """Look no more after a hole."""
        if (partition := self.partitions.get(self.place(hole.key))) is not None:
            partition.drop(hole)

    def lag(self, place: TopicPartition) -> int:
        """Return how many records of a partition are not read yet, as far as it is known."""
        end, at = self.reader.highwater(place), self.partitions[place].next_offset
        return max(0, end - at) if end is not None and at is not None else 0

    async def tails(self, market: Market) -> list[Tail]:
        """Return where the log of what is followed ends; raises ``KafkaError``."""
        held = {
            place: one
            for place, one in self.partitions.items()
            if one.market is market and isinstance(one, TradePartition)
        }
        if not held:
            return []
        # The broker must answer: while it is away nothing is missing, it is under way.
        ends = await self.reader.end_offsets(list(held))
        return [
            tail
            for place, one in held.items()
            if self.partitions.get(place) is one
            for tail in one.tails(ends[place])
            if self._follows(*tail.key)
        ]

    def tell_gauges(self, topics: Iterable[Topic]) -> None:
        """Keep the gauges of these topics."""
        for topic in topics:
            places = [place for place in self.partitions if place.topic == topic.name]
            holes = [hole for place in places for hole in self.partitions[place].holes()]
            labels = (topic.market, topic.type)
            self._metrics.open_holes.labels(*labels).set(len(holes))
            self._metrics.missing_ids.labels(*labels).set(sum(hole.fates.missing_count for hole in holes))
        self._metrics.repair_lag.set(sum(map(self.lag, self.partitions)))


class HeldEnds:
    """The ends of the log in the partitions of this process.

    Args:
        holdings: the partitions.
        desk: takes what is missing.
        turn: held while something is read, or partitions come and go.
        clocks: time.
    """

    def __init__(self, holdings: Holdings, desk: HoleDesk, turn: Lock, clocks: Clocks) -> None:
        self._holdings = holdings
        self._desk = desk
        self._turn = turn
        self._clocks = clocks
        self.tails = holdings.tails

    async def lose_tail(self, tail: Tail, last_id: int, newest: Newest) -> list[OpenHole]:
        """Open a hole behind the end, if the log still ends there."""
        async with self._turn:
            one = self._holdings.trades(tail.key)
            if one is None:
                return []
            found = one.lose_tail(tail, last_id, newest, self._clocks.wall_ns() // 1_000_000)
            await self._desk.take(found)
            return found.opened

    def know(self, tail: Tail, through: int) -> None:
        """Take note of the newest trade that the last aggregate of the log covers."""
        if (one := self._holdings.trades(tail.key)) is not None:
            one.know(tail, through)
