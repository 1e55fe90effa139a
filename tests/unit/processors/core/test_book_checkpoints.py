"""A book that comes back from its checkpoint goes on as if nothing had been."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from processors.core.book import OrderBook
from processors.core.book_partition import BookPartition
from processors.core.checkpoint_rounds import CheckpointError, Entity
from processors.core.liquidity import LiquidityPlan
from processors.core.packed import pack, unpack
from processors.core.records import DeadLetter, Output, RawRecord
from schemas.control import Heartbeat, SnapshotReason, SnapshotRequest
from schemas.decimals import format_scaled
from schemas.derived import BookState, TopOfBook
from schemas.markets import Market
from schemas.rest import DepthSnapshot
from schemas.topics import RawType
from schemas.wire import DepthDiff
from tests.support.strategies import START_MS, DepthHistory, depth_histories
from tests.unit.processors.core.records import heartbeat_of, record_of, values_of


SYMBOLS = ("BTCUSDT", "ETHUSDT")
Outputs = list[Output | DeadLetter]


def raw(message: DepthDiff | DepthSnapshot, offset: int, symbol: str = "BTCUSDT") -> RawRecord:
    if isinstance(message, DepthDiff):
        message = replace(message, symbol=symbol)
    return record_of(RawType.DEPTH, message, offset, START_MS, key=symbol.encode())


def damaged(diff: DepthDiff, price: int) -> DepthDiff:
    """Return a diff with a level that is none of the venue's, though its ids continue."""
    return replace(diff, bids=[*diff.bids, (format_scaled(price), "9")])


@st.composite
def logs(draw: st.DrawFn) -> list[RawRecord | Heartbeat]:
    """Diffs of two symbols, lost, repeated and damaged ones among them; snapshots at any time; heartbeats."""
    messages: list[list[tuple[str, DepthDiff | DepthSnapshot]]] = []
    for symbol in SYMBOLS:
        history = draw(depth_histories(least=3, most=25))
        mine: list[tuple[str, DepthDiff | DepthSnapshot]] = []
        for diff in history.diffs(draw(st.lists(st.integers(1, 24), max_size=12))):
            fate = draw(st.integers(0, 9))
            if fate == 1:
                # Beyond all levels, among them, or above the asks.
                mine.append((symbol, damaged(diff, draw(st.sampled_from([4, 50, 105])))))
            elif fate:
                mine.extend([(symbol, diff)] * (2 if fate == 2 else 1))
            if draw(st.integers(0, 3)) == 0:
                mine.append((symbol, history.snapshot(draw(st.integers(0, len(history.changes))))))
        messages.append(mine)
    log: list[RawRecord | Heartbeat] = []
    offset, latest, total = 0, START_MS, sum(map(len, messages))
    while any(messages):
        symbol, message = draw(st.sampled_from([mine for mine in messages if mine])).pop(0)
        log.append(raw(message, offset, symbol))
        offset += 1
        latest = max(latest, getattr(message, "event_time", None) or 0)
        if draw(st.integers(0, 3)) == 0:
            # It may be read before its records: then it waits.
            ahead = min(draw(st.integers(0, 2)), total - offset)
            log.append(heartbeat_of(latest + 200 * ahead, offset + ahead, stream="depth", begin_offset=0))
            latest += 200 * ahead
    log.append(heartbeat_of(latest + 60_000, offset, stream="depth", begin_offset=0))
    return log


def feed(partition: BookPartition, items: Sequence[RawRecord | Heartbeat]) -> Outputs:
    outputs: Outputs = []
    for item in items:
        outputs.extend(partition.feed(item) if isinstance(item, RawRecord) else partition.heartbeat(item))
    return outputs


def by_book(outputs: Outputs) -> dict[bytes | None, Outputs]:
    """Part outputs by book: a heartbeat is about all, in whatever order they came back."""
    parted: dict[bytes | None, Outputs] = {}
    for output in outputs:
        parted.setdefault(output.key if isinstance(output, Output) else output.record.key, []).append(output)
    return parted


def dumps(partition: BookPartition) -> dict[Entity, bytes]:
    return {entity: partition.dump(entity) for entity in partition.entities()}


@given(logs(), st.data())
def test_a_partition_brought_back_goes_on_as_one_that_was_never_interrupted(
    log: list[RawRecord | Heartbeat], data: st.DataObject
) -> None:
    """What belongs to no book is of one point, each book of its own later one; control records are read again since."""
    shared_at = data.draw(st.integers(0, len(log)))
    handed_over = data.draw(st.integers(shared_at, len(log)))
    book_at = {symbol: data.draw(st.integers(shared_at, handed_over)) for symbol in SYMBOLS}
    whole = BookPartition(liquidity=LiquidityPlan(interval_ms=300))
    kept: dict[Entity, bytes] = {}
    shared = b""
    expected: Outputs = []
    for position in range(len(log) + 1):
        if position == shared_at:
            shared = whole.dump_shared()
        kept |= {
            entity: whole.dump(entity) for entity in whole.entities() if book_at[entity.key] == position
        }  # fmt: skip
        outputs = feed(whole, log[position : position + 1])
        if position >= handed_over:
            expected.extend(outputs)

    restored = BookPartition(liquidity=LiquidityPlan(interval_ms=300))
    restored.load_shared(shared)
    for entity, state in kept.items():
        restored.load(entity, state)
    between = log[shared_at:handed_over]
    # The framework reads control records first.
    feed(restored, [item for item in between if isinstance(item, Heartbeat)])
    feed(restored, [item for item in between if isinstance(item, RawRecord)])

    assert by_book(feed(restored, log[handed_over:])) == by_book(expected)
    assert dumps(restored) == dumps(whole)


