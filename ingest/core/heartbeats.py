"""What ingest can vouch for: up to which exchange time a raw partition is complete, and below which offset.

A heartbeat says of a market, a stream type and a partition: all its symbols are live, and everything up to the time T
is acknowledged below the offset O. T is the venue's clock, never ours:

- of each connection that carries such streams, the largest event time read less 2 s, because the streams of a
  connection are not ordered against each other; after 5 s without a frame that tells a time, the venue's answer to
  the question for its time less 5 s;
- of several connections, the smallest of these: one that is behind holds the others back;
- never less than what was vouched for before.

The first heartbeat after connections went live names that moment, by the venue's clock: what happens from then on will
be there, so a reader knows from which time on its windows are whole. Windows that close before it are not, anyway.

While a socket is replaced, two carry the same streams. The older one is vouched by, until it is gone and all that was
read from it was handed over; then the promise goes on without a break if the two join: if the older one was read
beyond the time from which on the younger one misses nothing. Otherwise it ends there, and a new one begins.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from ingest.core.plan import ConnectionPlan
from schemas.control import Heartbeat
from schemas.markets import Market
from schemas.topics import RawType, partition_of


__all__ = ["VOUCHED_TYPES", "Heartbeats", "Mark", "Position", "Shard", "shards_of"]

VOUCHED_TYPES: Final = frozenset({RawType.TRADE, RawType.AGG_TRADE, RawType.DEPTH})
"""Stream types that windows and books are made from."""
DISORDER_MS: Final = 2_000
"""How far the streams of one connection may be out of step."""
SILENCE_MS: Final = 5_000
"""After so long without a frame that tells a time, the venue is asked; also how long an event may be under way."""
_BEGINNING_MS: Final = 2_000
"""A later answer would be ahead of events that are still under way."""

Shard = tuple[RawType, int]
"""A stream type and a raw partition."""


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


class _Socket:
    """What is known of one socket whose subscriptions are acknowledged."""

    def __init__(self, now_ms: float) -> None:
        self.live_ms = self.heard_ms = now_ms
        self.first_event: int | None = None
        self.newest_event: int | None = None
        self.live_time: int | None = None
        """The venue's time just after the subscriptions were acknowledged; None: it did not tell in time."""
        self.quiet_until: int | None = None
        """Up to which exchange time there was nothing more, told by the venue's clock in a silence."""
        self.inherited_since: int | None = None
        """From which exchange time on nothing is missing together with the sockets before."""

    def reads(self, newest_event: int, now_ms: float) -> None:
        self.heard_ms = now_ms
        if self.first_event is None or self.newest_event is None:
            self.first_event = self.newest_event = newest_event
        else:
            self.newest_event = max(self.newest_event, newest_event)

    def silent(self, now_ms: float) -> bool:
        return now_ms - self.heard_ms >= SILENCE_MS

    def begins(self, now_ms: float) -> bool:
        return self.live_time is None and now_ms - self.live_ms <= _BEGINNING_MS

    def whole_since(self) -> int | None:
        """Return from which exchange time on nothing is missing; None: that cannot be said yet."""
        if self.inherited_since is not None:
            return self.inherited_since
        if self.live_time is not None or self.first_event is None or self.newest_event is None:
            return self.live_time
        # An event of before the acknowledgement may be as late as the streams are out of step.
        since = self.first_event + DISORDER_MS
        return since if self.newest_event - DISORDER_MS >= since else None

    def reached(self, now_ms: float, server_time: int | None) -> int | None:
        """Return up to which exchange time everything was read; None: nothing is known."""
        if self.silent(now_ms):
            return None if server_time is None else server_time - SILENCE_MS
        return None if self.newest_event is None else self.newest_event - DISORDER_MS

    def joins(self, successor: _Socket) -> bool:
        """Return whether nothing is missing between what was read of this socket and its successor's beginning."""
        since = successor.whole_since()
        until = self.quiet_until
        if self.newest_event is not None:
            until = max(self.newest_event - DISORDER_MS, until or 0)
        return self.whole_since() is not None and since is not None and until is not None and until >= since


