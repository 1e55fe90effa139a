from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from functools import partial

import pytest
from hypothesis import given, settings, strategies as st

from ingest.core.budget import (
    PATIENCE_MS,
    TURN,
    Budget,
    Importance,
    Ticket,
)
from ingest.core.windows import KNOWN_LIMITS, Kind, Limit, Pool, Usage
from tests.support.weighing import Process, World


MINUTE = 60_000
CLOCK, HOLE, BOOK, REFRESH = Importance
SPOT = KNOWN_LIMITS[Pool.SPOT]
CAP = 4800

Request = tuple[float, int, Importance]
importances = st.sampled_from(Importance)
weights = st.sampled_from([1, 4, 20, 25, 50, 250])
requests = st.tuples(st.floats(0, 300_000), weights, importances)
bursts = st.lists(st.tuples(requests, st.integers(1, 40)), max_size=15).map(
    lambda drawn: [request for request, times in drawn for _ in range(times)]
)


def latencies(seed: int, most_ms: float, *, lost: float = 0.0) -> Iterator[tuple[float, float]]:
    chance = random.Random(seed)  # noqa: S311 - drawn by Hypothesis
    while True:
        back = chance.uniform(0, most_ms)
        yield chance.uniform(0, most_ms), -max(1.0, back) if chance.random() < lost else back


def budget(limit: int = 6000, share: float = 0.8) -> Budget:
    return Budget([Limit(Kind.WEIGHT, MINUTE, limit)], share)


def at_once(one: Budget, now_ms: float = 0.0) -> list[Ticket]:
    """Serve whoever may be served, as if every answer came at once."""
    served = list[Ticket]()
    while (ticket := one.next(now_ms)) is not None:
        served.append(ticket)
        one.ended(ticket, (), now_ms)
    return served


worlds = st.builds(World, st.just(MINUTE), st.integers(0, MINUTE - 1), dated=st.booleans())
slowness = st.sampled_from([50.0, 500.0, 9_000.0])
ways = st.builds(latencies, st.integers(0, 999), slowness)
lossy_ways = st.builds(latencies, st.integers(0, 999), slowness, lost=st.sampled_from([0.0, 0.2]))


def arrive(process: Process, asked: Iterable[Request], heaviest: int = 250) -> None:
    """Let a process want to ask, at the times given."""
    for time_ms, weight, importance in asked:
        process.world.at(time_ms, partial(process.ask, min(weight, heaviest), importance))


@given(bursts, st.integers(300, 7000), worlds, lossy_ways)
@settings(deadline=None)
def test_no_window_of_the_venue_holds_more_than_the_share_and_everything_is_served(
    asked: list[Request], limit: int, world: World, way: Iterator[tuple[float, float]]
) -> None:
    process = Process(world, budget(limit), way)
    arrive(process, asked)

    world.run()

    heaviest = max((weight for _, weight, _ in asked), default=0)
    assert max(world.weighed.values(), default=0) <= max(int(limit * 0.8), heaviest)
    assert len(process.served) == len(asked)


@given(bursts, bursts, worlds, ways, ways)
@settings(deadline=None)
def test_two_processes_of_one_address_stay_within_the_share_together(
    first: list[Request],
    second: list[Request],
    world: World,
    one_way: Iterator[tuple[float, float]],
    other_way: Iterator[tuple[float, float]],
) -> None:
    processes = [Process(world, budget(1000), way) for way in (one_way, other_way)]
    # Nothing heavier than what may be under way at once: a sixteenth of 800.
    arrive(processes[0], first, heaviest=50)
    arrive(processes[1], second, heaviest=50)

    world.run()

    assert max(world.weighed.values(), default=0) <= 800
    assert [len(process.served) for process in processes] == [len(first), len(second)]


def test_two_busy_processes_use_most_of_the_share_together() -> None:
    world = World(MINUTE, 12_345, dated=True)
    processes = [Process(world, budget(), latencies(number, 150)) for number in range(2)]
    for process in processes:
        for _ in range(1000):
            process.ask(50, HOLE)

    world.run()

    full = sorted(world.weighed.values())[2:]
    assert max(full) <= CAP
    assert min(full) > 0.8 * CAP


@given(bursts, st.integers(0, 999))
@settings(deadline=None)
def test_nobody_is_served_while_somebody_more_important_waits(asked: list[Request], seed: int) -> None:
    world = World(MINUTE, 0, dated=True)
    process = Process(world, budget(1000), latencies(seed, 300))
    arrive(process, asked)

    world.run()

    patient = [ticket for ticket, passed in process.skipped_over if passed]
    assert all(ticket.sent_ms is not None and ticket.sent_ms - ticket.arrived_ms >= PATIENCE_MS for ticket in patient)
    for importance in Importance:
        arrivals = [ticket.arrived_ms for ticket in process.served if ticket.importance is importance]
        assert arrivals == sorted(arrivals)


def test_the_longest_waiting_gets_every_tenth_turn_once_it_has_waited_long() -> None:
    one = budget()
    one.enqueue(1, REFRESH, 0.0)
    for _ in range(TURN + 5):
        one.enqueue(1, HOLE, PATIENCE_MS)

    served = at_once(one, PATIENCE_MS)

    assert [ticket.importance for ticket in served] == [HOLE] * TURN + [REFRESH] + [HOLE] * 5


