from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from processors.core.decisions import DECISION_LIMIT, Decision
from processors.core.missing_ids import IdRun, KeptMissing
from processors.core.passed_holes import HOLE_LIMIT
from processors.core.sequencer import (
    Duplicate,
    Held,
    Hole,
    HoleClosed,
    HoleNarrowed,
    InOrder,
    KeptSequence,
    Late,
    SequenceResult,
    TradeSequencer,
)
from schemas.control import Gap, GapStatus
from schemas.markets import Market


def time_of(trade_id: int) -> int:
    return 1_000 + trade_id * 10


def gap(first_id: int, last_id: int, status: GapStatus = GapStatus.DEFERRED, *, updated: int = 0) -> Gap:
    return Gap(
        market=Market.SPOT,
        stream="trade",
        symbol="BTCUSDT",
        epoch=0,
        first_id=first_id,
        last_id=last_id,
        status=status,
        reason=None,
        previous_time=time_of(first_id - 1),
        next_time=time_of(last_id + 1),
        opened_time=0,
        updated_time=updated,
    )


def feed(sequencer: TradeSequencer[int], *ids: int) -> list[SequenceResult[int]]:
    """Feed trades whose time rises with their id; the item is the id."""
    return [result for number in ids for result in sequencer.feed(number, time_of(number), number, number)]


def in_order(results: Iterable[SequenceResult[int]]) -> list[int]:
    return [result.item for result in results if isinstance(result, InOrder)]


def late(results: Iterable[SequenceResult[int]]) -> list[int]:
    return [result.item for result in results if isinstance(result, Late)]


def holes(results: Iterable[SequenceResult[int]]) -> list[tuple[int, int]]:
    return [(result.first_id, result.last_id) for result in results if isinstance(result, Hole)]


def hole(first_id: int, last_id: int, *, absent: bool = False) -> Hole:
    return Hole(0, first_id, last_id, time_of(first_id - 1), time_of(last_id + 1), last_id + 1, absent)


def runs(ids: set[int], seen: set[int]) -> Iterator[tuple[int, int]]:
    """Return the runs of ids that were not seen between the lowest and the highest that were."""
    first: int | None = None
    for number in range(min(seen), max(seen) + 1):
        if number not in seen and first is None:
            first = number
        elif number in seen and first is not None:
            yield first, number - 1
            first = None
    assert ids >= seen


@given(st.integers(0, 3), st.integers(1, 25), st.data())
def test_each_trade_goes_out_once_and_each_missing_id_is_in_one_hole(
    start: int, count: int, data: st.DataObject
) -> None:
    """Any order, any repetition, any loss, and the ledger speaking at any moment after a hole is seen."""
    ids = list(range(start, start + count))
    kept = [number for number in ids if data.draw(st.integers(0, 3))] or ids[:1]
    again = data.draw(st.lists(st.sampled_from(kept), max_size=5))
    arrivals = data.draw(st.permutations([*kept, *again]))
    sequencer: TradeSequencer[int] = TradeSequencer()
    results: list[SequenceResult[int]] = []
    seen: set[int] = set()
    for number in arrivals:
        results.extend(feed(sequencer, number))
        seen.add(number)
        if data.draw(st.booleans()):
            for first_id, last_id in runs(set(ids), seen):
                results.extend(sequencer.decide(gap(first_id, last_id)))
    for first_id, last_id in runs(set(ids), seen):
        results.extend(sequencer.decide(gap(first_id, last_id)))

    assert in_order(results) == sorted(in_order(results))
    assert sorted([*in_order(results), *late(results)]) == sorted(kept)
    passed = {number for first_id, last_id in holes(results) for number in range(first_id, last_id + 1)}
    before = {number for number in kept if number < arrivals[0]}
    missing = {number for number in range(arrivals[0], max(kept)) if number not in kept}
    assert passed == missing | (set(late(results)) - before)
    assert sum(last_id - first_id + 1 for first_id, last_id in holes(results)) == len(passed)
    assert sequencer.epoch == 0
    assert sequencer.waits_since() is None


@given(st.integers(1, 20), st.data())
def test_a_hole_that_is_filled_before_the_ledger_speaks_leaves_no_trace(count: int, data: st.DataObject) -> None:
    arrivals = [0, *data.draw(st.permutations(range(1, count + 1)))]

    results = feed(TradeSequencer(), *arrivals)

    assert in_order(results) == list(range(count + 1))
    assert not holes(results)
    assert not late(results)


