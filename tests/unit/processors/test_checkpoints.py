"""A state that comes back from its checkpoints and the log after them is the state that was never away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given, strategies as st

from processors.checkpoints import CheckpointWriter, compressed, decompressed
from processors.core.checkpoint_rounds import Entity
from processors.core.records import Difference
from processors.flows import Family, flows_of
from processors.outputs import Encoder
from processors.publisher import Grouped, Offsets
from processors.restore import Behind, Restorer, Source
from processors.units import Flow, Unit, UnitFactory
from schemas.codec import Codec
from schemas.control import CheckpointRound
from schemas.derived import Alert, AlertStatus, Checkpoint
from schemas.markets import Market
from schemas.registry import RegistryUnavailableError
from schemas.topics import ControlType, DerivedType, RawType, TopicTable
from tests.support.memory_kafka import MemoryLogs, MemoryPublisher
from tests.support.offline_registry import OfflineRegistry
from tests.support.tiny_family import TinyState, tiny_flow


TABLE = TopicTable()
CODEC = Codec(TABLE, OfflineRegistry())
ANEW = tiny_flow(TABLE, DerivedType.TRADE_CHECKPOINT)
FROM_LOG = tiny_flow(TABLE, DerivedType.TRADE_CHECKPOINT, lost_from_log=True)
BEATS, TRADES = ANEW.topic_names
STATES = TABLE.derived(Market.SPOT, DerivedType.TRADE_CHECKPOINT).name
MANIFESTS = TABLE.control(ControlType.CHECKPOINT).name
P = 3
BTC, ETH = (Entity(Market.SPOT, symbol) for symbol in ("BTCUSDT", "ETHUSDT"))


class Worker:
    """Has one partition, until it is killed."""

    def __init__(self, logs: MemoryLogs, flow: Flow = ANEW) -> None:
        self.logs = logs
        self.unit = UnitFactory(TABLE, CODEC, checkpoint_interval_ms=0).unit(flow, P)
        self.writer = CheckpointWriter(TABLE, CODEC, MemoryPublisher(logs=logs))
        self.codec = CODEC

    async def start(self, committed: int) -> Behind:
        behind = Behind(self.unit, {TRADES: committed, BEATS: 0})
        done: list[Unit] = []
        await Restorer(TABLE, self.codec, self.logs).restore([behind], done.append)
        assert done == [self.unit]
        return behind

    def apply(self, end: int) -> None:
        if records := self.logs.records[TRADES, P][self.unit.next_offset(TRADES) : end]:
            self.unit.apply(records, lagging=False)

    async def checkpoint(self, most: int = 1_000_000) -> None:
        """Begin a round if none is going on, and write so many entities."""
        left = iter(range(most))
        await self.writer.write(
            self.writer.collect(self.unit, lambda: next(left, None) is None), [self.unit], lambda: True
        )

    @property
    def state(self) -> TinyState:
        assert isinstance(self.unit.checkpointed, TinyState)
        return self.unit.checkpointed

    @property
    def sums(self) -> dict[str, int]:
        return dict(self.state.sums)


def trades(logs: MemoryLogs, *entities: Entity) -> None:
    for number, entity in enumerate(entities):
        logs.append(TRADES, P, b"%d" % (number + 1), key=entity.key.encode())


@pytest.fixture
def logs() -> MemoryLogs:
    logs = MemoryLogs()
    trades(logs, BTC, ETH, BTC, ETH, BTC, BTC)  # 1, 2, 3, 4, 5, 6
    return logs


async def written(logs: MemoryLogs, flow: Flow = ANEW) -> Worker:
    """Return a worker that applied four records, all of which are in its checkpoints, and one more."""
    worker = Worker(logs, flow)
    await worker.start(0)
    worker.apply(4)
    await worker.checkpoint()
    worker.apply(5)
    return worker


def reads(logs: MemoryLogs, topic: str) -> list[tuple[int, int]]:
    return [(r.begin, r.end) for ranges in logs.read_ranges for r in ranges if r.topic == topic]


async def test_a_state_comes_back_from_its_checkpoints_and_the_log_after_them(logs: MemoryLogs) -> None:
    await written(logs)
    heir = Worker(logs)
    behind = await heir.start(5)

    assert behind.source is Source.CHECKPOINT
    assert heir.sums == {"BTCUSDT": 9, "ETHUSDT": 6}
    assert reads(logs, TRADES) == [(4, 5)]
    assert heir.state.loaded_heartbeats == 0


async def test_a_state_ahead_of_what_was_committed_passes_over_what_it_has(logs: MemoryLogs) -> None:
    await written(logs)
    heir = Worker(logs)
    await heir.start(2)

    assert heir.unit.next_offset(TRADES) == 4
    assert heir.unit.apply(logs.records[TRADES, P][2:4], lagging=False) == []
    assert heir.sums == {"BTCUSDT": 4, "ETHUSDT": 6}


class ForgetfulPublisher(MemoryPublisher):
    """Does not know where the records of its first batch are: the broker's answer was lost."""

    async def publish(self, records: Grouped) -> Offsets:
        offsets = await super().publish(records)
        if len(self.published) > 1:
            return offsets
        return {place: [range(-1, len(batch) - 1) for batch in batches] for place, batches in offsets.items()}


