"""Snapshots of another time: books remembered for stale answers, diffs held back for answers that are too new."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from sandbox.exchange.faults.frames import Frame, Passed, Touch
from sandbox.exchange.faults.model import Snapshot
from sandbox.exchange.source import RestReply
from schemas.markets import Market


__all__ = ["HeldDiffs", "RememberedBooks"]

_REMEMBERED = 5
"""Books kept of each symbol, so that one is old enough and not much older."""
_MS_PER_S = 1_000
_OK = 200

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


class RememberedBooks:
    """Books of the symbols of one stale fault, taken from time to time.

    Args:
        fault: Which symbols, and how old the answers are to be.
        symbols: All symbols there are, by market.
        take: Returns the answer to a depth request with the largest limit.
        clock_ms: The venue's clock: every symbol's book is taken at once.
    """

    def __init__(
        self,
        fault: Snapshot,
        symbols: Iterable[tuple[Market, str]],
        take: Callable[[Market, str], RestReply],
        clock_ms: int,
    ) -> None:
        self._age_ms = fault.age_s * _MS_PER_S
        self._take = take
        self._books: dict[tuple[Market, str], deque[tuple[int, bytes]]] = {}
        """By symbol, that whose book was taken longest ago first."""
        for key in sorted(key for key in symbols if fault.matches(*key)):
            self._remember(key, clock_ms)

    def remember_one(self, clock_ms: int) -> None:
        """Take the book of the symbol whose turn it is; one at a time, for a book of 5,000 levels takes its time."""
        oldest = next(iter(self._books), None)
        if oldest is None:
            return
        taken_ms = self._books[oldest][-1][0] if self._books[oldest] else 0
        if clock_ms - taken_ms >= self._age_ms / (_REMEMBERED - 1):
            self._remember(oldest, clock_ms)

    def answer(self, market: Market, symbol: str, limit: int, now: RestReply, clock_ms: int) -> RestReply | None:
        """Return the youngest answer that is old enough, else the oldest; None if there is none older than `now`."""
        books = self._books.get((market, symbol))
        if not books or now.status != _OK:
            return None
        old_enough = [body for taken_ms, body in books if clock_ms - taken_ms >= self._age_ms]
        book = _decode(old_enough[-1] if old_enough else books[0][1])
        if book["lastUpdateId"] >= _decode(now.body)["lastUpdateId"]:
            return None
        return RestReply(_OK, _encode(book | {side: book[side][:limit] for side in ("bids", "asks")}))

    def _remember(self, key: tuple[Market, str], clock_ms: int) -> None:
        books = self._books.pop(key, deque(maxlen=_REMEMBERED))
        reply = self._take(*key)
        if reply.status == _OK:
            books.append((clock_ms, reply.body))
        self._books[key] = books


class HeldDiffs:
    """The diffs of one symbol, held back on every connection; a `Transform`."""

    def __init__(self, market: Market, symbol: str) -> None:
        self.market = market
        self._prefix = f"{symbol.lower()}@depth"
        self._held: list[tuple[int, str, Frame]] = []

    def matches(self, market: Market, stream: str) -> bool:
        """Return whether a stream is of the symbol's book."""
        return market is self.market and stream.startswith(self._prefix)

    def feed(self, touch: Touch, frames: tuple[Frame, ...]) -> Passed:
        """Keep the frames."""
        self._held += [(touch.connection, touch.stream, frame) for frame in frames]
        return Passed((), touched=True)

    def spent(self, _: float) -> bool:
        """Return False: it lasts until it is ended."""
        return False

    def forget(self, connection: int) -> None:
        """Drop what was for a connection that has ended."""
        self._held = [held for held in self._held if held[0] != connection]

    def release(self) -> list[tuple[int, str, Frame]]:
        """Give up everything, in order."""
        held, self._held = self._held, []
        return held