def test_trades_after_a_hole_wait_for_the_ledger() -> None:
    sequencer: TradeSequencer[int] = TradeSequencer()

    assert feed(sequencer, 1, 4, 5) == [InOrder(0, 1), Held(4), Held(5)]
    assert sequencer.waits_since() == 4
    assert sequencer.decide(gap(2, 3, GapStatus.OPEN)) == []
    assert sequencer.decide(gap(2, 3, GapStatus.FILLED)) == []
    assert feed(sequencer, 2, 3) == [InOrder(0, 2), InOrder(0, 3), InOrder(0, 4), InOrder(0, 5)]


@pytest.mark.parametrize("status", [GapStatus.DEFERRED, GapStatus.UNFILLABLE, GapStatus.ABSENT])
def test_one_hole_and_on_once_the_ledger_has_decided(status: GapStatus) -> None:
    sequencer: TradeSequencer[int] = TradeSequencer()
    feed(sequencer, 1, 4, 5)

    results = sequencer.decide(gap(2, 3, status))

    fate = [HoleClosed(0, 2, recovered=False)] if status is GapStatus.UNFILLABLE else []
    assert results == [hole(2, 3, absent=status is GapStatus.ABSENT), *fate, InOrder(0, 4), InOrder(0, 5)]


def test_a_decision_that_comes_before_the_hole_is_met_waits_for_it() -> None:
    sequencer: TradeSequencer[int] = TradeSequencer()

    assert sequencer.decide(gap(2, 3)) == []
    assert feed(sequencer, 1, 4) == [InOrder(0, 1), hole(2, 3), InOrder(0, 4)]


def test_a_decision_about_a_part_of_a_hole_lets_nothing_pass_the_rest() -> None:
    sequencer: TradeSequencer[int] = TradeSequencer()
    feed(sequencer, 1, 6)

    (first,) = sequencer.decide(gap(2, 3))
    rest = sequencer.decide(gap(4, 5))

    assert isinstance(first, Hole)
    assert (first.first_id, first.last_id) == (2, 3)
    assert holes(rest) == [(4, 5)]
    assert in_order(rest) == [6]


def test_what_comes_after_the_flow_went_on_is_late_and_closes_its_hole() -> None:
    sequencer: TradeSequencer[int] = TradeSequencer()
    feed(sequencer, 1, 4)
    sequencer.decide(gap(2, 3))

    assert feed(sequencer, 3) == [Late(0, 3), HoleNarrowed(0, 2, ((time_of(1), time_of(3)),))]
    assert feed(sequencer, 3) == [Duplicate(3)]
    assert feed(sequencer, 2) == [Late(0, 2), HoleClosed(0, 2, recovered=True)]
    assert feed(sequencer, 2, 1, 4) == [Duplicate(2), Duplicate(1), Duplicate(4)]


@pytest.mark.parametrize(("status", "recovered"), [(GapStatus.ABSENT, True), (GapStatus.UNFILLABLE, False)])
def test_a_later_decision_closes_a_deferred_hole(status: GapStatus, recovered: bool) -> None:
    sequencer: TradeSequencer[int] = TradeSequencer()
    feed(sequencer, 1, 4)
    sequencer.decide(gap(2, 3))

    assert sequencer.decide(gap(2, 3, status)) == [HoleClosed(0, 2, recovered=recovered)]


def deferred(*ids: int) -> TradeSequencer[int]:
    """Return a sequencer that went on over the ids from 2 to 9, of which some came late."""
    sequencer: TradeSequencer[int] = TradeSequencer()
    feed(sequencer, 1, 10)
    sequencer.decide(gap(2, 9))
    feed(sequencer, *ids)
    return sequencer


@pytest.mark.parametrize(
    ("parts", "late_ids"),
    [
        ([(6, 9), (2, 5)], ()),
        ([(2, 5), (6, 9)], ()),
        ([(8, 9), (2, 3), (4, 7)], ()),
        ([(6, 9), (2, 3)], (4, 5)),
        ([(2, 6), (5, 9)], ()),
    ],
)
def test_a_hole_whose_parts_are_all_lost_is_closed_with_the_last_of_them(
    parts: list[tuple[int, int]], late_ids: tuple[int, ...]
) -> None:
    sequencer = deferred(*late_ids)
    *before, last = [gap(*part, GapStatus.UNFILLABLE) for part in parts]

    assert [result for one in before for result in sequencer.decide(one)] == []
    assert sequencer.decide(last) == [HoleClosed(0, 2, recovered=False)]


