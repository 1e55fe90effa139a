"""What a compacted topic says now: the newest version of each key, and nothing of what a tombstone ended."""

from __future__ import annotations

import msgspec

from processors.current_state import CurrentState, read_current
from schemas.accounts import Order
from schemas.codec import Codec
from schemas.keys import order_key
from schemas.markets import Market
from schemas.topics import DerivedType, TopicTable
from tests.support import golden
from tests.support.memory_kafka import MemoryLogs
from tests.support.offline_registry import OfflineRegistry


TABLE = TopicTable()
CODEC = Codec(TABLE, OfflineRegistry())
SPOT, USDM = (TABLE.derived(market, DerivedType.ORDER) for market in (Market.SPOT, Market.USDM))


def order(order_id: int, input_offset: int, snapshot_offset: int = 0, **other: object) -> Order:
    example = golden.example("order")
    assert isinstance(example, Order)
    return msgspec.structs.replace(
        example, order_id=order_id, input_offset=input_offset, snapshot_offset=snapshot_offset, **other
    )


def put(logs: MemoryLogs, partition: int, *values: Order) -> None:
    for value in values:
        logs.append(SPOT.name, partition, CODEC.encode(SPOT, value), key=order_key(value))


async def read(logs: MemoryLogs) -> CurrentState:
    def version(value: msgspec.Struct) -> tuple[int, ...]:
        assert isinstance(value, Order)
        return value.input_offset, value.snapshot_offset

    return await read_current(logs, [SPOT, USDM], CODEC, version)


async def test_of_each_key_the_newest_version_counts_and_of_equal_ones_the_later() -> None:
    logs = MemoryLogs(piece=2)
    first, second = order(1, 5, 2), order(1, 5, 3)
    put(logs, 3, order(1, 4, 9), second, first, order(2, 7, status="NEW"), order(2, 7, status="FILLED"))
    put(logs, 4, order(3, 1))

    state = await read(logs)

    assert sorted(state.values[SPOT.name], key=repr) == sorted(
        [second, order(2, 7, status="FILLED"), order(3, 1)], key=repr
    )
    assert state.values[USDM.name] == []
    assert state.faults == []


async def test_what_a_tombstone_ended_is_not_there_until_a_value_follows() -> None:
    logs = MemoryLogs()
    put(logs, 0, order(1, 5), order(2, 6))
    for gone in (order(1, 0), order(2, 0), order(9, 0)):
        logs.append(SPOT.name, 0, None, key=order_key(gone))
    put(logs, 0, order(2, 1))

    assert (await read(logs)).values[SPOT.name] == [order(2, 1)]


async def test_a_record_that_cannot_be_read_is_told_and_the_others_are_shown() -> None:
    logs = MemoryLogs()
    put(logs, 0, order(1, 5))
    logs.append(SPOT.name, 0, b"nonsense", key=b"main|X|1")

    state = await read(logs)

    assert state.values[SPOT.name] == [order(1, 5)]
    assert [fault.topic for fault in state.faults] == [SPOT.name]
