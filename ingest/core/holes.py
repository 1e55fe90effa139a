"""Where ids are missing: consecutive ids per stream and symbol, and what breaks their order."""

from __future__ import annotations

from msgspec import Struct

from schemas.control import Progress
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["Follows", "Hole", "IdTracker", "Key", "Known", "NewEpoch", "Repeated", "Verdict"]


class Known(Struct, frozen=True):
    """How far the ids of one stream are accounted for."""

    epoch: int
    last_id: int
    last_time: int
    """The latest trade time seen, milliseconds."""
    partition: int
    offset: int
    """Of the raw record with ``last_id``."""


class Follows(Struct, frozen=True):
    """The next id, or the first of all."""


class Repeated(Struct, frozen=True):
    """An id that was passed already: a second copy, or one that came late."""


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


Verdict = Follows | Repeated | Hole | NewEpoch

Key = tuple[Market, RawType, str]
"""Market, stream type and symbol."""
_FOLLOWS = Follows()
_REPEATED = Repeated()


class IdTracker:
    """Follows the ids of all streams and symbols, in the order of the log."""

    def __init__(self) -> None:
        self._known: dict[Key, Known] = {}
        self._changed: set[Key] = set()

    def restore(self, progress: Progress) -> None:
        """Go on from where an earlier run was."""
        key = (progress.market, RawType(progress.stream), progress.symbol)
        self._known[key] = Known(
            progress.epoch, progress.last_id, progress.last_time, progress.partition, progress.offset
        )

    def feed(self, key: Key, record_id: int, time_ms: int, partition: int, offset: int) -> Verdict:
        """Take the next record of the log.

        Args:
            key: market, raw type and symbol.
            record_id: trade id or aggregate trade id.
            time_ms: the trade's time.
            partition: where the record lies.
            offset: where the record lies.
        """
        known = self._known.get(key)
        if known is None:
            self._set(key, Known(0, record_id, time_ms, partition, offset))
            return _FOLLOWS
        if offset <= known.offset and partition == known.partition:
            return _REPEATED  # read again after a restart
        expected = known.last_id + 1
        if record_id >= expected:
            latest = max(known.last_time, time_ms)
            self._set(key, Known(known.epoch, record_id, latest, partition, offset))
            if record_id == expected:
                return _FOLLOWS
            return Hole(known.epoch, expected, record_id - 1, known.last_time, time_ms)
        if time_ms > known.last_time:
            self._set(key, Known(known.epoch + 1, record_id, time_ms, partition, offset))
            return NewEpoch(known.epoch + 1)
        return _REPEATED

    def changed(self) -> list[Progress]:
        """Return the progress of what moved since the last call, in the order of the log."""
        moved = sorted((self._known[key].partition, self._known[key].offset, key) for key in self._changed)
        self._changed.clear()
        return [self._progress(key) for _, _, key in moved]

    def _set(self, key: Key, known: Known) -> None:
        self._known[key] = known
        self._changed.add(key)

    def _progress(self, key: Key) -> Progress:
        market, stream, symbol = key
        known = self._known[key]
        return Progress(
            market=market,
            stream=stream,
            symbol=symbol,
            epoch=known.epoch,
            last_id=known.last_id,
            last_time=known.last_time,
            partition=known.partition,
            offset=known.offset,
        )
