"""What one process with the real cores costs, as symbols and levels grow: memory, and CPU of an event.

One point per process (``python -m bench.scale_cost``): memory that was given back to the allocator by an earlier point
would make a later one look cheaper. Nothing of Kafka is in it.
"""

from __future__ import annotations

import gc
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Annotated, Final

import msgspec
import typer
from msgspec import Struct

from bench.site import ROOT
from processors.core.book_partition import BookPartition
from processors.core.records import RawRecord
from processors.core.trade_partition import TradePartition
from schemas.control import Heartbeat
from schemas.decimals import to_scaled
from schemas.derived import BookState
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["Cost", "Point", "measure", "measure_apart"]

_MIB: Final = 1024.0
"""In KiB, which is what the kernel counts in."""
_START_MS: Final = 1_793_577_600_000
_ROUNDS: Final = 3
_REMEMBERED: Final = 1 << 16
_SEEN: Final = 8 * 2**20
_BEST_BID: Final = 1_000_000
_HEARTBEATS: Final = 20
_SECOND_MS: Final = 1_000
_LIMIT_S: Final = 900.0
_encode: Final = msgspec.json.Encoder().encode


class Point(Struct, frozen=True, kw_only=True):
    """What is measured."""

    family: str
    """``books`` or ``trades``."""
    symbols: int
    levels: int = 0
    """Of a book, half of them on each side."""
    events: int = 20_000
    """Diffs or trades that are timed, over all symbols and rounds."""


class Cost(Struct, frozen=True, kw_only=True):
    """What it took."""

    name: str
    family: str
    symbols: int
    levels: int
    resident_mib: float
    """The whole process."""
    state_mib: float
    """What it grew by as the state came into being."""
    bytes_per_symbol: float | None = None
    """None: less than what the allocator may have had left."""
    bytes_per_level: float | None = None
    cpu_us_per_event: float
    """Decoding and the core, best of the rounds."""
    heartbeat_us: float
    """One heartbeat of the partition, which is told to all its symbols."""
    live: int
    """Books that were live at the end; of trades, symbols."""


