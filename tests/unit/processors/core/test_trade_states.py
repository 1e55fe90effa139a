"""What is written down of trades and candles comes back as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import pytest
from hypothesis import given, strategies as st

from processors.core.checkpoint_rounds import CheckpointError, Entity
from processors.core.records import DeadLetter, Output, RawRecord
from processors.core.trade_partition import TradePartition
from schemas.control import Gap, GapStatus, Heartbeat
from schemas.markets import Market
from tests.unit.processors.core.records import (
    agg_trade_record,
    candles_of,
    gap_of,
    heartbeat_of,
    trade_record,
    trades_of,
)
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


BTC, ETH = ENTITIES
MINUTE = 60_000


def test_only_what_changed_is_to_be_written() -> None:
    partition = TradePartition()
    partition.feed(trade_record(1, 0, 0))
    partition.heartbeat(heartbeat_of(0, 1))
    partition.gap(gap_of(1, 2, (0, 1), symbol="ETHUSDT"))

    assert set(partition.entities_changed()) == {BTC, ETH}
    partition.dump(BTC)
    partition.dump(ETH)
    assert set(partition.entities_changed()) == set()
    partition.heartbeat(heartbeat_of(30_000, 1))
    assert set(partition.entities_changed()) == set()
    partition.heartbeat(heartbeat_of(MINUTE, 1))
    assert set(partition.entities_changed()) == {BTC}
    assert set(partition.entities()) == {BTC, ETH}


def test_what_was_loaded_counts_as_unchanged() -> None:
    partition, other = TradePartition(), TradePartition()
    partition.feed(trade_record(1, 0, 0))
    other.load(BTC, partition.dump(BTC))

    assert set(other.entities()) == {BTC}
    assert set(other.entities_changed()) == set()


def test_a_heartbeat_that_waits_for_held_trades_counts_although_no_candle_has_begun() -> None:
    partition = TradePartition()
    partition.feed(trade_record(1, 0, 0, quantity="0", price="0"))
    partition.feed(trade_record(3, 10, 1))
    partition.heartbeat(heartbeat_of(MINUTE, 2))

    outputs = partition.gap(gap_of(2, 2, (0, 10), GapStatus.ABSENT))

    assert [(one.interval, one.trade_count) for one in candles_of(outputs)] == [("1m", 1)]


@pytest.mark.parametrize("damage", [b"", b"\xc1", b"\x80", msgspec.msgpack.encode({"version": 99}), b"\xff" * 40])
def test_what_cannot_be_read_is_refused_and_changes_nothing(damage: bytes) -> None:
    partition = TradePartition()
    partition.feed(trade_record(1, 0, 0))
    before = dumps(partition)

    with pytest.raises(CheckpointError):
        partition.load(BTC, damage)
    with pytest.raises(CheckpointError):
        partition.load_shared(damage)
    assert dumps(partition) == before


@given(st.data())
def test_damaged_states_are_refused_or_read_but_never_anything_else(data: st.DataObject) -> None:
    partition = TradePartition()
    for number in range(3):
        partition.feed(trade_record(number * number, number * MINUTE, number))
    state = bytearray(partition.dump(BTC))
    for _ in range(data.draw(st.integers(1, 4))):
        state[data.draw(st.integers(0, len(state) - 1))] = data.draw(st.integers(0, 255))
    try:
        TradePartition().load(BTC, bytes(state))
    except CheckpointError as error:
        refusal = str(error)
    else:
        refusal = ""

    assert not refusal or refusal.startswith(("trades: ", 'symbol "BTCUSDT": '))


def test_a_symbol_that_begins_anew_says_that_its_first_candles_are_not_complete() -> None:
    """Whoever vouches for the time before does not know what is lost here."""
    partition = TradePartition()
    partition.heartbeat(heartbeat_of(0, 0, begin_offset=0))
    partition.start_anew(BTC)
    partition.feed(trade_record(7, MINUTE + 1, 5))
    partition.heartbeat(heartbeat_of(0, 0, ingest_id="b", begin_offset=0))

    outputs = partition.heartbeat(heartbeat_of(3 * MINUTE, 6))

    assert [(one.trade_count, one.complete) for one in candles_of(outputs)] == [(1, False), (0, True)]


def test_a_symbol_that_begins_anew_keeps_its_epoch() -> None:
    partition = TradePartition()
    for number, record in enumerate([(9, 0), (1, 10)]):
        partition.feed(trade_record(*record, number))
    partition.start_anew(BTC)

    assert [one.epoch for one in trades_of(partition.feed(trade_record(2, 20, 2)))] == [1]


def test_candles_that_went_over_to_the_other_source_stay_there() -> None:
    partition, other = TradePartition(), TradePartition()
    partition.feed(trade_record(1, 0, 0))
    partition.feed(agg_trade_record(1, 10, 0))
    other.load(BTC, partition.dump(BTC))

    late, next_one = other.feed(trade_record(2, 5, 1)), other.feed(agg_trade_record(2, MINUTE, 1))

    assert candles_of(late) == []
    assert [(one.trade_count, one.source) for one in candles_of(next_one)] == [(1, "agg-trade")]
