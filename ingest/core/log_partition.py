"""What the partitions of all raw topics have in common when they are read for what is missing in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

import msgspec
from msgspec import structs

from ingest.core import replies
from ingest.core.holes import Doubtful, Hole, Key, NewEpoch
from ingest.core.ledger import EPOCH_OVER, OpenHole, open_holes, untold
from schemas.control import Gap, Progress
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["AHEAD_MS", "LARGEST", "UNREADABLE", "LogPartition", "LogRecord", "Read"]

UNREADABLE: Final = (*replies.UNREADABLE, TypeError)
AHEAD_MS: Final = 60_000
LARGEST: Final = 2**63 - 2


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


class _Sequence(Protocol):
    """How far the ids of one symbol are known."""

    offset: int
    moved: bool
    """Whether there is progress that was not noted."""

    def progress(self, key: Key, partition: int) -> Progress:
        """Return it."""


class LogPartition:
    """The holes and the progress of one partition; its sub-classes know the payloads.

    Args:
        market: the topic's.
        raw_type: the topic's.
        partition: which.
    """

    _sequences: Mapping[bytes, _Sequence]
    """By key."""

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
        moved = sorted((one.offset, raw) for raw, one in self._sequences.items() if one.moved)
        notes = [self._sequences[raw].progress(self._key(raw), self.partition) for _, raw in moved]
        for _, raw in moved:
            self._sequences[raw].moved = False
        return notes

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
