"""What every program of the processors' benchmarks does with a record: the same cores, so that only delivery differs.

Imports no client library: peers run it in an environment of their own.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from processors.core.book import OrderBook, parse_levels
from processors.core.decode import decode_depth
from processors.core.records import Output, RawRecord, Rejected
from processors.core.trade_partition import TradePartition
from schemas.derived import Candle, Trade
from schemas.markets import Market
from schemas.topics import RawType
from schemas.wire import DepthDiff


__all__ = ["WORK", "BookWork", "CandleWork", "NoWork", "Order", "Outcome", "Run", "Work", "order_of"]


class Outcome(Struct, frozen=True, kw_only=True):
    """What a program says of itself in the end."""

    seconds: float
    """From the first look for records to the last one done."""
    cpu_s: float
    """Of the process, all its threads, over the same time."""
    events: int
    """Records it was given."""
    duplicates: int
    """Of these, those that brought nothing new."""
    digest: str
    """Of the state in the end; empty: it is somebody else's to judge."""


class Work(Protocol):
    """A state, and what a record does to it."""

    duplicates: int

    def take(self, key: bytes, value: bytes, offset: int, timestamp_ms: int, partition: int) -> None:
        """Apply one record."""

    def digest(self) -> str:
        """Return a hash of the whole state."""


class BookWork:
    """Books of scaled integers whose best prices are known after each diff."""

    def __init__(self) -> None:
        self.duplicates = 0
        self._books: dict[bytes, OrderBook] = {}
        self._last: dict[bytes, int] = {}

    def take(self, key: bytes, value: bytes, _offset: int, _timestamp_ms: int, _partition: int) -> None:
        """Decode a diff or snapshot, apply it, ask for the top."""
        message = decode_depth(value)
        if isinstance(message, DepthDiff):
            if message.final_update_id <= self._last[key]:
                self.duplicates += 1
                return
            self._last[key] = message.final_update_id
            book = self._books[key]
            book.apply(parse_levels(message.bids), parse_levels(message.asks))
            book.best()
        elif isinstance(message, Rejected):
            msg = f"offset {_offset}: {message.detail}"
            raise ValueError(msg)  # noqa: TRY004 - it is the value that is wrong
        else:
            self._last[key] = message.last_update_id
            book = self._books[key] = OrderBook()
            book.load(parse_levels(message.bids), parse_levels(message.asks))

    def digest(self) -> str:
        """Return a hash of all levels of all books."""
        levels = {key.decode(): (self._last[key], book.top(1 << 30)) for key, book in sorted(self._books.items())}
        return _hash(levels)


class CandleWork:
    """Trades in the order of their ids, and candles of six intervals; what comes of them is counted and let go."""

    def __init__(self) -> None:
        self.duplicates = 0
        self._partitions: dict[int, TradePartition] = {}
        self._trades = 0
        self._candles: dict[tuple[str, bytes], Candle] = {}

    def take(self, key: bytes, value: bytes, offset: int, timestamp_ms: int, partition: int) -> None:
        """Decode a trade, put it in its place, fold it into the candles."""
        state = self._partitions.get(partition)
        if state is None:
            state = self._partitions[partition] = TradePartition()
        record = RawRecord(Market.SPOT, RawType.TRADE, partition, offset, timestamp_ms, key, value)
        outputs = state.feed(record)
        self.duplicates += not outputs
        for output in outputs:
            if isinstance(output, Output):
                if isinstance(output.value, Trade):
                    self._trades += 1
                elif isinstance(output.value, Candle):
                    self._candles[output.type, output.key] = output.value

    def digest(self) -> str:
        """Return a hash of how many trades there were, and of the last candle of each key."""
        candles = [
            (name, key.decode(), msgspec.structs.replace(candle, input_offset=0))  # not every peer tells offsets
            for (name, key), candle in sorted(self._candles.items(), key=lambda item: item[0])
        ]
        return _hash((self._trades, candles))


class NoWork:
    """Nothing: what is left is delivery."""

    def __init__(self) -> None:
        self.duplicates = 0

    def take(self, key: bytes, value: bytes, offset: int, timestamp_ms: int, partition: int) -> None:
        """Let it go."""

    def digest(self) -> str:
        """Return nothing: there is no state."""
        return ""


WORK: Final[dict[str, Callable[[], Work]]] = {"book": BookWork, "candles": CandleWork, "none": NoWork}


class Order(Struct, frozen=True):
    """What a program is told."""

    servers: str
    topic: str
    work: str
    count: int
    core: int
    out: Path


def order_of(arguments: list[str]) -> Order:
    """Read the command line, and move to the core."""
    parser = argparse.ArgumentParser()
    for name in ("servers", "topic", "work"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--core", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    order = Order(**vars(parser.parse_args(arguments)))
    os.sched_setaffinity(0, {order.core})
    return order


class Run:
    """One run: the clock starts before the first fetch, stops with the last record, and then the process ends.

    Args:
        order: what the program was told.
    """

    def __init__(self, order: Order) -> None:
        self.work = WORK[order.work]()
        self.events = 0
        self._order = order
        self._began = (0.0, 0.0)

    def begin(self) -> None:
        """Start the clock: partitions are there, and what is fetched from now on counts.

        A client that unpacks a whole fetch at once has done a part of the work when its first record is in hand.
        """
        if not self.events:
            self._began = time.monotonic(), time.process_time()

    def take(self, key: bytes, value: bytes, offset: int, timestamp_ms: int, partition: int) -> None:
        """Apply one record."""
        if not self._began[0]:
            self.begin()
        self.events += 1
        self.work.take(key, value, offset, timestamp_ms, partition)

    def take_one(self, key: bytes, value: bytes, offset: int, timestamp_ms: int, partition: int) -> None:
        """Apply one record, and end if it was the last: for programs that get one at a time."""
        self.take(key, value, offset, timestamp_ms, partition)
        self.end_if_done()

    def end_if_done(self) -> None:
        """Write down the outcome and end the process, if every record was taken; to be called when they are done."""
        if self.events < self._order.count:
            return
        seconds, cpu_s = time.monotonic() - self._began[0], time.process_time() - self._began[1]
        outcome = Outcome(
            seconds=seconds,
            cpu_s=cpu_s,
            events=self.events,
            duplicates=self.work.duplicates,
            digest=self.work.digest(),
        )
        end(self._order.out, outcome)


def end(out: Path, outcome: Outcome) -> None:
    """Write down the outcome and end the process at once: how a program closes is not measured."""
    out.write_bytes(msgspec.json.encode(outcome))
    sys.stdout.flush()
    os._exit(0)


def _hash(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()[:16]