class Heartbeats:
    """The heartbeats of one market.

    Args:
        market: which.
        ingest_id: who vouches.
        shards: the connections, by label, that carry the streams of each stream type and partition.
    """

    def __init__(self, market: Market, ingest_id: str, shards: Mapping[Shard, Collection[str]]) -> None:
        self._market = market
        self._ingest_id = ingest_id
        self._shards = {shard: tuple(labels) for shard, labels in shards.items()}
        self._sockets: dict[str, dict[str, _Socket]] = {label: {} for labels in shards.values() for label in labels}
        """The live sockets of each connection, the one that is vouched by first."""
        self._marks: dict[Shard, Mark] = {}
        self._vouched: dict[Shard, int] = {}
        self._opened: set[Shard] = set()
        """Shards whose beginning was vouched for since all their connections are live."""

    def live(self, label: str, now_ms: float, socket: str = "") -> None:
        """Take note that all subscriptions of a connection are acknowledged.

        Args:
            label: the connection.
            now_ms: when.
            socket: which of the connection's sockets, where it has several.
        """
        if label in self._sockets:
            self._sockets[label][socket] = _Socket(now_ms)

    def lost(self, label: str, socket: str = "") -> None:
        """Take note that a socket ended, and that all that was read from it was handed over.

        Nobody vouches for its streams any more, unless another socket of the connection joins it.
        """
        sockets = self._sockets.get(label, {})
        leads = next(iter(sockets), None) == socket
        ended = sockets.pop(socket, None)
        if ended is None or not leads:
            return
        heir = next(iter(sockets.values()), None)
        if heir is not None and ended.joins(heir):
            heir.inherited_since = ended.whole_since()
            return
        for shard, labels in self._shards.items():
            if label in labels:
                self._marks.pop(shard, None)
                self._opened.discard(shard)

    def joined(self, label: str, socket: str, successor: str) -> bool:
        """Return whether a socket can go without a break in what is vouched for."""
        sockets = self._sockets.get(label, {})
        old, new = sockets.get(socket), sockets.get(successor)
        if old is None:
            return True  # nothing of it is vouched for
        return new is not None and old.joins(new)

    def read(self, label: str, newest_event: int | None, now_ms: float, socket: str = "") -> None:
        """Take note of frames that were read and handed to the publisher.

        Args:
            label: the connection.
            newest_event: the largest plausible event time among them; None: none had one.
            now_ms: when.
            socket: which of the connection's sockets.
        """
        live = self._sockets.get(label, {}).get(socket)
        if live is not None and newest_event is not None:
            live.reads(newest_event, now_ms)

    def busy(self, label: str, now_ms: float, socket: str = "") -> None:
        """Take note that frames of a connection wait to be worked on, or to be read: it is not silent."""
        if live := self._sockets.get(label, {}).get(socket):
            live.heard_ms = now_ms

    def wants_time(self, now_ms: float) -> bool:
        """Return whether the venue's time is needed: a connection went live, or is silent."""
        return any(socket.begins(now_ms) or socket.silent(now_ms) for socket in self._all_sockets())

    def told_time(self, server_time: int, asked_ms: float, now_ms: float) -> None:
        """Take the venue's answer to the question for its time.

        Args:
            server_time: the answer.
            asked_ms: when the question was sent: connections that went live later are not meant.
            now_ms: when the answer came.
        """
        for socket in self._all_sockets():
            if socket.begins(now_ms) and socket.live_ms <= asked_ms:
                socket.live_time = server_time
            if socket.silent(now_ms):
                socket.quiet_until = max(socket.quiet_until or 0, server_time - SILENCE_MS)

    def mark(self, now_ms: float, server_time: int | None, position: Callable[[Shard], Position]) -> None:
        """Note what could be vouched for, were all of it acknowledged.

        Args:
            now_ms: the time.
            server_time: the venue's time, if it was asked for just now; None: it was not.
            position: how far the publisher is.
        """
        for shard, labels in self._shards.items():
            if shard in self._marks:
                continue
            sockets = [next(iter(self._sockets[label].values()), None) for label in labels]
            carriers = [socket for socket in sockets if socket is not None]
            whole_since = [time for time in (socket.whole_since() for socket in carriers) if time is not None]
            if len(whole_since) < len(labels):
                continue
            vouched_until = max(whole_since)
            if shard in self._opened:
                reached = [socket.reached(now_ms, server_time) for socket in carriers]
                vouched_until = max(vouched_until, min(vouched_until if one is None else one for one in reached))
            self._opened.add(shard)
            if vouched_until > self._vouched.get(shard, 0):
                self._marks[shard] = Mark(shard, vouched_until, position(shard).published)

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
                )
            )
        return heartbeats

    def _all_sockets(self) -> Iterator[_Socket]:
        for sockets in self._sockets.values():
            yield from sockets.values()


def shards_of(plans: Iterable[ConnectionPlan]) -> dict[Shard, list[str]]:
    """Return which connections carry the streams of each stream type and partition that can be vouched for."""
    shards: dict[Shard, list[str]] = {}
    for plan in plans:
        for stream in plan.streams:
            if stream.raw_type in VOUCHED_TYPES and stream.symbol is not None:
                labels = shards.setdefault((stream.raw_type, partition_of(stream.symbol)), [])
                if plan.label not in labels:
                    labels.append(plan.label)
    return shards
