"""Second copies of what two sockets of one connection plan delivered while they ran side by side.

They are known by identity, never by "not larger than the last": the sockets interleave. Trades and aggregate trades
are told by their id, book tickers by update id, depth by its ids and content, everything else by its content. The
event time ``E`` is cut out of the content: spot stamps it per connection (binance.md, trade streams). Depth that the
two connections cut at different ids is no copy: readers go by coverage.

Only a copy from the *other* socket is dropped: what one socket sends twice is the venue's own repetition, and stays.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec.structs import fields

from ingest.core.records import Record
from schemas import wire
from schemas.topics import RawType


__all__ = ["Overlap"]

_MOST: Final = 100_000
"""Identities remembered, some 25 MB: seconds in which one socket is ahead of the other, at 10,000 events per second."""
_EVENT_TIME: Final = re.compile(rb'"E":\d+,?')

Identity = tuple[int | bytes, ...]


class Overlap:
    """What was seen of two sockets, from when the second is opened until the first is gone for a while.

    Args:
        raw_types: the stream type of every raw topic that they can write to.
        most: identities remembered.
    """

    def __init__(self, raw_types: Mapping[str, RawType], most: int = _MOST) -> None:
        self._identities = {topic: _identity(raw_type) for topic, raw_type in raw_types.items()}
        self._most = most
        self._seen: OrderedDict[tuple[str, bytes, Identity], str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def repeats(self, record: Record, socket: str) -> bool:
        """Return whether the other socket delivered this record; remember it if not.

        Args:
            record: what was read.
            socket: from which.
        """
        identity = self._identities.get(record.topic)
        if identity is None:
            return False
        key = (record.topic, record.key, identity(record.value))
        first = self._seen.get(key)
        if first is None:
            self._seen[key] = socket
            if len(self._seen) > self._most:
                self._seen.popitem(last=False)
            return False
        if first == socket:
            return False
        # Both have it now; who sends it once more repeats itself.
        del self._seen[key]
        return True


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
