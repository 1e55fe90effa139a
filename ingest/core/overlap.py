"""Second copies of what two sockets of one connection plan delivered while they ran side by side.

They are known by identity, never by "not larger than the last": the sockets interleave. Trades and aggregate trades
are told by their id, book tickers by update id, depth by its ids and content, everything else by its content. The
event time ``E`` is cut out of the content: spot stamps it per connection (binance.md, trade streams). Depth that the
two connections cut at different ids is no copy: readers go by coverage.

Only a copy from the *other* socket is dropped: what one socket sends twice is the venue's own repetition, and stays.

The order of a symbol's records stays what the venue made it. Where the new socket is ahead of the old one, what it
brings is held until the old one has caught up, or for two seconds: otherwise its first trade would look like the end
of a hole. From where the two have met, the first copies of all that follows are in order. Only the newest socket is
ever held: a third may be opened while one is still read to its end that the heartbeats go by.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec.structs import fields

from ingest.core.records import Record
from schemas import wire
from schemas.topics import RawType


__all__ = ["HOLD_MS", "Overlap"]

_MOST: Final = 100_000
"""Identities remembered, some 25 MB: seconds in which one socket is ahead of the other, at 10,000 events per second."""
_EVENT_TIME: Final = re.compile(rb'"E":\d+,?')

HOLD_MS: Final = 2_000
"""How long what the new socket brings waits for the old one; by then the old one has it, or cuts it differently."""
_MOST_HELD: Final = 20_000

Identity = tuple[int | bytes, ...]
Flow = tuple[str, bytes]
"""Topic and key: what has an order."""


class Overlap:
    """What came over two sockets, from when the second is opened until the first is gone for a while.

    Args:
        new: the socket that was opened last.
        raw_types: the stream type of every raw topic that they can write to.
        most: identities remembered.
        hold_ms: how long what the new socket brings waits for the old one.
    """

    def __init__(
        self, new: str, raw_types: Mapping[str, RawType], most: int = _MOST, *, hold_ms: int = HOLD_MS
    ) -> None:
        self._new = new
        self._identities = {topic: _identity(raw_type) for topic, raw_type in raw_types.items()}
        self._most = most
        self._hold_ns = hold_ms * 1_000_000
        self._seen: OrderedDict[tuple[Flow, Identity], str] = OrderedDict()
        self._met: set[Flow] = set()
        """Where the two sockets have met: the first copies of all that follows are in order."""
        self._holding = True
        self._held: dict[Flow, dict[Identity, tuple[Record, str]]] = {}
        self._held_since_ns: dict[Flow, int] = {}
        self._held_count = 0
        self._copy_count = 0

    def __len__(self) -> int:
        return len(self._seen)

    @property
    def copy_count(self) -> int:
        """How many copies were dropped."""
        return self._copy_count

    @property
    def held_count(self) -> int:
        """How many records wait."""
        return self._held_count

    def begin(self, new: str) -> None:
        """Begin anew with a newer socket; late copies of what the former ones brought are still known."""
        self._new = new
        self._met.clear()
        self._holding = True

    def admit(self, record: Record, socket: str, receive_time_ns: int) -> Sequence[Record]:
        """Return what goes to the log now that this record was read: itself, nothing, or more.

        Args:
            record: what was read.
            socket: from which.
            receive_time_ns: when.
        """
        identify = self._identities.get(record.topic)
        if identify is None:
            return (record,)
        flow = (record.topic, record.key)
        identity = identify(record.value)
        if flow in self._met or not self._holding:
            return () if self._repeats(flow, identity, socket) else (record,)
        if socket != self._new:
            return self._catch_up(flow, identity, record, socket)
        if self._seen.pop((flow, identity), None) is not None:
            self._copy_count += 1
            return self._let_go(flow)  # the old one is ahead
        return self._hold(flow, identity, (record, socket), receive_time_ns)

    def release(self, now_ns: int | None) -> list[Record]:
        """Return what was held long enough.

        Args:
            now_ns: the time; None: one of the sockets is gone, so that nothing need wait any more.
        """
        self._holding = self._holding and now_ns is not None
        late = [
            flow
            for flow, since_ns in self._held_since_ns.items()
            if now_ns is None or now_ns - since_ns >= self._hold_ns
        ]
        return [record for flow in late for record in self._let_go(flow)]

    def _catch_up(self, flow: Flow, identity: Identity, record: Record, socket: str) -> Sequence[Record]:
        """Take a record of an older socket where the new one may be ahead."""
        if identity not in self._held.get(flow, ()):
            return () if self._repeats(flow, identity, socket) else (record,)
        released = self._let_go(flow)
        self._seen.pop((flow, identity), None)  # none where more was held than is remembered
        self._copy_count += 1
        return released

    def _hold(self, flow: Flow, identity: Identity, read: tuple[Record, str], receive_time_ns: int) -> Sequence[Record]:
        """Keep a record of the new socket until it is known where the old one is."""
        held = self._held.setdefault(flow, {})
        since_ns = self._held_since_ns.setdefault(flow, receive_time_ns)
        self._held_count += identity not in held
        held[identity] = read
        if receive_time_ns - since_ns >= self._hold_ns:
            return self._let_go(flow)
        return self.release(None) if self._held_count >= _MOST_HELD else ()

    def _let_go(self, flow: Flow) -> list[Record]:
        """Return what is held of a flow, to be sent: what the old one brings of it is a copy."""
        self._met.add(flow)
        held = self._held.pop(flow, {})
        self._held_since_ns.pop(flow, None)
        self._held_count -= len(held)
        for identity, (_, socket) in held.items():
            self._remember(flow, identity, socket)
        return [record for record, _ in held.values()]

    def _repeats(self, flow: Flow, identity: Identity, socket: str) -> bool:
        """Return whether the other socket delivered this already; remember it if not."""
        first = self._seen.get((flow, identity))
        if first is None:
            self._remember(flow, identity, socket)
        elif first != socket:
            # Both have it now; who sends it once more repeats itself.
            del self._seen[flow, identity]
            self._copy_count += 1
            return True
        return False

    def _remember(self, flow: Flow, identity: Identity, socket: str) -> None:
        self._seen[flow, identity] = socket
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)


def _identity(raw_type: RawType) -> Callable[[bytes], Identity]:
    """Return what tells a payload of this type from every other one of its symbol."""
    numbers = _NUMBERS.get(raw_type)
    if numbers is None:
        return _content
    read = _reader(*numbers)
    if raw_type is RawType.DEPTH:
        return lambda payload: (*read(payload), *_content(payload))
    return read


def _content(payload: bytes) -> Identity:
    return (blake2b(_EVENT_TIME.sub(b"", payload, count=1), digest_size=16).digest(),)


def _reader(message: type[msgspec.Struct], *names: str) -> Callable[[bytes], Identity]:
    known = {field.name: field.encode_name for field in fields(message)}
    cut = msgspec.defstruct(
        f"{message.__name__}Identity",
        [(name, int, msgspec.field(name=known[name])) for name in names],
        frozen=True,
        gc=False,
    )
    decode = msgspec.json.Decoder(cut).decode
    return lambda payload: msgspec.structs.astuple(decode(payload))


_NUMBERS: Final[Mapping[RawType, tuple[type[msgspec.Struct], *tuple[str, ...]]]] = {
    RawType.TRADE: (wire.Trade, "trade_id"),
    RawType.AGG_TRADE: (wire.AggTrade, "aggregate_trade_id"),
    RawType.BOOK_TICKER: (wire.BookTicker, "update_id"),
    RawType.DEPTH: (wire.DepthDiff, "first_update_id", "final_update_id"),
}
