"""What the heartbeats of one raw partition are about, while the symbols that are taken change.

A *run* of promises is about a fixed set of symbols. When symbols are left, a run without them begins at once: of what
is left nothing is known any more. When symbols are added, the run in force goes on about the others, and is followed by
one about all as soon as that is true: when every new stream is acknowledged, and the connections have been read beyond
the moment from which on nothing of the new streams is missing. A run says where the partition ended before the first
record of its new symbols could come, so that a reader can tell since when they are vouched for. That alone does not
tell runs apart: between two of them nothing may have been written. So each has a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from ingest.core.carriers import Shard


__all__ = ["ROSTER_MS", "Mark", "Position", "Promise", "Run"]

ROSTER_MS: Final = 600_000
"""So often a run's heartbeats say again what they are about, for readers who begin to read later."""

_NEVER: Final = float("-inf")


class Run(Struct, frozen=True):
    """Promises about a fixed set of symbols."""

    number: int
    begin_offset: int | None
    """Where the partition ended when it was prepared; None: not known."""
    symbols: tuple[str, ...]


class Position(Struct, frozen=True):
    """How far the publisher is in one partition."""

    published: int
    """Records handed over in this run."""
    acknowledged: int
    """Of these, the first so many that the broker has."""
    next_offset: int | None
    """Offset after the last acknowledged one; None: not known."""


class Mark(Struct, frozen=True):
    """A heartbeat that waits until what it vouches for is acknowledged."""

    shard: Shard
    vouched_until: int
    published: int
    run: Run
    marked_ms: float


class _Upcoming:
    """The run that is to follow, and what it waits for."""

    def __init__(self, run: Run, carried: Mapping[str, str], waiting: Iterable[str]) -> None:
        self.run = run
        self.carried = dict(carried)
        self.waiting = set(waiting)
        """Symbols whose streams are not acknowledged."""
        self.since_ms: dict[str, float] = {}
        """When streams of connections were acknowledged of which it is not known yet what exchange time that was."""
        self.floor = 0
        """Exchange time from which on nothing of the acknowledged streams is missing."""


class Promise:
    """The promises about one raw partition of one stream type.

    Args:
        carried: the symbols, and the label of the connection that carries each.
        numbers: where runs get their numbers from.
    """

    def __init__(self, carried: Mapping[str, str], numbers: Iterator[int]) -> None:
        self._numbers = numbers
        self._run = Run(next(numbers), None, tuple(sorted(carried)))
        self._labels = _labels(carried, carried)
        self._upcoming: _Upcoming | None = None
        self._told_ms = _NEVER

    @property
    def run(self) -> Run:
        """The run in force."""
        return self._run

    @property
    def labels(self) -> tuple[str, ...]:
        """The connections that the run in force rests on; empty: it is about nothing."""
        return self._labels

    @property
    def upcoming_labels(self) -> tuple[str, ...]:
        """The connections that the run to come rests on, once it lacks nothing but time; empty: there is none."""
        one = self._upcoming
        return () if one is None or one.waiting or one.since_ms else _labels(one.carried, one.run.symbols)

    @property
    def floor(self) -> int:
        """The exchange time that must be reached before the run to come is true."""
        return 0 if self._upcoming is None else self._upcoming.floor

    @property
    def wants_time(self) -> bool:
        """Whether the venue's time is needed."""
        return self._upcoming is not None and bool(self._upcoming.since_ms)

    @property
    def over(self) -> bool:
        """Whether there is nothing to promise, now or later."""
        return not self._run.symbols and self._upcoming is None

    def begin(self, offset: int | None) -> None:
        """Say where the partition ends before anything is subscribed to."""
        self._run = Run(self._run.number, offset, self._run.symbols)

    def replan(self, carried: Mapping[str, str], offset: int | None) -> None:
        """Take another set of symbols, before the messages that subscribe to them are sent.

        Args:
            carried: all symbols that are to be taken from now on, and who carries each.
            offset: where the partition ends, or an offset before that; None: not known.
        """
        staying = tuple(symbol for symbol in self._run.symbols if symbol in carried)
        if len(staying) < len(self._run.symbols):
            self._run, self._told_ms = Run(next(self._numbers), offset, staying), _NEVER
        self._labels = _labels(carried, staying)
        added = carried.keys() - set(staying)
        before, self._upcoming = self._upcoming, None
        if not added:
            return
        run = Run(next(self._numbers), offset, tuple(sorted(carried)))
        if before is None:
            self._upcoming = _Upcoming(run, carried, added)
            return
        # Records of symbols that were added then may lie below the present end.
        run = Run(run.number, before.run.begin_offset, run.symbols)
        acknowledged = before.carried.keys() - before.waiting
        self._upcoming = _Upcoming(run, carried, added - acknowledged)
        self._upcoming.since_ms = {label: ms for label, ms in before.since_ms.items() if label in carried.values()}
        self._upcoming.floor = before.floor

    def promote(self) -> None:
        """Let the run to come be the one in force."""
        if self._upcoming is not None:
            self._run, self._labels = self._upcoming.run, self.upcoming_labels
            self._upcoming, self._told_ms = None, _NEVER

    def roster(self, run: Run, now_ms: float) -> list[str] | None:
        """Return the symbols for a heartbeat of a run, if it is time to tell them."""
        if run is not self._run or run.begin_offset is None or now_ms - self._told_ms < ROSTER_MS:
            return None
        self._told_ms = now_ms
        return list(run.symbols)

    def coming(self, label: str) -> set[str]:
        """Return the symbols that the run to come finds on a connection."""
        if self._upcoming is None:
            return set()
        return {symbol for symbol, of in self._upcoming.carried.items() if of == label}

    # What happens to the connections

    def acknowledged(self, label: str, symbols: Iterable[str], now_ms: float) -> None:
        """Take note that a live connection carries these symbols from now on."""
        if self._upcoming is None:
            return
        new = [symbol for symbol in symbols if symbol in self._upcoming.waiting]
        if new:
            self._upcoming.waiting.difference_update(new)
            self._upcoming.since_ms[label] = now_ms

    def live(self, label: str, symbols: Iterable[str]) -> None:
        """Take note that a connection went live with these symbols: it is known since when nothing of it is missing."""
        if self._upcoming is not None:
            self._upcoming.waiting.difference_update(symbols)
            self._upcoming.since_ms.pop(label, None)

    def lost(self, label: str) -> None:
        """Take note that a connection ended: what it was to carry anew must be acknowledged again."""
        if self._upcoming is not None:
            self._upcoming.waiting |= self.coming(label).difference(self._run.symbols)
            self._upcoming.since_ms.pop(label, None)

    def told(self, label: str, since: int) -> None:
        """Take note that nothing is missing of a connection's new streams from an exchange time on."""
        if self._upcoming is not None and self._upcoming.since_ms.pop(label, None) is not None:
            self._upcoming.floor = max(self._upcoming.floor, since)

    def told_time(self, server_time: int, asked_ms: float) -> None:
        """Take the venue's answer to the question for its time, for what was acknowledged before it was asked."""
        if self._upcoming is not None:
            for label, since_ms in list(self._upcoming.since_ms.items()):
                if since_ms <= asked_ms:
                    self.told(label, server_time)


def _labels(carried: Mapping[str, str], symbols: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({carried[symbol] for symbol in symbols}))