async def test_states_of_which_nobody_knows_where_they_are_are_written_again_before_the_round_is_whole(
    logs: MemoryLogs,
) -> None:
    worker = Worker(logs)
    worker.writer = CheckpointWriter(TABLE, CODEC, ForgetfulPublisher(logs=logs))
    await worker.start(0)
    worker.apply(4)
    await worker.checkpoint()
    assert (MANIFESTS, P) not in logs.records
    await worker.checkpoint()

    manifest = CODEC.decode(MANIFESTS, P, 0, logs.records[MANIFESTS, P][0].value)
    assert isinstance(manifest, CheckpointRound)
    assert manifest.offsets == [2, 3]


async def test_without_a_manifest_the_log_is_read_from_its_beginning(logs: MemoryLogs) -> None:
    heir = Worker(logs)

    assert (await heir.start(5)).source is Source.LOG
    assert heir.sums == {"BTCUSDT": 9, "ETHUSDT": 6}


async def test_a_round_that_was_not_whole_is_as_if_it_had_not_begun_and_newer_states_serve(logs: MemoryLogs) -> None:
    worker = await written(logs)
    worker.apply(6)
    await worker.checkpoint(0)
    trades(logs, ETH)
    worker.apply(7)
    await worker.checkpoint(1)  # one of two
    logs.compact(STATES, P)
    heir = Worker(logs)
    await heir.start(7)

    assert heir.sums == {"BTCUSDT": 15, "ETHUSDT": 7}


async def test_the_rounds_go_on_where_the_predecessor_left_them(logs: MemoryLogs) -> None:
    await written(logs)
    heir = Worker(logs)
    await heir.start(5)  # one more of BTCUSDT
    before = len(logs.records[STATES, P])
    await heir.checkpoint()

    assert [record.key for record in logs.records[STATES, P][before:]] == [b"BTCUSDT"]

    again = Worker(logs)
    await again.start(5)

    assert again.sums == heir.sums
    assert reads(logs, TRADES) == [(4, 5)]  # only the first heir had something to read


def checkpoint(logs: MemoryLogs, key: bytes) -> tuple[int, Checkpoint]:
    """Return the last checkpoint of a key."""
    record = [record for record in logs.records[STATES, P] if record.key == key][-1]
    value = CODEC.decode(STATES, P, record.offset, record.value)
    assert isinstance(value, Checkpoint)
    return record.offset, value


