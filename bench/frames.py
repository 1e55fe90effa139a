"""Frames as Binance sends them, made beforehand: the feeder shall cost as little as possible while it is measured with.

Aggregate trades of many symbols, some of them busy and most of them not, in the length of recorded ones (a payload of
150 to 180 bytes). The ids of each symbol are consecutive, so a reader can tell what is missing and what came twice.
"""

from __future__ import annotations

import random
import struct
from collections import Counter
from collections.abc import Iterator
from typing import Final

from msgspec import Struct


__all__ = ["SYMBOLS", "Course", "stream_name", "websocket_frame"]

_BASES: Final = tuple(f"{first}{second}{third}" for first in "ABCD" for second in "LMN" for third in "XYZW")
SYMBOLS: Final = tuple(f"{base}USDT" for base in _BASES)
"""48 of them: every one of 12 partitions gets some."""

_EVENT: Final = (
    '{"stream":"%s","data":{"e":"aggTrade","E":%d,"s":"%s","a":%d,"p":"%d.17000000","q":"0.%05d000","f":%d,"l":%d,"T":%d,'
    '"m":%s,"M":true}}'
)
_FIRST_ID: Final = 3_000_000_000
_TEXT: Final = 0x81
"""A final text frame."""


class Course(Struct, frozen=True):
    """A stretch of events: the same arguments give the same events, in the feeder and where the result is judged."""

    count: int
    offset: int = 0
    """Events before it, so that the ids go on from an earlier stretch."""

    def symbols(self) -> list[str]:
        """Return whose event each one is."""
        return _drawn(self.offset + self.count)[self.offset :]

    def ids(self) -> dict[str, range]:
        """Return which ids of each symbol occur."""
        everything = _drawn(self.offset + self.count)
        before, within = Counter(everything[: self.offset]), Counter(everything[self.offset :])
        first = {symbol: _FIRST_ID + before[symbol] for symbol in SYMBOLS}
        return {symbol: range(first[symbol], first[symbol] + within[symbol]) for symbol in SYMBOLS}

    def frames(self, time_ms: int) -> Iterator[bytes]:
        """Yield the payload of each WebSocket message.

        Args:
            time_ms: when the first event happens; the others follow within the same second.
        """
        next_ids = {symbol: ids.start for symbol, ids in self.ids().items()}
        names = {symbol: stream_name(symbol) for symbol in SYMBOLS}
        for index, symbol in enumerate(self.symbols()):
            number = next_ids[symbol]
            next_ids[symbol] = number + 1
            at_ms = time_ms + index * 1000 // self.count
            trade = 4 * number
            maker = "true" if number % 2 else "false"
            yield (
                _EVENT
                % (
                    *(names[symbol], at_ms, symbol, number, 10_000 + number % 9_999, number % 100_000),
                    *(trade, trade + 3, at_ms, maker),
                )
            ).encode()


def stream_name(symbol: str) -> str:
    """Return the name of a symbol's stream."""
    return f"{symbol.lower()}@aggTrade"


def websocket_frame(payload: bytes) -> bytes:
    """Return the bytes of a message on the wire, as a server sends it: unmasked."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", _TEXT, size) + payload
    return struct.pack("!BBH", _TEXT, 126, size) + payload


def _drawn(count: int) -> list[str]:
    chance = random.Random(20_260_918)  # noqa: S311 - the same draw in every process
    weights = [1 / (rank + 1) for rank in range(len(SYMBOLS))]
    return chance.choices(SYMBOLS, weights, k=count)
