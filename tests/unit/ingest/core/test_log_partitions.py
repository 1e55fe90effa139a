"""The law of repair: whatever is lost, repeated or late, the ledger is closed in the end, and the log is whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from hypothesis import given, settings, strategies as st

from ingest.core.backfill import Backfill, Question, id_of
from ingest.core.holes import Hole
from ingest.core.ledger import OpenHole
from ingest.core.log_partitions import LogPartition, TradePartition, log_partition
from ingest.core.tails import Newest, Tail
from schemas.control import Gap, GapStatus, Progress
from schemas.markets import Market
from schemas.rest import RestTrade
from schemas.topics import RawType


KEY = b"BTCUSDT"
CLOSED = {GapStatus.FILLED, GapStatus.ABSENT, GapStatus.UNFILLABLE}


class Raw(msgspec.Struct):
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def trade(trade_id: int, time: int | None = None, offset: int = 0) -> Raw:
    time = trade_id * 10 if time is None else time
    return Raw(offset, time, KEY, msgspec.json.encode({"t": trade_id, "T": time}))


def diff(first_id: int, last_id: int, offset: int, time: int | None = None, previous: int | None = None) -> Raw:
    time = last_id * 10 if time is None else time
    value: dict[str, object] = {"E": time, "U": first_id, "u": last_id, "b": [["1", "2"]], "a": []}
    if previous is not None:
        value["pu"] = previous
    return Raw(offset, time, KEY, msgspec.json.encode(value))


def snapshot(last_id: int, offset: int) -> Raw:
    return Raw(offset, 0, KEY, msgspec.json.encode({"lastUpdateId": last_id, "bids": [], "asks": []}))


def told(hole: OpenHole) -> list[tuple[int, int, str, str | None]]:
    return [(gap.first_id, gap.last_id, str(gap.status), gap.reason) for gap in hole.entries(1)]


# Trades


def test_a_hole_is_found_and_what_comes_late_closes_it() -> None:
    partition = log_partition(Market.SPOT, RawType.TRADE, 0)

    found = partition.read([trade(1, offset=0), trade(5, offset=1)], 1)
    late = partition.read([trade(one, offset=one) for one in (3, 2, 4)], 2)

    (hole,) = found.opened
    assert (hole.key, hole.hole.first_id, hole.hole.last_id) == ((Market.SPOT, RawType.TRADE, "BTCUSDT"), 2, 4)
    assert {id(one) for one in late.touched} == {id(hole)}
    assert hole.settled
    assert told(hole) == [(2, 4, "filled", "late")]
    assert partition.next_offset == 5


def the_end(partition: LogPartition) -> Tail:
    assert isinstance(partition, TradePartition)
    (tail,) = partition.tails(100)
    return tail


def test_what_is_missing_at_the_end_is_a_hole_and_what_fills_it_begins_no_epoch() -> None:
    partition = log_partition(Market.SPOT, RawType.TRADE, 0)
    assert isinstance(partition, TradePartition)
    partition.read([trade(1, offset=0), trade(2, offset=1)], 1)
    tail = the_end(partition)

    found = partition.lose_tail(tail, 5, Newest(5, 50), 7)
    again = partition.lose_tail(tail, 5, Newest(5, 50), 8)
    filled = partition.read([trade(one, offset=one) for one in (3, 4, 5, 6)], 9)

    assert tail == Tail((Market.SPOT, RawType.TRADE, "BTCUSDT"), 0, 3, 2, 2, 100)
    (hole,) = found.opened
    assert hole.hole == Hole(0, 3, 5, 20, 50)
    assert (again.opened, filled.epochs, filled.doubts) == ([], [], [])
    assert told(hole) == [(3, 5, "filled", "late")]
    assert the_end(partition).next_id == 7


def test_what_is_missing_at_the_end_is_remembered_over_a_restart() -> None:
    partition = log_partition(Market.SPOT, RawType.TRADE, 0)
    assert isinstance(partition, TradePartition)
    partition.read([trade(1, offset=0), trade(2, offset=1)], 1)
    before = partition.moved()
    ledger = partition.lose_tail(the_end(partition), 5, Newest(5, 50), 7).opened[0].entries(1)

    for notes in (before, partition.moved()):
        later = log_partition(Market.SPOT, RawType.TRADE, 0)
        assert isinstance(later, TradePartition)
        later.restore(notes, ledger)
        later.next_offset = 2
        assert later.lose_tail(the_end(later), 5, Newest(5, 50), 7).opened == []
        filled = later.read([trade(one, offset=one) for one in (3, 4, 5, 6)], 9)

        assert [hole.hole.first_id for hole in later.holes()] == [3]
        assert (filled.opened, filled.epochs, filled.doubts) == ([], [], [])
        assert all(hole.settled for hole in later.holes())


def test_of_aggregates_the_newest_trade_is_known_from_the_last_that_was_read() -> None:
    partition = log_partition(Market.SPOT, RawType.AGG_TRADE, 0)
    assert isinstance(partition, TradePartition)
    value = b'{"a":7,"f":40,"l":44,"T":10}'
    partition.read([Raw(0, 10, KEY, value)], 1)
    assert the_end(partition).through == 44
    notes = partition.moved()

    later = log_partition(Market.SPOT, RawType.AGG_TRADE, 0)
    assert isinstance(later, TradePartition)
    later.restore(notes, [])
    later.next_offset = 1
    assert the_end(later).through == -1
    later.know(the_end(later), 44)
    assert the_end(later).through == 44


def test_what_is_missing_when_an_epoch_ends_stays_missing() -> None:
    partition = log_partition(Market.SPOT, RawType.TRADE, 0)

    found = partition.read([trade(100, offset=0), trade(105, offset=1)], 1)
    anew = partition.read([trade(1, 9_000, 2), trade(2, 9_001, 3)], 2)

    (hole,) = found.opened
    assert anew.touched == [hole]
    assert told(hole) == [(101, 104, "unfillable", "epoch-over")]
    assert [(key, epoch.epoch) for key, epoch in anew.epochs] == [((Market.SPOT, RawType.TRADE, "BTCUSDT"), 1)]


def test_records_that_cannot_be_read_are_passed_over() -> None:
    partition = log_partition(Market.SPOT, RawType.TRADE, 0)
    values = [None, b"", b"{", b'{"t":"1","T":1}', b'{"t":-4,"T":1}', b'{"t":1e99,"T":1}', b"\xff"]
    values.append(b'{"t":%d,"T":1}' % 2**70)
    values.append(b'{"t":1,"T":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}")

    found = partition.read([Raw(offset, 0, KEY, value) for offset, value in enumerate(values)], 1)

    assert found.opened == []
    assert (partition.next_offset, partition.moved()) == (9, [])


def test_progress_is_given_once_in_the_order_of_the_log() -> None:
    partition = log_partition(Market.SPOT, RawType.TRADE, 3)
    other = Raw(2, 10, b"ETHUSDT", msgspec.json.encode({"t": 1, "T": 10}))
    partition.read([trade(1, offset=0), trade(2, offset=1), other, trade(3, offset=3)], 1)

    notes = partition.moved()

    assert [(note.symbol, note.last_id, note.partition, note.offset) for note in notes] == [
        ("ETHUSDT", 1, 3, 2),
        ("BTCUSDT", 3, 3, 3),
    ]
    partition.read([trade(3, offset=4)], 1)
    assert partition.moved() == []


class World:
    """A venue, a log, a ledger, and a process that repairs and may die."""

    def __init__(self, ids: Sequence[int], absent: set[int]) -> None:
        self.venue = [one for one in ids if one not in absent]
        self.log: list[Raw] = []
        self.ledger: list[Gap] = []
        self.notes: dict[str, Progress] = {}
        self.committed = 0
        self.time = 0
        self.begin()

    def begin(self) -> None:
        """A process takes the partition over."""
        self.partition: LogPartition = log_partition(Market.SPOT, RawType.TRADE, 0)
        self.partition.restore(self.notes.values(), compacted(self.ledger))
        self.read_to = self.committed
        self.backfills = {id(hole): (hole, Backfill(hole)) for hole in self.partition.holes()}
        for hole in list(self.partition.holes()):
            self.tell(hole)

    def deliver(self, trade_id: int) -> None:
        self.log.append(trade(trade_id, offset=len(self.log)))

    def read(self, count: int) -> None:
        records = self.log[self.read_to : self.read_to + count]
        if records:
            found = self.partition.read(records, self.time)
            self.read_to += len(records)
            for hole in found.opened:
                self.backfills[id(hole)] = hole, Backfill(hole)
            for hole in {id(hole): hole for hole in (*found.opened, *found.touched)}.values():
                self.tell(hole)

    def note(self) -> None:
        for hole in self.partition.holes():
            self.tell(hole)
        self.notes |= {note.symbol: note for note in self.partition.moved()}
        self.committed = self.read_to

    def tell(self, hole: OpenHole) -> None:
        self.time += 1
        self.ledger += hole.entries(self.time)
        if hole.settled:
            self.partition.drop(hole)
            self.backfills.pop(id(hole), None)

    def defer(self) -> None:
        for hole, _ in list(self.backfills.values()):
            hole.defer("venue-unreachable")
            self.tell(hole)

    def ask(self) -> bool:
        """Ask one question about each hole; returns whether there was one."""
        for hole, backfill in list(self.backfills.values()):
            question = backfill.question()
            answered = backfill.answer(question, self.answer(question))
            for item in answered.found:
                self.deliver(id_of(item))
                hole.backfilled(id_of(item))
            for absent in answered.absent:
                hole.absent(*absent)
            for lost in answered.lost:
                hole.lost(*lost)
            self.tell(hole)
        return bool(self.backfills)

    def answer(self, question: Question) -> list[RestTrade]:
        found = [one for one in self.venue if one >= question.from_id][: question.limit]
        return [
            RestTrade(trade_id=one, price="1", quantity="2", trade_time=one * 10, buyer_is_maker=True) for one in found
        ]

    def newest(self) -> dict[int, GapStatus]:
        return {one: gap.status for gap in self.ledger for one in range(gap.first_id, gap.last_id + 1)}


def compacted(ledger: list[Gap]) -> list[Gap]:
    """Return what compaction leaves, in the order of the topic."""
    latest = {gap.first_id: place for place, gap in enumerate(ledger)}
    return [ledger[place] for place in sorted(latest.values())]


def in_log(world: World) -> Iterator[int]:
    for record in world.log:
        yield msgspec.json.decode(record.value or b"")["t"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.integers(-4, 6)),
        st.tuples(st.just("read"), st.integers(1, 5)),
        st.sampled_from([("note", 0), ("ask", 0), ("die", 0), ("defer", 0)]),
    ),
    max_size=120,
)


@given(STEPS, st.sets(st.integers(3, 150)))
@settings(max_examples=300)
def test_in_the_end_the_ledger_is_closed_and_the_log_whole(steps: list[tuple[str, int]], absent: set[int]) -> None:
    """Ids are dropped (a step of more than 1), repeated and late (0 and less), in any order with reading and dying."""
    absent -= {100}
    ids = [one for one in range(90, 800) if one not in {one + 100 for one in absent}]
    world, at = World(range(90, 800), set(range(90, 800)) - set(ids)), 100
    world.deliver(at)
    for action, number in steps:
        match action:
            case "deliver":
                at_now = max(100, at + number)
                at = max(at, at_now)
                if at_now in ids:
                    world.deliver(at_now)
            case "read":
                world.read(number)
            case "note":
                world.note()
            case "ask":
                world.ask()
            case "defer":
                world.defer()
            case _:
                world.begin()
    while world.read_to < len(world.log) or world.ask():
        world.read(1_000)
    world.note()

    delivered = set(in_log(world))
    newest = world.newest()
    assert all(status in CLOSED for status in newest.values())
    whole = set(range(100, max(delivered) + 1))
    assert whole <= delivered | {one for one, status in newest.items() if status is GapStatus.ABSENT}
    assert delivered.isdisjoint(one for one, status in newest.items() if status is GapStatus.ABSENT)
    assert all(one in delivered for one, status in newest.items() if status is GapStatus.FILLED)
    assert GapStatus.UNFILLABLE not in newest.values()
    left = compacted(world.ledger)
    assert sorted(one for gap in left for one in range(gap.first_id, gap.last_id + 1)) == sorted(newest)


# Depth


def test_a_hole_in_depth_is_healed_by_a_snapshot_behind_it_once_the_diffs_go_on_from_there() -> None:
    partition = log_partition(Market.SPOT, RawType.DEPTH, 0)

    found = partition.read([diff(1, 10, 0), diff(15, 20, 1)], 1)
    not_yet = partition.read([snapshot(12, 2), snapshot(22, 3)], 2)
    healed = partition.read([diff(21, 24, 4)], 3)

    (hole,) = found.opened
    assert (hole.hole.first_id, hole.hole.last_id) == (11, 14)
    assert not_yet.touched == []
    assert healed.touched == [hole]
    assert told(hole) == [(11, 14, "unfillable", "healed-by-snapshot")]


def test_a_late_diff_of_another_connection_fills_the_hole() -> None:
    partition = log_partition(Market.SPOT, RawType.DEPTH, 0)

    found = partition.read([diff(1, 10, 0), diff(15, 20, 1)], 1)
    partition.read([diff(9, 12, 2), diff(13, 17, 3)], 2)

    (hole,) = found.opened
    assert told(hole) == [(11, 14, "filled", "late")]


def test_on_futures_the_previous_id_proves_continuity_though_ids_jump() -> None:
    partition = log_partition(Market.USDM, RawType.DEPTH, 0)

    first = partition.read([diff(100, 110, 0, previous=90), diff(150, 160, 1, previous=110)], 1)
    then = partition.read([diff(200, 210, 2, previous=190)], 1)

    assert first.opened == []
    assert [(hole.hole.first_id, hole.hole.last_id) for hole in then.opened] == [(161, 190)]


def test_a_hole_in_depth_and_the_snapshot_before_it_outlive_a_restart() -> None:
    before = log_partition(Market.SPOT, RawType.DEPTH, 0)
    (hole,) = before.read([diff(1, 10, 0), diff(15, 20, 1)], 1).opened
    (note,) = before.moved()
    snapshot_note = msgspec.structs.replace(note, stream="depth-snapshot", last_id=14)
    after = log_partition(Market.SPOT, RawType.DEPTH, 0)

    after.restore([snapshot_note, note], hole.entries(1))
    again = after.read([diff(1, 10, 0), diff(15, 20, 1), diff(21, 30, 2)], 2)

    assert again.opened == []
    assert [told(one) for one in again.touched] == [[(11, 14, "unfillable", "healed-by-snapshot")]]
