"""A partition of depth diffs and snapshots, read for what no diff covers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ingest.core.coverage import DiffSequence
from ingest.core.heads import depth_numbers_decoder
from ingest.core.holes import Hole, NewEpoch
from ingest.core.ledger import HEALED
from ingest.core.log_partition import AHEAD_MS, LARGEST, UNREADABLE, LogPartition, LogRecord, Read
from schemas.control import Progress
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["DEPTH_SNAPSHOT", "DepthPartition"]

DEPTH_SNAPSHOT: Final = "depth-snapshot"
"""The ``stream`` of the progress note that remembers a symbol's last snapshot."""


class DepthPartition(LogPartition):
    """Depth diffs and snapshots: what a diff covers counts, not where it was cut."""

    def __init__(self, market: Market, raw_type: RawType, partition: int) -> None:
        super().__init__(market, raw_type, partition)
        self._decode = depth_numbers_decoder()
        self._sequences: dict[bytes, DiffSequence] = {}
        self._snapshots: dict[bytes, int] = {}

    def _restore(self, note: Progress) -> None:
        raw = note.symbol.encode()
        if note.stream == self.raw_type:
            sequence = self._sequences[raw] = DiffSequence.of(note)
            if self._snapshots.get(raw, -1) <= sequence.last_id:
                sequence.snapshot(self._snapshots.get(raw, -1))
        elif note.stream == DEPTH_SNAPSHOT:
            self._snapshots[raw] = note.last_id
            known = self._sequences.get(raw)
            # One that stands behind the diffs is of an epoch that is over, or will be read again.
            if known is not None and note.last_id <= known.last_id:
                known.snapshot(note.last_id)

    def _read(self, records: Sequence[LogRecord], time_ms: int, found: Read) -> None:
        decode, sequences, futures = self._decode, self._sequences, self.market.is_futures
        for record in records:
            try:
                head = decode(record.value)  # type: ignore[arg-type]  # None is unreadable too
            except UNREADABLE:
                continue
            raw = record.key or b""
            sequence = sequences.get(raw)
            if sequence is None:
                sequence = sequences[raw] = DiffSequence()
            if head.last_update_id is not None:
                sequence.snapshot(head.last_update_id)
            elif head.final_update_id is not None and head.first_update_id is not None:
                previous = head.previous_final_update_id if futures else None
                covers_after = head.first_update_id - 1 if previous is None else previous
                if covers_after >= -1 and head.final_update_id <= LARGEST:
                    event_time = min(head.event_time, record.timestamp + AHEAD_MS)
                    if raw in self._holes:
                        self._arrived(raw, covers_after + 1, head.final_update_id, found)
                    verdict = sequence.diff(covers_after, head.final_update_id, event_time, record.offset)
                    if verdict is not None:
                        self._note(raw, verdict, time_ms, found)
            if raw in self._holes:
                self._heal(raw, sequence, found)

    def _note(self, raw: bytes, verdict: Hole | NewEpoch, time_ms: int, found: Read) -> None:
        if isinstance(verdict, Hole):
            self._open(raw, verdict, time_ms, found)
        else:
            self._begin_epoch(raw, verdict, found)

    def _arrived(self, raw: bytes, first_id: int, last_id: int, found: Read) -> None:
        for hole in self._holes[raw]:
            if hole.arrived(first_id, last_id):
                found.touched.append(hole)

    def _heal(self, raw: bytes, sequence: DiffSequence, found: Read) -> None:
        for hole in self._holes[raw]:
            if (
                hole.hole.epoch == sequence.epoch
                and sequence.healed(hole.hole.last_id)
                and hole.lost(hole.hole.first_id, hole.hole.last_id, HEALED)
            ):
                found.touched.append(hole)