def ways_to_lose() -> Iterable[tuple[str, bytes]]:
    yield "no Avro", b"nonsense"
    for name, value in {
        "not compressed": Checkpoint(key="BTCUSDT", position=99, compression="lz4", state=b"\xff" * 9),
        "compressed otherwise": Checkpoint(key="BTCUSDT", position=99, compression="zstd", state=b"x"),
        "damaged": Checkpoint(key="BTCUSDT", position=99, compression="lz4", state=compressed(b"\x01\x02")),
        "of another version": Checkpoint(
            key="BTCUSDT",
            position=99,
            compression="lz4",
            state=compressed(msgspec.msgpack.encode({"version": 2, "next_offset": 1, "sum": 1})),
        ),
        "older than the manifest says": Checkpoint(
            key="BTCUSDT",
            position=3,
            compression="lz4",
            state=compressed(msgspec.msgpack.encode({"version": 1, "next_offset": 1, "sum": 1})),
        ),
    }.items():
        yield name, CODEC.encode(TABLE[STATES], value)


@pytest.mark.parametrize("value", [value for _, value in ways_to_lose()], ids=[name for name, _ in ways_to_lose()])
async def test_an_entity_whose_checkpoint_cannot_be_used_begins_anew_and_no_other_does(
    logs: MemoryLogs, value: bytes
) -> None:
    await written(logs)
    logs.damage(STATES, P, checkpoint(logs, b"BTCUSDT")[0], value)
    heir = Worker(logs)
    behind = await heir.start(5)

    assert behind.source is Source.CHECKPOINT
    assert heir.state.anew == [BTC]
    assert heir.sums == {"BTCUSDT": 5, "ETHUSDT": 6}  # what the log tells, and no more


async def test_where_a_lost_checkpoint_means_the_log_the_partition_is_rebuilt_from_it(logs: MemoryLogs) -> None:
    await written(logs, FROM_LOG)
    logs.damage(STATES, P, checkpoint(logs, b"BTCUSDT")[0], b"nonsense")
    heir = Worker(logs, FROM_LOG)
    behind = await heir.start(5)

    assert behind.source is Source.LOG
    assert heir.sums == {"BTCUSDT": 9, "ETHUSDT": 6}


async def test_when_the_newest_record_is_damaged_an_older_one_that_serves_is_taken(logs: MemoryLogs) -> None:
    worker = await written(logs)
    worker.apply(6)
    await worker.checkpoint(0)
    await worker.checkpoint(1)
    offset, _ = checkpoint(logs, b"BTCUSDT")
    logs.records[MANIFESTS, P] = logs.records[MANIFESTS, P][:1]  # the round was not whole
    logs.damage(STATES, P, offset, b"nonsense")
    heir = Worker(logs)
    await heir.start(6)

    assert heir.state.anew == []
    assert heir.sums == {"BTCUSDT": 15, "ETHUSDT": 6}


async def test_an_old_state_that_a_stopped_worker_wrote_last_does_not_win(logs: MemoryLogs) -> None:
    await written(logs)
    old = Checkpoint(
        key="BTCUSDT",
        position=1,
        compression="lz4",
        state=compressed(msgspec.msgpack.encode({"version": 1, "next_offset": 1, "sum": 1})),
    )
    logs.append(STATES, P, CODEC.encode(TABLE[STATES], old), key=b"BTCUSDT")
    heir = Worker(logs)
    await heir.start(5)

    assert heir.sums == {"BTCUSDT": 9, "ETHUSDT": 6}


async def test_when_the_checkpoint_topic_was_emptied_everything_begins_anew(logs: MemoryLogs) -> None:
    await written(logs)
    logs.begins[STATES, P] = len(logs.records[STATES, P])
    heir = Worker(logs)
    await heir.start(5)

    assert sorted(heir.state.anew) == [BTC, ETH]
    assert heir.sums == {"BTCUSDT": 5}


async def test_when_the_log_after_the_checkpoints_was_deleted_nothing_is_guessed(logs: MemoryLogs) -> None:
    await written(logs)
    logs.begins[TRADES, P] = 5
    heir = Worker(logs)
    await heir.start(5)

    assert sorted(heir.state.anew) == [BTC, ETH]


