"""A source and clients whose every step a test decides."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from sandbox.exchange.source import Halt, RestReply, StreamEvent, error_reply, json_reply
from schemas.markets import Market
from tests.unit.sandbox.payloads import EPOCH_MS, EPOCH_NS


__all__ = ["DemandedSource", "ListSource", "RememberingClient", "SteeredSource", "event", "numbered", "payload_of"]

MS = 1_000_000


def event(number: int, *, at_ms: int = 0, market: Market = Market.SPOT, stream: str = "btcusdt@trade") -> StreamEvent:
    return StreamEvent(EPOCH_NS + at_ms * MS, market, stream, b'{"t":%d}' % number)


def numbered(count: int, every_ms: int = 1) -> list[StreamEvent]:
    return [event(number, at_ms=number * every_ms) for number in range(count)]


class ListSource:
    """Yields given events; its REST answers tell what was asked and when."""

    def __init__(self, events: Sequence[StreamEvent | Halt]) -> None:
        self._events = events
        self._clock_ms = EPOCH_MS
        self.passed = 0

    def streams(self, market: Market) -> frozenset[str]:
        events = (each for each in self._events if isinstance(each, StreamEvent))
        return frozenset(each.stream for each in events if each.market is market)

    def events(self) -> Iterator[StreamEvent | Halt]:
        for each in self._events:
            yield each
            if isinstance(each, Halt):
                continue
            self.passed += 1
            self._clock_ms = max(self._clock_ms, each.due_ns // MS)

    def clock_ms(self) -> int:
        return self._clock_ms

    def advance_clock(self, to_ms: int) -> None:
        self._clock_ms = max(self._clock_ms, to_ms)

    def rest(self, market: Market, path: str, params: Mapping[str, str]) -> RestReply:
        if params.get("symbol") == "NOSUCH":
            return error_reply(400, -1121, "Invalid symbol.")
        return json_reply({"market": market, "path": path, "params": dict(params), "passed": self.passed})


class DemandedSource(ListSource):
    """Notes which streams are wanted."""

    def __init__(self, events: list[StreamEvent]) -> None:
        super().__init__(events)
        self.demanded: list[frozenset[tuple[Market, str]]] = []

    def set_demand(self, streams: frozenset[tuple[Market, str]]) -> None:
        self.demanded.append(streams)


class SteeredSource(ListSource):
    """Notes how it is steered; its book's update id counts the events passed."""

    def __init__(self, events: Sequence[StreamEvent | Halt]) -> None:
        super().__init__(events)
        self.steered: list[tuple[str, Market, str | None]] = []

    def streams(self, market: Market) -> frozenset[str]:
        return super().streams(market) | {"btcusdt@depth"}

    def list_symbol(self, market: Market, symbol: str) -> None:
        self.steered.append(("list", market, symbol))

    def delist(self, market: Market, symbol: str) -> None:
        if symbol == "NOSUCH":
            msg = f'symbol "{symbol}" is not traded'
            raise ValueError(msg)
        self.steered.append(("delist", market, symbol))

    def wipe(self, market: Market, symbol: str | None) -> None:
        self.steered.append(("wipe", market, symbol))

    def rest(self, market: Market, path: str, params: Mapping[str, str]) -> RestReply:
        if not path.endswith("/depth"):
            return super().rest(market, path, params)
        level = [["1", "1"]] * int(params["limit"])
        return json_reply({"lastUpdateId": self.passed, "bids": level, "asks": level})


class RememberingClient:
    """Keeps the payloads that it gets; a gone one gets none."""

    def __init__(self, *, combined: bool = False, number: int = 1) -> None:
        self.number = number
        self.combined = combined
        self.microseconds = False
        self.gone = False
        self.slow = False
        self.frames: list[bytes] = []
        self.drained = 0
        self.got_one = asyncio.Event()

    def push(self, frame: bytes) -> bool:
        if not self.gone:
            self.frames.append(payload_of(frame))
            self.got_one.set()
        return not self.gone

    def flush(self) -> bool:
        return self.slow

    async def drain(self) -> None:
        self.drained += 1


def payload_of(frame: bytes) -> bytes:
    """Return the payload of one whole server frame of text."""
    assert frame[0] == 0x81
    length, start = frame[1], 2
    if length >= 126:
        start = 4 if length == 126 else 10
        length = int.from_bytes(frame[2:start])
    assert len(frame) == start + length
    return frame[start:]