def test_a_hole_of_which_the_rest_is_absent_or_comes_late_is_closed_as_lost_in_part() -> None:
    left = HoleNarrowed(0, 2, ((time_of(1), time_of(10)),))

    sequencer = deferred()
    sequencer.decide(gap(6, 9, GapStatus.UNFILLABLE))
    assert sequencer.decide(gap(2, 5, GapStatus.ABSENT)) == [left, HoleClosed(0, 2, recovered=False)]

    sequencer = deferred(3, 4, 5)
    sequencer.decide(gap(6, 9, GapStatus.UNFILLABLE))
    assert feed(sequencer, 2)[-1] == HoleClosed(0, 2, recovered=False)


@given(st.sets(st.integers(3, 9), max_size=4), st.data())
def test_a_hole_is_closed_once_every_part_of_it_is_settled_in_whatever_order(
    cuts: set[int], data: st.DataObject
) -> None:
    firsts = sorted({2, *cuts})
    parts = list(zip(firsts, [*(one - 1 for one in firsts[1:]), 9], strict=True))
    fates = [data.draw(st.sampled_from([GapStatus.ABSENT, GapStatus.UNFILLABLE])) for _ in parts]
    entries = data.draw(st.permutations([gap(*part, fate) for part, fate in zip(parts, fates, strict=True)]))
    sequencer = deferred()

    closed = [[one for one in sequencer.decide(entry) if isinstance(one, HoleClosed)] for entry in entries]

    recovered = GapStatus.UNFILLABLE not in fates
    assert closed == [*([] for _ in entries[1:]), [HoleClosed(0, 2, recovered=recovered)]]


def test_an_id_that_the_venue_was_said_not_to_have_is_late_not_lost() -> None:
    sequencer: TradeSequencer[int] = TradeSequencer()
    feed(sequencer, 1, 3)
    sequencer.decide(gap(2, 2, GapStatus.ABSENT))

    assert feed(sequencer, 2) == [Late(0, 2)]


def test_ids_before_the_first_that_was_seen_come_late_once() -> None:
    sequencer: TradeSequencer[int] = TradeSequencer()

    assert feed(sequencer, 10, 8, 8, 9, 11) == [InOrder(0, 10), Late(0, 8), Duplicate(8), Late(0, 9), InOrder(0, 11)]


def test_an_id_that_goes_back_while_time_goes_on_begins_an_epoch() -> None:
    sequencer: TradeSequencer[int] = TradeSequencer()
    feed(sequencer, 500, 501)

    results = [result for number in (1, 2, 1) for result in sequencer.feed(number, 90_000 + number, number, number)]

    assert results == [InOrder(1, 1), InOrder(1, 2), Duplicate(1)]


def test_what_waits_when_an_epoch_ends_goes_out_behind_its_hole() -> None:
    sequencer: TradeSequencer[int] = TradeSequencer()
    feed(sequencer, 500, 502)

    results = sequencer.feed(1, 90_000, 9, 1)

    assert results == [
        Hole(0, 501, 501, time_of(500), time_of(502), 502, absent=False),
        InOrder(0, 502),
        HoleClosed(0, 501, recovered=False),
        InOrder(1, 1),
    ]


def test_a_trade_of_an_epoch_that_is_over_is_not_taken_for_one_of_this() -> None:
    sequencer: TradeSequencer[int] = TradeSequencer()
    feed(sequencer, 500)
    sequencer.feed(57, 90_000, 1, 57)

    assert sequencer.feed(30, time_of(30), 2, 30) == [Duplicate(30)]
    assert sequencer.feed(30, 89_000, 2, 30) == [Late(1, 30)]


def test_the_ledger_of_another_epoch_decides_nothing_here() -> None:
    """The same ids may be missing twice; times tell which hole is meant."""
    sequencer: TradeSequencer[int] = TradeSequencer()
    sequencer.decide(gap(2, 3))
    for number, time in ((1, 90_000), (4, 90_001)):
        sequencer.feed(number, time, number, number)

    assert sequencer.waits_since() == 4


def test_an_id_without_a_trade_is_taken_up_silently() -> None:
    sequencer: TradeSequencer[int] = TradeSequencer()
    feed(sequencer, 1)

    assert sequencer.consume(2, time_of(2), 2) == []
    assert feed(sequencer, 3) == [InOrder(0, 3)]
    assert sequencer.consume(2, time_of(2), 2) == [Duplicate(2)]


def test_a_trade_that_cannot_be_read_is_a_hole_that_a_whole_copy_fills() -> None:
    sequencer: TradeSequencer[int] = TradeSequencer()
    feed(sequencer, 1)

    assert sequencer.lose(2, time_of(2), 2) == [Hole(0, 2, 2, time_of(2), time_of(2), 2, absent=False)]
    assert sequencer.lose(2, time_of(2), 2) == [Duplicate(2)]
    assert feed(sequencer, 3, 2) == [InOrder(0, 3), Late(0, 2), HoleClosed(0, 2, recovered=True)]