async def test_when_the_log_was_replaced_its_checkpoints_are_not_used(logs: MemoryLogs) -> None:
    await written(logs)
    del logs.records[TRADES, P][2:]
    heir = Worker(logs)

    assert (await heir.start(1)).source is Source.LOG
    assert heir.sums == {"BTCUSDT": 1}


@pytest.mark.parametrize("topic", [TRADES, BEATS])
async def test_when_a_topic_was_made_anew_and_has_grown_as_far_its_checkpoints_are_not_used(
    logs: MemoryLogs, topic: str
) -> None:
    logs.ids = {TRADES: "first", BEATS: "first"}
    await written(logs)
    logs.ids[topic] = "second"
    del logs.records[TRADES, P][:]
    trades(logs, ETH, ETH, ETH, ETH, ETH)
    heir = Worker(logs)

    assert (await heir.start(5)).source is Source.LOG
    assert heir.sums == {"ETHUSDT": 15}

    await heir.checkpoint()
    again = Worker(logs)
    assert (await again.start(5)).source is Source.CHECKPOINT
    assert again.sums == heir.sums


@pytest.mark.parametrize("before", [None, [], ["", ""]])
async def test_a_manifest_that_does_not_tell_which_topics_they_were_is_believed(
    logs: MemoryLogs, before: list[str] | None
) -> None:
    await written(logs)
    record = logs.records[MANIFESTS, P][-1]
    manifest = CODEC.decode(MANIFESTS, P, record.offset, record.value)
    assert isinstance(manifest, CheckpointRound)
    older = msgspec.structs.replace(manifest, topic_ids=before)
    logs.damage(MANIFESTS, P, record.offset, CODEC.encode(TABLE[MANIFESTS], older))
    logs.ids = {TRADES: "first", BEATS: "first"}
    heir = Worker(logs)

    assert (await heir.start(5)).source is Source.CHECKPOINT


async def test_where_the_broker_tells_no_ids_any_more_the_checkpoints_serve(logs: MemoryLogs) -> None:
    logs.ids = {TRADES: "first", BEATS: "first"}
    await written(logs)
    logs.ids = {}
    heir = Worker(logs)

    assert (await heir.start(5)).source is Source.CHECKPOINT


@pytest.mark.parametrize("what", ["nonsense", "shared", "arrays"])
async def test_a_manifest_that_cannot_be_read_means_the_log(logs: MemoryLogs, what: str) -> None:
    await written(logs)
    record = logs.records[MANIFESTS, P][-1]
    manifest = CODEC.decode(MANIFESTS, P, record.offset, record.value)
    assert isinstance(manifest, CheckpointRound)
    broken = {
        "nonsense": b"nonsense",
        "shared": CODEC.encode(TABLE[MANIFESTS], msgspec.structs.replace(manifest, shared=b"\xff" * 9)),
        "arrays": CODEC.encode(TABLE[MANIFESTS], msgspec.structs.replace(manifest, keys=["A", "B", "C"])),
    }
    logs.damage(MANIFESTS, P, record.offset, broken[what])
    heir = Worker(logs)

    assert (await heir.start(5)).source is Source.LOG
    assert heir.sums == {"BTCUSDT": 9, "ETHUSDT": 6}


async def test_a_manifest_far_from_the_end_is_found(logs: MemoryLogs) -> None:
    await written(logs)
    for _ in range(300):
        logs.append(MANIFESTS, P, b"of another flow", key=b"other|%d" % P)
    heir = Worker(logs)

    assert (await heir.start(5)).source is Source.CHECKPOINT


async def test_while_the_registry_is_away_a_checkpoint_does_not_count_as_damaged(logs: MemoryLogs) -> None:
    class Away(OfflineRegistry):
        def schema_by_id(self, schema_id: int) -> str:
            raise RegistryUnavailableError("http://registry", "is away")

    await written(logs)
    heir = Worker(logs)
    heir.codec = Codec(TABLE, Away())

    with pytest.raises(RegistryUnavailableError):
        await heir.start(5)