@given(logs())
def test_a_dump_changes_nothing_and_is_due_again_once_the_book_changed(log: list[RawRecord | Heartbeat]) -> None:
    dumped, other = BookPartition(), BookPartition()
    for item in log:
        before = dumps(dumped)
        assert list(dumped.entities_changed()) == []
        assert feed(dumped, [item]) == feed(other, [item])
        changed = set(dumped.entities_changed())
        assert set(dumped.entities()) - set(before) <= changed
        if isinstance(item, RawRecord):
            assert changed <= set(dumped.entities())
            assert {entity.key.encode() for entity in changed} >= {item.key}


def test_what_a_heartbeat_makes_a_book_say_is_a_change() -> None:
    history = DepthHistory(tuple((True, price, 1) for price in range(1, 9)), futures=False)
    partition = BookPartition()
    feed(partition, [raw(history.snapshot(3), 0), raw(history.diff(3, 4), 1)])
    dumps(partition)

    assert partition.entities_changed() == []
    feed(partition, [heartbeat_of(START_MS + 60_000, 2, stream="depth")])
    assert partition.entities_changed() == [Entity(Market.SPOT, "BTCUSDT")]


def test_a_book_that_is_begun_anew_asks_for_a_snapshot_at_once_and_says_that_it_is_not_right() -> None:
    partition = BookPartition()
    partition.start_anew(Entity(Market.SPOT, "BTCUSDT"))
    (said,) = values_of(partition.announce())
    (request,) = values_of(partition.tick(1_000))

    assert isinstance(said, TopOfBook)
    assert said.state is BookState.SYNCING
    assert isinstance(request, SnapshotRequest)
    assert (request.after_update_id, request.reason) == (None, SnapshotReason.START)


def test_a_book_that_is_begun_anew_says_that_what_was_read_before_is_no_answer() -> None:
    """Ingest takes no snapshot where the log holds one that the asker has not read."""
    history = DepthHistory(tuple((True, price, 1) for price in range(1, 9)), futures=False)
    before, after = BookPartition(), BookPartition()
    feed(before, [raw(history.snapshot(3), 0), raw(history.diff(3, 4), 1)])
    after.load_shared(before.dump_shared())
    after.start_anew(Entity(Market.SPOT, "BTCUSDT"))
    (request,) = values_of(after.tick(1_000))

    assert isinstance(request, SnapshotRequest)
    assert request.input_offset == 1


def test_a_book_that_is_begun_anew_is_right_with_the_next_snapshot_that_joins() -> None:
    history = DepthHistory(tuple((True, price, 1) for price in range(1, 9)), futures=False)
    partition = BookPartition()
    partition.start_anew(Entity(Market.SPOT, "BTCUSDT"))
    tops = values_of(feed(partition, [raw(history.diff(3, 5), 7), raw(history.snapshot(4), 8)]))

    assert [top.state for top in tops if isinstance(top, TopOfBook)] == [
        BookState.SYNCING,
        BookState.LIVE,
        BookState.LIVE,
    ]


def test_a_book_that_is_brought_back_is_announced_as_it_is() -> None:
    history = DepthHistory(tuple((True, price, 1) for price in range(1, 9)), futures=False)
    before, after = BookPartition(), BookPartition()
    told = feed(before, [raw(history.snapshot(3), 0), raw(history.diff(3, 4), 1), raw(history.diff(3, 4), 2)])
    entity = Entity(Market.SPOT, "BTCUSDT")
    after.load(entity, before.dump(entity))
    (said,) = values_of(after.announce())

    assert said == values_of(told)[-1]
    assert isinstance(said, TopOfBook)
    assert (said.state, said.update_id, said.bid_price, said.input_offset) == (
        BookState.LIVE,
        history.id_of(4),
        4,
        1,
    )


@pytest.mark.parametrize("damage", [b"", b"\x93", b"{}", b"\x00" * 40])
def test_a_damaged_checkpoint_is_refused_and_changes_nothing(damage: bytes) -> None:
    partition = BookPartition()
    entity = Entity(Market.SPOT, "BTCUSDT")
    with pytest.raises(CheckpointError):
        partition.load(entity, damage)
    with pytest.raises(CheckpointError):
        partition.load_shared(damage)

    assert partition.entities() == []


@given(st.data())
def test_a_checkpoint_cut_short_or_changed_is_refused_or_read_but_never_breaks_otherwise(data: st.DataObject) -> None:
    history = DepthHistory(tuple((True, price, 1) for price in range(1, 9)), futures=False)
    partition = BookPartition()
    feed(partition, [raw(history.snapshot(3), 0), raw(history.diff(3, 4), 1), raw(history.diff(5, 6), 2)])
    entity = Entity(Market.SPOT, "BTCUSDT")
    state = bytearray(partition.dump(entity))
    position = data.draw(st.integers(0, len(state) - 1))
    if data.draw(st.booleans()):
        del state[position:]
    else:
        state[position] ^= data.draw(st.integers(1, 255))
    with suppress(CheckpointError):
        BookPartition().load(entity, bytes(state))


@given(st.lists(st.integers(-(10**28), 10**28) | st.integers(-5, 5)))
def test_packed_numbers_come_back(numbers: list[int]) -> None:
    assert unpack(pack(numbers)) == numbers


def test_a_quantity_beyond_64_bits_comes_back() -> None:
    book, other = OrderBook(), OrderBook()
    book.load([(39, 1234567890123 * 10**8)], [(40, 1)])
    other.restore(book.dump())

    assert other.top(5) == book.top(5)
