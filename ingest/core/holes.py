"""Where ids are missing: consecutive ids of one stream and symbol, and what breaks their order.

One record alone is not believed. An id that jumps far ahead, or back while time goes on, is a doubt until a second
record agrees with it: otherwise one false id would make a hole of 10^15, or end an epoch.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from ingest.core.heads import NumberedHead
from schemas.control import Progress
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["BELIEVED_JUMP", "SLACK_MS", "Doubtful", "Hole", "IdSequence", "Key", "NewEpoch", "Verdict"]

BELIEVED_JUMP: Final = 100_000
"""A hole of more ids needs a second witness. Of the busiest symbols that is an hour or two."""
SLACK_MS: Final = 1_000
"""Ids and times need not rise in perfect step."""
_AHEAD_MS: Final = 60_000
"""A trade this much newer than its event has a wrong time: it would hide that ids went back."""

Key = tuple[Market, RawType, str]
"""Market, stream type and symbol."""


class Hole(Struct, frozen=True):
    """Ids between the last and this one are missing."""

    epoch: int
    first_id: int
    last_id: int
    previous_time: int
    next_time: int


class NewEpoch(Struct, frozen=True):
    """The venue began to count anew: the id went back although time went on (testnet wipe, relisting)."""

    epoch: int


class Doubtful(Struct, frozen=True):
    """An id that does not fit, and that nothing else bears out yet."""

    expected: int
    record_id: int


Verdict = Hole | NewEpoch | Doubtful


class _Doubt(Struct, frozen=True):
    record_id: int
    time: int
    offset: int


class IdSequence:
    """The ids of one stream and symbol, in the order of the log.

    The fields are open to the loop over the records, which takes the ordinary case by itself: while ``next_id`` comes,
    it moves on ``next_id``, and at the end ``last_time``, ``offset``, ``moved`` and ``newest``. All else is for
    :meth:`feed`.
    """

    __slots__ = ("_doubt", "epoch", "last_time", "moved", "newest", "next_id", "offset")

    def __init__(self, next_id: int = -1, last_time: int = 0, offset: int = -1, epoch: int = 0) -> None:
        self.next_id = next_id
        """Everything before it is in the log or in the ledger; -1: nothing was seen."""
        self.last_time = last_time
        """The latest trade time seen, milliseconds."""
        self.offset = offset
        """Of the raw record with the last id."""
        self.epoch = epoch
        """How often the ids went back."""
        self.moved = False
        """Whether there is progress that was not noted."""
        self.newest: NumberedHead | None = None
        """What was read last, or is known of it; of another id than the last: nothing is known."""
        self._doubt: _Doubt | None = None

    @classmethod
    def of(cls, progress: Progress) -> IdSequence:
        """Go on from where an earlier run was."""
        return cls(progress.last_id + 1, progress.last_time, progress.offset, progress.epoch)

    def feed(self, record_id: int, time_ms: int, timestamp_ms: int, offset: int) -> list[Verdict]:
        """Take the next record of the log.

        Args:
            record_id: trade id or aggregate trade id.
            time_ms: the trade's time.
            timestamp_ms: the record's own, which was guarded when it was written.
            offset: where the record lies.

        Returns:
            What is remarkable; nothing where the id follows, or was passed before.
        """
        if offset <= self.offset:
            return []  # read again after a restart
        time_ms = min(time_ms, timestamp_ms + _AHEAD_MS)
        if self.next_id < 0:
            self._move(record_id, time_ms, offset)
            return []
        ahead = record_id - self.next_id
        if 0 <= ahead <= BELIEVED_JUMP:
            return self._accept(record_id, time_ms, offset)
        if ahead < 0 and time_ms <= self.last_time:
            return []
        doubt = self._doubt
        if doubt is not None and self._agrees(doubt, record_id, time_ms):
            self._doubt = None
            first = self._believe(doubt.record_id, doubt.time, doubt.offset)
            return [*first, *self._accept(record_id, time_ms, offset)]
        self._doubt = _Doubt(record_id, time_ms, offset)
        return [Doubtful(self.next_id, record_id)]

    def lose_tail(self, last_id: int, time_ms: int) -> Hole:
        """Go on behind ids that the venue gave and the log does not have.

        Args:
            last_id: of the last; not before the next one.
            time_ms: none of them is newer.
        """
        first_id, previous_time = self.next_id, self.last_time
        self.next_id, self.moved = last_id + 1, True
        # They come by backfill, and must not look as if ids had gone back while time went on.
        self.last_time = max(self.last_time, time_ms)
        self._doubt = None
        return Hole(self.epoch, first_id, last_id, min(previous_time, time_ms), time_ms)

    def progress(self, key: Key, partition: int) -> Progress:
        """Return how far it is, to be noted."""
        market, stream, symbol = key
        return Progress(
            market=market,
            stream=stream,
            symbol=symbol,
            epoch=self.epoch,
            last_id=self.next_id - 1,
            last_time=self.last_time,
            partition=partition,
            offset=self.offset,
        )

    def _agrees(self, doubt: _Doubt, record_id: int, time_ms: int) -> bool:
        if self.offset > doubt.offset:
            return False  # the sequence went on as if it had not been
        return 0 < record_id - doubt.record_id <= BELIEVED_JUMP and time_ms >= doubt.time

    def _believe(self, record_id: int, time_ms: int, offset: int) -> list[Verdict]:
        if record_id >= self.next_id:
            return self._accept(record_id, time_ms, offset)
        self.epoch += 1
        self.last_time = time_ms
        self._move(record_id, time_ms, offset)
        return [NewEpoch(self.epoch)]

    def _accept(self, record_id: int, time_ms: int, offset: int) -> list[Verdict]:
        expected, previous_time = self.next_id, min(self.last_time, time_ms)
        self._move(record_id, time_ms, offset)
        if record_id == expected:
            return []
        return [Hole(self.epoch, expected, record_id - 1, previous_time, time_ms)]

    def _move(self, record_id: int, time_ms: int, offset: int) -> None:
        self.next_id = record_id + 1
        self.last_time = max(self.last_time, time_ms)
        self.offset = offset
        self.moved = True
