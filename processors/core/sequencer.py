"""Putting the trades of one symbol into the order of their ids, each once.

The log may hold a trade twice (two connections), out of order, or not at all. Ids are consecutive, so what is missing
is known. Nobody here decides how long to wait for it: trades after a hole are held until the ledger says what became of
the hole (architecture §4.5).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from enum import Enum, auto
from heapq import heappop, heappush
from typing import Final, Generic, TypeVar

import msgspec

from processors.core.missing_ids import IdRun, MissingIds
from schemas.control import Gap, GapStatus


__all__ = [
    "Duplicate",
    "Held",
    "Hole",
    "HoleClosed",
    "HoleNarrowed",
    "InOrder",
    "Late",
    "SequenceResult",
    "TradeSequencer",
]

ItemT = TypeVar("ItemT")
"""What is put in order."""

HELD_LIMIT: Final = 10_000
"""Trades held behind a hole. Beyond it the flow goes on as if the ledger had said ``deferred``."""
HOLE_LIMIT: Final = 10_000
"""Holes remembered. What belongs to an older one is taken for a repetition."""
DECISION_LIMIT: Final = 10_000
"""Entries of the ledger kept for holes yet to be met; beyond it the oldest are forgotten."""


class InOrder(msgspec.Struct, Generic[ItemT], frozen=True):
    """The next trade."""

    epoch: int
    item: ItemT


class Late(msgspec.Struct, Generic[ItemT], frozen=True):
    """A trade whose place the flow has passed."""

    epoch: int
    item: ItemT


class Hole(msgspec.Struct, frozen=True):
    """Ids that the flow goes on without. ``(epoch, first_id)`` names it."""

    epoch: int
    first_id: int
    last_id: int
    previous_time: int
    """Trade time of the last id before it."""
    next_time: int
    """Trade time of the first id after it."""
    input_offset: int
    """Offset of the record after it."""
    absent: bool
    """Whether the venue has no such ids: then nothing is missing."""


class HoleNarrowed(msgspec.Struct, frozen=True):
    """Some ids of a hole that the flow has passed are accounted for: what is still missing lies between these times."""

    epoch: int
    first_id: int
    spans: tuple[tuple[int, int], ...]
    """Trade times before and after each run of ids that is still missing."""


class HoleClosed(msgspec.Struct, frozen=True):
    """The fate of a hole that the flow has passed is final."""

    epoch: int
    first_id: int
    recovered: bool
    """True: every id arrived, or the venue has none. False: what is missing stays missing."""


class Duplicate(msgspec.Struct, frozen=True):
    """An id that was here before, or of an epoch that is over."""

    trade_id: int


class Held(msgspec.Struct, frozen=True):
    """A trade that waits behind a hole."""

    trade_id: int


SequenceResult = InOrder[ItemT] | Late[ItemT] | Hole | HoleNarrowed | HoleClosed | Duplicate | Held


class _Kind(Enum):
    ITEM = auto()
    EMPTY = auto()
    """The id is taken up, there is no trade."""
    LOST = auto()
    """There was a trade, but it cannot be read."""


class _Entry(msgspec.Struct, Generic[ItemT], frozen=True):
    trade_id: int
    trade_time: int
    offset: int
    kind: _Kind
    item: ItemT | None


class TradeSequencer(Generic[ItemT]):
    """The ids of one symbol and source."""

    def __init__(self, held_limit: int = HELD_LIMIT) -> None:
        self.epoch = 0
        """How often the venue's ids went back."""
        self.latest_time = -1
        """Largest trade time seen."""
        self._next_id: int | None = None
        self._released_time = -1
        self._epoch_floor = -1
        self._held: dict[int, _Entry[ItemT]] = {}
        self._heap: list[int] = []
        self._held_limit = held_limit
        self._missing: list[MissingIds] = []
        self._decisions: dict[int, Gap] = {}

    @property
    def started(self) -> bool:
        """Whether an id was seen."""
        return self._next_id is not None

    def waits_since(self) -> int | None:
        """Return the smallest offset among the trades that are held; None: none is."""
        return min((entry.offset for entry in self._held.values()), default=None)

    def feed(self, trade_id: int, trade_time: int, offset: int, item: ItemT) -> list[SequenceResult[ItemT]]:
        """Take a trade.

        Returns:
            What may go on now, in order: none, one or many trades, and holes among them; or ``Duplicate`` or ``Held``.
        """
        if trade_id == self._next_id and not self._held:
            self._next_id = trade_id + 1
            self._released_time = trade_time
            self.latest_time = max(self.latest_time, trade_time)
            return [InOrder(self.epoch, item)]
        return self._place(_Entry(trade_id, trade_time, offset, _Kind.ITEM, item))

    def consume(self, trade_id: int, trade_time: int, offset: int) -> list[SequenceResult[ItemT]]:
        """Take an id that stands for no trade; results as of :meth:`feed`."""
        return self._place(_Entry(trade_id, trade_time, offset, _Kind.EMPTY, None))

    def lose(self, trade_id: int, trade_time: int, offset: int) -> list[SequenceResult[ItemT]]:
        """Take the id of a trade that cannot be read: a hole of one id; results as of :meth:`feed`."""
        return self._place(_Entry(trade_id, trade_time, offset, _Kind.LOST, None))

    def decide(self, gap: Gap) -> list[SequenceResult[ItemT]]:
        """Take an entry of the ledger; results as of :meth:`feed`.

        It may come before the hole is met: then it waits. ``open`` decides nothing, ``filled`` says that the ids are in
        the log: they are waited for.
        """
        results: list[SequenceResult[ItemT]] = list(self._settle(gap))
        if not self.started or gap.last_id >= (self._next_id or 0) or gap.next_time > self.latest_time:
            self._decisions.pop(gap.first_id, None)
            self._decisions[gap.first_id] = gap
            if len(self._decisions) > DECISION_LIMIT:
                del self._decisions[next(iter(self._decisions))]
            results.extend(self._release())
        return results

    def _place(self, entry: _Entry[ItemT]) -> list[SequenceResult[ItemT]]:
        trade_id, next_id = entry.trade_id, self._next_id
        newest = entry.trade_time > self.latest_time
        results: list[SequenceResult[ItemT]]
        if next_id is None:
            results = self._begin(entry)
        elif trade_id < next_id:
            # An id that went back while time went on: the venue counts anew (test network wiped, symbol relisted).
            # But the time of what cannot be read is a guess.
            anew = newest and entry.kind is not _Kind.LOST
            results = [*self._flush(), *self._begin(entry)] if anew else list(self._fill(entry))
        elif trade_id in self._held:
            results = [Duplicate(trade_id)]
        else:
            self._held[trade_id] = entry
            heappush(self._heap, trade_id)
            # What is first decides whether the flow can go on; more behind it changes nothing.
            results = list(self._release()) if self._heap[0] == trade_id else []
            if len(self._held) > self._held_limit:
                results.extend(self._release(force=True))
            if trade_id in self._held:
                results.append(Held(trade_id))
        if newest:
            self.latest_time = entry.trade_time
        return results

    def _begin(self, entry: _Entry[ItemT]) -> list[SequenceResult[ItemT]]:
        """Start an epoch with the first id that came; ids before it may still come, late."""
        self._epoch_floor = self.latest_time
        if entry.trade_id > 0:
            self._missing.append(MissingIds(IdRun(0, entry.trade_id - 1, 0, entry.trade_time), reported=False))
        self._next_id = entry.trade_id
        return list(self._emit(entry))

    def _flush(self) -> Iterator[SequenceResult[ItemT]]:
        """End an epoch: what is held goes out, what is missing stays missing."""
        yield from self._release(force=True)
        for hole in self._missing:
            if hole.reported:
                yield HoleClosed(self.epoch, hole.first_id, recovered=False)
        self._missing.clear()
        self.epoch += 1

    def _fill(self, entry: _Entry[ItemT]) -> Iterator[SequenceResult[ItemT]]:
        """Take an id that the flow has passed."""
        trade_id = entry.trade_id
        position = bisect_right(self._missing, trade_id, key=lambda hole: hole.first_id) - 1
        hole = self._missing[position] if position >= 0 else None
        # What is not newer than the last epoch belongs to it.
        old = entry.trade_time <= self._epoch_floor
        if hole is None or old or entry.kind is _Kind.LOST or not hole.overlaps(trade_id, trade_id):
            yield Duplicate(trade_id)
            return
        if entry.item is not None:
            yield Late(self.epoch, entry.item)
        hole.strike(trade_id, trade_id, entry.trade_time)
        yield from self._what_is_left(hole)

    def _what_is_left(self, hole: MissingIds) -> Iterator[HoleNarrowed | HoleClosed]:
        if not hole.runs:
            self._missing.remove(hole)
        if hole.reported:
            if hole.runs:
                spans = tuple((run.previous_time, run.next_time) for run in hole.runs)
                yield HoleNarrowed(self.epoch, hole.first_id, spans)
                if hole.hopeless:
                    yield HoleClosed(self.epoch, hole.first_id, recovered=False)
            else:
                yield HoleClosed(self.epoch, hole.first_id, recovered=True)

    def _settle(self, gap: Gap) -> Iterator[HoleNarrowed | HoleClosed]:
        """Apply what the ledger says to holes that the flow has passed."""
        if gap.status not in {GapStatus.ABSENT, GapStatus.UNFILLABLE} or gap.next_time <= self._epoch_floor:
            return
        for hole in list(self._missing):
            if not hole.reported or not hole.overlaps(gap.first_id, gap.last_id):
                continue
            if gap.status is GapStatus.ABSENT:
                hole.strike(gap.first_id, gap.last_id)
                yield from self._what_is_left(hole)
            else:
                hole.give_up(gap.first_id, gap.last_id)
                if hole.hopeless:
                    yield HoleClosed(self.epoch, hole.first_id, recovered=False)

    def _release(self, *, force: bool = False) -> Iterator[SequenceResult[ItemT]]:
        """Let go what need not wait any longer."""
        while self._heap and self._next_id is not None:
            first = self._held[self._heap[0]]
            if first.trade_id > self._next_id:
                hole = self._decided(self._next_id, first, force=force)
                if hole is None:
                    break
                self._next_id = hole.last_id + 1
                self._remember(hole)
                yield hole
                continue
            heappop(self._heap)
            del self._held[first.trade_id]
            yield from self._emit(first)
        self._forget_decisions()

    def _decided(self, next_id: int, first: _Entry[ItemT], *, force: bool) -> Hole | None:
        """Return the hole that begins at ``next_id``, as far as it is decided."""
        gap = self._decision(next_id, first.trade_time)
        if gap is not None and gap.status not in {GapStatus.OPEN, GapStatus.FILLED}:
            last_id, absent = min(gap.last_id, first.trade_id - 1), gap.status is GapStatus.ABSENT
        elif force:
            last_id, absent = first.trade_id - 1, False
        else:
            return None
        return Hole(self.epoch, next_id, last_id, self._released_time, first.trade_time, first.offset, absent)

    def _decision(self, trade_id: int, next_time: int) -> Gap | None:
        """Return the ledger's entry that covers an id between two times.

        Times tell the epochs apart: the ledger may have counted more of them than this log still shows.
        """
        exact = self._decisions.get(trade_id)
        candidates = (exact,) if exact is not None else self._decisions.values()
        for gap in candidates:
            covers = gap.first_id <= trade_id <= gap.last_id
            if covers and gap.previous_time <= next_time and gap.next_time >= self._released_time:
                return gap
        return None

    def _emit(self, entry: _Entry[ItemT]) -> Iterator[SequenceResult[ItemT]]:
        self._next_id = entry.trade_id + 1
        self._released_time = entry.trade_time
        if entry.kind is _Kind.LOST:
            trade_id, time = entry.trade_id, entry.trade_time
            hole = Hole(self.epoch, trade_id, trade_id, time, time, entry.offset, absent=False)
            self._remember(hole)
            yield hole
        elif entry.item is not None:
            yield InOrder(self.epoch, entry.item)

    def _remember(self, hole: Hole) -> None:
        run = IdRun(hole.first_id, hole.last_id, hole.previous_time, hole.next_time)
        self._missing.append(MissingIds(run, reported=not hole.absent))
        if len(self._missing) > HOLE_LIMIT:
            del self._missing[0]

    def _forget_decisions(self) -> None:
        """Drop what was decided about ids that the flow has passed."""
        if not self._decisions or self._next_id is None:
            return
        passed = [
            first_id
            for first_id, gap in self._decisions.items()
            if gap.last_id < self._next_id and gap.next_time <= self.latest_time
        ]
        for first_id in passed:
            del self._decisions[first_id]
