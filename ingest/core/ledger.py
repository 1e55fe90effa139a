"""The ledger: which ids are missing, and what is told about them.

An entry is named by its first id and speaks of the ids up to its last. A hole begins as one entry. Where its ids meet
with different fates it is told in parts, each an entry of its own:

- entries that are settled never overlap, and together they cover the hole;
- a part once told keeps its name: it is never merged into another, so no key of the compacted topic is left behind;
- parts are written from the last to the first, so that the entry which shrinks comes when the others are there. Until
  then two entries may speak of one id: the newer is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from ingest.core.fates import Fate, FateRun, Fates, Outcome
from ingest.core.holes import SLACK_MS, Hole, Key
from schemas.control import Gap, GapStatus
from schemas.topics import RawType


__all__ = ["BACKFILLED", "EPOCH_OVER", "HEALED", "LATE", "OpenHole", "is_open", "open_holes", "untold"]

BACKFILLED: Final = "backfilled"
LATE: Final = "late"
LATE_AND_BACKFILLED: Final = "late-and-backfilled"
EPOCH_OVER: Final = "epoch-over"
"""The venue counts anew; what it had before is gone."""
HEALED: Final = "healed-by-snapshot"
"""The changes are lost, the book is right again."""

_MOST_PARTS: Final = 200
"""A hole in more parts is told when it is settled: it costs a question to the venue if we die before."""
_FILLED: Final = frozenset({Outcome.BACKFILLED, Outcome.LATE})


class OpenHole:
    """Ids of a stream and symbol that are missing, until each has its fate.

    Args:
        key: market, stream type and symbol.
        hole: the ids, and the times around them.
        opened_time: when it was found, milliseconds since the epoch.
        status: ``open``, or ``deferred`` where the flow goes on without it.
        reason: why it is deferred.
    """

    def __init__(
        self,
        key: Key,
        hole: Hole,
        opened_time: int,
        *,
        status: GapStatus = GapStatus.OPEN,
        reason: str | None = None,
    ) -> None:
        self.key = key
        self.hole = hole
        self.opened_time = opened_time
        self.status = status
        self.reason = reason
        self.fates = Fates(hole.first_id, hole.last_id)
        self.given_up = False
        """Whether somebody else looks after it now, or nobody needs to."""
        self._told: dict[int, tuple[int, GapStatus, str | None]] = {}

    @classmethod
    def of(cls, gap: Gap, first_id: int, last_id: int) -> OpenHole:
        """Go on with an entry of the ledger that is not settled, or with some of its ids."""
        key = (gap.market, RawType(gap.stream), gap.symbol)
        hole = Hole(gap.epoch, first_id, last_id, gap.previous_time, gap.next_time)
        found = cls(key, hole, gap.opened_time, status=gap.status, reason=gap.reason)
        if first_id == gap.first_id:
            found._told[first_id] = (gap.last_id, gap.status, gap.reason)
        return found

    @property
    def settled(self) -> bool:
        """Whether every id has its fate."""
        return not self.fates.missing_count

    @property
    def first_missing(self) -> int:
        """The first id that is missing; only while there is one."""
        return next(first_id for first_id, _ in self.fates.missing())

    def believes(self, time_ms: int) -> bool:
        """Whether a trade of that time can be one of this hole: ids alone do not tell the epoch."""
        return self.hole.previous_time - SLACK_MS <= time_ms <= self.hole.next_time + SLACK_MS

    def arrived(self, first_id: int, last_id: int) -> int:
        """Take note of ids that came over a connection after all; returns how many were missing."""
        return self.fates.decide(first_id, last_id, Fate(Outcome.LATE))

    def backfilled(self, one_id: int) -> int:
        """Take note of an id that was asked for, and that the broker has; returns how many were missing."""
        return self.fates.decide(one_id, one_id, Fate(Outcome.BACKFILLED))

    def absent(self, first_id: int, last_id: int) -> int:
        """Take note of ids that the venue does not have; returns how many were missing."""
        return self.fates.decide(first_id, last_id, Fate(Outcome.ABSENT))

    def lost(self, first_id: int, last_id: int, reason: str) -> int:
        """Take note of ids that the venue cannot give; returns how many were missing."""
        return self.fates.decide(first_id, last_id, Fate(Outcome.LOST, reason))

    def defer(self, reason: str) -> None:
        """Let the flow go on without what is missing."""
        self.status, self.reason = GapStatus.DEFERRED, reason

    def entries(self, time_ms: int) -> list[Gap]:
        """Return the entries that are not told yet, in the order in which they must be written; each is given once.

        Args:
            time_ms: the time since the epoch.
        """
        in_one = not self.settled and len(self.fates) > _MOST_PARTS
        parts = self._whole() if in_one else list(self._parts())
        entries: list[Gap] = []
        for first_id, last_id, status, reason in reversed(parts):
            if self._told.get(first_id) != (last_id, status, reason):
                self._told[first_id] = (last_id, status, reason)
                entries.append(self._entry(first_id, last_id, status, reason, time_ms))
        return entries

    def _whole(self) -> list[tuple[int, int, GapStatus, str | None]]:
        """Return the parts told so far, undecided as they are."""
        firsts = sorted({*self._told, self.hole.first_id})
        ends = [first - 1 for first in firsts[1:]] + [self.hole.last_id]
        undecided = (self.hole.last_id, self.status, self.reason)
        told = [self._told.get(first, undecided)[1:] for first in firsts]
        settled = {GapStatus.FILLED, GapStatus.ABSENT, GapStatus.UNFILLABLE}
        return [
            (first, end, *(one if one[0] in settled else undecided[1:]))
            for first, end, one in zip(firsts, ends, told, strict=True)
        ]

    def _parts(self) -> Iterator[tuple[int, int, GapStatus, str | None]]:
        """Yield the parts as they stand: first id, last id, status, reason."""
        for first_id, last_id, runs in self._joined():
            yield (first_id, last_id, *self._status(runs))

    def _joined(self) -> Iterator[tuple[int, int, list[FateRun]]]:
        """Join runs with the same status, but not over a name that was told."""
        pending: list[FateRun] = []
        for run in self._split():
            if pending and (run.first_id in self._told or self._group(run) != self._group(pending[-1])):
                yield pending[0].first_id, pending[-1].last_id, pending
                pending = []
            pending.append(run)
        if pending:
            yield pending[0].first_id, pending[-1].last_id, pending

    def _split(self) -> Iterator[FateRun]:
        """Yield the runs, cut at every name that was told."""
        names = sorted(self._told)
        for run in self.fates:
            inside = [name for name in names if run.first_id < name <= run.last_id]
            for first, behind in pairwise([run.first_id, *inside, run.last_id + 1]):
                yield FateRun(first, behind - 1, run.fate)

    @staticmethod
    def _group(run: FateRun) -> object:
        return _FILLED if run.fate.outcome in _FILLED else run.fate

    def _status(self, runs: list[FateRun]) -> tuple[GapStatus, str | None]:
        outcomes = {run.fate.outcome for run in runs}
        if outcomes <= _FILLED:
            reason = LATE if outcomes == {Outcome.LATE} else BACKFILLED
            return GapStatus.FILLED, reason if len(outcomes) == 1 else LATE_AND_BACKFILLED
        fate = runs[0].fate
        if fate.outcome is Outcome.ABSENT:
            return GapStatus.ABSENT, fate.reason
        if fate.outcome is Outcome.LOST:
            return GapStatus.UNFILLABLE, fate.reason
        return self.status, self.reason

    def _entry(self, first_id: int, last_id: int, status: GapStatus, reason: str | None, time_ms: int) -> Gap:
        market, stream, symbol = self.key
        return Gap(
            market=market,
            stream=stream,
            symbol=symbol,
            epoch=self.hole.epoch,
            first_id=first_id,
            last_id=last_id,
            status=status,
            reason=reason,
            previous_time=self.hole.previous_time,
            next_time=self.hole.next_time,
            opened_time=self.opened_time,
            updated_time=time_ms,
        )


def is_open(gap: Gap) -> bool:
    """Whether an entry is not settled: its ids are missing, and somebody looks after them."""
    return gap.status in {GapStatus.OPEN, GapStatus.DEFERRED}


def open_holes(gaps: Iterable[Gap]) -> list[OpenHole]:
    """Return what is still missing by the ledger.

    Args:
        gaps: its entries in the order of the topic; of a name, the last counts. Where entries of one epoch speak of the
            same id, which happens if a writer died between two of them, the newer is right.
    """
    spoken: dict[tuple[Key, int], list[Gap]] = {}
    holes: list[OpenHole] = []
    latest: dict[tuple[str, str, str, int], Gap] = {}
    for gap in gaps:
        latest.pop(_name(gap), None)  # so that its place is that of the last
        latest[_name(gap)] = gap
    for gap in reversed(latest.values()):
        newer = spoken.setdefault(((gap.market, RawType(gap.stream), gap.symbol), gap.epoch), [])
        if is_open(gap):
            holes += [OpenHole.of(gap, *run) for run in untold(gap.first_id, gap.last_id, newer)]
        newer.append(gap)
    return holes


def untold(first_id: int, last_id: int, gaps: Iterable[Gap]) -> list[tuple[int, int]]:
    """Return the ids, as runs, that none of these entries speaks of."""
    fates = Fates(first_id, last_id)
    for gap in gaps:
        fates.decide(gap.first_id, gap.last_id, Fate(Outcome.ABSENT))
    return list(fates.missing())


def _name(gap: Gap) -> tuple[str, str, str, int]:
    return gap.market, gap.stream, gap.symbol, gap.first_id
