"""Units over assignments: kept, dropped, rebuilt; records applied once, in order, whatever is delivered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from faust.types import TP

from processors.assignments import Assignments
from processors.errors import RebuildError
from processors.outputs import Produced
from processors.rebuild import Range
from processors.restore import Restorer
from processors.units import Flow, Unit, UnitFactory
from schemas.codec import Codec
from schemas.control import Heartbeat
from schemas.derived import Trade
from schemas.markets import Market
from schemas.topics import RawType, TopicTable
from tests.support import golden
from tests.support.memory_kafka import MemoryLogs
from tests.support.offline_registry import OfflineRegistry
from tests.support.tiny_family import TinyState, tiny_flow


TABLE = TopicTable()
CODEC = Codec(TABLE, OfflineRegistry())
FLOW = tiny_flow(TABLE)
BEATS, TRADES = FLOW.topic_names


class Gate:
    def __init__(self) -> None:
        self.released: list[tuple[set[TP], int]] = []

    def release(self, partitions: Iterable[TP], generation: int) -> None:
        self.released.append((set(partitions), generation))


class Harness:
    def __init__(self, flow: Flow = FLOW) -> None:
        self.logs = MemoryLogs()
        self.gate = Gate()
        self.failures: list[BaseException] = []
        self.assignments = Assignments([flow], UnitFactory(TABLE, CODEC), Restorer(TABLE, CODEC, self.logs), self._fail)
        self.assignments.attach(self.gate)

    async def _fail(self, error: BaseException) -> None:
        self.failures.append(error)

    def unit(self, partition: int) -> Unit:
        return self.assignments.unit(FLOW, partition)

    def assign(self, generation: int, starts: dict[int, int], beats: int = 0) -> set[TP]:
        """Assign partitions, each with the offset at which its trades go on."""
        tps = {TP(TRADES, p): start for p, start in starts.items()} | {TP(BEATS, p): beats for p in starts}
        return set(self.assignments.assigned(generation, tps))

    def deliver(self, partition: int, first: int, end: int) -> list[int]:
        """Deliver a batch and return the sums that came out."""
        records = self.logs.records[TRADES, partition][first:end]
        produced = self.unit(partition).apply(records, lagging=False)
        return [
            p.output.value.trade_id for p in produced if isinstance(p, Produced) and isinstance(p.output.value, Trade)
        ]


@pytest.fixture
async def harness() -> Harness:
    return Harness()


async def settle(harness: Harness) -> None:
    async with asyncio.timeout(5):
        while not harness.assignments.settled and not harness.failures:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0)


async def test_on_a_fresh_log_nothing_is_held_and_nothing_is_read(harness: Harness) -> None:
    assert harness.assign(1, {0: 0, 1: 0}) == set()
    assert harness.assignments.settled
    assert harness.logs.read_ranges == []


async def test_a_new_unit_is_rebuilt_up_to_the_offsets_at_which_its_topics_go_on(harness: Harness) -> None:
    harness.logs.append(TRADES, 0, *(b"%d" % n for n in range(100)))

    held = harness.assign(1, {0: 60, 1: 0})

    assert held == {TP(TRADES, 0), TP(BEATS, 0)}
    assert not harness.assignments.settled

    await settle(harness)

    assert harness.gate.released == [(held, 1)]
    assert harness.deliver(0, 60, 62) == [sum(range(61)), sum(range(62))]


async def test_control_topics_are_read_before_raw_ones(harness: Harness) -> None:
    harness.logs.append(TRADES, 0, b"1", b"2")
    example = golden.example("heartbeat")
    beats = TABLE[BEATS]
    harness.logs.append(BEATS, 0, CODEC.encode(beats, example))
    harness.assign(1, {0: 2}, beats=1)
    await settle(harness)

    assert harness.logs.read_ranges == [[Range(BEATS, 0, 0, 1)], [Range(TRADES, 0, 0, 2)]]
    state = harness.unit(0)._state
    assert isinstance(state, TinyState)
    assert isinstance(example, Heartbeat)
    assert state.heartbeats == [example]


async def test_a_partition_that_stays_keeps_its_state_and_passes_over_what_it_has_applied(harness: Harness) -> None:
    harness.logs.append(TRADES, 0, *([b"1"] * 100))
    harness.assign(1, {0: 0})
    harness.deliver(0, 0, 50)
    await harness.assignments.revoking()

    assert harness.assign(2, {0: 30}) == set()
    assert harness.deliver(0, 30, 52) == [51, 52]
    assert harness.logs.read_ranges == []


async def test_a_partition_that_others_had_in_between_catches_up_without_writing(harness: Harness) -> None:
    """The session was lost: the group went on without this worker, which never saw the assignment in between."""
    harness.logs.append(TRADES, 0, *([b"1"] * 100))
    harness.assign(1, {0: 0})
    harness.deliver(0, 0, 50)
    await harness.assignments.revoking()
    harness.assign(5, {0: 80})
    await settle(harness)

    assert harness.logs.read_ranges == [[Range(TRADES, 0, 50, 80)]]
    assert harness.deliver(0, 80, 81) == [81]


async def test_a_partition_that_went_and_comes_back_is_rebuilt(harness: Harness) -> None:
    harness.logs.append(TRADES, 0, *([b"1"] * 100))
    harness.assign(1, {0: 0})
    harness.deliver(0, 0, 50)
    await harness.assignments.revoking()
    harness.assign(2, {1: 0})
    await harness.assignments.revoking()
    harness.assign(3, {0: 70})
    await settle(harness)

    assert harness.logs.read_ranges == [[Range(TRADES, 0, 0, 70)]]
    assert harness.deliver(0, 70, 71) == [71]


async def test_a_rebuild_that_a_rebalance_interrupts_goes_on_where_it_was(harness: Harness) -> None:
    harness.logs.append(TRADES, 0, *([b"1"] * 100))
    harness.assign(1, {0: 90})
    for _ in range(8):
        await asyncio.sleep(0)
    harness.logs.gate.clear()
    await harness.assignments.revoking()
    applied = harness.unit(0).next_offset(TRADES)
    assert 0 < applied < 90

    harness.logs.gate.set()
    harness.assign(2, {0: 90})
    await settle(harness)

    assert harness.logs.read_ranges[1] == [Range(TRADES, 0, applied, 90)]
    assert harness.deliver(0, 90, 91) == [91]
    assert [generation for _, generation in harness.gate.released] == [2]


async def test_a_rebuild_that_fails_ends_the_worker(harness: Harness) -> None:
    harness.logs.append(TRADES, 0, *([b"1"] * 100))
    harness.logs.fails = True
    harness.assign(1, {0: 90})
    await settle(harness)

    assert [type(error) for error in harness.failures] == [RebuildError]
    assert harness.gate.released == []


async def test_a_partition_without_all_of_its_topics_is_held_for_good(harness: Harness) -> None:
    held = harness.assignments.assigned(1, {TP(TRADES, 4): 0, TP(TRADES, 5): 0, TP(BEATS, 5): 0})

    assert set(held) == {TP(TRADES, 4)}
    assert [unit.partition for unit in harness.assignments.units(FLOW)] == [5]
    assert not harness.assignments.settled


async def test_while_partitions_are_taken_away_none_speaks(harness: Harness) -> None:
    harness.assign(1, {0: 0})
    assert [unit.partition for unit in harness.assignments.units(FLOW)] == [0]

    await harness.assignments.revoking()

    assert harness.assignments.units(FLOW) == []
    assert not harness.assignments.settled


async def test_a_worker_that_gets_no_partition_is_settled_and_keeps_no_state(harness: Harness) -> None:
    harness.assign(1, {0: 0})
    await harness.assignments.revoking()

    assert harness.assign(2, {}) == set()
    assert harness.assignments.settled
    assert harness.assignments.units(FLOW) == []
    with pytest.raises(KeyError):
        harness.unit(0)


async def test_offsets_that_compaction_removed_count_as_applied(harness: Harness) -> None:
    harness.logs.append(TRADES, 0, b"1")
    harness.assign(1, {0: 500})
    await settle(harness)

    assert harness.unit(0).next_offset(TRADES) == 500


def test_the_topics_of_a_flow_of_one_market_are_those_of_the_table() -> None:
    assert FLOW.topic_names == ("binance.control.heartbeat", TABLE.raw(Market.SPOT, RawType.TRADE).name)
