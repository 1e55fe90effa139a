"""The venue's clock, measured: what requests about accounts are stamped with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from structlog.stdlib import BoundLogger

from ingest.core.clock_offset import ClockOffset
from ingest.errors import RestError
from ingest.rest import RestClient


__all__ = ["RequestClock"]

_READINGS: Final = 3
"""Answers of one measurement: the first may hold the time of opening a connection."""
_LOOK_S: Final = 10.0
_TOLD_MS: Final = 1_000.0
"""The venue accepts a time that is so much ahead; a move by less is not worth a line in the log."""


class RequestClock:
    """One market's clock, as exact as requests need it; shared by all accounts of the market.

    Args:
        rest: the market's REST interface.
        now_ms: the monotonic clock.
        log: bound to the market.
    """

    def __init__(self, rest: RestClient, now_ms: Callable[[], float], log: BoundLogger) -> None:
        self._rest = rest
        self._now_ms = now_ms
        self._log = log
        self._offset = ClockOffset()
        self._measuring: asyncio.Task[None] | None = None

    @property
    def measured(self) -> bool:
        """Whether there is something to go by."""
        return self._offset.reading is not None

    def time(self) -> int:
        """Return the venue's time, milliseconds since the epoch; only after a measurement."""
        return self._offset.time(self._now_ms())

    def earliest(self) -> int:
        """Return a time that the venue's clock has surely reached; only after a measurement."""
        return self._offset.earliest(self._now_ms())

    async def ready(self) -> None:
        """Measure, unless that was done not long ago.

        Raises:
            RestError: the venue does not tell its time.
        """
        if self._offset.is_old(self._now_ms()):
            await self.measure()

    async def measure(self) -> None:
        """Measure; all who want it at the same moment share one measurement.

        Raises:
            RestError: the venue does not tell its time.
        """
        if self._measuring is None:
            self._measuring = asyncio.ensure_future(self._measure())
            self._measuring.add_done_callback(self._measured)
        await asyncio.shield(self._measuring)

    async def run(self) -> None:
        """Measure from time to time, until cancelled."""
        while True:
            try:
                await self.ready()
            except RestError as error:
                self._log.warning("venue does not tell its time", reason=str(error))
            await asyncio.sleep(_LOOK_S)

    async def _measure(self) -> None:
        readings = [await self._rest.time_reading(self._now_ms) for _ in range(_READINGS)]
        first = not self.measured
        moved_ms = self._offset.learn(readings, self._now_ms())
        if first or abs(moved_ms) >= _TOLD_MS:
            best = min(reading.round_trip_ms for reading in readings)
            # One that does not run as ours does moves all the time.
            tell = self._log.info if first or self._offset.pace == 1.0 else self._log.debug
            tell("venue's clock measured", moved_ms=round(moved_ms), round_trip_ms=round(best, 1))

    def _measured(self, task: asyncio.Task[None]) -> None:
        self._measuring = None
        if not task.cancelled():
            task.exception()  # whoever waits is told; if nobody does any more, nobody has to be