def test_fifteen_hundred_books_at_the_start_hold_up_no_hole() -> None:
    """Holes come all the time while 1,500 snapshots wait, which take a quarter of an hour."""
    world = World(MINUTE, 30_000, dated=True)
    process = Process(world, Budget(SPOT, 0.8), latencies(1, 200))
    for _ in range(1500):
        process.ask(50, BOOK)
    for number in range(300):
        world.at(number * 3_000, lambda: process.ask(25, HOLE))

    world.run()

    waits = {one: max(_waited_s(t) for t in process.served if t.importance is one) for one in (HOLE, BOOK)}
    assert max(world.weighed.values()) <= CAP
    assert waits[HOLE] < 2
    assert waits[BOOK] < 25 * 60
    assert len(process.served) == 1800


def _waited_s(ticket: Ticket) -> float:
    assert ticket.sent_ms is not None
    return (ticket.sent_ms - ticket.arrived_ms) / 1000


def test_what_others_use_is_left_to_them() -> None:
    one = budget()
    one.enqueue(1, HOLE, 0.0)
    first = one.next(0.0)
    assert first is not None
    one.ended(first, [Usage(MINUTE, 4500, 20_000)], 100.0)
    one.enqueue(50, HOLE, 100.0)

    assert one.next(100.0) is None
    assert one.next_in_ms(100.0) == 20_000
    assert one.wait_ms(50, HOLE, 100.0) == 20_000
    assert one.next(20_100.0) is not None


def test_a_lower_count_after_a_higher_is_a_new_window() -> None:
    one = budget()
    for now_ms, used in ((0.0, 4000), (1.0, 20)):
        one.enqueue(1, HOLE, now_ms)
        ticket = one.next(now_ms)
        assert ticket is not None
        one.ended(ticket, [Usage(MINUTE, used, MINUTE)], now_ms + 1)

    assert one.used(5.0) == 20


def test_a_lower_count_of_an_answer_that_was_under_way_is_only_late() -> None:
    one = budget()
    for _ in range(2):
        one.enqueue(1, HOLE, 0.0)
    first, second = one.next(0.0), one.next(0.0)
    assert first is not None
    assert second is not None
    one.ended(second, [Usage(MINUTE, 4000, MINUTE)], 1.0)
    one.ended(first, [Usage(MINUTE, 3999, MINUTE)], 2.0)

    assert one.used(5.0) == 4000


def test_after_an_answer_that_told_nothing_one_asks_at_a_time_until_one_does() -> None:
    one = budget()
    for _ in range(6):
        one.enqueue(1, HOLE, 0.0)
    first, second = one.next(0.0), one.next(0.0)
    assert first is not None
    assert second is not None
    one.ended(first, [Usage(MINUTE, 1, MINUTE)], 1.0)
    one.ended(second, (), 2.0)

    third = one.next(3.0)
    assert third is not None
    assert one.next(3.0) is None
    one.ended(third, [Usage(MINUTE, 3, MINUTE)], 4.0)

    assert [one.next(4.0) is not None for _ in range(2)] == [True, True]


def test_what_the_venue_allows_is_taken_from_it_and_what_was_used_stays_used() -> None:
    one = budget()
    for _ in range(40):
        one.enqueue(50, HOLE, 0.0)
    assert len(at_once(one)) == 40

    one.learn([Limit(Kind.WEIGHT, MINUTE, 2400), Limit(Kind.REQUESTS, 5 * MINUTE, 100)], 1.0)

    assert (one.allowed(1.0), one.used(1.0)) == (1920, 2000)
    one.enqueue(1, CLOCK, 1.0)
    assert one.next(1.0) is None
    assert one.next(MINUTE) is not None


def test_an_answer_without_limits_takes_none_away() -> None:
    one = budget()
    one.learn([], 0.0)

    assert one.allowed(0.0) == CAP


def test_the_number_of_requests_is_limited_too() -> None:
    one = Budget([Limit(Kind.WEIGHT, MINUTE, 6000), Limit(Kind.REQUESTS, 5 * MINUTE, 10)], 0.8)
    for _ in range(12):
        one.enqueue(1, CLOCK, 0.0)

    assert len(at_once(one)) == 8
    assert one.next_in_ms(0.0) == 5 * MINUTE


def test_a_request_heavier_than_the_share_goes_alone() -> None:
    one = budget(limit=100)
    one.enqueue(250, HOLE, 0.0)
    one.enqueue(1, HOLE, 0.0)

    assert [ticket.weight for ticket in at_once(one)] == [250]
    assert [ticket.weight for ticket in at_once(one, MINUTE)] == [1]


def test_the_wait_counts_those_who_are_served_before() -> None:
    one = budget()
    for _ in range(200):
        one.enqueue(50, BOOK, 0.0)

    assert one.wait_ms(25, HOLE, 0.0) == 0
    assert one.wait_ms(50, BOOK, 0.0) == pytest.approx(2 * MINUTE)


def test_a_request_taken_back_leaves_no_trace() -> None:
    one = budget()
    waiting, sent = one.enqueue(50, BOOK, 0.0), one.enqueue(50, HOLE, 0.0)
    assert one.next(0.0) is sent
    one.withdraw(sent)
    one.withdraw(waiting)
    one.withdraw(sent)

    assert (one.used(0.0), one.waiting(BOOK), one.next(0.0)) == (0, 0, None)
