"""A partition of trades or aggregate trades, read for the ids that are missing in it, as fast as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from ingest.core.heads import NumberedHead, number_decoder
from ingest.core.holes import Hole, IdSequence, NewEpoch
from ingest.core.log_partition import AHEAD_MS, LARGEST, UNREADABLE, LogPartition, LogRecord, Read
from ingest.core.tails import Newest, Tail
from schemas.control import Progress
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["TradePartition"]


class _Known(Struct, frozen=True, gc=False):
    """What is known of a record that was not read."""

    record_id: int
    time: int
    through: int


class TradePartition(LogPartition):
    """Trades or aggregate trades: ids are consecutive per symbol."""

    def __init__(self, market: Market, raw_type: RawType, partition: int) -> None:
        super().__init__(market, raw_type, partition)
        self._decode = number_decoder(raw_type)
        self._sequences: dict[bytes, IdSequence] = {}

    def tails(self, end_offset: int) -> Iterator[Tail]:
        """Yield where the log ends, for every symbol of which something was read.

        Args:
            end_offset: where the partition ended when it was asked for.
        """
        for raw, one in self._sequences.items():
            if one.next_id >= 0 and self.next_offset is not None:
                through = self._through(one)
                yield Tail(self._key(raw), one.epoch, one.next_id, through, self.next_offset, end_offset)

    def know(self, tail: Tail, through: int) -> None:
        """Take note of the newest trade that the last aggregate of the log covers, if it is still the last."""
        sequence = self._sequences.get(tail.key[2].encode())
        if sequence is not None and (sequence.epoch, sequence.next_id) == (tail.epoch, tail.next_id):
            sequence.newest = _Known(tail.next_id - 1, sequence.last_time, through)

    def lose_tail(self, tail: Tail, last_id: int, newest: Newest, time_ms: int) -> Read:
        """Take note of ids behind the last of the log: the venue gave them, and no connection delivered them.

        Nothing is opened if the log went on since.

        Args:
            tail: where the log ended.
            last_id: of the last that is missing.
            newest: the newest trade that it covers, and when.
            time_ms: the time since the epoch, at which it is found.
        """
        found, raw = Read(), tail.key[2].encode()
        sequence = self._sequences.get(raw)
        if sequence is not None and (sequence.epoch, sequence.next_id) == (tail.epoch, tail.next_id) <= (
            sequence.epoch,
            last_id,
        ):
            hole = sequence.lose_tail(last_id, newest.time)
            sequence.newest = _Known(last_id, newest.time, newest.trade_id)
            self._open(raw, hole, time_ms, found)
        return found

    def _through(self, sequence: IdSequence) -> int:
        last_id, newest = sequence.next_id - 1, sequence.newest
        if self.raw_type is RawType.TRADE:
            return last_id
        return newest.through if newest is not None and newest.record_id == last_id else -1

    def _restore(self, note: Progress) -> None:
        if note.stream == self.raw_type:
            self._sequences[note.symbol.encode()] = IdSequence.of(note)
            self._floor = max(self._floor, note.offset)

    def _read(self, records: Sequence[LogRecord], time_ms: int, found: Read) -> None:
        decode, sequences, floor = self._decode, self._sequences, self._floor
        for record in records:
            try:
                head = decode(record.value)  # type: ignore[arg-type]  # None is unreadable too
            except UNREADABLE:
                continue  # the processors set it aside
            sequence = sequences.get(record.key)  # type: ignore[arg-type]
            offset = record.offset
            if sequence is not None and head.record_id == sequence.next_id and offset > floor:
                # The ordinary case, written out: this runs for every trade.
                sequence.next_id += 1
                sequence.offset = offset
                sequence.moved = True
                sequence.newest = head
                time = head.time
                if time > sequence.last_time and time <= record.timestamp + AHEAD_MS:
                    sequence.last_time = time
            elif 0 <= head.record_id <= LARGEST:
                self._place(record, head, time_ms, found)

    def _place(self, record: LogRecord, head: NumberedHead, time_ms: int, found: Read) -> None:
        """Take a record that is not the next one."""
        raw, record_id, trade_time = record.key or b"", head.record_id, head.time
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
        if record_id == sequence.next_id - 1:
            sequence.newest = head
