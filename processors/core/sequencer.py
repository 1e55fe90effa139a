"""Putting the trades of one symbol into the order of their ids, each once.

The log may hold a trade twice (two connections), out of order, or not at all. Ids are consecutive, so what is missing
is known. Nobody here decides how long to wait for it: trades after a hole are held until the ledger says what became of
the hole (architecture §4.5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum
from heapq import heapify, heappop, heappush
from typing import Final, Generic, TypeVar

import msgspec

from processors.core.decisions import Decision, Decisions
from processors.core.missing_ids import KeptMissing
from processors.core.passed_holes import PassedHoles
from processors.core.sequence_results import (
    Duplicate,
    Held,
    Hole,
    HoleClosed,
    HoleNarrowed,
    InOrder,
    Late,
    SequenceResult,
)
from schemas.control import Gap, GapStatus


__all__ = [
    "Duplicate",
    "Held",
    "Hole",
    "HoleClosed",
    "HoleNarrowed",
    "InOrder",
    "KeptSequence",
    "Late",
    "SequenceResult",
    "TradeSequencer",
]

ItemT = TypeVar("ItemT")
"""What is put in order."""
KeptT = TypeVar("KeptT")
"""How that is written down."""

HELD_LIMIT: Final = 10_000
"""Trades held behind a hole. Beyond it the flow goes on as if the ledger had said ``deferred``."""


class _Kind(IntEnum):
    ITEM = 1
    EMPTY = 2
    """The id is taken up, there is no trade."""
    LOST = 3
    """There was a trade, but it cannot be read."""


class _Entry(msgspec.Struct, Generic[ItemT], frozen=True, array_like=True):
    trade_id: int
    trade_time: int
    offset: int
    kind: _Kind
    item: ItemT | None


class KeptSequence(msgspec.Struct, Generic[KeptT], frozen=True, array_like=True):
    """A sequence of ids, written down."""

    epoch: int
    latest_time: int
    next_id: int | None
    released_time: int
    epoch_floor: int
    held: list[_Entry[KeptT]]
    missing: list[KeptMissing]
    decisions: list[Decision]


class TradeSequencer(Generic[ItemT]):
    """The ids of one symbol and source.

    Offsets of what is taken only grow. What the ledger says may be told again at any time: it changes nothing.
    """

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
        self._passed = PassedHoles()
        self._decisions = Decisions()

    @property
    def started(self) -> bool:
        """Whether an id was seen."""
        return self._next_id is not None

    def waits_since(self) -> int | None:
        """Return the smallest offset among the trades that are held; None: none is."""
        # They are kept as they came, and offsets only grow.
        return next((entry.offset for entry in self._held.values()), None)

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
        decision = Decision.of(gap)
        if decision.next_time <= self._epoch_floor:
            return []  # of an epoch that is over
        results: list[SequenceResult[ItemT]] = [*self._passed.decide(self.epoch, decision)]
        if self._next_id is None or gap.last_id >= self._next_id or gap.next_time > self.latest_time:
            self._decisions.tell(decision)
            results.extend(self._release())
        return results

    def dump(self, keep: Callable[[ItemT], KeptT]) -> KeptSequence[KeptT]:
        """Return all that is known, written down.

        Args:
            keep: writes an item down.
        """
        return KeptSequence(
            self.epoch,
            self.latest_time,
            self._next_id,
            self._released_time,
            self._epoch_floor,
            [_changed(entry, keep) for entry in self._held.values()],
            self._passed.dump(),
            self._decisions.kept(self._next_id, self.latest_time),
        )

    def load(self, kept: KeptSequence[KeptT], read: Callable[[KeptT], ItemT]) -> None:
        """Take over what was written down.

        Args:
            kept: a dump.
            read: the inverse of what wrote the items down.
        """
        self.epoch, self.latest_time = kept.epoch, kept.latest_time
        self._next_id, self._released_time = kept.next_id, kept.released_time
        self._epoch_floor = kept.epoch_floor
        self._held = {entry.trade_id: _changed(entry, read) for entry in kept.held}
        self._heap = list(self._held)
        heapify(self._heap)
        self._passed.load(kept.missing)
        self._decisions = Decisions(kept.decisions)

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
            results = [self._hold_again(entry)]
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

    def _hold_again(self, entry: _Entry[ItemT]) -> Duplicate | Held:
        """Take an id that is held: what can be read stands in for what cannot, as it would once the flow has passed."""
        if entry.kind is _Kind.LOST or self._held[entry.trade_id].kind is not _Kind.LOST:
            return Duplicate(entry.trade_id)
        del self._held[entry.trade_id]  # for its new place: they are kept by offset
        self._held[entry.trade_id] = entry
        return Held(entry.trade_id)

    def _begin(self, entry: _Entry[ItemT]) -> list[SequenceResult[ItemT]]:
        """Start an epoch with the first id that came; ids before it may still come, late."""
        self._epoch_floor = self.latest_time
        self._decisions.forget_until(self._epoch_floor)
        self._passed.begin(entry.trade_id, entry.trade_time)
        self._next_id = entry.trade_id
        return list(self._emit(entry))

    def _flush(self) -> Iterator[SequenceResult[ItemT]]:
        """End an epoch: what is held goes out, what is missing stays missing."""
        yield from self._release(force=True)
        yield from self._passed.end(self.epoch)
        self.epoch += 1

    def _fill(self, entry: _Entry[ItemT]) -> Iterator[SequenceResult[ItemT]]:
        """Take an id that the flow has passed."""
        trade_id = entry.trade_id
        # What is not newer than the last epoch belongs to it.
        old = entry.trade_time <= self._epoch_floor
        if old or entry.kind is _Kind.LOST or not self._passed.miss(trade_id):
            yield Duplicate(trade_id)
            return
        if entry.item is not None:
            yield Late(self.epoch, entry.item)
        yield from self._passed.fill(self.epoch, trade_id, entry.trade_time)

    def _release(self, *, force: bool = False) -> Iterator[SequenceResult[ItemT]]:
        """Let go what need not wait any longer."""
        while self._heap and self._next_id is not None:
            first = self._held[self._heap[0]]
            if first.trade_id > self._next_id:
                hole = self._decided(self._next_id, first, force=force)
                if hole is None:
                    break
                self._next_id = hole.last_id + 1
                yield from self._pass(hole)
                continue
            heappop(self._heap)
            del self._held[first.trade_id]
            yield from self._emit(first)
        if self._decisions and self._next_id is not None:
            self._decisions.forget_passed(self._next_id, self.latest_time)

    def _decided(self, next_id: int, first: _Entry[ItemT], *, force: bool) -> Hole | None:
        """Return the hole that begins at ``next_id``, as far as it is decided."""
        known = self._decisions.about(next_id, first.trade_time, self._released_time)
        if known is not None and known.status not in {GapStatus.OPEN, GapStatus.FILLED}:
            last_id, absent = min(known.last_id, first.trade_id - 1), known.status is GapStatus.ABSENT
        elif force:
            last_id, absent = first.trade_id - 1, False
        else:
            return None
        return Hole(self.epoch, next_id, last_id, self._released_time, first.trade_time, first.offset, absent)

    def _emit(self, entry: _Entry[ItemT]) -> Iterator[SequenceResult[ItemT]]:
        self._next_id = entry.trade_id + 1
        self._released_time = entry.trade_time
        if entry.kind is _Kind.LOST:
            trade_id, time = entry.trade_id, entry.trade_time
            hole = Hole(self.epoch, trade_id, trade_id, time, time, entry.offset, absent=False)
            yield from self._pass(hole)
        elif entry.item is not None:
            yield InOrder(self.epoch, entry.item)

    def _pass(self, hole: Hole) -> Iterator[Hole | HoleNarrowed | HoleClosed]:
        """Go on without the ids of a hole, and apply what the ledger has said about them already."""
        yield hole
        yield from self._passed.add(hole, self._decisions.overlapping(hole.first_id, hole.last_id))


def _changed(entry: _Entry[ItemT], change: Callable[[ItemT], KeptT]) -> _Entry[KeptT]:
    item = None if entry.item is None else change(entry.item)
    return _Entry(entry.trade_id, entry.trade_time, entry.offset, entry.kind, item)
