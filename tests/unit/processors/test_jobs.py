"""A replay's units keep to their stretch, know no clock and write under a prefix of their own."""

from __future__ import annotations

from faust.types import TP

from processors.core.replay_range import PartitionRange, ReplayPlan
from processors.jobs import Job, ReplayJob
from processors.outputs import Produced
from processors.units import Unit
from schemas.codec import Codec
from schemas.derived import Trade
from schemas.markets import Market
from schemas.topics import DerivedType, TopicTable
from tests.support.memory_kafka import MemoryRecord
from tests.support.offline_registry import OfflineRegistry
from tests.support.tiny_family import tiny_flow


TABLE = TopicTable()
FLOW = tiny_flow(TABLE)
BEATS, TRADES = FLOW.topic_names
PLAN = ReplayPlan(
    prefix="binance",
    markets=(Market.SPOT,),
    families=("trades",),
    ranges=(PartitionRange(TRADES, 0, 2, 5), PartitionRange(BEATS, 0, 1, 1)),
)
JOB = ReplayJob(PLAN, "binance-replay-1")


def unit() -> Unit:
    return JOB.units(TABLE, Codec(TABLE, OfflineRegistry()), checkpoint_interval_ms=1_000).unit(FLOW, 0)


def sums(unit: Unit, first: int, end: int) -> list[int]:
    """Deliver a one at each offset; return the sums that come of them."""
    records = [MemoryRecord(TRADES, 0, offset, b"1") for offset in range(first, end)]
    produced = unit.apply(records, lagging=False)
    values = [one.output.value for one in produced if isinstance(one, Produced)]
    return [value.trade_id for value in values if isinstance(value, Trade)]


def test_a_unit_begins_and_ends_with_its_stretch() -> None:
    bounded = unit()

    assert (bounded.next_offset(TRADES), bounded.next_offset(BEATS)) == (2, 1)
    assert sums(bounded, 0, 4) == [1, 2]
    assert sums(bounded, 4, 9) == [3]
    assert sums(bounded, 9, 12) == []
    assert bounded.next_offset(TRADES) == 5


def test_a_unit_that_is_reset_begins_at_the_beginning_of_its_stretch_again() -> None:
    bounded = unit()
    sums(bounded, 0, 9)

    bounded.reset()

    assert sums(bounded, 0, 9) == [1, 2, 3]


def test_no_clock_comes_to_a_state() -> None:
    assert unit().tick(1_000_000) == []


def test_a_replay_writes_under_its_own_prefix_with_the_schemas_of_the_live_topics() -> None:
    written, registry = JOB.written(TABLE), OfflineRegistry()
    topic = written.derived(Market.SPOT, DerivedType.TRADE)

    assert topic.name == "binance-replay-1.spot.trade.v1"
    assert JOB.schemas(registry).schema_id(topic) == registry.schema_id(TABLE.derived(Market.SPOT, DerivedType.TRADE))
    assert JOB.group("binance", "trades") == "binance-replay-1-processors-trades"
    assert JOB.ends == {TP(TRADES, 0): 5, TP(BEATS, 0): 1}


def test_the_live_job_changes_nothing() -> None:
    assert Job().written(TABLE) is TABLE
    assert (Job().group("binance", "books"), Job().ends) == ("binance-processors-books", {})
