"""Laws of commit positions."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from processors.batching.positions import Positions


@pytest.mark.parametrize("start", [0, 1, 2_585])
def test_a_batch_that_is_not_finished_is_never_committed_over_even_before_the_first_commit(start: int) -> None:
    positions: Positions[str] = Positions()
    positions.assign(1, {"p": start})
    positions.hand_out("p", start + 4)
    positions.hand_out("p", start + 9)
    positions.finish("p", start + 9, 1)

    assert positions.committable() == {}

    positions.finish("p", start + 4, 1)

    assert positions.committable() == {"p": start + 10}


def test_offsets_that_compaction_removed_do_not_stop_the_position() -> None:
    positions: Positions[str] = Positions()
    positions.assign(1, {"p": 10})
    positions.hand_out("p", 30)
    positions.hand_out("p", 90)
    positions.finish("p", 30, 1)
    positions.finish("p", 90, 1)

    assert positions.committable() == {"p": 91}


def test_a_batch_of_an_earlier_generation_changes_nothing() -> None:
    positions: Positions[str] = Positions()
    positions.assign(1, {"p": 0})
    positions.hand_out("p", 4)
    positions.assign(2, {"p": 0})
    positions.hand_out("p", 4)

    assert not positions.finish("p", 4, 1)
    assert positions.committable() == {}


def test_a_batch_finished_while_its_partition_is_taken_away_still_counts_until_it_is_gone() -> None:
    positions: Positions[str] = Positions()
    positions.assign(1, {"p": 0})
    positions.hand_out("p", 4)

    assert positions.finish("p", 4, 1)
    assert positions.committable() == {"p": 5}

    positions.revoke(["p"])

    assert not positions.finish("p", 4, 1)
    assert positions.committable() == {}


def test_a_batch_is_finished_once() -> None:
    positions: Positions[str] = Positions()
    positions.assign(1, {"p": 0})
    positions.hand_out("p", 4)

    assert positions.finish("p", 4, 1)
    assert not positions.finish("p", 4, 1)


@pytest.mark.parametrize("last", [3, 4])
def test_records_are_handed_out_once(last: int) -> None:
    positions: Positions[str] = Positions()
    positions.assign(1, {"p": 0})
    positions.hand_out("p", 4)

    with pytest.raises(ValueError, match="does not continue"):
        positions.hand_out("p", last)


def test_a_commit_of_an_earlier_generation_is_not_taken_for_one_of_this() -> None:
    positions: Positions[str] = Positions()
    positions.assign(1, {"p": 0})
    positions.assign(2, {"p": 0})
    positions.hand_out("p", 4)
    positions.finish("p", 4, 2)
    positions.committed({"p": 5}, 1)

    assert positions.committable() == {"p": 5}


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_when_all_batches_are_finished_everything_is_committable_whatever_their_order(
    sizes: list[int], random: object
) -> None:
    positions: Positions[int] = Positions()
    positions.assign(1, {7: 100})
    ends, end = [], 99
    for size in sizes:
        end += size
        positions.hand_out(7, end)
        ends.append(end)
    random.shuffle(ends)  # type: ignore[attr-defined]
    for last in ends:
        positions.finish(7, last, 1)

    assert positions.committable() == {7: end + 1}
    assert positions.in_flight(7) == 0


class GroupMember(RuleBasedStateMachine):
    """A log read by one member after another: batches, acknowledgements, commits, rebalances and crashes at random.

    The model is the set of offsets whose outputs are durable. Whatever happens, the committed offset lies at or below
    the first that is not.
    """

    partitions = (0, 1)

    @initialize(first=st.integers(0, 5))
    def begin(self, first: int) -> None:
        self.first = first
        self.committed = dict.fromkeys(self.partitions, first)
        self.ends = dict.fromkeys(self.partitions, first)
        self.durable: dict[int, set[int]] = {p: set() for p in self.partitions}
        self.generation = 1
        self.pending: list[tuple[int, int, int, int]] = []
        self.positions: Positions[int] = Positions()
        self.positions.assign(1, self.committed)
        self.read: tuple[dict[int, int], int] | None = None

    @rule(partition=st.sampled_from(partitions), skipped=st.integers(0, 3), size=st.integers(1, 20))
    def hand_out(self, partition: int, skipped: int, size: int) -> None:
        start = self.positions.next_offset(partition)
        if start is None:
            return
        last = start + skipped + size - 1
        # Offsets that compaction removed hold nothing: as good as durable.
        self.durable[partition] |= set(range(start, start + skipped)) - set(range(self.ends[partition]))
        self.ends[partition] = max(self.ends[partition], last + 1)
        self.positions.hand_out(partition, last)
        self.pending.append((partition, start, last, self.generation))

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        partition, start, last, generation = data.draw(st.sampled_from(self.pending))
        self.pending.remove((partition, start, last, generation))
        self.durable[partition] |= set(range(start, last + 1))
        self.positions.finish(partition, last, generation)

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        """The agent raised: nobody will finish this batch."""
        self.pending.remove(data.draw(st.sampled_from(self.pending)))

    @rule()
    def read_positions(self) -> None:
        self.read = (self.positions.committable(), self.generation)

    @precondition(lambda self: self.read is not None)
    @rule(broker_takes_it=st.booleans())
    def commit(self, broker_takes_it: bool) -> None:
        assert self.read is not None
        offsets, generation = self.read
        self.read = None
        if broker_takes_it and generation == self.generation:
            self.committed |= offsets
            self.positions.committed(offsets, generation)

    @rule(kept=st.sets(st.sampled_from(partitions)))
    def rebalance(self, kept: set[int]) -> None:
        self.positions.revoke(set(self.partitions))
        self.generation += 1
        self.positions.assign(self.generation, {p: self.committed[p] for p in kept})

    @rule()
    def crash(self) -> None:
        self.pending.clear()
        self.read = None
        self.generation += 1
        self.positions = Positions()
        self.positions.assign(self.generation, self.committed)

    @invariant()
    def nothing_is_committed_before_it_is_durable(self) -> None:
        for partition, committed in self.committed.items():
            assert set(range(self.first, committed)) <= self.durable[partition]


TestGroupMember = GroupMember.TestCase
