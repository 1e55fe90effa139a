"""Where changes of a book are missing: what the depth diffs of one symbol cover, in the order of the log.

Two connections may cut the same changes at different ids, so a diff counts by what it covers (architecture §4.3): it
continues the log when it starts at or before the last id and ends behind it.
"""

from __future__ import annotations

from typing import Final

from ingest.core.holes import Hole, Key, NewEpoch
from schemas.control import Progress


__all__ = ["DiffSequence"]

_WENT_BACK_MS: Final = 60_000
"""A diff whose id went back although its time is this much newer is no repetition: the venue counts anew."""
_BELIEVED_JUMP: Final = 10**12
"""No stream counts so far in months: an id that does is false."""


class DiffSequence:
    """What the diffs and snapshots of one symbol cover."""

    __slots__ = ("epoch", "last_id", "last_time", "moved", "offset", "snapshot_id")

    def __init__(self, last_id: int = -1, last_time: int = 0, offset: int = -1, epoch: int = 0) -> None:
        self.last_id = last_id
        """Changes up to this id are in the log or in the ledger; -1: nothing was seen."""
        self.last_time = last_time
        """The event time of the newest diff."""
        self.offset = offset
        """Of the raw record with the last id."""
        self.epoch = epoch
        """How often the ids went back."""
        self.moved = False
        """Whether there is progress that was not noted."""
        self.snapshot_id = -1
        """Where the newest snapshot stands; -1: none was seen in this run."""

    @classmethod
    def of(cls, progress: Progress) -> DiffSequence:
        """Go on from where an earlier run was."""
        return cls(progress.last_id, progress.last_time, progress.offset, progress.epoch)

    def diff(self, covers_after: int, final_id: int, time_ms: int, offset: int) -> Hole | NewEpoch | None:
        """Take the next diff of the log.

        Args:
            covers_after: it holds every change after this id (spot: ``U`` - 1, futures: ``pu``).
            final_id: up to and with this one.
            time_ms: its event time.
            offset: where it lies.

        Returns:
            The changes that are missing before it, or that the ids began anew; None: it follows, or brings nothing new.
        """
        last_id, last_time = self.last_id, self.last_time
        if offset <= self.offset or covers_after > final_id or (last_id >= 0 and final_id - last_id > _BELIEVED_JUMP):
            return None  # read again after a restart; or no ids at all
        if final_id <= last_id:
            if time_ms <= last_time + _WENT_BACK_MS:
                return None
            self.epoch += 1
            self.snapshot_id = -1
            self._move(final_id, time_ms, offset)
            return NewEpoch(self.epoch)
        self._move(final_id, max(time_ms, last_time), offset)
        if last_id < 0 or covers_after <= last_id:
            return None
        return Hole(self.epoch, last_id + 1, covers_after, last_time, time_ms)

    def snapshot(self, last_update_id: int) -> None:
        """Take note of a snapshot."""
        self.snapshot_id = max(self.snapshot_id, last_update_id)

    def healed(self, last_missing_id: int) -> bool:
        """Whether a book is right again behind a hole: from a snapshot at or behind its end the diffs go on."""
        return last_missing_id <= self.snapshot_id <= self.last_id

    def progress(self, key: Key, partition: int) -> Progress:
        """Return how far it is, to be noted."""
        market, stream, symbol = key
        return Progress(
            market=market,
            stream=stream,
            symbol=symbol,
            epoch=self.epoch,
            last_id=self.last_id,
            last_time=self.last_time,
            partition=partition,
            offset=self.offset,
        )

    def _move(self, final_id: int, time_ms: int, offset: int) -> None:
        self.last_id, self.last_time, self.offset, self.moved = final_id, time_ms, offset, True
