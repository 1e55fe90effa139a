"""``make bench-restart``: how long a worker of books that was killed takes until its books are live again.

docs/state.md says what it does in that time. The books are deep, diffs go on all the time, and the worker is killed by
SIGKILL and started again under its name, so that it has its partitions back at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families
from rich.table import Table

from bench.ingest import machine
from bench.probe import is_ready
from bench.results import RESULTS, console, write
from bench.site import Site, producer_to, running_site
from sandbox.ports import free_port
from sandbox.processes import ManagedProcess
from schemas.codec import Codec
from schemas.derived import BookState, TopOfBook
from schemas.markets import Market
from schemas.registry import Registry
from schemas.topics import PARTITIONS, DerivedType, RawType, TopicTable, partition_of


__all__ = ["main"]

LIMIT_S: Final = 5.0
LIMIT_BOOKS: Final = 200
_READY_S: Final = 120.0
_INTERVAL_S: Final = 10.0
_NEVER_S: Final = 3_600.0
_PIECE: Final = 20
_ROUNDS: Final = "processors_checkpoint_round_seconds_count"
_out = console()


class Row(Struct, frozen=True, kw_only=True):
    """What one restart took."""

    name: str
    """Where the state came from: ``checkpoint``, or ``log``."""
    books: int
    levels: int
    state_mb: float
    """Bytes of the checkpoints that one round writes."""
    replayed: int
    """Raw records read again."""
    restore_s: float
    """From having its partitions until all of them go on."""
    start_s: float
    """From the start of the process until it is ready."""
    cpu_s: float
    """CPU time that the process took until then, imports and all: what remains on a machine that does nothing else."""
    live: int
    """Books that were said to be live after that."""


class _Feed:
    """The venue: a snapshot of each book, then diffs for ever."""

    def __init__(self, topic: str, books: int, levels: int) -> None:
        self.symbols = [f"SYM{number}USDT" for number in range(books)]
        self._topic = topic
        self._levels = levels
        self._last = dict.fromkeys(self.symbols, 1_000)
        self._random = random.Random(7)  # noqa: S311 - the same each time
        self.sent = 0

    async def snapshots(self, producer: AIOKafkaProducer) -> None:
        for first in range(0, len(self.symbols), _PIECE):
            sent = [
                await self._send(producer, symbol, self._snapshot()) for symbol in self.symbols[first : first + _PIECE]
            ]
            await asyncio.gather(*sent)

    async def diffs(self, producer: AIOKafkaProducer, per_second: float) -> None:
        """Send diffs of all symbols by turns."""
        began_at, count = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - began_at) * per_second)
            sent = [
                await self._diff(producer, self.symbols[number % len(self.symbols)]) for number in range(count, due)
            ]
            count = max(count, due)
            await asyncio.gather(*sent)
            await asyncio.sleep(0.05)

    async def _diff(self, producer: AIOKafkaProducer, symbol: str) -> asyncio.Future[Any]:
        self._last[symbol] = last = self._last[symbol] + 1
        payload = {
            "e": "depthUpdate",
            "E": time.time_ns() // 1_000_000,
            "s": symbol,
            "U": last,
            "u": last,
            "b": [self._level(1_000_000 - self._random.randrange(self._levels)) for _ in range(10)],
            "a": [self._level(1_000_001 + self._random.randrange(self._levels)) for _ in range(10)],
        }
        self.sent += 1
        return await self._send(producer, symbol, payload)

    def _snapshot(self) -> dict[str, Any]:
        return {
            "lastUpdateId": 1_000,
            "bids": [self._level(1_000_000 - n) for n in range(self._levels)],
            "asks": [self._level(1_000_001 + n) for n in range(self._levels)],
        }

    def _level(self, ticks: int) -> list[str]:
        return [f"{ticks / 100:.8f}", f"{self._random.randrange(1, 10**9) / 10**5:.8f}"]

    async def _send(self, producer: AIOKafkaProducer, symbol: str, payload: dict[str, Any]) -> asyncio.Future[Any]:
        now_ns = time.time_ns()
        future: asyncio.Future[Any] = await producer.send(
            self._topic,
            json.dumps(payload).encode(),
            key=symbol.encode(),
            partition=partition_of(symbol),
            timestamp_ms=payload.get("E", now_ns // 1_000_000),
            headers=[("receive_time_ns", str(now_ns).encode()), ("stream", b"bench")],
        )
        return future


class _Worker:
    """The worker that is killed and started again."""

    def __init__(self, site: Site, table: TopicTable, interval_s: float) -> None:
        self._site = site
        self._starts = 0
        self._port = free_port("127.0.0.1")
        self._env = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": site.broker.bootstrap_servers,
            "SCHEMA_REGISTRY_URL": site.registry.url,
            "TOPIC_PREFIX": table.prefix,
            "PROCESSORS_MARKETS": '["spot"]',
            "PROCESSORS_METRICS_PORT": str(self._port),
            "PROCESSORS_CHECKPOINT_INTERVAL_S": str(interval_s),
        }
        self._prefix = table.prefix

    def start(self) -> ManagedProcess:
        self._starts += 1
        arguments = ["-m", "processors", "worker", "books", "--instance-id", "bench"]
        process = self._site.process(f"{self._prefix}-{self._starts}", arguments, env=self._env)
        process.start()
        return process

    async def wait_ready(self, process: ManagedProcess) -> None:
        deadline = time.monotonic() + _READY_S
        while not await asyncio.to_thread(is_ready, self._port):
            process.check_running()
            if time.monotonic() > deadline:
                msg = f"{process}: not ready after {_READY_S:g} s"
                raise TimeoutError(msg)
            await asyncio.sleep(0.05)

    async def wait_for(self, name: str, enough: Callable[[float], bool]) -> None:
        deadline = time.monotonic() + _READY_S
        while not enough(value := await self.metric(name)):
            if time.monotonic() > deadline:
                msg = f"{name} is {value:g} after {_READY_S:g} s"
                raise TimeoutError(msg)
            await asyncio.sleep(0.2)

    async def metric(self, name: str) -> float:
        """Return the sum of the samples of a name."""

        def asked() -> float:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=5) as answer:
                families = text_string_to_metric_families(answer.read().decode())
                return sum(one.value for family in families for one in family.samples if one.name == name)

        return await asyncio.to_thread(asked)

    def logged(self) -> Iterator[dict[str, Any]]:
        """Return what the process that was started last logged."""
        for line in (self._site.folder / f"{self._prefix}-{self._starts}.log").read_text().splitlines():
            if line.startswith("{"):
                yield json.loads(line)


async def _measure(site: Site, name: str, *, books: int, levels: int, rate: float) -> Row:
    interval_s = _NEVER_S if name == "log" else _INTERVAL_S
    table = await asyncio.to_thread(site.set_up, f"restart-{name}-{books}")
    feed = _Feed(table.raw(Market.SPOT, RawType.DEPTH).name, books, levels)
    worker = _Worker(site, table, interval_s)
    async with producer_to(site) as producer:
        await feed.snapshots(producer)
        diffs = asyncio.create_task(feed.diffs(producer, rate))
        process = worker.start()
        try:
            await worker.wait_ready(process)
            await _until_steady(worker, name)
            written_mb = await worker.metric("processors_checkpoint_bytes_total") / 1e6
            rounds = max(1.0, await worker.metric(_ROUNDS) / PARTITIONS)
            top = table.derived(Market.SPOT, DerivedType.TOP_OF_BOOK).name
            process.kill()
            ends = await _ends(site, top)
            process = worker.start()
            started_at = time.monotonic()
            await worker.wait_ready(process)
            start_s, cpu_s = time.monotonic() - started_at, _cpu_s(process)
            live = await _live(site, table, top, ends, feed.symbols)
        finally:
            process.kill()
            diffs.cancel()
            with suppress(asyncio.CancelledError):
                await diffs
    logged = list(worker.logged())
    assigned_at = max(_time(line) for line in logged if line["event"] == "partitions assigned")
    restored = [line for line in logged if line["event"] == "restored"]
    return Row(
        name=name,
        books=books,
        levels=2 * levels,
        state_mb=round(written_mb / rounds, 1),
        replayed=sum(line["applied"] for line in restored),
        restore_s=round(max(map(_time, restored)) - assigned_at, 2),
        start_s=round(start_s, 2),
        cpu_s=cpu_s,
        live=live,
    )


def _cpu_s(process: ManagedProcess) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _time(line: dict[str, Any]) -> float:
    return datetime.fromisoformat(line["timestamp"]).timestamp()


async def _until_steady(worker: _Worker, name: str) -> None:
    """Wait until the worker has caught up, and where it writes checkpoints, all books are in them."""
    await worker.wait_for("processors_lag_records", lambda lag: lag < 1_000)
    if name == "checkpoint":
        wanted = await worker.metric(_ROUNDS) + 2 * PARTITIONS
        await worker.wait_for(_ROUNDS, lambda rounds: rounds >= wanted)


async def _ends(site: Site, topic: str) -> dict[TopicPartition, int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=site.broker.bootstrap_servers)
    await consumer.start()
    try:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(
            [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        )
        return ends
    finally:
        await consumer.stop()


async def _live(
    site: Site, table: TopicTable, topic: str, begins: dict[TopicPartition, int], symbols: Sequence[str]
) -> int:
    """Return of how many books the last that was said since then is that they are live."""
    codec = Codec(table, Registry(site.registry.url))
    states: dict[str, BookState] = {}
    consumer = AIOKafkaConsumer(bootstrap_servers=site.broker.bootstrap_servers)
    await consumer.start()
    try:
        consumer.assign(list(begins))
        for tp, offset in begins.items():
            consumer.seek(tp, offset)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and sum(one is BookState.LIVE for one in states.values()) < len(symbols):
            for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                for record in records:
                    value = codec.decode(topic, tp.partition, record.offset, record.value)
                    if isinstance(value, TopOfBook):
                        states[value.symbol] = value.state
        return sum(one is BookState.LIVE for one in states.values())
    finally:
        await consumer.stop()


def _line(row: Row) -> str:
    """Return what was found of one restart, in words."""
    return (
        f"{row.books} books of {row.levels:,} levels, from {row.name}: restored in {row.restore_s:.2f} s, "
        f"ready {row.start_s:.2f} s after the start, {row.live} live"
    )


def _show(rows: Sequence[Row]) -> None:
    _out.print(f"[italic]Restart of a worker of books ({machine()})[/italic]")
    table = Table()
    for name in ("from", "books", "levels", "state MB", "replayed", "restored s", "start to ready s", "CPU s", "live"):
        table.add_column(name, justify="left" if name == "from" else "right")
    for row in rows:
        table.add_row(
            row.name, str(row.books), f"{row.levels:,}", f"{row.state_mb:.1f}", f"{row.replayed:,}",
            f"{row.restore_s:.2f}", f"{row.start_s:.2f}", f"{row.cpu_s:.2f}", str(row.live),
        )  # fmt: skip
    _out.print(table)


def main(
    books: Annotated[list[int] | None, typer.Option(help="Numbers of books.")] = None,
    levels: Annotated[int, typer.Option(help="Levels of each side.")] = 5_000,
    rate: Annotated[float, typer.Option(help="Diffs a second, over all books.")] = 500.0,
    log: Annotated[bool, typer.Option(help="Also restart without checkpoints, from the log alone.")] = False,
) -> None:
    """Measure restarts; exit status 1 if 200 books take longer than they may."""
    rows: list[Row] = []
    with running_site(pinned=False) as site:
        for count in books or [50, LIMIT_BOOKS, 400]:
            for name in ("checkpoint", "log") if log else ("checkpoint",):
                rows.append(asyncio.run(_measure(site, name, books=count, levels=levels, rate=rate)))
                _out.print(_line(rows[-1]))
    _show(rows)
    write(RESULTS / "restart.json", rows, machine())
    ours = [row for row in rows if row.name == "checkpoint"]
    slow = any(row.restore_s > LIMIT_S for row in ours if row.books <= LIMIT_BOOKS)
    raise typer.Exit(slow or any(row.live < row.books for row in ours))


if __name__ == "__main__":
    typer.run(main)
