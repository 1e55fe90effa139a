"""How many events a second the simulated exchange serves on one core to a client that is faster than it.

The server runs in a process of its own, pinned to one core; the client, a bare socket that only counts, on another.
Events are counted as they arrive. A second figure counts by the server's processor time, which neighbours on the
machine do not touch; each row is the best of its rounds.
"""

from __future__ import annotations

import asyncio
import base64
import multiprocessing
import os
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Final
from urllib.request import Request, urlopen

import msgspec
import uvloop
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from sandbox.exchange.server import ExchangeServer, ExchangeSettings, StartMode
from sandbox.exchange.source import RestReply, Source, StreamEvent, error_reply
from sandbox.simulation.config import SimulationConfig, universe
from sandbox.simulation.source import SimulatedSource
from schemas.markets import Market


__all__ = ["main"]

_SYMBOLS: Final = 50
_COLLECTED: Final = ("trade", "aggTrade", "depth@100ms", "bookTicker")
_RESULTS: Final = Path(__file__).parent / "results" / "exchange.json"
_WARM_UP_S: Final = 1.0
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_AGG_TRADE: Final = (
    b'{"e":"aggTrade","E":1793577600123,"s":"BTCUSDT","a":3607175009,"p":"84018.66000000","q":"0.04028000",'
    b'"f":4507175009,"l":4507175011,"T":1793577600122,"m":true,"M":true}'
)


class Subject(Struct, frozen=True):
    """What is measured."""

    name: str
    kinds: Sequence[str]
    """Streams of each symbol that the client wants."""
    simulated: bool


class Row(Struct, frozen=True, kw_only=True):
    """What was found."""

    name: str
    events: int
    events_per_second: float
    events_per_cpu_second: float
    """By the server's processor time."""
    megabytes_per_second: float


SUBJECTS: Final = (
    Subject("fan-out alone, aggTrade-sized", ("aggTrade",), simulated=False),
    Subject("simulated: aggTrade, trade, depth@100ms, bookTicker", _COLLECTED, simulated=True),
)


class _Repeating:
    """The same payload on one stream after the other, for ever: a source that costs next to nothing."""

    def __init__(self, streams: Sequence[str]) -> None:
        self._streams = streams
        self._clock_ms = 1_793_577_600_000

    def streams(self, market: Market) -> frozenset[str]:
        return frozenset(self._streams if market is Market.SPOT else ())

    def events(self) -> Iterator[StreamEvent]:
        due_ns = self._clock_ms * 1_000_000
        while True:
            for stream in self._streams:
                yield StreamEvent(due_ns, Market.SPOT, stream, _AGG_TRADE)

    def clock_ms(self) -> int:
        return self._clock_ms

    def advance_clock(self, to_ms: int) -> None:
        self._clock_ms = max(self._clock_ms, to_ms)

    def rest(self, _market: Market, path: str, _params: Mapping[str, str]) -> RestReply:
        return error_reply(404, -5000, f"Path {path}, Method GET is invalid")


def _streams(kinds: Sequence[str]) -> list[str]:
    symbols = universe(_SYMBOLS * 10 // 6 + 1)[Market.SPOT][:_SYMBOLS]
    return [f"{symbol.lower()}@{kind}" for symbol in symbols for kind in kinds]


def _source(subject: Subject) -> Source:
    streams = _streams(subject.kinds)
    if not subject.simulated:
        return _Repeating(streams)
    symbols = tuple(sorted({stream.partition("@")[0].upper() for stream in streams}))
    return SimulatedSource(SimulationConfig(symbols={Market.SPOT: symbols}, duration_s=None))


def _serve(subject: Subject, core: int, told: Connection) -> None:
    """Serve until the pipe says stop; in a process of its own."""
    os.sched_setaffinity(0, {core})

    async def serve() -> None:
        settings = ExchangeSettings(port=0, speed=None, start=StartMode.MANUAL)
        async with ExchangeServer(_source(subject), settings) as server:
            told.send(server.port)
            stop = asyncio.Event()
            asyncio.get_running_loop().add_reader(told.fileno(), stop.set)
            await stop.wait()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())


class _Serving(Struct, frozen=True):
    pid: int
    port: int


@contextmanager
def _serving(subject: Subject, core: int) -> Iterator[_Serving]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(subject, core, theirs), daemon=True)
    process.start()
    try:
        yield _Serving(process.pid or 0, ours.recv())
    finally:
        ours.send("stop")
        process.join(10)
        if process.is_alive():
            process.kill()


def _connect(port: int, streams: Sequence[str]) -> socket.socket:
    """Return a socket after the handshake for a combined stream."""
    client = socket.create_connection(("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    client.sendall(
        f"GET /stream?streams={'/'.join(streams)} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += client.recv(1)
    if b" 101 " not in answer:
        sys.exit(f"the exchange refused the connection: {answer!r}")
    return client


class _Counter:
    """Counts the frames in a stream of bytes, whole or not."""

    def __init__(self) -> None:
        self.frames = 0
        self._rest = b""

    def feed(self, data: bytes) -> None:
        data = self._rest + data
        at, end, frames = 0, len(data), 0
        while end - at >= 10:
            length, start = data[at + 1], at + 2
            if length == 126:
                length, start = data[at + 2] << 8 | data[at + 3], at + 4
            elif length == 127:
                length, start = int.from_bytes(data[at + 2 : at + 10]), at + 10
            if start + length > end:
                break
            at = start + length
            frames += 1
        self._rest = data[at:]
        self.frames += frames


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def measure(subject: Subject, seconds: float, cores: Sequence[int]) -> Row:
    """Return what one round finds."""
    with _serving(subject, cores[0]) as server, _connect(server.port, _streams(subject.kinds)) as client:
        urlopen(Request(f"http://127.0.0.1:{server.port}/sandbox/start", method="POST")).read()
        counter = _Counter()
        _read(client, counter, _WARM_UP_S)
        begun, cpu_s = counter.frames, _cpu_s(server.pid)
        took_s, size = _read(client, counter, seconds)
        events, cpu_s = counter.frames - begun, _cpu_s(server.pid) - cpu_s
    return Row(
        name=subject.name,
        events=events,
        events_per_second=events / took_s,
        events_per_cpu_second=events / cpu_s,
        megabytes_per_second=size / took_s / 1e6,
    )


def _read(client: socket.socket, counter: _Counter, seconds: float) -> tuple[float, int]:
    begun_s, size = perf_counter(), 0
    while (took_s := perf_counter() - begun_s) < seconds:
        data = client.recv(1 << 20)
        size += len(data)
        counter.feed(data)
    return took_s, size


def main(arguments: Sequence[str]) -> None:
    """Measure, print a table, write the figures to a file."""
    parser = ArgumentParser(prog="python -m bench.exchange", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    chosen = parser.parse_args(arguments)
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    rows = []
    for subject in SUBJECTS:
        found = [measure(subject, chosen.seconds, cores) for _ in range(chosen.rounds)]
        rows.append(max(found, key=lambda row: row.events_per_second))
    table = Table(title="Exchange to one client, combined stream, one core", title_justify="left")
    for name in ("source", "events", "events/s", "events/CPU s", "MB/s"):
        table.add_column(name, justify="left" if name == "source" else "right")
    for row in rows:
        figures = (row.events, row.events_per_second, row.events_per_cpu_second, row.megabytes_per_second)
        table.add_row(row.name, *(f"{figure:,.0f}" for figure in figures))
    Console(width=120).print(table)
    _RESULTS.parent.mkdir(exist_ok=True)
    _RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode({"rows": rows})) + b"\n")


if __name__ == "__main__":
    main(sys.argv[1:])
