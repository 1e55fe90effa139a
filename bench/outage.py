"""``make bench-outage``: a broker that stands still for three minutes, at a known rate of events.

The real ``binance-ingest run`` with its default settings. What is asked: was anything lost, how much was held, how much
memory did that take, is the order of every symbol kept.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Annotated, Final

import typer

from bench import readback
from bench.frames import SYMBOLS, Course
from bench.ingest import feeding, machine
from bench.probe import Sample, is_ready, watch
from bench.readback import Judgement, Reader, Seen
from bench.results import RESULTS, console, write
from bench.site import Site, running_site
from sandbox.broker import EmbeddedKafka
from sandbox.ports import free_port
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["main"]

_PARTITIONS: Final = 12
_READY_S: Final = 120.0
_BEFORE_S: Final = 20.0
_AFTER_S: Final = 40.0
_SETTLE_S: Final = 180.0
_TELL_EVERY_S: Final = 20
_out = console()


@contextmanager
def _standing_still(broker: EmbeddedKafka) -> Iterator[None]:
    pid = broker.pid
    if pid is None:
        msg = "the broker does not run"
        raise RuntimeError(msg)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _disorder(seen: Sequence[Seen]) -> int:
    """Return how many records, of those that were not in the log before, come after a later one of their symbol."""
    ids: dict[str, dict[int, None]] = {}
    for one in sorted(seen, key=lambda one: (one.partition, one.offset)):
        symbol, number = one.identity
        ids.setdefault(symbol, {})[number] = None
    return sum(later < earlier for numbers in ids.values() for earlier, later in pairwise(numbers))


def _measure(site: Site, rate: float, outage_s: float) -> tuple[list[Sample], Judgement, int, int]:
    table = site.set_up("outage")
    topic = table.raw(Market.SPOT, RawType.AGG_TRADE).name
    reader = Reader(site.broker.bootstrap_servers, {topic: _PARTITIONS}, readback.raw)
    course = Course(int(rate * (_BEFORE_S + outage_s + _AFTER_S)))
    feeder_port, port = free_port("127.0.0.1"), free_port("127.0.0.1")
    environment = site.environment(
        table,
        f"http://127.0.0.1:{feeder_port}",
        INGEST_HTTP__PORT=str(port),
        INGEST_MARKETS__SPOT__SYMBOLS=",".join(SYMBOLS),
        INGEST_MARKETS__SPOT__STREAMS="aggTrade",
    )
    process = site.process("ingest", ["-m", "ingest", "run"], env=environment)
    with feeding(site, course, feeder_port, rate), process:
        process.wait_ready(lambda: is_ready(port), _READY_S)
        pid = process.pid or 0
        samples = list(watch(process, pid, port, _BEFORE_S, _tell("before")))
        with _standing_still(site.broker):
            samples += watch(process, pid, port, outage_s, _tell("away"))
        samples += watch(process, pid, port, _AFTER_S, _tell("back"))
        deadline = time.monotonic() + _SETTLE_S
        while reader.count() < course.count and time.monotonic() < deadline:
            process.check_running()
            time.sleep(1)
        status = process.stop()
        if status != 0:
            _out.print(f"ingest ended with {status}:\n{process.log_tail(10)}")
    seen = reader.read()
    reader.close()
    return samples, Judgement.of(course, seen), _disorder(seen), course.count


def _tell(when: str) -> Callable[[float, Sample], None]:
    """Return what prints a line now and then."""
    told = -_TELL_EVERY_S

    def tell(elapsed_s: float, one: Sample) -> None:
        nonlocal told
        if elapsed_s - told >= _TELL_EVERY_S:
            told = int(elapsed_s)
            held = f"{one.unacknowledged_records:,} held in {one.unacknowledged_mib:.0f} MiB"
            _out.print(f"{when:>6} {elapsed_s:4.0f} s: {one.resident_mib:4.0f} MiB, {one.records:,} records, {held}")

    return tell


def main(
    rate: Annotated[float, typer.Option(help="Events per second.")] = 1_000.0,
    outage: Annotated[float, typer.Option(help="Seconds that the broker stands still.")] = 180.0,
) -> None:
    """Let the broker stand still and see what becomes of the events; exit status 1 if any is lost or out of order."""
    with running_site(pinned=False) as site:
        samples, judgement, disorder, count = _measure(site, rate, outage)
    row = {
        "name": "ours",
        "outage_s": outage,
        "events_per_second": rate,
        "events": count,
        "held_records": max(one.unacknowledged_records for one in samples),
        "held_mib": round(max(one.unacknowledged_mib for one in samples), 1),
        "resident_mib_before": round(samples[0].resident_mib, 1),
        "largest_resident_mib": round(max(one.resident_mib for one in samples), 1),
        "lost": judgement.lost,
        "duplicates": judgement.duplicates,
        "out_of_order": disorder,
    }
    for name, value in row.items():
        _out.print(f"{name:>22}  {value}")
    write(RESULTS / "outage.json", [row], machine())
    raise typer.Exit(bool(judgement.lost or disorder))


if __name__ == "__main__":
    typer.run(main)