def test_the_holding_buffer_is_bounded_and_then_the_flow_goes_on() -> None:
    sequencer: TradeSequencer[int] = TradeSequencer(held_limit=3)
    feed(sequencer, 1, 3, 4, 6)

    results = feed(sequencer, 7)

    assert holes(results) == [(2, 2), (5, 5)]
    assert in_order(results) == [3, 4, 6, 7]
    assert sequencer.decide(gap(2, 2)) == []
    assert late(feed(sequencer, 2)) == [2]


def keep(number: int) -> int:
    return number


def kept(sequencer: TradeSequencer[int]) -> KeptSequence[int]:
    return sequencer.dump(keep)


def test_an_older_entry_of_the_ledger_told_again_lets_nothing_pass() -> None:
    """What was deferred and filled since is waited for, though a restored state reads ``deferred`` once more."""
    sequencer: TradeSequencer[int] = TradeSequencer()
    sequencer.decide(gap(2, 3, GapStatus.DEFERRED, updated=1))
    sequencer.decide(gap(2, 3, GapStatus.FILLED, updated=2))
    feed(sequencer, 1, 4)
    before = kept(sequencer)

    assert sequencer.decide(gap(2, 3, GapStatus.DEFERRED, updated=1)) == []
    assert kept(sequencer) == before


def test_of_two_entries_of_one_moment_the_settled_one_holds() -> None:
    sequencer: TradeSequencer[int] = TradeSequencer()
    sequencer.decide(gap(2, 3, GapStatus.FILLED))
    feed(sequencer, 1, 4)

    assert sequencer.decide(gap(2, 3, GapStatus.DEFERRED)) == []


def test_what_the_ledger_said_of_an_epoch_that_is_over_is_forgotten_and_not_heard_again() -> None:
    sequencer: TradeSequencer[int] = TradeSequencer()
    feed(sequencer, 1, 2)
    ahead = gap(5, 6)
    sequencer.decide(ahead)
    sequencer.feed(7, time_of(7), 7, 7)
    sequencer.decide(gap(3, 4))
    sequencer.feed(1, time_of(100), 100, 1)
    before = kept(sequencer)

    assert (sequencer.epoch, before.decisions) == (1, [])
    assert sequencer.decide(ahead) == []
    assert kept(sequencer) == before


@pytest.mark.parametrize("first", [True, False])
def test_it_does_not_matter_whether_the_ledger_gives_a_part_up_before_or_after_the_hole_is_passed(first: bool) -> None:
    sequencer: TradeSequencer[int] = TradeSequencer()
    unfillable, deferred = gap(3, 4, GapStatus.UNFILLABLE), gap(2, 4)
    feed(sequencer, 1)
    for entry in (unfillable, deferred) if first else (deferred, unfillable):
        sequencer.decide(entry)
    feed(sequencer, 5)
    sequencer.decide(unfillable)

    assert feed(sequencer, 2) == [
        Late(0, 2),
        HoleNarrowed(0, 2, ((time_of(2), time_of(5)),)),
        HoleClosed(0, 2, recovered=False),
    ]


@given(st.lists(st.integers(1, 30), max_size=30), st.lists(st.integers(1, 30), max_size=30))
def test_a_sequence_that_was_written_down_goes_on_as_it_would_have(before: list[int], after: list[int]) -> None:
    sequencer: TradeSequencer[int] = TradeSequencer(held_limit=5)
    feed(sequencer, *before)
    other: TradeSequencer[int] = TradeSequencer(held_limit=5)
    other.load(kept(sequencer), keep)

    assert feed(other, *after) == feed(sequencer, *after)
    assert kept(other) == kept(sequencer)
    assert len(kept(other).held) <= 5


def test_a_state_that_holds_more_than_is_allowed_is_cut_to_the_limits() -> None:
    decisions = [Decision.of(gap(number, number)) for number in range(10, DECISION_LIMIT + 15)]
    missing = [KeptMissing(number, True, [IdRun(number, number, 0, 0)], []) for number in range(HOLE_LIMIT + 5)]
    sequencer: TradeSequencer[int] = TradeSequencer(held_limit=5)
    feed(sequencer, 1, 3, 4, 5)
    state = replace(kept(sequencer), decisions=decisions, missing=missing)
    sequencer.load(replace(state, held=[replace(state.held[0], trade_id=one) for one in range(3, 23)]), keep)

    assert len(kept(sequencer).decisions) == DECISION_LIMIT
    assert len(kept(sequencer).missing) == HOLE_LIMIT
    assert len(holes(feed(sequencer, 40))) > 0
    assert len(kept(sequencer).held) <= 5
