"""What ingest can vouch for: up to which exchange time a raw partition is complete, and below which offset.

A heartbeat says of a market, a stream type and a partition: all its symbols are live, and everything up to the time T
is acknowledged below the offset O. T is the venue's clock, never ours, and never later than that:

- of each connection that carries such streams, the largest event time read less 2 s, because the streams of a
  connection are not ordered against each other; after 5 s without a frame that tells a time, the venue's answer to
  the question for its time less 5 s;
- of several connections, the smallest of these: one that is behind holds the others back;
- never less than what was vouched for before.

An event that is further ahead of what the venue last told of its time than the streams are out of step is not counted
until the venue was asked again and bears it out: one wrong event time must not vouch for what is yet to come. Where the
venue's clock runs faster than ours, as in a replay, that is the rule, and it is asked once a second.

The first heartbeat after connections went live names that moment, by the venue's clock: what happens from then on will
be there, so a reader knows from which time on its windows are whole. Windows that close before it are not, anyway.

While a socket is replaced, two carry the same streams. The older one is vouched by, until it is gone and all that was
read from it was handed over; then the promise goes on without a break if the two join: if the older one was read
beyond the time from which on the younger one misses nothing. Otherwise it ends there, and a new one begins.

Which symbols a promise is about, while they change, is the matter of :mod:`ingest.core.promises`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import count

from ingest.core.carriers import VOUCHED_TYPES, Carriers, Shard, carriers_of
from ingest.core.live_sockets import LiveSockets
from ingest.core.promises import Mark, Position, Promise
from ingest.core.reading import DISORDER_MS, SILENCE_MS, Reading
from ingest.core.told_time import ToldTime
from schemas.control import Heartbeat
from schemas.markets import Market
from schemas.topics import RawType, partition_of


__all__ = ["VOUCHED_TYPES", "Carriers", "Heartbeats", "Mark", "Position", "Shard", "carriers_of"]


class Heartbeats:
    """The heartbeats of one market.

    Args:
        market: which.
        ingest_id: who vouches.
        carriers: of each stream type and partition, the symbols and the label of the connection that carries each.
        first_run: the number of the first run of promises; greater than any of an earlier process of this id.
    """

    def __init__(self, market: Market, ingest_id: str, carriers: Carriers, *, first_run: int = 0) -> None:
        self._market = market
        self._ingest_id = ingest_id
        self._numbers = count(first_run)
        self._promises = {shard: Promise(carried, self._numbers) for shard, carried in carriers.items()}
        self._labels = _labels(carriers)
        self._sockets = LiveSockets()
        self._marks: dict[Shard, Mark] = {}
        self._vouched: dict[Shard, int] = {}
        self._told = ToldTime()
        self._acknowledged = False
        """Whether streams were added of which it is not known yet since when nothing of them is missing."""
        self._opened: set[Shard] = set()
        """Shards whose beginning was vouched for since all their connections are live."""

    def begin(self, position: Callable[[Shard], Position]) -> None:
        """Take note of where the partitions end, before anything is subscribed to."""
        for shard, promise in self._promises.items():
            promise.begin(position(shard).next_offset)

    def suppose_time(self, venue_time: int, now_ms: float) -> None:
        """Take the best guess at the venue's time, until it tells: later events are not believed before."""
        self._told.set(venue_time, now_ms)

    def replan(self, carriers: Carriers, position: Callable[[Shard], Position]) -> None:
        """Take other symbols, before the messages that subscribe to them are sent.

        Args:
            carriers: as in the constructor.
            position: how far the publisher is.
        """
        for shard in self._promises.keys() | carriers.keys():
            promise = self._promises.setdefault(shard, Promise({}, self._numbers))
            promise.replan(carriers.get(shard, {}), position(shard).next_offset)
            if not promise.labels:
                self._break(shard)
            if promise.over:
                del self._promises[shard]
        self._labels = _labels(carriers)

    def acknowledged(self, label: str, streams: Iterable[tuple[RawType, str]], now_ms: float, socket: str = "") -> None:
        """Take note that a live socket carries more streams now.

        Args:
            label: the connection.
            streams: their types and symbols.
            now_ms: when.
            socket: which of the connection's sockets.
        """
        reading = self._sockets.get(label, socket)
        if reading is None:
            return
        if not self._sockets.leads(label, socket):
            reading.added.update(streams)
            reading.added_ms = now_ms
            return
        self._acknowledged = True
        for raw_type, symbol in streams:
            if promise := self._promises.get((raw_type, partition_of(symbol))):
                promise.acknowledged(label, [symbol], now_ms)

    def live(
        self,
        label: str,
        now_ms: float,
        socket: str = "",
        streams: Collection[tuple[RawType, str]] | None = None,
    ) -> None:
        """Take note that the subscriptions of a connection are acknowledged.

        Args:
            label: the connection.
            now_ms: when.
            socket: which of the connection's sockets, where it has several.
            streams: their types and symbols; None: all that it is to carry.
        """
        reading = Reading(now_ms)
        self._sockets.add(label, socket, reading)
        leads = self._sockets.leads(label, socket)
        for (raw_type, _), promise in self._promises.items():
            coming = {one for one in promise.coming(label) if streams is None or (raw_type, one) in streams}
            if leads:
                promise.live(label, coming)
            else:
                reading.added.update((raw_type, symbol) for symbol in coming)
        reading.added_ms = now_ms

    def lost(self, label: str, socket: str = "") -> bool:
        """Take note that a socket ended, and that all that was read from it was handed over.

        Nobody vouches for its streams any more, unless another socket of the connection joins it.

        Returns:
            Whether what was vouched for ends with it.
        """
        leads = self._sockets.leads(label, socket)
        ended = self._sockets.remove(label, socket)
        if ended is None or not leads:
            return False
        for promise in self._promises.values():
            promise.lost(label)
        name, heir = self._sockets.leader(label)
        if name is not None and heir is not None:
            self.acknowledged(label, heir.added, heir.added_ms, name)
        if heir is not None and ended.joins(heir):
            heir.inherited_since = ended.whole_since()
            return False
        for shard, promise in self._promises.items():
            if label in promise.labels:
                self._break(shard)
        return True

    def _break(self, shard: Shard) -> None:
        self._marks.pop(shard, None)
        self._opened.discard(shard)

    def joined(self, label: str, socket: str, successor: str) -> bool:
        """Return whether a socket can go without a break in what is vouched for."""
        old, new = self._sockets.get(label, socket), self._sockets.get(label, successor)
        if old is None:
            return True  # nothing of it is vouched for
        return new is not None and old.joins(new)

    def read(self, label: str, newest_event: int | None, now_ms: float, socket: str = "") -> None:
        """Take note of frames that were read and handed to the publisher.

        Args:
            label: the connection.
            newest_event: the largest event time among them that is not impossible; None: none had one.
            now_ms: when.
            socket: which of the connection's sockets.
        """
        live = self._sockets.get(label, socket)
        if live is None or newest_event is None:
            return
        believed = live.reads(newest_event, now_ms, self._told.latest(now_ms))
        # Rarely; this is called for every chunk.
        if believed and self._acknowledged and self._sockets.leads(label, socket):
            for promise in self._promises.values():
                # An event of before an acknowledgement may be as late as the streams are out of step.
                promise.told(label, newest_event + DISORDER_MS)
            self._acknowledged = any(promise.wants_time for promise in self._promises.values())

    def busy(self, label: str, now_ms: float, socket: str = "") -> None:
        """Take note that frames of a connection wait to be worked on, or to be read: it is not silent."""
        if live := self._sockets.get(label, socket):
            live.heard_ms = now_ms

    def wants_time(self, now_ms: float) -> bool:
        """Return whether the venue's time is needed: a connection went live, is silent, or ahead of it."""
        return (
            self._told.is_old(now_ms)
            or any(promise.wants_time for promise in self._promises.values())
            or any(one.begins(now_ms) or one.silent(now_ms) or one.ahead for one in self._sockets.of(self._labels))
        )

    def asks_time(self, now_ms: float) -> None:
        """Take note that the question for the venue's time is sent."""
        for socket in self._sockets.of(self._labels):
            socket.asks(now_ms)

    def told_time(self, server_time: int, asked_ms: float, now_ms: float) -> None:
        """Take the venue's answer to the question for its time.

        Args:
            server_time: the answer.
            asked_ms: when the question was sent: connections that went live later are not meant.
            now_ms: when the answer came.
        """
        self._told.set(server_time, now_ms)
        for label in self._labels:
            for name, socket in self._sockets.named(label):
                self.read(label, socket.borne_out(asked_ms, self._told.latest(now_ms)), now_ms, name)
        for socket in self._sockets.of(self._labels):
            if socket.begins(now_ms) and socket.live_ms <= asked_ms:
                socket.live_time = server_time
            if socket.silent(now_ms):
                socket.is_quiet(server_time - SILENCE_MS)
        for promise in self._promises.values():
            promise.told_time(server_time, asked_ms)

    def mark(self, now_ms: float, server_time: int | None, position: Callable[[Shard], Position]) -> None:
        """Note what could be vouched for, were all of it acknowledged.

        Args:
            now_ms: the time.
            server_time: the venue's time, if it was asked for just now; None: it was not.
            position: how far the publisher is.
        """
        for shard, promise in self._promises.items():
            vouched_until = self._coming(promise, now_ms, server_time)
            if vouched_until is not None:
                promise.promote()
                self._break(shard)
            elif shard not in self._marks and promise.labels:
                vouched_until = self._in_force(shard, promise, now_ms, server_time)
            if vouched_until is None:
                continue
            self._opened.add(shard)
            if vouched_until > self._vouched.get(shard, 0):
                self._marks[shard] = Mark(shard, vouched_until, position(shard).published, promise.run, now_ms)

    def _coming(self, promise: Promise, now_ms: float, server_time: int | None) -> int | None:
        """Return up to when the run to come can be vouched for; None: it is not true yet."""
        carriers = self._sockets.carriers(promise.upcoming_labels)
        if not carriers:
            return None
        since = [socket.whole_since() for socket in carriers]
        reached = [socket.reached(now_ms, server_time) for socket in carriers]
        if None in since or None in reached:
            return None
        vouched_until = min(time for time in reached if time is not None)
        return vouched_until if vouched_until >= max(promise.floor, *(one or 0 for one in since)) else None

    def _in_force(self, shard: Shard, promise: Promise, now_ms: float, server_time: int | None) -> int | None:
        """Return up to when the run in force can be vouched for."""
        carriers = self._sockets.carriers(promise.labels)
        whole_since = [time for time in (socket.whole_since() for socket in carriers) if time is not None]
        if not carriers or len(whole_since) < len(carriers):
            return None
        vouched_until = max(whole_since)
        if shard in self._opened:
            reached = [socket.reached(now_ms, server_time) for socket in carriers]
            vouched_until = max(vouched_until, min(vouched_until if one is None else one for one in reached))
        return vouched_until

    def due(self, position: Callable[[Shard], Position]) -> list[Heartbeat]:
        """Return the heartbeats whose records are all acknowledged; each is returned once."""
        heartbeats = []
        for shard, mark in list(self._marks.items()):
            at = position(shard)
            if at.acknowledged < mark.published:
                continue
            del self._marks[shard]
            if at.next_offset is None:
                continue
            self._vouched[shard] = mark.vouched_until
            heartbeats.append(
                Heartbeat(
                    market=self._market,
                    stream=shard[0],
                    partition=shard[1],
                    vouched_until=mark.vouched_until,
                    offset=at.next_offset,
                    ingest_id=self._ingest_id,
                    run=mark.run.number,
                    begin_offset=mark.run.begin_offset,
                    symbols=self._promises[shard].roster(mark.run, mark.marked_ms),
                )
            )
        return heartbeats


def _labels(carriers: Carriers) -> set[str]:
    return {label for carried in carriers.values() for label in carried.values()}
