"""``make bench-ingest``: from the socket to the acknowledged record, beside the ceiling and beside cryptofeed.

docs/benchmarks.md says what exactly is measured. Each measured program is a process of its own on one core; feeder,
broker and this program share the other. The programs take turns, so that what the machine does meanwhile hits all.
"""

from __future__ import annotations

import os
import platform
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from msgspec import Struct

from bench import readback
from bench.frames import SYMBOLS, Course
from bench.readback import Judgement, Reader, Seen
from bench.results import RESULTS, Row, console, median, show, write
from bench.sightings import Sightings
from bench.site import ROOT, Site, running_site
from sandbox.ports import free_port
from sandbox.processes import ManagedProcess
from schemas.markets import Market
from schemas.topics import RawType, TopicTable


__all__ = ["main"]

PACED_EVENTS_PER_S: Final = 5_000
_PEER: Final = ROOT / ".make" / "bench"
PEER_PYTHON: Final = _PEER / "bin" / "python"
PEER_READY: Final = _PEER / ".installed"
_PARTITIONS: Final = 12
_RUN_S: Final = 120.0
_WARM_UP_NS: Final = 1_000_000_000
_REPAIR_S: Final = 1.0
_out = console()


class Plan(Struct, frozen=True):
    """How much is measured."""

    rounds: int
    count: int
    """Events per round, as fast as they are read."""
    paced_s: float
    peer_count: int
    """Events per round for the peer, which needs longer."""
    peer_rounds: int
    peer_limit_s: float


ORDINARY: Final = Plan(rounds=3, count=200_000, paced_s=8.0, peer_count=500, peer_rounds=2, peer_limit_s=60.0)
QUICK: Final = Plan(rounds=1, count=5_000, paced_s=2.0, peer_count=50, peer_rounds=1, peer_limit_s=30.0)


class Round(Struct, frozen=True):
    """One program, once."""

    events_per_second: float
    cpu_us_per_event: float | None
    judgement: Judgement
    count: int
    latencies_ms: Sequence[float] = ()


class Subject:
    """A program that is measured.

    Args:
        name: of its row.
        site: where.
        reader: reads what it writes.
    """

    def __init__(self, name: str, site: Site, reader: Reader) -> None:
        self.name = name
        self.site = site
        self.reader = reader
        self._sent = 0

    def course(self, count: int) -> Course:
        """Return the events of the next round, whose ids go on from the last one's."""
        self._sent += count
        return Course(count, self._sent - count)


