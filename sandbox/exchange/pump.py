"""The heart of the server: takes events from the source in order and delivers each when it is due."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec
import structlog

from sandbox.exchange.fanout import Fanout
from sandbox.exchange.source import Halt, Source, StreamEvent


__all__ = ["Pace", "Pump", "PumpState"]

_NS_PER_S = 1_000_000_000
_MS_PER_S = 1_000
_EVENTS_PER_TURN = 128
"""Events after which other tasks get their turn, however fast the clients are."""
_SHORTEST_WAIT_S = 0.001
"""Waits are no shorter: what falls due meanwhile goes out in one turn."""
END_LEAP_MS = 15_000
"""How far the clock jumps after the last event, so that every window can close."""
HALT_LIMIT_S = 20.0
"""How long a halt lasts if nobody asks."""
_HALT_POLL_S = 0.01

_log = structlog.get_logger()


class PumpState(StrEnum):
    """Where the pump stands."""

    WAITING = "waiting"
    """Nothing was sent; the clock stands at the first event's time."""
    RUNNING = "running"
    ENDED = "ended"
    """The last event was sent, or the pump was stopped; the clock runs at the wall's speed."""


class Pace:
    """When an event is due on the wall's clock.

    Args:
        speed: How many times as fast as in the source; None: as fast as the clients take it.
    """

    def __init__(self, speed: float | None) -> None:
        self.speed = speed
        self._start: tuple[int, float] | None = None

    def delay_s(self, due_ns: int, now_s: float) -> float:
        """Return how long to wait for an event; the first one is due at once."""
        if self.speed is None:
            return 0
        if self._start is None:
            self._start = due_ns, now_s
        start_ns, start_s = self._start
        return start_s + (due_ns - start_ns) / _NS_PER_S / self.speed - now_s


class _Alarm(msgspec.Struct, frozen=True, order=True):
    """Something to do at a moment of the source's time."""

    after_ns: int
    """Since the first event."""
    number: int
    """Which of equally late ones comes first."""
    action: Callable[[], None]


class Pump:
    """Moves events from a source to a fan-out.

    Args:
        source: Where events come from.
        fanout: Where they go.
        speed: How many times as fast as in the source; None: as fast as the clients take it.
        clock: A monotonic clock in seconds.
        on_sent: Each is called with every event that somebody got.
    """

    def __init__(
        self,
        source: Source,
        fanout: Fanout,
        speed: float | None,
        clock: Callable[[], float],
        on_sent: Sequence[Callable[[StreamEvent], None]] = (),
    ) -> None:
        self.state = PumpState.WAITING
        self.position_ns = 0
        """`due_ns` of the last event sent."""
        self.first_ns: int | None = None
        """`due_ns` of the first event, once it is known."""
        self._source = source
        self._fanout = fanout
        self._pace = Pace(speed)
        self._clock = clock
        self._on_sent = on_sent
        self._started = asyncio.Event()
        self._stopped = False
        self._waiter: asyncio.Future[None] | None = None
        self._alarms: list[_Alarm] = []
        self._alarm_count = 0
        self._ended = asyncio.Event()
        self._idle: tuple[float, int, float, float] | None = None

    def start(self) -> None:
        """Let the first event go; a second call changes nothing."""
        self._started.set()

    def stop(self) -> None:
        """Send no more events."""
        self._stopped = True
        self._started.set()
        self._wake()

    def call_after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something when this much of the source's time has passed since the first event.

        It is done in order with the events, never if the source ends before.
        """
        self._alarm_count += 1
        heapq.heappush(self._alarms, _Alarm(round(seconds * _NS_PER_S), self._alarm_count, action))

    async def run(self) -> None:
        """Wait for the start, then deliver everything, each event when it is due."""
        await self._started.wait()
        if not self._stopped:
            self.state = PumpState.RUNNING
            await self._deliver_all()
        self.state = PumpState.ENDED
        self._run_clock(self._source.clock_ms() + END_LEAP_MS, 1, float("inf"))
        self.sync_clock()
        self._ended.set()

    async def wait_ended(self) -> None:
        """Wait until the last event was sent, or the pump was stopped."""
        await self._ended.wait()

    def sync_clock(self) -> None:
        """Move the source's clock on by the time that has passed since the last event.

        To be called before the clock is read. It never reaches beyond the next event.
        """
        if self._idle is not None:
            since_s, from_ms, speed, until_s = self._idle
            passed_s = min(self._clock(), until_s) - since_s
            self._source.advance_clock(from_ms + int(passed_s * speed * _MS_PER_S))

    async def _deliver_all(self) -> None:
        turn = 0
        deliver = self._fanout.deliver
        for event in self._source.events():
            if isinstance(event, Halt):
                await self._fanout.settle()
                await self._halt(event)
                continue
            due_ns = event.due_ns
            if self.first_ns is None:
                self.first_ns = due_ns
            if self._alarms and self._alarms[0].after_ns <= due_ns - self.first_ns:
                await self._ring(due_ns - self.first_ns)
            delay_s = self._pace.delay_s(due_ns, self._clock())
            if delay_s > 0 or turn >= _EVENTS_PER_TURN:
                turn = 0
                await self._fanout.settle()
                await self._wait(delay_s)
            if self._stopped:
                break
            turn += 1
            self.position_ns = due_ns
            if deliver(event):
                for told in self._on_sent:
                    told(event)
        await self._fanout.settle()

    async def _ring(self, until_ns: int) -> None:
        """Do what is to be done before an event, each thing when it is due."""
        assert self.first_ns is not None  # noqa: S101 - there is an event
        while self._alarms and self._alarms[0].after_ns <= until_ns and not self._stopped:
            alarm = heapq.heappop(self._alarms)
            await self._fanout.settle()
            await self._wait(self._pace.delay_s(self.first_ns + alarm.after_ns, self._clock()))
            if not self._stopped:
                alarm.action()

    async def _halt(self, halt: Halt) -> None:
        until_s = self._clock() + HALT_LIMIT_S
        while not halt.is_over() and not self._stopped:
            if self._clock() >= until_s:
                _log.warning("nobody asked for what the replay waited for", awaited=halt.awaited)
                return
            await asyncio.sleep(_HALT_POLL_S)

    async def _wait(self, delay_s: float) -> None:
        """Let other tasks have their turn, for as long as nothing is due."""
        if delay_s <= 0:
            await asyncio.sleep(0)
            return
        self._run_clock(self._source.clock_ms(), self._pace.speed or 1, self._clock() + delay_s)
        loop = asyncio.get_running_loop()
        if not self._stopped:
            self._waiter = loop.create_future()
            timer = loop.call_later(max(delay_s, _SHORTEST_WAIT_S), self._wake)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        self.sync_clock()
        self._idle = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _run_clock(self, from_ms: int, speed: float, until_s: float) -> None:
        self._idle = self._clock(), from_ms, speed, until_s
