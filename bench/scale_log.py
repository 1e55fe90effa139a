"""The log that every number of workers is measured with: a simulated market of many symbols, as raw records.

It is made once; each measurement writes it under a prefix of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaProducer
from msgspec import Struct

from sandbox.simulation.config import SimulationConfig, universe
from sandbox.simulation.source import SimulatedSource
from schemas.markets import Market
from schemas.topics import RawType, partition_of


__all__ = ["Entry", "MarketLog", "Pace", "write_at_once"]

_STREAMS: Final = {"trade": RawType.TRADE, "depth@100ms": RawType.DEPTH}
_SNAPSHOT_LEVELS: Final = "1000"
_PIECE: Final = 2_000
_STEP_S: Final = 0.05


class Entry(Struct, frozen=True, gc=False):
    """One raw record."""

    symbol: str
    time_ms: int
    payload: bytes


class _Event(Struct):
    """What a record's time is taken from."""

    E: int


_event: Final = msgspec.json.Decoder(_Event).decode


class MarketLog:
    """A simulated spot market.

    Args:
        symbols: how many.
        seconds: of the market.
    """

    def __init__(self, symbols: int, seconds: float) -> None:
        self.symbols: Sequence[str] = universe(2 * symbols)[Market.SPOT][:symbols]
        config = SimulationConfig(
            symbols={Market.SPOT: tuple(self.symbols)}, duration_s=seconds, depth_levels=100, trades_kept=1_500,
            minutes_kept=1_500,
        )  # fmt: skip
        source = SimulatedSource(config)
        names = {
            f"{symbol.lower()}@{stream}": (symbol, of) for symbol in self.symbols for stream, of in _STREAMS.items()
        }
        source.set_demand(frozenset((Market.SPOT, name) for name in names))
        self.entries: dict[RawType, list[Entry]] = {of: [] for of in _STREAMS.values()}
        """Depth begins with a snapshot of each book."""
        self.entries[RawType.DEPTH] += _snapshots(source, self.symbols)
        for event in source.events():
            if event.stream in names:
                symbol, of = names[event.stream]
                self.entries[of].append(Entry(symbol, _event(event.data).E, event.data))


def _snapshots(source: SimulatedSource, symbols: Sequence[str]) -> Iterator[Entry]:
    for symbol in symbols:
        reply = source.rest(Market.SPOT, "/api/v3/depth", {"symbol": symbol, "limit": _SNAPSHOT_LEVELS})
        yield Entry(symbol, source.clock_ms(), reply.body)


async def write_at_once(producer: AIOKafkaProducer, topic: str, entries: Sequence[Entry]) -> None:
    """Write as fast as the broker takes it, each partition in order; return when it has all."""
    for first in range(0, len(entries), _PIECE):
        await asyncio.gather(*[await _send(producer, topic, entry) for entry in entries[first : first + _PIECE]])


class Pace:
    """Writes so many entries a second in the background, until told to stop or there are no more.

    Args:
        producer: writes.
        topic: where to.
        entries: what; after the last nothing more is written.
        per_second: how many.
    """

    def __init__(self, producer: AIOKafkaProducer, topic: str, entries: Sequence[Entry], per_second: float) -> None:
        self._producer = producer
        self._topic = topic
        self._entries = entries
        self._per_second = per_second
        self._stopped = False
        self._sent = 0
        self._task = asyncio.create_task(self._write())

    async def stop(self) -> int:
        """Stop, wait until the broker has what was sent, and return how many that are."""
        self._stopped = True
        await self._task
        await self._producer.flush()
        return self._sent

    async def _write(self) -> None:
        began_at = time.monotonic()
        while not self._stopped and self._sent < len(self._entries):
            due = min(len(self._entries), int((time.monotonic() - began_at) * self._per_second))
            for entry in self._entries[self._sent : due]:
                await _send(self._producer, self._topic, entry)
            self._sent = max(due, self._sent)
            await asyncio.sleep(_STEP_S)


async def _send(producer: AIOKafkaProducer, topic: str, entry: Entry) -> asyncio.Future[Any]:
    future: asyncio.Future[Any] = await producer.send(
        topic,
        entry.payload,
        key=entry.symbol.encode(),
        partition=partition_of(entry.symbol),
        timestamp_ms=entry.time_ms,
        headers=[("receive_time_ns", str(time.time_ns()).encode()), ("stream", b"bench")],
    )
    return future