async def test_a_state_too_large_for_a_record_begins_anew(logs: MemoryLogs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processors.checkpoints._LARGEST_RECORD", 10)
    await written(logs)
    heir = Worker(logs)
    await heir.start(5)

    assert sorted(heir.state.anew) == [BTC, ETH]


async def test_a_worker_that_may_not_speak_any_more_writes_no_manifest(logs: MemoryLogs) -> None:
    worker = Worker(logs)
    await worker.start(0)
    worker.apply(4)
    await worker.writer.write(worker.writer.collect(worker.unit, lambda: False), [worker.unit], lambda: False)

    assert (MANIFESTS, P) not in logs.records


@pytest.mark.parametrize("state", [b"", b"x" * 100_000])
def test_states_come_out_of_compression_as_they_went_in(state: bytes) -> None:
    assert decompressed("lz4", compressed(state)) == state


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("trade"), st.sampled_from([BTC, ETH])),
        st.tuples(st.just("apply"), st.integers(1, 5)),
        st.tuples(st.just("checkpoint"), st.integers(0, 3)),
        st.tuples(st.just("commit"), st.integers(0, 4)),
        st.tuples(st.just("kill"), st.none()),
        st.tuples(st.just("compact"), st.none()),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_happens_when_a_heir_has_the_state_of_one_that_never_died(
    steps: list[tuple[str, Entity | int | None]],
) -> None:
    async def story() -> None:
        logs = MemoryLogs()
        logs.records[TRADES, P] = []
        committed = 0
        worker = Worker(logs)
        await worker.start(0)
        for what, how in steps:
            if isinstance(how, Entity):
                trades(logs, how)
            elif what == "apply":
                worker.apply(worker.unit.next_offset(TRADES) + (how or 0))
            elif what == "checkpoint":
                await worker.checkpoint(how or 0)
            elif what == "commit":
                committed = max(committed, worker.unit.next_offset(TRADES) - (how or 0))
            elif what == "compact":
                logs.compact(STATES, P)
                logs.compact(MANIFESTS, P)
            else:
                worker = Worker(logs)
                await worker.start(committed)
                assert worker.unit.next_offset(TRADES) >= committed
                assert worker.state.anew == []
        end = len(logs.records[TRADES, P])
        worker.apply(end)
        oracle = Worker(logs)
        oracle.apply(end)

        assert worker.sums == oracle.sums

    asyncio.run(story())


RAW: dict[str, list[tuple[RawType, bytes, bytes]]] = {
    "books": [
        (RawType.DEPTH, b"BTCUSDT", b'{"lastUpdateId":9,"bids":[["1","2"]],"asks":[["3","4"]]}'),
        (RawType.DEPTH, b"BTCUSDT", b'{"e":"depthUpdate","E":0,"s":"BTCUSDT","U":10,"u":10,"b":[["2","1"]],"a":[]}'),
    ],
    "trades": [
        (
            of,
            b"BTCUSDT",
            b'{"e":"%s","E":0,"s":"BTCUSDT","%s":%d,"p":"1","q":"2","T":0,"m":true}' % (of.encode(), key, n),
        )
        for of, key in ((RawType.TRADE, b"t"),)
        for n in (5, 6)
    ],
    "tickers": [
        (
            RawType.MINI_TICKER,
            b"BTCUSDT",
            b'{"e":"24hrMiniTicker","E":0,"s":"BTCUSDT","c":"1","o":"1","h":"1","l":"1","v":"1","q":"900000000000"}',
        )
    ],
}


