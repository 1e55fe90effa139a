"""What is written down of trades and candles comes back as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given, strategies as st

from processors.core.checkpoint_rounds import Entity
from processors.core.records import DeadLetter, Output, RawRecord
from processors.core.trade_partition import TradePartition
from schemas.control import Gap, Heartbeat
from schemas.markets import Market
from tests.unit.processors.core.trade_logs import SYMBOLS, trade_logs


ENTITIES = [Entity(Market.SPOT, symbol) for symbol in SYMBOLS]


def take(partition: TradePartition, event: object) -> list[Output | DeadLetter]:
    if isinstance(event, RawRecord):
        return partition.feed(event)
    if isinstance(event, Heartbeat):
        return partition.heartbeat(event)
    assert isinstance(event, Gap)
    return partition.gap(event)


def dumps(partition: TradePartition) -> Mapping[Entity | None, bytes]:
    return {None: partition.dump_shared()} | {entity: partition.dump(entity) for entity in partition.entities()}


class Written:
    """What a round wrote while a log was read: the shared part first, each entity at a point of its own."""

    def __init__(self, log: Sequence[object], begin: int, points: Mapping[Entity, int], end: int) -> None:
        self.partition = TradePartition()
        self.shared = b""
        self.states: dict[Entity, bytes] = {}
        for position in range(end + 1):
            if position == begin:
                self.shared = self.partition.dump_shared()
            for entity in self.partition.entities():
                if points[entity] == position:
                    self.states[entity] = self.partition.dump(entity)
            if position < end:
                take(self.partition, log[position])

    def restored(self) -> TradePartition:
        partition = TradePartition()
        partition.load_shared(self.shared)
        for entity, state in self.states.items():
            partition.load(entity, state)
        return partition


@given(trade_logs(), st.data())
def test_a_restored_partition_goes_on_as_if_nothing_had_been(log: list[object], data: st.DataObject) -> None:
    begin, *points, end = sorted(data.draw(st.lists(st.integers(0, len(log)), min_size=4, max_size=4)))
    points = data.draw(st.permutations(points))
    written = Written(log, begin, dict(zip(ENTITIES, points, strict=True)), end)

    restored = written.restored()
    for event in log[begin:end]:
        take(restored, event)

    assert dumps(restored) == dumps(written.partition)
    for event in log[end:]:
        assert take(restored, event) == take(written.partition, event)
    assert dumps(restored) == dumps(written.partition)
