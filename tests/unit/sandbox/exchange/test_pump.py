"""Events in order and on time, and a clock that runs between them."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from hypothesis import given, strategies as st

from sandbox.exchange.fanout import Fanout
from sandbox.exchange.pump import END_LEAP_MS, HALT_LIMIT_S, Pace, Pump, PumpState
from sandbox.exchange.source import Halt, StreamEvent
from schemas.markets import Market
from tests.unit.sandbox.exchange.sources import ListSource, RememberingClient, event, numbered
from tests.unit.sandbox.payloads import EPOCH_MS, EPOCH_NS


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def pump_to_one_client(
    source: ListSource, speed: float | None, clock: Clock | None = None
) -> tuple[Pump, RememberingClient, list[StreamEvent]]:
    fanout, client = Fanout(), RememberingClient()
    sent: list[StreamEvent] = []
    fanout.subscribe(client, Market.SPOT, "btcusdt@trade")
    return Pump(source, fanout, speed, clock or Clock(), [sent.append]), client, sent


@given(st.lists(st.integers(min_value=0, max_value=10**12), min_size=1), st.sampled_from([0.5, 1, 10, 1_000]))
def test_events_are_due_as_far_apart_as_in_the_source_divided_by_the_speed(gaps_ns: list[int], speed: float) -> None:
    pace = Pace(speed)
    due_ns = EPOCH_NS
    assert pace.delay_s(due_ns, 50.0) == 0
    for gap_ns in gaps_ns:
        due_ns += gap_ns

        assert pace.delay_s(due_ns, 50.0) == pytest.approx((due_ns - EPOCH_NS) / 1e9 / speed)


def test_a_late_pump_catches_up() -> None:
    pace = Pace(1)
    pace.delay_s(EPOCH_NS, 50.0)

    assert pace.delay_s(EPOCH_NS + 10**9, 55.0) == -4


def test_at_full_speed_nothing_waits() -> None:
    assert Pace(None).delay_s(EPOCH_NS + 10**15, 0.0) == 0


async def test_nothing_is_sent_and_the_clock_stands_before_the_start() -> None:
    clock = Clock()
    source = ListSource(numbered(3))
    pump, client, _ = pump_to_one_client(source, 1, clock)
    task = asyncio.create_task(pump.run())
    await asyncio.sleep(0)
    clock.now_s += 100
    pump.sync_clock()

    assert (pump.state, client.frames, source.clock_ms()) == (PumpState.WAITING, [], EPOCH_MS)
    task.cancel()


async def test_every_event_is_sent_once_in_order() -> None:
    source = ListSource(numbered(1_000))
    pump, client, sent = pump_to_one_client(source, None)
    pump.start()
    await pump.run()

    assert client.frames == [b'{"t":%d}' % number for number in range(1_000)]
    assert sent == numbered(1_000)
    assert (pump.state, pump.position_ns) == (PumpState.ENDED, EPOCH_NS + 999 * 1_000_000)


async def test_events_that_nobody_gets_move_the_source_on_and_are_not_reported() -> None:
    source = ListSource([event(1), event(2, stream="ethusdt@trade"), event(3)])
    pump, client, sent = pump_to_one_client(source, None)
    pump.start()
    await pump.run()

    assert source.passed == 3
    assert client.frames == [b'{"t":1}', b'{"t":3}']
    assert sent == [event(1), event(3)]


async def test_at_the_end_the_clock_leaps_and_then_runs_at_the_walls_speed() -> None:
    clock = Clock()
    source = ListSource(numbered(3))
    pump, _, _ = pump_to_one_client(source, None, clock)
    pump.start()
    await pump.run()
    at_the_end = source.clock_ms()
    clock.now_s += 2.5
    pump.sync_clock()

    assert at_the_end == EPOCH_MS + 2 + END_LEAP_MS
    assert source.clock_ms() == at_the_end + 2_500


async def test_between_events_the_clock_runs_at_the_set_speed_but_not_beyond_the_next() -> None:
    clock = Clock()
    source = ListSource([event(1), event(2, at_ms=60_000)])
    pump, client, _ = pump_to_one_client(source, 10, clock)
    pump.start()
    task = asyncio.create_task(pump.run())
    await client.got_one.wait()
    readings = []
    for passed_s in (0, 1, 4, 1, 100):
        clock.now_s += passed_s
        pump.sync_clock()
        readings.append(source.clock_ms() - EPOCH_MS)
    task.cancel()

    assert readings == [0, 10_000, 50_000, 60_000, 60_000]


async def test_a_halt_lasts_until_it_is_over() -> None:
    polls = iter([False, False, True])
    source = ListSource([event(1), Halt("a snapshot", lambda: next(polls)), event(2)])
    pump, client, _ = pump_to_one_client(source, None)
    pump.start()
    await pump.run()

    assert next(polls, None) is None
    assert client.frames == [b'{"t":1}', b'{"t":2}']


async def test_a_halt_that_nobody_ends_lasts_as_long_as_it_may() -> None:
    clock = Clock()
    looked_at = 0

    def is_over() -> bool:
        nonlocal looked_at
        looked_at += 1
        clock.now_s += HALT_LIMIT_S / 2
        return False

    pump, client, _ = pump_to_one_client(ListSource([event(1), Halt("a snapshot", is_over), event(2)]), None, clock)
    pump.start()
    await pump.run()

    assert looked_at == 2
    assert client.frames == [b'{"t":1}', b'{"t":2}']


async def test_a_stopped_pump_sends_nothing_more_and_ends() -> None:
    source = ListSource([event(1), event(2, at_ms=3_600_000)])
    pump, client, _ = pump_to_one_client(source, 1)
    pump.start()
    task = asyncio.create_task(pump.run())
    await client.got_one.wait()
    pump.stop()
    await task

    assert (pump.state, client.frames) == (PumpState.ENDED, [b'{"t":1}'])


async def test_a_pump_stopped_before_its_start_never_starts() -> None:
    pump, client, _ = pump_to_one_client(ListSource(numbered(3)), None)
    pump.stop()
    await pump.run()

    assert (pump.state, client.frames) == (PumpState.ENDED, [])


async def test_other_tasks_get_their_turn_however_fast_the_clients_are() -> None:
    source = ListSource(numbered(2_000))
    pump, client, _ = pump_to_one_client(source, None)
    pump.start()
    task = asyncio.create_task(pump.run())
    seen = set()
    while not task.done():
        seen.add(len(client.frames))
        await asyncio.sleep(0)

    assert len(seen) > 10


async def test_things_to_do_are_done_in_order_with_the_events() -> None:
    source = ListSource([event(number, at_ms=number * 1_000) for number in range(4)])
    pump, client, _ = pump_to_one_client(source, None)
    done: list[tuple[str, int]] = []

    def do(name: str) -> None:
        done.append((name, len(client.frames)))

    for seconds, name in ((2.5, "late"), (0, "first"), (2, "second"), (2, "third"), (60, "never")):
        pump.call_after(seconds, partial(do, name))
    pump.start()
    await pump.run()

    assert done == [("first", 0), ("second", 2), ("third", 2), ("late", 3)]


async def test_what_is_to_be_done_between_events_does_not_wait_for_the_next_one() -> None:
    clock = Clock()
    source = ListSource([event(1), event(2, at_ms=3_600_000)])
    pump, client, _ = pump_to_one_client(source, 1_000_000, clock)
    done = asyncio.Event()
    pump.call_after(1, done.set)
    pump.start()
    task = asyncio.create_task(pump.run())
    await done.wait()

    assert client.frames == [b'{"t":1}']
    task.cancel()


async def test_a_stopped_pump_does_nothing_more() -> None:
    pump, _, _ = pump_to_one_client(ListSource([event(1), event(2, at_ms=3_600_000)]), 1)
    pump.call_after(60, pytest.fail)
    pump.start()
    task = asyncio.create_task(pump.run())
    await asyncio.sleep(0)
    pump.stop()
    await task

    assert pump.state is PumpState.ENDED
