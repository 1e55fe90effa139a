"""What is missing at the end of the log, where no next id tells: the venue's newest ids, held against the log's.

A symbol that trades no more shows no hole. So the venue is asked for its newest trade ids, and where it is ahead of the
log, that is a suspicion: what is ahead may be under way. It is borne out if, a grace later,

- the log has been read as far as it reached at the first look, and ends where it ended then: a record that came since
  would show, by its id, what is missing before it;
- the venue, asked once more, still has those ids: it may have begun to count anew.

Only ids of the first look are told: newer ones may be under way. Ids here are trade ids, for aggregate trades too: an
aggregate covers the trades up to its last, and not every trade is in one (insurance fund, ADL), so of aggregates a
suspicion that was borne out is a question yet: see :meth:`TailWatch.nothing_missing`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from ingest.core.holes import Key


__all__ = ["GRACE_MS", "Lacking", "Newest", "Tail", "TailWatch"]

GRACE_MS: Final = 10_000.0
"""What was not in the log after so long is not under way any more."""


class Tail(Struct, frozen=True):
    """Where the log ends, for one stream and symbol."""

    key: Key
    epoch: int
    next_id: int
    """Of the stream's own ids: behind the last in the log."""
    through: int
    """The newest trade that the log covers; -1: not known, of aggregates of which none was read yet."""
    next_offset: int
    """Up to where the partition is read."""
    end_offset: int
    """Where it ended when it was asked for."""

    def same_end(self, other: Tail) -> bool:
        """Whether nothing came in between."""
        return (self.epoch, self.next_id) == (other.epoch, other.next_id)


class Newest(Struct, frozen=True):
    """The venue's newest trade of a symbol."""

    trade_id: int
    """Below 0: it has none."""
    time: int
    """No trade up to this one is newer, milliseconds since the epoch."""


class Lacking(Struct, frozen=True):
    """The log lacks trades at its end, or so it seems of aggregates."""

    tail: Tail
    newest: Newest
    """As of the first look."""


class _Suspicion(Struct, frozen=True):
    tail: Tail
    newest: Newest
    since_ms: float


class TailWatch:
    """Suspicions about the ends of the log, of one market."""

    def __init__(self, grace_ms: float = GRACE_MS) -> None:
        self._grace_ms = grace_ms
        self._suspicions: dict[Key, _Suspicion] = {}
        self._cleared: dict[Key, Lacking] = {}

    @property
    def suspects(self) -> bool:
        """Whether there is something to look at once more."""
        return bool(self._suspicions)

    def begin(self) -> None:
        """Forget the suspicions: what follows is a first look."""
        self._suspicions.clear()

    def told(self, tail: Tail, newest: Newest, now_ms: float) -> Lacking | None:
        """Take what the venue says.

        Args:
            tail: where the log ends, learned before or after the venue was asked.
            newest: its answer.
            now_ms: when the answer was there.

        Returns:
            What is lacking, as far as it is borne out; it is returned once.
        """
        key, earlier = tail.key, self._suspicions.get(tail.key)
        if newest.trade_id <= tail.through or newest.trade_id < 0 or self._is_cleared(tail, newest):
            self._suspicions.pop(key, None)
            return None
        if earlier is None or not earlier.tail.same_end(tail) or newest.trade_id < earlier.newest.trade_id:
            self._suspicions[key] = _Suspicion(tail, newest, now_ms)
            return None
        if now_ms - earlier.since_ms < self._grace_ms or tail.next_offset < earlier.tail.end_offset:
            return None
        del self._suspicions[key]
        return Lacking(tail, earlier.newest)

    def remaining(self, tails: Iterable[Tail]) -> list[Tail]:
        """Return the ends of the log that are worth a second look: where it went on, there is nothing to suspect.

        Args:
            tails: all ends, as they are now.
        """
        left = [
            tail
            for tail in tails
            if (earlier := self._suspicions.get(tail.key)) is not None and earlier.tail.same_end(tail)
        ]
        self._suspicions = {tail.key: self._suspicions[tail.key] for tail in left}
        return left

    def due(self, now_ms: float) -> bool:
        """Whether the grace of every suspicion is over."""
        return all(now_ms - one.since_ms >= self._grace_ms for one in self._suspicions.values())

    def nothing_missing(self, lacking: Lacking) -> None:
        """Take note that no record of the stream is missing, although the venue's trades go further."""
        self._cleared[lacking.tail.key] = lacking

    def _is_cleared(self, tail: Tail, newest: Newest) -> bool:
        cleared = self._cleared.get(tail.key)
        if cleared is None:
            return False
        if cleared.tail.same_end(tail) and newest.trade_id <= cleared.newest.trade_id:
            return True
        del self._cleared[tail.key]
        return False
