"""One partition of a raw topic, read for what is missing in it: ids only, as fast as they come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

import msgspec
from msgspec import structs

from ingest.core.coverage import DiffSequence
from ingest.core.heads import depth_numbers_decoder, number_decoder
from ingest.core.holes import Doubtful, Hole, IdSequence, Key, NewEpoch
from ingest.core.ledger import EPOCH_OVER, HEALED, OpenHole, open_holes, untold
from schemas.control import Gap, Progress
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["DEPTH_SNAPSHOT", "REPAIRED_TYPES", "DepthPartition", "LogPartition", "TradePartition", "log_partition"]

REPAIRED_TYPES: Final = (RawType.TRADE, RawType.AGG_TRADE, RawType.DEPTH)
"""Stream types whose completeness can be judged."""
DEPTH_SNAPSHOT: Final = "depth-snapshot"
"""The ``stream`` of the progress note that remembers a symbol's last snapshot."""
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, TypeError)
_AHEAD_MS: Final = 60_000
_LARGEST: Final = 2**63 - 2


class LogRecord(Protocol):
    """What is read of a raw record."""

    @property
    def offset(self) -> int:
        """Where it lies."""

    @property
    def timestamp(self) -> int:
        """Event time or receive time, milliseconds."""

    @property
    def key(self) -> bytes | None:
        """The symbol."""

    @property
    def value(self) -> bytes | None:
        """The payload."""


class Read(msgspec.Struct):
    """What was found in some records."""

    opened: list[OpenHole] = []
    touched: list[OpenHole] = []
    """Open holes that shrank, some to nothing: their entries in the ledger have changed."""
    epochs: list[tuple[Key, NewEpoch]] = []
    doubts: list[tuple[Key, Doubtful]] = []


class LogPartition:
    """The holes and the progress of one partition; its sub-classes know the payloads.

    Args:
        market: the topic's.
        raw_type: the topic's.
        partition: which.
    """

    def __init__(self, market: Market, raw_type: RawType, partition: int) -> None:
        self.market = market
        self.raw_type = raw_type
        self.partition = partition
        self.next_offset: int | None = None
        """Behind the last record that was read; None: nothing was."""
        self._keys: dict[bytes, Key] = {}
        self._holes: defaultdict[bytes, list[OpenHole]] = defaultdict(list)
        self._told: defaultdict[tuple[bytes, int], list[Gap]] = defaultdict(list)
        """What the ledger says of ids beyond the noted progress, by symbol and epoch: they will be found again."""
        self._floor = -1
        """Records up to here may have been read by an earlier run."""

    def holes(self) -> Iterator[OpenHole]:
        """Yield what is missing."""
        for holes in self._holes.values():
            yield from holes

    def restore(self, notes: Iterable[Progress], ledger: Iterable[Gap]) -> None:
        """Go on from where an earlier run was.

        Args:
            notes: progress; what is of no concern here is passed over.
            ledger: its entries in their order, of this partition's symbols; those of other topics are passed over.
        """
        passed: dict[bytes, Progress] = {}
        for note in notes:
            if note.market is self.market and note.partition == self.partition:
                self._restore(note)
                if note.stream == self.raw_type:
                    passed[note.symbol.encode()] = note
        gaps = [gap for gap in ledger if gap.market is self.market and gap.stream == self.raw_type]
        for hole in open_holes(gaps):
            self._holes[hole.key[2].encode()].append(hole)
        for gap in gaps:
            known = passed.get(gap.symbol.encode())
            if known is None or (gap.epoch, gap.first_id) > (known.epoch, known.last_id):
                self._told[gap.symbol.encode(), gap.epoch].append(gap)

    def read(self, records: Sequence[LogRecord], time_ms: int) -> Read:
        """Take the next records.

        Args:
            records: at least one.
            time_ms: the time since the epoch, at which holes are found.
        """
        found = Read()
        self._read(records, time_ms, found)
        self.next_offset = records[-1].offset + 1
        return found

    def drop(self, hole: OpenHole) -> None:
        """Look no more after a hole."""
        raw = hole.key[2].encode()
        self._holes[raw] = [one for one in self._holes[raw] if one is not hole]
        if not self._holes[raw]:
            del self._holes[raw]

    def moved(self) -> list[Progress]:
        """Return the progress that was not noted yet, in the order of the log; each is given once."""
        raise NotImplementedError

    def _restore(self, note: Progress) -> None:
        raise NotImplementedError

    def _read(self, records: Sequence[LogRecord], time_ms: int, found: Read) -> None:
        raise NotImplementedError

    def _key(self, raw: bytes) -> Key:
        key = self._keys.get(raw)
        if key is None:
            key = self._keys[raw] = (self.market, self.raw_type, raw.decode(errors="replace"))
        return key

    def _open(self, raw: bytes, hole: Hole, time_ms: int, found: Read) -> None:
        told = self._told.get((raw, hole.epoch), ())
        for first_id, last_id in untold(hole.first_id, hole.last_id, told):
            one = OpenHole(self._key(raw), structs.replace(hole, first_id=first_id, last_id=last_id), time_ms)
            self._holes[raw].append(one)
            found.opened.append(one)

    def _begin_epoch(self, raw: bytes, epoch: NewEpoch, found: Read) -> None:
        """What was missing in the epochs before stays missing: the venue counts anew, and its ids mean other things."""
        found.epochs.append((self._key(raw), epoch))
        for hole in self._holes.get(raw, ()):
            if hole.hole.epoch < epoch.epoch and hole.lost(hole.hole.first_id, hole.hole.last_id, EPOCH_OVER):
                found.touched.append(hole)