@pytest.mark.parametrize("name", ["books", "trades", "tickers"])
async def test_every_flow_of_the_families_comes_back_from_its_checkpoints(name: str) -> None:
    only = (Market.SPOT,)
    flows = [f for of in Family for f in flows_of(of, TABLE, only, snapshot_levels=20, snapshot_interval_ms=1_000)]
    (flow,) = (flow for flow in flows if flow.name == name)
    logs = MemoryLogs()
    worker, heir = Worker(logs, flow), Worker(logs, flow)
    for of, key, value in RAW[name]:
        logs.append(TABLE.raw(Market.SPOT, of).name, P, value, key=key)
    starts = dict.fromkeys(flow.topic_names, 0)
    await Restorer(TABLE, CODEC, logs).restore([Behind(worker.unit, starts)], lambda _: None)
    for topic, records in [(t, r) for (t, p), r in logs.records.items() if t in starts and p == P]:
        starts[topic] = len(records)
        assert worker.unit.apply(records, lagging=False) != []
    await worker.checkpoint()
    behind = Behind(heir.unit, starts)
    await Restorer(TABLE, CODEC, logs).restore([behind], lambda _: None)

    assert behind.source is Source.CHECKPOINT
    assert behind.applied == 0
    assert list(heir.unit.checkpointed.entities()) == [BTC]
    assert heir.unit.checkpointed.dump(BTC) == worker.unit.checkpointed.dump(BTC)
    assert heir.unit.checkpointed.dump_shared() == worker.unit.checkpointed.dump_shared()


class Books(Worker):
    """Has a partition of books, and tells readers what comes of it."""

    def __init__(self, logs: MemoryLogs) -> None:
        (flow,) = flows_of(Family.BOOKS, TABLE, (Market.SPOT,), snapshot_levels=20, snapshot_interval_ms=1_000)
        super().__init__(logs, flow)
        self.starts = dict.fromkeys(flow.topic_names, 0)
        self.publisher = MemoryPublisher(logs=logs)

    async def begin(self, committed: int) -> None:
        self.starts[DEPTH] = committed
        await Restorer(TABLE, CODEC, self.logs).restore([Behind(self.unit, self.starts)], lambda _: None)

    async def tell(self, value: bytes, time: int = 0) -> None:
        first = self.unit.next_offset(DEPTH)
        self.logs.append(DEPTH, P, value, timestamp=time)
        produced = self.unit.apply(self.logs.records[DEPTH, P][first:], lagging=False)
        outputs = [one for one in produced if not isinstance(one, Difference)]
        await self.publisher.publish(Encoder(TABLE, CODEC).records(outputs))

    def alerts(self) -> list[tuple[AlertStatus, int, int]]:
        values = (CODEC.decode(ALERTS, P, r.offset, r.value) for r in self.logs.records.get((ALERTS, P), ()))
        return [(value.status, value.opened_time, value.time) for value in values if isinstance(value, Alert)]


DEPTH = TABLE.raw(Market.SPOT, RawType.DEPTH).name
ALERTS = TABLE.derived(Market.SPOT, DerivedType.ALERT).name
BOOKS_STATES = TABLE.derived(Market.SPOT, DerivedType.BOOK_CHECKPOINT).name


def depth(update_id: int, time: int, bid: str = "1") -> tuple[bytes, int]:
    """Return a diff of one bid, and its event time."""
    levels = f'"b":[["{bid}","1"]],"a":[]'
    return f'{{"e":"depthUpdate","E":{time},"s":"BTCUSDT","U":{update_id},"u":{update_id},{levels}}}'.encode(), time


async def test_an_alert_about_a_book_whose_state_was_lost_closes_once() -> None:
    logs = MemoryLogs()
    worker = Books(logs)
    await worker.begin(0)
    await worker.tell(b'{"lastUpdateId":9,"bids":[["1","2"]],"asks":[["3","4"]]}')
    await worker.tell(*depth(10, 0, "4"))
    await worker.tell(*depth(11, 2_000))
    assert worker.alerts() == [(AlertStatus.OPEN, 0, 0)]
    await worker.checkpoint()
    await worker.tell(*depth(12, 5_000))
    for record in list(logs.records[BOOKS_STATES, P]):
        logs.damage(BOOKS_STATES, P, record.offset, b"nonsense")

    heir = Books(logs)
    await heir.begin(4)
    await heir.tell(*depth(13, 6_000))
    again = Books(logs)
    await again.begin(5)
    await again.tell(*depth(14, 7_000))

    assert again.alerts() == [(AlertStatus.OPEN, 0, 0), (AlertStatus.CLOSED, 0, 5_000)]
