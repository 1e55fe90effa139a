"""The venue's time: what it answered, what its events tell, and when to ask again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from structlog.stdlib import BoundLogger

from ingest.core.budget import Importance
from ingest.core.guard import AHEAD_MS, EARLIEST_MS, VenueClock
from ingest.errors import RestError
from ingest.rest import RestClient


__all__ = ["VenueTime"]

_ASK_AGAIN_MS: Final = 1_000
"""After an answer that did not explain an event's time, none is asked for so long: a broken venue costs no weight."""
_WEIGHT: Final = 1
_LONGEST_WAIT_S: Final = 5.0


class VenueTime:
    """One market's clock, which asks the market when it must.

    Args:
        clock: what is known.
        rest: the market's REST interface.
        now_ms: the monotonic clock.
        log: where failures to answer are told.
    """

    def __init__(self, clock: VenueClock, rest: RestClient, now_ms: Callable[[], float], log: BoundLogger) -> None:
        self.clock = clock
        self._rest = rest
        self._now_ms = now_ms
        self._log = log
        self._not_before_ms = 0.0

    async def ask(self) -> int | None:
        """Ask the venue; None if it does not answer, or may not be asked now.

        Whoever asks waits: for a ban to end would be too long.
        """
        if (wait_s := self._rest.wait_s(_WEIGHT, Importance.CLOCK)) > _LONGEST_WAIT_S:
            self._log.warning("venue is not asked its time", wait_s=round(wait_s, 1))
            return None
        try:
            server_time = await self._rest.server_time()
        except RestError as error:
            self._log.warning("venue does not tell its time", reason=str(error))
            return None
        self.clock.set(server_time, self._now_ms())
        return server_time

    def latest_plausible(self) -> int:
        """Return the latest event time that is taken for true."""
        return self.clock.latest_plausible(self._now_ms())

    async def is_plausible(self, event_time: int) -> bool:
        """Return whether an event time that seems impossible is possible after all.

        One that is far ahead may be right where the venue's clock jumped, as a replay's does over a quiet hour. So it
        is asked before the verdict; but not for every event of a venue whose times are wrong.
        """
        if event_time < EARLIEST_MS:
            return False
        if event_time <= self.latest_plausible():
            return True
        if self._now_ms() < self._not_before_ms:
            return False
        server_time = await self.ask()
        if server_time is not None and event_time <= server_time + AHEAD_MS:
            return True
        self._not_before_ms = self._now_ms() + _ASK_AGAIN_MS
        return False