def measure_apart(point: Point) -> Cost:
    """Measure in a process of its own.

    Raises:
        subprocess.CalledProcessError: it failed; what it said is on standard error.
    """
    arguments = [f"--{name}={getattr(point, name)}" for name in ("family", "symbols", "levels", "events")]
    done = subprocess.run(
        [sys.executable, "-m", "bench.scale_cost", *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=_LIMIT_S,
    )  # fmt: skip
    return msgspec.json.decode(done.stdout, type=Cost)


def measure(point: Point) -> Cost:
    """Measure in this process; memory means something only in one that did nothing before."""
    course = _Books(point) if point.family == "books" else _Trades(point)
    for number in range(_REMEMBERED):  # what the parser of numbers remembers belongs to no symbol: it is full before
        to_scaled(f"{number}.99")
    gc.collect()
    before_kib = _resident_kib()
    gc.disable()  # it would look at every level again and again while they come
    for record in course.opening():
        course.partition.feed(record)
    gc.enable()
    gc.collect()
    resident_kib = _resident_kib()
    rounds: list[float] = []
    count = max(1, point.events // _ROUNDS)
    for _ in range(_ROUNDS):
        records = [course.event() for _ in range(count)]
        begun_s = process_time()
        for record in records:
            course.partition.feed(record)
        rounds.append((process_time() - begun_s) / count)
    state = (resident_kib - before_kib) * _MIB
    seen = state > _SEEN
    return Cost(
        name=f"{point.family}: {point.symbols} symbols" + (f", {point.levels} levels" if point.levels else ""),
        family=point.family,
        symbols=point.symbols,
        levels=point.levels,
        resident_mib=round(resident_kib / _MIB, 1),
        state_mib=round(max(0.0, state) / _MIB / _MIB, 1),
        bytes_per_symbol=round(state / point.symbols) if seen else None,
        bytes_per_level=round(state / point.symbols / point.levels, 1) if seen and point.levels else None,
        cpu_us_per_event=round(min(rounds) * 1e6, 1),
        heartbeat_us=round(_heartbeat_s(course) * 1e6, 1),
        live=course.live(),
    )


class _Course:
    """Records of one partition; its offsets go on from each to the next."""

    partition: BookPartition | TradePartition
    raw_type: RawType

    def __init__(self, point: Point) -> None:
        self.symbols = [f"SYM{number}USDT" for number in range(point.symbols)]
        self.random = random.Random(7)  # noqa: S311 - the same each time
        self.offset = 0
        self.time_ms = _START_MS

    def opening(self) -> Iterator[RawRecord]:
        """Return what brings the state into being."""
        raise NotImplementedError

    def event(self) -> RawRecord:
        """Return one event of one symbol."""
        raise NotImplementedError

    def live(self) -> int:
        """Return how many symbols there are whose state is right."""
        return len(self.symbols)

    def record(self, symbol: str, payload: object) -> RawRecord:
        """Return the next record of the log."""
        self.offset += 1
        return RawRecord(
            Market.SPOT, self.raw_type, 0, self.offset - 1, self.time_ms, symbol.encode(), _encode(payload)
        )


class _Books(_Course):
    """Snapshots of all books, then diffs of them by chance, most of them near the top."""

    raw_type = RawType.DEPTH

    def __init__(self, point: Point) -> None:
        super().__init__(point)
        self.partition: BookPartition = BookPartition()
        self._levels = point.levels // 2
        self._last = dict.fromkeys(self.symbols, 1_000)
        self._numbers = {symbol: number for number, symbol in enumerate(self.symbols)}

    def opening(self) -> Iterator[RawRecord]:
        """Return a snapshot and a diff of each.

        No price and no quantity is there twice over all books: equal texts are parsed to one and the same integer,
        which books of a real market rarely share.
        """
        for symbol in self.symbols:
            sides = {
                side: [
                    self._level(symbol, sign, away, f"{away + 1}.{self._numbers[symbol]:05}{sign + 2}")
                    for away in range(self._levels)
                ]
                for side, sign in (("bids", -1), ("asks", 1))
            }
            yield self.record(symbol, {"lastUpdateId": 1_000, **sides})
            yield self._diff(symbol)

    def event(self) -> RawRecord:
        """Return a diff."""
        self.time_ms += 1
        return self._diff(self.random.choice(self.symbols))

    def live(self) -> int:
        """Return how many books are live."""
        return sum(status.state is BookState.LIVE for status in self.partition.statuses())

    def _diff(self, symbol: str) -> RawRecord:
        self._last[symbol] = last = self._last[symbol] + 1
        bids, asks = ([self._change(symbol, sign) for _ in range(10)] for sign in (-1, 1))
        payload = {"e": "depthUpdate", "E": self.time_ms, "s": symbol, "U": last, "u": last, "b": bids, "a": asks}
        return self.record(symbol, payload)

    def _change(self, symbol: str, sign: int) -> list[str]:
        """Return a new quantity, zero one time in four, some levels from the best price: half of them within 20."""
        away = min(int(self.random.expovariate(1 / 30)), self._levels - 1)
        quantity = 0 if self.random.random() < 0.25 else self.random.randrange(1, 10**9)
        return self._level(symbol, sign, away, f"{quantity / 10**5:.8f}")

    def _level(self, symbol: str, sign: int, away: int, quantity: str) -> list[str]:
        best = _BEST_BID if sign < 0 else _BEST_BID + 1
        return [f"{best + sign * away}.{self._numbers[symbol]:06}00", quantity]


class _Trades(_Course):
    """Trades of all symbols by chance, ten a second over all of them."""

    raw_type = RawType.TRADE

    def __init__(self, point: Point) -> None:
        super().__init__(point)
        self.partition: TradePartition = TradePartition()
        self._last = dict.fromkeys(self.symbols, 0)

    def opening(self) -> Iterator[RawRecord]:
        """Return a few trades of each."""
        for _ in range(3):
            self.time_ms += _SECOND_MS
            for symbol in self.symbols:
                yield self._trade(symbol)

    def event(self) -> RawRecord:
        """Return a trade."""
        self.time_ms += 1
        return self._trade(self.random.choice(self.symbols))

    def _trade(self, symbol: str) -> RawRecord:
        self._last[symbol] = last = self._last[symbol] + 1
        payload = {
            "e": "trade",
            "E": self.time_ms,
            "s": symbol,
            "t": last,
            "p": f"{self.random.randrange(10**6, 2 * 10**6) / 100:.8f}",
            "q": f"{self.random.randrange(1, 10**9) / 10**5:.8f}",
            "T": self.time_ms,
            "m": self.random.random() < 0.5,
            "M": True,
        }
        return self.record(symbol, payload)


def _heartbeat_s(course: _Course) -> float:
    """Return what a heartbeat takes, the median of some, a second of event time after the other."""
    took: list[float] = []
    for _ in range(_HEARTBEATS):
        course.time_ms += _SECOND_MS
        heartbeat = Heartbeat(
            market=Market.SPOT,
            stream=course.raw_type,
            partition=0,
            vouched_until=course.time_ms,
            offset=course.offset,
            ingest_id="bench",
            begin_offset=0,
            symbols=course.symbols,
        )
        begun_s = process_time()
        course.partition.heartbeat(heartbeat)
        took.append(process_time() - begun_s)
    return statistics.median(took)


def _resident_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1])


def main(
    family: Annotated[str, typer.Option(help="books or trades.")],
    symbols: Annotated[int, typer.Option()],
    levels: Annotated[int, typer.Option(help="Of a book, half of them on each side.")] = 0,
    events: Annotated[int, typer.Option(help="Diffs or trades that are timed.")] = 20_000,
) -> None:
    """Measure one point and print it as JSON."""
    cost = measure(Point(family=family, symbols=symbols, levels=levels, events=events))
    sys.stdout.write(msgspec.json.encode(cost).decode() + "\n")


if __name__ == "__main__":
    typer.run(main)
