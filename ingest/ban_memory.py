"""Bans of this address, remembered over restarts.

A ban lasts from minutes to days, and asking during one makes the next longer. So its end is a note in the compacted
topic of progress: there it survives a machine that is replaced, as a Kubernetes pod's file would not; processes of the
same address read each other's, and it is read at start anyway, before the first request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from ingest.control_records import ControlRecords
from ingest.core.windows import Pool
from ingest.publisher import Publisher
from ingest.rest_pool import RestPool
from schemas.control import Progress
from schemas.markets import Market
from schemas.topics import partition_of


__all__ = ["REST_BAN", "BanMemory"]

REST_BAN: Final = "rest-ban"
"""The ``stream`` of the note that remembers a ban; its ``symbol`` is the pool, its ``last_time`` the ban's end."""
_MARKETS: Final = {Pool.SPOT: Market.SPOT, Pool.FUTURES: Market.USDM}


class BanMemory:
    """Writes and reads the notes of bans.

    Args:
        publisher: where they go.
        control: makes their records.
        wall_ms: our clock, milliseconds since the epoch.
    """

    def __init__(self, publisher: Publisher, control: ControlRecords, wall_ms: Callable[[], int]) -> None:
        self._publisher = publisher
        self._control = control
        self._wall_ms = wall_ms

    def remember(self, pool: Pool, until_ms: int) -> None:
        """Write down until when, since the epoch, the address is banned."""
        note = Progress(
            market=_MARKETS[pool],
            stream=REST_BAN,
            symbol=pool,
            epoch=0,
            last_id=0,
            last_time=until_ms,
            partition=partition_of(pool),
            offset=-1,
        )
        self._publisher.publish(self._control.progress(note, self._wall_ms()))

    @staticmethod
    def restore(notes: Iterable[Progress], pools: Iterable[RestPool]) -> None:
        """Let pools hold the bans of earlier runs."""
        ends = {note.symbol: note.last_time for note in notes if note.stream == REST_BAN}
        for pool in pools:
            if pool.name in ends:
                pool.restore_ban(ends[pool.name])