class TradePartition(LogPartition):
    """Trades or aggregate trades: ids are consecutive per symbol."""

    def __init__(self, market: Market, raw_type: RawType, partition: int) -> None:
        super().__init__(market, raw_type, partition)
        self._decode = number_decoder(raw_type)
        self._sequences: dict[bytes, IdSequence] = {}

    def moved(self) -> list[Progress]:
        """Return the progress that was not noted yet, in the order of the log; each is given once."""
        moved = sorted((one.offset, raw) for raw, one in self._sequences.items() if one.moved)
        notes = [self._sequences[raw].progress(self._key(raw), self.partition) for _, raw in moved]
        for _, raw in moved:
            self._sequences[raw].moved = False
        return notes

    def _restore(self, note: Progress) -> None:
        if note.stream == self.raw_type:
            self._sequences[note.symbol.encode()] = IdSequence.of(note)
            self._floor = max(self._floor, note.offset)

    def _read(self, records: Sequence[LogRecord], time_ms: int, found: Read) -> None:
        decode, sequences, floor = self._decode, self._sequences, self._floor
        for record in records:
            try:
                head = decode(record.value)  # type: ignore[arg-type]  # None is unreadable too
            except _UNREADABLE:
                continue  # the processors set it aside
            sequence = sequences.get(record.key)  # type: ignore[arg-type]
            offset = record.offset
            if sequence is not None and head.record_id == sequence.next_id and offset > floor:
                # The ordinary case, written out: this runs for every trade.
                sequence.next_id += 1
                sequence.offset = offset
                sequence.moved = True
                time = head.time
                if time > sequence.last_time and time <= record.timestamp + _AHEAD_MS:
                    sequence.last_time = time
            elif 0 <= head.record_id <= _LARGEST:
                self._place(record, head.record_id, head.time, time_ms, found)

    def _place(self, record: LogRecord, record_id: int, trade_time: int, time_ms: int, found: Read) -> None:
        """Take a record that is not the next one."""
        raw = record.key or b""
        sequence = self._sequences.get(raw)
        if sequence is None:
            sequence = self._sequences[raw] = IdSequence()
        for hole in self._holes.get(raw, ()):
            if hole.believes(trade_time) and hole.arrived(record_id, record_id):
                found.touched.append(hole)
        for verdict in sequence.feed(record_id, trade_time, record.timestamp, record.offset):
            if isinstance(verdict, Hole):
                self._open(raw, verdict, time_ms, found)
            elif isinstance(verdict, NewEpoch):
                self._begin_epoch(raw, verdict, found)
            else:
                found.doubts.append((self._key(raw), verdict))


class DepthPartition(LogPartition):
    """Depth diffs and snapshots: what a diff covers counts, not where it was cut."""

    def __init__(self, market: Market, raw_type: RawType, partition: int) -> None:
        super().__init__(market, raw_type, partition)
        self._decode = depth_numbers_decoder()
        self._sequences: dict[bytes, DiffSequence] = {}
        self._snapshots: dict[bytes, int] = {}

    def moved(self) -> list[Progress]:
        """Return the progress that was not noted yet, in the order of the log; each is given once."""
        moved = sorted((one.offset, raw) for raw, one in self._sequences.items() if one.moved)
        notes = [self._sequences[raw].progress(self._key(raw), self.partition) for _, raw in moved]
        for _, raw in moved:
            self._sequences[raw].moved = False
        return notes

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
            except _UNREADABLE:
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
                if covers_after >= -1 and head.final_update_id <= _LARGEST:
                    event_time = min(head.event_time, record.timestamp + _AHEAD_MS)
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


def log_partition(market: Market, raw_type: RawType, partition: int) -> LogPartition:
    """Return what reads a partition of a raw topic."""
    kind = DepthPartition if raw_type is RawType.DEPTH else TradePartition
    return kind(market, raw_type, partition)
