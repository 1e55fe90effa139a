"""The heart of the server: takes events from the source in order and delivers each when it is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum

import structlog

from sandbox.exchange.fanout import Fanout
from sandbox.exchange.source import Halt, Source, StreamEvent


__all__ = ["Pace", "Pump", "PumpState"]

_NS_PER_S = 1_000_000_000
_MS_PER_S = 1_000
_EVENTS_PER_TURN = 128
"""Events after which other tasks get their turn, however fast the clients are."""
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


class Pump:
    """Moves events from a source to a fan-out.

    Args:
        source: Where events come from.
        fanout: Where they go.
        speed: How many times as fast as in the source; None: as fast as the clients take it.
        clock: A monotonic clock in seconds.
        on_sent: Called with every event that somebody got.
    """

    def __init__(
        self,
        source: Source,
        fanout: Fanout,
        speed: float | None,
        clock: Callable[[], float],
        on_sent: Callable[[StreamEvent], None] | None = None,
    ) -> None:
        self.state = PumpState.WAITING
        self.position_ns = 0
        """`due_ns` of the last event sent."""
        self._source = source
        self._fanout = fanout
        self._pace = Pace(speed)
        self._clock = clock
        self._on_sent = on_sent
        self._started = asyncio.Event()
        self._stopped = asyncio.Event()
        self._ended = asyncio.Event()
        self._idle: tuple[float, int, float, float] | None = None

    def start(self) -> None:
        """Let the first event go; a second call changes nothing."""
        self._started.set()

    def stop(self) -> None:
        """Send no more events."""
        self._stopped.set()
        self._started.set()

    async def run(self) -> None:
        """Wait for the start, then deliver everything, each event when it is due."""
        await self._started.wait()
        if not self._stopped.is_set():
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
        for event in self._source.events():
            if isinstance(event, Halt):
                await self._halt(event)
                continue
            delay_s = self._pace.delay_s(event.due_ns, self._clock())
            if delay_s > 0:
                await self._wait(delay_s)
            elif turn >= _EVENTS_PER_TURN:
                turn = 0
                await asyncio.sleep(0)
            if self._stopped.is_set():
                return
            turn += 1
            self.position_ns = event.due_ns
            if await self._fanout.deliver(event) and self._on_sent is not None:
                self._on_sent(event)

    async def _halt(self, halt: Halt) -> None:
        until_s = self._clock() + HALT_LIMIT_S
        while not halt.is_over() and not self._stopped.is_set():
            if self._clock() >= until_s:
                _log.warning("nobody asked for what the replay waited for", awaited=halt.awaited)
                return
            await asyncio.sleep(_HALT_POLL_S)

    async def _wait(self, delay_s: float) -> None:
        self._run_clock(self._source.clock_ms(), self._pace.speed or 1, self._clock() + delay_s)
        try:
            async with asyncio.timeout(delay_s):
                await self._stopped.wait()
        except TimeoutError:
            pass
        self.sync_clock()
        self._idle = None

    def _run_clock(self, from_ms: int, speed: float, until_s: float) -> None:
        self._idle = self._clock(), from_ms, speed, until_s