class Reporting(Subject):
    """A program that writes down what it sees.

    Args:
        name: of its row.
        site: where.
        reader: reads what it writes.
        module: the program.
        topic: where it writes to.
        table: the topics that an ingest service needs; None: it is none.
        environment: further settings of it.
    """

    def __init__(
        self,
        name: str,
        site: Site,
        reader: Reader,
        *,
        module: str,
        topic: str,
        table: TopicTable | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(name, site, reader)
        self._module = module
        self._topic = topic
        self._table = table
        self._environment = environment or {}

    def measure(self, count: int, rate: float | None = None) -> Round:
        """Run once."""
        course, port, site = self.course(count), free_port("127.0.0.1"), self.site
        out = site.folder / "sightings.json"
        out.unlink(missing_ok=True)
        arguments = ["--topic", self._topic, "--count", str(count), "--core", str(site.cores.measured)]
        arguments += ["--out", str(out)]
        environment = dict(os.environ)
        if self._table is None:
            arguments += ["--url", f"ws://127.0.0.1:{port}", "--servers", site.broker.bootstrap_servers]
        else:
            environment = site.environment(self._table, f"http://127.0.0.1:{port}", **self._environment)
        process = site.process(self.name, ["-m", self._module, *arguments], env=environment)
        with feeding(site, course, port, rate), process:
            status = process.wait(_RUN_S)
            if status != 0 or not out.exists():
                msg = f"{self.name} ended with {status}:\n{process.log_tail(40)}"
                raise RuntimeError(msg)
        sightings = msgspec.json.decode(out.read_bytes(), type=Sightings)
        return _judged(course, sightings, self.reader.read(), paced=rate is not None)


class Peer(Subject):
    """cryptofeed, which reports nothing: the log tells."""

    def measure(self, count: int, limit_s: float) -> Round:
        """Run once, until everything is in the log or the time is up."""
        course, port, site = self.course(count), free_port("127.0.0.1"), self.site
        address, core = f"127.0.0.1:{port}", str(site.cores.measured)
        program = "bench/subjects/cryptofeed_peer.py"
        process = site.process(
            "cryptofeed", [program, address, site.broker.bootstrap_servers, core], program=PEER_PYTHON
        )
        with feeding(site, course, port, None), process:
            deadline = time.monotonic() + limit_s
            while self.reader.count() < count and time.monotonic() < deadline:
                process.check_running()
                time.sleep(0.2)
        seen = self.reader.read()
        if len(seen) < 2:
            msg = f"cryptofeed delivered {len(seen)} records in {limit_s} s:\n{process.log_tail(40)}"
            raise RuntimeError(msg)
        written = [one.written_ms for one in seen]
        elapsed_s = max(1, max(written) - min(written)) / 1000
        return Round((len(seen) - 1) / elapsed_s, None, Judgement.of(course, seen), count)


def _judged(course: Course, sightings: Sightings, seen: Sequence[Seen], *, paced: bool) -> Round:
    began_ns = sightings.began_ns or min(one.receive_time_ns for one in seen)
    latencies: list[float] = []
    if paced:
        acknowledged = {
            (batch.partition, offset): batch.time_ns
            for batch in sightings.batches
            for offset in range(batch.offset, batch.offset + batch.count)
        }
        latencies = [
            (acknowledged[one.partition, one.offset] - one.receive_time_ns) / 1e6
            for one in seen
            if one.receive_time_ns - began_ns >= _WARM_UP_NS
        ]
    return Round(
        course.count / (sightings.ended_ns - began_ns) * 1e9,
        sightings.cpu_ns / max(1, sightings.cpu_events) / 1000,
        Judgement.of(course, seen),
        course.count,
        latencies,
    )


@contextmanager
def feeding(site: Site, course: Course, port: int, rate: float | None) -> Iterator[ManagedProcess]:
    """Run a feeder that has its frames ready."""
    arguments = [
        "-m",
        "bench.feeder",
        "--port",
        str(port),
        "--count",
        str(course.count),
        "--offset",
        str(course.offset),
    ]
    if rate is not None:
        arguments += ["--rate", str(rate)]
    with site.process("feeder", arguments) as feeder:
        feeder.wait_ready(lambda: feeder.log_tail(1) == "ready")
        yield feeder


def _subjects(site: Site) -> list[Reporting]:
    """Return the programs that take turns; the first is what the others are compared with."""
    servers = site.broker.bootstrap_servers
    site.create("bench.ceiling", partitions=_PARTITIONS)
    subjects = [
        Reporting(
            "ceiling",
            site,
            Reader(servers, {"bench.ceiling": _PARTITIONS}, readback.framed),
            module="bench.subjects.ceiling",
            topic="bench.ceiling",
        )
    ]
    for name, repair in (("ours", "false"), ("ours with repair", "true")):
        table = site.set_up(f"bench-repair-{repair}")
        topic = table.raw(Market.SPOT, RawType.AGG_TRADE).name
        environment = {
            "INGEST_MARKETS__SPOT__SYMBOLS": ",".join(SYMBOLS),
            "INGEST_MARKETS__SPOT__STREAMS": "aggTrade",
            "INGEST_REPAIR__ENABLED": repair,
        }
        subjects.append(
            Reporting(
                name,
                site,
                Reader(servers, {topic: _PARTITIONS}, readback.raw),
                module="bench.subjects.ours",
                topic=topic,
                table=table,
                environment=environment,
            )
        )
    return subjects


def _peer(site: Site) -> Peer:
    topics = [f"trades-BINANCE-{symbol.removesuffix('USDT')}-USDT" for symbol in SYMBOLS]
    site.create(*topics, partitions=1)
    return Peer(
        "cryptofeed", site, Reader(site.broker.bootstrap_servers, dict.fromkeys(topics, 1), readback.normalised)
    )


def _take_turns(subjects: Sequence[Reporting], plan: Plan) -> dict[str, list[Round]]:
    rounds: dict[str, list[Round]] = defaultdict(list)
    for number in range(plan.rounds):
        for subject in subjects:
            rounds[subject.name].append(subject.measure(plan.count))
        speeds = ", ".join(f"{name} {done[-1].events_per_second:,.0f}" for name, done in rounds.items())
        _out.print(f"round {number + 1} of {plan.rounds}, events/s: {speeds}")
    return rounds


def _row(name: str, rounds: Sequence[Round], ceiling: Sequence[Round], paced: Round | None) -> Row:
    """Return the row of a program: medians of its rounds, ratios to the ceiling of the same round."""
    every = [*rounds, *([] if paced is None else [paced])]
    latencies = sorted(paced.latencies_ms) if paced is not None else []
    pairs = zip(rounds, ceiling, strict=False)
    return Row(
        name=name,
        events_per_second=median([one.events_per_second for one in rounds]),
        ratio=median([ours.events_per_second / theirs.events_per_second for ours, theirs in pairs]),
        cpu_us_per_event=median([one.cpu_us_per_event for one in rounds if one.cpu_us_per_event is not None]),
        p50_ms=_quantile(latencies, 0.50),
        p99_ms=_quantile(latencies, 0.99),
        lost=sum(one.judgement.lost for one in every),
        duplicates=sum(one.judgement.duplicates for one in every),
        events=sum(one.count for one in every),
    )


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


def machine() -> str:
    """Return what the figures were measured on."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"


def main(
    quick: Annotated[bool, typer.Option("--quick", help="One short round of each: shows that it works.")] = False,
    peer: Annotated[bool, typer.Option(help="Whether cryptofeed is measured too.")] = True,
    rounds: Annotated[int | None, typer.Option(help="Rounds, in place of the usual.")] = None,
    out: Annotated[Path, typer.Option(help="Where the rows are written.")] = RESULTS / "ingest.json",
) -> None:
    """Measure from the socket to the acknowledged record."""
    plan = QUICK if quick else ORDINARY
    if rounds is not None:
        plan = msgspec.structs.replace(plan, rounds=rounds)
    began = time.monotonic()
    with running_site() as site:
        subjects = _subjects(site)
        done = _take_turns(subjects, plan)
        paced_count = int(PACED_EVENTS_PER_S * plan.paced_s)
        paced = {one.name: one.measure(paced_count, PACED_EVENTS_PER_S) for one in subjects[1:]}
        rows = [_row(name, ones, done["ceiling"], paced.get(name)) for name, ones in done.items()]
        if peer and PEER_READY.exists():
            other = _peer(site)
            ones = [other.measure(plan.peer_count, plan.peer_limit_s) for _ in range(plan.peer_rounds)]
            rows.append(_row(other.name, ones, done["ceiling"], None))
    show(f"Socket to acknowledged record, one process on one core ({machine()})", rows)
    _out.print(f"measured in {time.monotonic() - began:.0f} s")
    write(out, rows, machine())


if __name__ == "__main__":
    typer.run(main)
