"""From frames to the publisher: decode, guard, hand over. One per connection and life of its socket."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Protocol

from msgspec import Struct
from structlog.stdlib import BoundLogger

from ingest.core.dead_letters import dead_letter
from ingest.core.guard import EARLIEST_MS, with_receive_time
from ingest.core.outcomes import Item, Rejected, Signal
from ingest.core.overlap import Overlap
from ingest.core.records import Record
from ingest.frame_queue import TimedFrame
from ingest.metrics import Metrics
from ingest.venue_time import VenueTime
from schemas.markets import Market
from schemas.topics import ControlType, TopicTable


__all__ = ["Decoder", "Outlet", "Pipeline", "Worked"]


class Decoder(Protocol):
    """Takes the frames of one connection apart."""

    @property
    def seen(self) -> Mapping[str, object]:
        """What delivered, by name in the order of the first frames; None as a value: none of ours."""

    def watch(self) -> None:
        """Take everything for new again, so that :attr:`seen` tells what delivers from now on."""

    def forget_targets(self) -> None:
        """Ask for every symbol's extra headers anew."""

    def decode(self, frame: bytes, receive_time_ns: int, sequence: int) -> list[Item]:
        """Return what a frame holds, in its order; never raises."""


class Outlet(Protocol):
    """Where records go."""

    def publish(self, record: Record) -> None:
        """Take a record; returns at once."""


class Worked(Struct, frozen=True):
    """What a chunk of frames held besides records."""

    signals: tuple[Signal, ...]
    newest_event: int | None
    """The largest plausible event time behind the last signal; None: there was none."""
    first: tuple[str, ...] = ()
    """Streams that delivered for the first time, on this socket or since :meth:`Pipeline.watch`."""


class Pipeline:
    """Works on the frames of one connection.

    Args:
        market: the connection's.
        connection_id: names it in dead letters.
        decoder: takes its frames apart.
        publisher: where the records go.
        venue: the venue's time.
        table: names the topics.
        dead_letters: where what is set aside goes.
        metrics: counts.
        log: tells of what was set aside.
    """

    def __init__(
        self,
        market: Market,
        connection_id: str,
        decoder: Decoder,
        *,
        publisher: Outlet,
        venue: VenueTime,
        table: TopicTable,
        metrics: Metrics,
        log: BoundLogger,
        dead_letters: ControlType = ControlType.DEAD_LETTER,
    ) -> None:
        self._market = market
        self._connection_id = connection_id
        self._decoder = decoder
        self._publisher = publisher
        self._venue = venue
        self._table = table
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._log = log
        self._sequence = 0
        self._seen_count = 0
        self._overlap: Overlap | None = None
        self._troubles: Counter[str] = Counter()

    def watch(self) -> None:
        """Tell anew which streams deliver, each with its next frame."""
        self._decoder.watch()
        self._seen_count = 0

    def forget_targets(self) -> None:
        """Ask for every symbol's extra headers anew: more is known of the symbols now."""
        self._decoder.forget_targets()

    def overlaps(self, overlap: Overlap | None) -> None:
        """Drop what the other socket of the connection delivered, from now on; None: there is no other any more."""
        self._overlap = overlap

    async def work(self, frames: Sequence[TimedFrame]) -> Worked:
        """Hand over what a chunk of frames holds, in order.

        It does not wait for the broker, and in the ordinary case for nobody.
        """
        decode, publish = self._decoder.decode, self._publisher.publish
        if self._overlap is not None:
            publish = partial(self._admit, self._overlap, frames[-1][0])
        latest, newest, sequence = self._venue.latest_plausible(), 0, self._sequence
        signals: list[Signal] = []
        counts: Counter[str] = Counter()
        last: dict[str, Record] = {}
        for receive_time_ns, frame in frames:
            sequence += 1
            for item in decode(frame, receive_time_ns, sequence):
                if isinstance(item, Record):
                    record, event_time = item, item.event_time
                    if event_time is not None and not EARLIEST_MS <= event_time <= latest:
                        record = await self._guarded(record, event_time, newest, receive_time_ns)
                        latest, event_time = self._venue.latest_plausible(), record.event_time
                    if event_time is not None and event_time > newest:
                        newest = event_time
                    publish(record)
                    counts[record.topic] += 1
                    last[record.topic] = record
                elif isinstance(item, Rejected):
                    self._set_aside(item, receive_time_ns)
                else:
                    signals.append(item)
                    # What came before an acknowledgement says nothing about what is complete since.
                    self._venue.clock.observe(newest)
                    newest = 0
        self._sequence = sequence
        if newest:
            self._venue.clock.observe(newest)
            self._metrics.event_lag.labels(self._market).observe(max(0.0, frames[-1][0] / 1e9 - newest / 1e3))
        if self._overlap is None:
            self._count(counts)
        self._note_last(last)
        self._tell_troubles()
        return Worked(tuple(signals), newest or None, self._first())

    def hand_over(self, records: Sequence[Record]) -> None:
        """Hand records over that were held while two sockets overlapped."""
        for record in records:
            self._publisher.publish(record)
        self._count(Counter(record.topic for record in records))

    def _admit(self, overlap: Overlap, now_ns: int, record: Record) -> None:
        copies = overlap.copy_count
        self.hand_over(overlap.admit(record, self._connection_id, now_ns))
        self._metrics.overlap_duplicates.labels(self._market).inc(overlap.copy_count - copies)

    def _count(self, counts: Counter[str]) -> None:
        for topic, count in counts.items():
            row = self._table[topic]
            self._metrics.records.labels(row.market, row.type).inc(count)

    def _note_last(self, last: Mapping[str, Record]) -> None:
        for topic, record in last.items():
            row = self._table[topic]
            self._metrics.last_event.labels(row.market, row.type).set(record.timestamp_ms / 1000)

    def _first(self) -> tuple[str, ...]:
        """Return the streams that the decoder met for the first time; costs nothing where there are none."""
        seen = self._decoder.seen
        if len(seen) == self._seen_count:
            return ()
        # What is none of ours, as the stream of the notice of an end, proves nothing.
        first = tuple(name for name, source in islice(seen.items(), self._seen_count, None) if source is not None)
        self._seen_count = len(seen)
        return first

    async def _guarded(self, record: Record, event_time: int, newest: int, receive_time_ns: int) -> Record:
        """Return a record whose event time seems impossible, stamped with its receive time if it is."""
        # The clock that judged it has stood still since the chunk began.
        self._venue.clock.observe(newest)
        if await self._venue.is_plausible(event_time):
            return record
        self._metrics.event_times_replaced.labels(self._market).inc()
        self._troubles["event time replaced"] += 1
        return with_receive_time(record, receive_time_ns // 1_000_000)

    def _set_aside(self, rejected: Rejected, receive_time_ns: int) -> None:
        self._metrics.dead_letters.labels(self._market, rejected.reason).inc()
        self._troubles[f"set aside: {rejected.reason}"] += 1
        letter = dead_letter(self._table, rejected, self._connection_id, receive_time_ns, self._dead_letters)
        self._publisher.publish(letter)

    def _tell_troubles(self) -> None:
        """Log once per chunk: a stream that went bad must not flood the log."""
        for trouble, count in self._troubles.items():
            self._log.warning(trouble, count=count)
        self._troubles.clear()
