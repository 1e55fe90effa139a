"""Holes in depth: the diffs are gone for good, but a snapshot behind them makes the book right again.

The wish for one goes over the topic that processors use for theirs. So it does not matter which process has the symbol,
and one that repairs alone needs no connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from structlog.stdlib import BoundLogger

from ingest.connection import Clocks
from ingest.control_records import ControlRecords
from ingest.core.ledger import OpenHole
from ingest.core.young_holes import PATIENCE_MS
from ingest.publisher import Publisher
from schemas.control import SnapshotReason, SnapshotRequest


__all__ = ["BookMender"]

_ASK_AGAIN_MS: Final = 60_000.0


class BookMender:
    """Asks for the snapshots that books need behind holes.

    Args:
        publisher: where the wishes go.
        control: makes their records.
        clocks: time.
        log: tells of them.
    """

    def __init__(self, publisher: Publisher, control: ControlRecords, clocks: Clocks, log: BoundLogger) -> None:
        self._publisher = publisher
        self._control = control
        self._clocks = clocks
        self._log = log
        self._due_ms: dict[int, tuple[OpenHole, float]] = {}

    def offer(self, hole: OpenHole) -> None:
        """Look after a hole, until it is settled or given up; what is on its way on another connection comes first."""
        self._due_ms[id(hole)] = hole, self._clocks.now_ms() + PATIENCE_MS

    def ask(self, read_up_to: Callable[[OpenHole], int | None]) -> None:
        """Ask for what is due.

        Args:
            read_up_to: returns the next offset to read beside a hole: a snapshot before it did not help. None: what
                mends it may be in the log already.
        """
        now_ms = self._clocks.now_ms()
        for name, (hole, due_ms) in list(self._due_ms.items()):
            if hole.settled or hole.given_up:
                del self._due_ms[name]
            elif due_ms <= now_ms and (next_offset := read_up_to(hole)) is not None:
                self._due_ms[name] = hole, now_ms + _ASK_AGAIN_MS
                self._request(hole, next_offset - 1)

    def _request(self, hole: OpenHole, input_offset: int) -> None:
        market, _, symbol = hole.key
        request = SnapshotRequest(
            market=market,
            symbol=symbol,
            after_update_id=hole.hole.last_id,
            reason=SnapshotReason.SEQUENCE_GAP,
            event_time=hole.hole.next_time,
            input_offset=input_offset,
        )
        self._publisher.publish(self._control.snapshot_request(request, self._clocks.wall_ns() // 1_000_000))
        self._log.info("asking for a snapshot", market=market, symbol=symbol, after_update_id=hole.hole.last_id)
