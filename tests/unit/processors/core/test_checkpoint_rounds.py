"""Rounds of checkpoints: what is written when, and that a manifest never names what is not there."""

from __future__ import annotations

from collections.abc import Collection

from hypothesis import given, strategies as st

from processors.core.checkpoint_rounds import SLACK_BYTES, CheckpointRounds, Entity, Written
from processors.core.records import Output
from schemas.markets import Market


A, B, C = (Entity(Market.SPOT, key) for key in "ABC")


class Counters:
    """A state whose entities are numbers that are counted up."""

    def __init__(self) -> None:
        self.numbers: dict[Entity, int] = {}
        self.changed: set[Entity] = set()

    def count(self, *entities: Entity) -> None:
        for entity in entities:
            self.numbers[entity] = self.numbers.get(entity, 0) + 1
            self.changed.add(entity)

    def entities(self) -> Collection[Entity]:
        return list(self.numbers)

    def entities_changed(self) -> Collection[Entity]:
        return set(self.changed)

    def dump(self, entity: Entity) -> bytes:
        self.changed.discard(entity)
        return str(self.numbers[entity]).encode()

    def load(self, entity: Entity, state: bytes) -> None:
        self.numbers[entity] = int(state)

    def dump_shared(self) -> bytes:
        return str(sum(self.numbers.values())).encode()

    def load_shared(self, state: bytes) -> None:
        del state

    def start_anew(self, entity: Entity) -> None:
        self.numbers[entity] = 0

    def announce(self) -> Collection[Output]:
        return ()


class Broker:
    """A topic of checkpoints, and the rounds that write to it."""

    def __init__(self) -> None:
        self.state = Counters()
        self.rounds = CheckpointRounds(10_000)
        self.records: list[tuple[Entity, bytes, int]] = []

    def begin(self, now_ms: int, offset: int) -> bool:
        return self.rounds.begin(now_ms, {"raw": offset}, self.state)

    def write(self, size: int = 100, most: int = 1_000_000) -> list[Entity]:
        taken: list[Entity] = []
        while len(taken) < most and (entity := self.rounds.take()) is not None:
            taken.append(entity)
            self.records.append((entity, self.state.dump(entity), size))
            self.rounds.note(entity, Written(len(self.records) - 1, 0, size))
        return taken


def test_the_first_round_begins_an_interval_after_the_first_question() -> None:
    rounds = CheckpointRounds(10_000)

    assert [rounds.due(now_ms) for now_ms in (500, 10_499, 10_500)] == [False, False, True]


def test_a_round_writes_what_changed_and_names_all() -> None:
    broker = Broker()
    broker.state.count(A, B, C)
    broker.begin(0, 3)

    assert broker.rounds.whole() is None
    assert set(broker.write()) == {A, B, C}

    broker.rounds.finish()
    broker.state.count(B)
    broker.begin(10_000, 4)

    assert broker.write() == [B]
    whole = broker.rounds.whole()
    assert whole is not None
    assert whole[0].next_offsets == {"raw": 4}
    assert {entity: written.offset for entity, written in whole[1].items()} == {A: 0, C: 2, B: 3}


def test_a_round_is_whole_only_when_all_is_acknowledged() -> None:
    broker = Broker()
    broker.state.count(A, B)
    broker.begin(0, 2)
    first = broker.rounds.take()
    assert first is not None
    assert broker.write() == [B]
    assert broker.rounds.whole() is None

    broker.rounds.put_back(first)

    assert broker.write() == [A]
    assert broker.rounds.whole() is not None


def test_what_changes_while_a_round_is_going_on_waits_for_the_next() -> None:
    broker = Broker()
    broker.state.count(A, B)
    broker.begin(0, 2)
    broker.write(most=1)
    broker.state.count(A, C)
    broker.write()
    whole = broker.rounds.whole()
    assert whole is not None
    assert set(whole[1]) == {A, B}
    broker.rounds.finish()
    broker.begin(10_000, 4)

    assert set(broker.write()) == {A, C}


def test_a_round_in_which_nothing_happened_says_nothing() -> None:
    broker = Broker()
    broker.state.count(A)
    assert broker.begin(0, 1)
    broker.write()
    broker.rounds.finish()

    assert not broker.begin(10_000, 1)
    assert broker.rounds.age_ms(10_000) == 0
    assert broker.begin(20_000, 2)  # heartbeats came, for instance: the log is read from there


def test_the_age_is_counted_from_the_beginning_of_the_last_whole_round() -> None:
    broker = Broker()
    broker.rounds.due(0)
    broker.state.count(A)
    broker.begin(10_000, 1)

    assert broker.rounds.age_ms(11_000) == 11_000

    broker.write()
    broker.rounds.finish()

    assert broker.rounds.age_ms(12_000) == 2_000


def test_an_abandoned_round_names_nothing_and_what_it_wrote_stays_good() -> None:
    broker = Broker()
    broker.state.count(A, B)
    broker.begin(0, 2)
    broker.write(most=1)
    broker.rounds.abandon()

    assert broker.rounds.take() is None
    assert broker.rounds.whole() is None

    broker.begin(10_000, 2)

    assert broker.write() == [B]


def test_an_entity_that_never_changes_is_written_again_before_a_reader_must_read_too_much() -> None:
    broker = Broker()
    broker.state.count(A, B)
    broker.begin(0, 0)
    broker.write(SLACK_BYTES)
    broker.rounds.finish()
    written = []
    for number in range(1, 20):
        broker.state.count(B)
        broker.begin(number * 10_000, number)
        written += broker.write(SLACK_BYTES)
        broker.rounds.finish()

    assert written.count(A) == 3


@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from([A, B, C]), max_size=3), st.integers(1, 3), st.integers(1, SLACK_BYTES)),
        max_size=40,
    )
)
def test_a_manifest_with_the_log_after_it_is_always_the_state(
    steps: list[tuple[set[Entity], int, int]],
) -> None:
    """And from the oldest record it names to the end there is never more than a few times the state."""
    broker = Broker()
    log: list[Entity] = []
    manifest: tuple[int, dict[Entity, int]] = (0, {})
    for number, (counted, most, size) in enumerate(steps):
        for entity in sorted(counted):
            broker.state.count(entity)
            log.append(entity)
        if broker.rounds.due(number * 10_000):
            broker.begin(number * 10_000, len(log))
        broker.write(size, most)
        if (whole := broker.rounds.whole()) is not None:
            manifest = whole[0].next_offsets["raw"], {e: written.offset for e, written in whole[1].items()}
            broker.rounds.finish()
            round_bytes = 3 * SLACK_BYTES
            live = sum(written.size for written in whole[1].values())
            assert broker.rounds.span(Market.SPOT) <= 3 * max(live, SLACK_BYTES) + SLACK_BYTES + round_bytes

    begin, offsets = manifest
    numbers = {entity: int(broker.records[offset][1]) for entity, offset in offsets.items()}
    for entity in {A, B, C}:
        told = numbers.get(entity, 0)
        least = sum(e == entity for e in log[:begin])
        assert told >= least  # newer than the beginning of the round, or the same, never older
        assert told <= sum(e == entity for e in log)
