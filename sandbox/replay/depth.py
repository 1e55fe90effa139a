"""Depth answers of a replay: the snapshot that was recorded, or the book that the recording implies."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec
from msgspec import Raw

from sandbox.exchange.source import RestReply, error_reply, json_reply
from sandbox.recordings import KeptSnapshot, RestAnswer
from sandbox.replay.naive_book import NaiveBook
from schemas.markets import Market


__all__ = ["RecordedBooks"]

UNKNOWN_CODE = -1000
"""Binance's code for what has no code of its own: here, what the recording does not hold."""

_SymbolKey = tuple[Market, str]


class _DiffTimes(msgspec.Struct):
    """Event and transaction time; spot diffs have no second, and an answer of spot shows neither."""

    event_ms: int = msgspec.field(name="E", default=0)
    transaction_ms: int = msgspec.field(name="T", default=0)


class _BookState:
    """The book of one symbol at the clock, and what recorded snapshots are still ahead of it."""

    def __init__(self, market: Market) -> None:
        self.book = NaiveBook(market)
        self.times = _DiffTimes()
        self.ahead: deque[KeptSnapshot] = deque()
        self.had_snapshot = False
        self.has_readers = False
        self.handed_out: KeptSnapshot | None = None


_decode_times = msgspec.json.Decoder(_DiffTimes).decode
_decode_document = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_levels = msgspec.json.Decoder(list[Raw]).decode
_encode = msgspec.json.Encoder().encode


class RecordedBooks:
    """The books of all recorded symbols, moved on by the replay.

    Args:
        snapshots: The recorded snapshots that books need, in recorded order.
    """

    def __init__(self, snapshots: Iterable[KeptSnapshot]) -> None:
        self._states: dict[_SymbolKey, _BookState] = {}
        for snapshot in snapshots:
            self._state(snapshot.market, snapshot.symbol).ahead.append(snapshot)

    def diff(self, market: Market, symbol: str, data: bytes) -> int:
        """Pass a diff and return its event time in ms.

        Raises:
            ValueError: It is malformed; the book does not change.
        """
        state = self._state(market, symbol)
        times = _decode_times(data)
        state.book.apply_diff(data)
        state.times = times
        return times.event_ms

    def snapshot(self, market: Market, symbol: str, answer: RestAnswer) -> None:
        """Pass a recorded snapshot.

        Raises:
            ValueError: It is malformed; the book does not change.
        """
        state = self._state(market, symbol)
        state.had_snapshot = True
        if self.is_awaited(market, symbol, answer):
            for other in self._states.values():  # nobody came: readers have gone until they ask again
                other.has_readers = False
        if any(kept.line == answer.line for kept in state.ahead):
            while state.ahead.popleft().line != answer.line:
                continue
        if state.book.apply_snapshot(answer.body):
            state.times = _decode_times(answer.body)

    def is_awaited(self, market: Market, symbol: str, answer: RestAnswer) -> bool:
        """Return whether a recorded snapshot that was not passed yet is still to be handed out.

        It is where a book waits for it, somebody has kept that book so far, and nobody got this snapshot ahead of
        its time.
        """
        state = self._state(market, symbol)
        if state.book.live or not state.has_readers or not state.ahead:
            return False
        return state.ahead[0].line == answer.line and state.handed_out is not state.ahead[0]

    def answer(self, market: Market, symbol: str, limit: int) -> RestReply:
        """Answer a depth request at the clock.

        While there is a book, it is the book; before the first snapshot, and after a gap, the recorded snapshot that
        comes next; without one, a refusal that says what is missing.
        """
        state = self._state(market, symbol)
        state.has_readers = True
        if state.book.live:
            return self._from_book(market, symbol, state, limit)
        if state.ahead:
            state.handed_out = state.ahead[0]
            return RestReply(200, _cut(state.ahead[0].body, limit))
        if state.had_snapshot:
            lack = "diffs are missing from the recording before this moment, and no snapshot follows"
        else:
            lack = "the recording holds no depth snapshot of it"
        return error_reply(400, UNKNOWN_CODE, f"No order book of {symbol}: {lack}.")

    def _state(self, market: Market, symbol: str) -> _BookState:
        key = market, symbol
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = _BookState(market)
        return state

    @staticmethod
    def _from_book(market: Market, symbol: str, state: _BookState, limit: int) -> RestReply:
        bids, asks = state.book.levels(limit)
        answer: dict[str, object] = {"lastUpdateId": state.book.update_id}
        if market.is_futures:
            answer |= {"E": state.times.event_ms, "T": state.times.transaction_ms}
        if market is Market.COINM:
            answer |= {"symbol": symbol, "pair": symbol.partition("_")[0]}
        return json_reply(answer | {"bids": bids, "asks": asks})


def _cut(body: bytes, limit: int) -> bytes:
    """Return a recorded answer with at most `limit` levels a side, otherwise as it was."""
    document = _decode_document(body)
    sides = {side: _decode_levels(document[side]) for side in ("bids", "asks")}
    if all(len(levels) <= limit for levels in sides.values()):
        return body
    return _encode(document | {side: levels[:limit] for side, levels in sides.items()})
