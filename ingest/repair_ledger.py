"""Writing what became of holes into the ledger."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable

from structlog.stdlib import BoundLogger

from ingest.connection import Clocks
from ingest.control_records import ControlRecords
from ingest.core.fates import Outcome
from ingest.core.ledger import OpenHole
from ingest.metrics import Metrics
from ingest.publisher import Publisher


__all__ = ["LedgerWriter"]


class LedgerWriter:
    """Tells what is new about holes, and closes those that are settled.

    Args:
        publisher: where entries go.
        control: makes their records.
        metrics: counts.
        clocks: time.
        log: tells of what is closed.
    """

    def __init__(
        self, publisher: Publisher, control: ControlRecords, metrics: Metrics, clocks: Clocks, log: BoundLogger
    ) -> None:
        self._publisher = publisher
        self._control = control
        self._metrics = metrics
        self._clocks = clocks
        self._log = log
        self.settled: Callable[[OpenHole], None] = lambda _: None
        """Called once for each hole that is settled, and told."""

    async def tell_all(self, holes: Iterable[OpenHole]) -> None:
        """Write what is new about holes; returns when the broker has it."""
        await asyncio.gather(*(self.tell(hole) for hole in holes))

    async def tell(self, hole: OpenHole) -> None:
        """Write what is new about a hole, unless somebody else looks after it now; returns when the broker has it."""
        if hole.given_up:
            return
        settled, entries = hole.settled, hole.entries(self._clocks.wall_ns() // 1_000_000)
        await asyncio.gather(*(self._publisher.deliver(self._control.gap(entry)) for entry in entries))
        if settled and not hole.given_up:
            hole.given_up = True
            self._close(hole)
            self.settled(hole)

    def _close(self, hole: OpenHole) -> None:
        (market, stream, symbol), ids, counts = hole.key, hole.hole, Counter[Outcome]()
        for run in hole.fates:
            counts[run.fate.outcome] += run.last_id - run.first_id + 1
        for outcome, count in counts.items():
            self._metrics.hole_ids.labels(market, stream, outcome.name.lower()).inc(count)
        self._log.info(
            "hole closed",
            market=market,
            stream=stream,
            symbol=symbol,
            first_id=ids.first_id,
            last_id=ids.last_id,
            **{outcome.name.lower(): count for outcome, count in counts.items()},
        )
