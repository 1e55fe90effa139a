"""Accounts over restarts: what waits is read again, and a log that was deleted costs nothing that was known."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import msgspec
import pytest
from structlog.testing import capture_logs

from processors import metrics
from processors.checkpoints import CheckpointWriter
from processors.core.canonical import RULES, LastValues
from processors.core.records import Difference, RawRecord
from processors.differences import tell_difference
from processors.flows import Family, flows_of
from processors.outputs import Encoder, Produced, SetAside
from processors.restore import Behind, Restorer, Source
from processors.units import Applied, Unit, UnitFactory
from schemas.accounts import Order
from schemas.codec import Codec
from schemas.control import CheckpointRound, ReconcileCause
from schemas.markets import Market
from schemas.topics import ControlType, DerivedType, RawType, TopicTable
from tests.support import golden
from tests.support.account_logs import AccountLog, Entry
from tests.support.memory_kafka import MemoryLogs, MemoryPublisher, MemoryRecord
from tests.support.offline_registry import OfflineRegistry


TABLE = TopicTable()
CODEC = Codec(TABLE, OfflineRegistry())
(FLOW,) = flows_of(Family.PRIVATE, TABLE, (Market.SPOT,), snapshot_levels=20, snapshot_interval_ms=1_000)
UPDATES, ANSWERS = (TABLE.raw(Market.SPOT, of).name for of in (RawType.ORDER_UPDATE, RawType.ORDER_SNAPSHOT))
ORDERS = TABLE.derived(Market.SPOT, DerivedType.ORDER)
MANIFESTS = TABLE.control(ControlType.CHECKPOINT)
P = 3


def put(logs: MemoryLogs, entry: Entry) -> None:
    topic = TABLE.raw(Market.SPOT, entry.type).name
    records = logs.records.setdefault((topic, P), [])
    headers, key = entry.headers, entry.label.encode()
    records.append(MemoryRecord(topic, P, len(records), entry.value, key, entry.time_ms, headers))


class Worker:
    """Has one partition, until it is killed. What it writes stays."""

    def __init__(self, logs: MemoryLogs) -> None:
        self.logs = logs
        self.unit = UnitFactory(TABLE, CODEC, checkpoint_interval_ms=0).unit(FLOW, P)
        self._writer = CheckpointWriter(TABLE, CODEC, MemoryPublisher(logs=logs))
        self._encoder = Encoder(TABLE, CODEC)

    async def start(self, **committed: int) -> Behind:
        behind = Behind(self.unit, dict.fromkeys(FLOW.topic_names, 0) | committed)
        done: list[Unit] = []
        await Restorer(TABLE, CODEC, self.logs).restore([behind], done.append)
        assert done == [self.unit]
        return behind

    async def apply(self, topic: str, end: int | None = None) -> list[Applied]:
        records = self.logs.records.get((topic, P), [])[self.unit.next_offset(topic) : end]
        applied = self.unit.apply(records, lagging=False) if records else []
        await self.write(applied)
        return applied

    async def write(self, applied: list[Applied]) -> None:
        written = [one for one in applied if isinstance(one, Produced | SetAside)]
        await MemoryPublisher(logs=self.logs).publish(self._encoder.records(written))

    async def checkpoint(self) -> None:
        await self._writer.write(self._writer.collect(self.unit, lambda: False), [self.unit], lambda: True)


def rows(logs: MemoryLogs) -> list[bytes]:
    values = LastValues(RULES["order"], whole=True)
    for record in logs.records.get((ORDERS.name, P), []):
        if record.value is None:
            values.bury(record.key)
        else:
            values.feed(CODEC.decode(ORDERS.name, P, record.offset, record.value), record.key)
    return values.rows()


def manifest(logs: MemoryLogs) -> CheckpointRound:
    record = logs.records[MANIFESTS.name, P][-1]
    found = CODEC.decode(MANIFESTS.name, P, record.offset, record.value)
    assert isinstance(found, CheckpointRound)
    return found


@pytest.fixture
def log() -> AccountLog:
    return AccountLog(3).run(60)


@pytest.fixture
def logs(log: AccountLog) -> MemoryLogs:
    logs = MemoryLogs()
    for entry in log.entries:
        put(logs, entry)
    return logs


async def expected(log: AccountLog) -> list[bytes]:
    logs = MemoryLogs()
    for entry in log.entries:
        put(logs, entry)
    worker = Worker(logs)
    await worker.start()
    for topic in FLOW.topic_names:
        await worker.apply(topic)
    return rows(logs)


async def test_answers_that_wait_are_still_to_be_read_by_whoever_comes_next(log: AccountLog, logs: MemoryLogs) -> None:
    """All answers were taken, and few of the events that they speak of: then the worker is killed."""
    worker = Worker(logs)
    await worker.start()
    await worker.apply(UPDATES, 5)
    await worker.apply(ANSWERS)
    held = worker.unit.next_offsets()[ANSWERS]
    await worker.checkpoint()
    heir = Worker(logs)
    behind = await heir.start(**{UPDATES: 5, ANSWERS: len(logs.records[ANSWERS, P])})
    for topic in FLOW.topic_names:
        await heir.apply(topic)

    assert held < worker.unit.next_offset(ANSWERS)
    assert manifest(logs).next_offsets[manifest(logs).topics.index(ANSWERS)] == held
    assert behind.source is Source.CHECKPOINT
    assert rows(logs) == await expected(log)


async def test_what_was_deleted_before_it_was_applied_costs_no_state(log: AccountLog, logs: MemoryLogs) -> None:
    worker = Worker(logs)
    await worker.start()
    await worker.apply(UPDATES, 20)
    await worker.checkpoint()
    logs.begins[UPDATES, P] = end = len(logs.records[UPDATES, P])
    heir = Worker(logs)
    with capture_logs() as said:
        behind = await heir.start(**{UPDATES: end})
    for topic in FLOW.topic_names:
        await heir.apply(topic)

    assert behind.source is Source.CHECKPOINT
    assert [line["topics"] for line in said if "were deleted" in line["event"]] == [[UPDATES]]
    assert {b"order_id" in row for row in rows(logs)} == {True}
    assert len(rows(logs)) == len(await expected(log)), "the answers told what the deleted events had"


@pytest.mark.parametrize("known_before", [True, False])
async def test_an_answer_that_speaks_of_deleted_events_is_applied_and_written(
    log: AccountLog, known_before: bool
) -> None:
    logs = MemoryLogs()
    answers = [entry for entry in log.entries if entry.type is RawType.ORDER_SNAPSHOT]
    for entry in answers:
        put(logs, replace(entry, headers=(("after_offset", b"500"), *entry.headers)))
    logs.records[UPDATES, P] = []
    logs.begins[UPDATES, P] = 500
    worker = Worker(logs)
    await worker.start(**{UPDATES: 500 if known_before else 0})
    await worker.apply(ANSWERS)
    assert bool(rows(logs)) is known_before
    worker.unit.pass_over(UPDATES, 500)
    await worker.write(worker.unit.tick(0))

    assert len(rows(logs)) == len(log.orders)


@pytest.mark.parametrize("seed", range(8))
async def test_any_number_of_kills_leaves_the_tables_as_they_would_be(seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - the same each time
    log = AccountLog(seed, day_every=12).run(60)
    logs = MemoryLogs(piece=7)
    for entry in log.entries:
        put(logs, entry)
    committed = dict.fromkeys(FLOW.topic_names, 0)
    ends = {name: len(logs.records.get((name, P), [])) for name in FLOW.topic_names}
    while committed != ends:
        worker = Worker(logs)
        await worker.start(**committed)
        for _ in range(chance.randrange(1, 12)):
            topic = chance.choice(FLOW.topic_names)
            await worker.apply(topic, worker.unit.next_offset(topic) + chance.randrange(1, 40))
            if chance.randrange(2):
                committed[topic] = max(committed[topic], worker.unit.next_offset(topic))
            if not chance.randrange(4):
                await worker.checkpoint()
        committed |= {name: min(committed[name], ends[name]) for name in ends}

    assert _told(rows(logs)) == _told(await expected(log))


def _told(found: list[bytes]) -> list[bytes]:
    """Leave out what an event alone tells: see docs/determinism.md."""
    return [row.split(b'"execution_id":')[0] for row in found]


def test_a_difference_is_counted_and_both_sides_are_logged_unless_amounts_are_not_to_be() -> None:
    after = golden.example("order")
    assert isinstance(after, Order)
    record = RawRecord(Market.SPOT, RawType.ORDER_SNAPSHOT, P, 9, 0, b"main", b"[]")
    before = msgspec.structs.replace(after, status="NEW", filled_quantity=0, recovered=False)
    difference = Difference(
        market=Market.SPOT, account="main", what="order", before=before, after=after, cause=ReconcileCause.TIMER,
        record=record,
    )  # fmt: skip
    count = metrics.ACCOUNT_DIFFERENCES.labels("spot", "order")._value.get()

    with capture_logs() as said:
        tell_difference(difference)
        tell_difference(difference, amounts=False)

    whole, names = said
    assert whole["before_and_after"] == {
        "status": ["NEW", "FILLED"],
        "filled_quantity": ["0.00000000", "800.00000000"],
    }
    assert names["before_and_after"] == ["filled_quantity", "status"]
    assert (whole["log_level"], whole["account"], whole["order_id"], whole["cause"]) == (
        "warning",
        "main",
        after.order_id,
        ReconcileCause.TIMER,
    )
    assert metrics.ACCOUNT_DIFFERENCES.labels("spot", "order")._value.get() == count + 2
