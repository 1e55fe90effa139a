"""``make bench``: what the processors cost beside a bare consumer, stock Faust, quixstreams and bytewax.

docs/benchmarks.md says what exactly is measured. Each program is a process of its own on one core; broker, registry and
this program share the other. The programs take turns, so that what the machine does meanwhile hits all.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from msgspec import Struct

from bench.end_to_end import measure as measure_end_to_end
from bench.ingest import machine
from bench.market_log import MarketLog, depth_log, publish, trade_log
from bench.order_update import measure as measure_order_update
from bench.programs import CEILING, OURS, PEER_READY, PEERS, WHOLE, Program, run
from bench.results import RESULTS, Row, Section, console, median, show_sections, write
from bench.site import Site, running_site
from bench.work import WORK, Outcome
from schemas.markets import Market
from schemas.topics import PARTITIONS, RawType, TopicTable


__all__ = ["main"]

_SUBJECTS: Final = ("book", "book-11-levels", "candles", "delivery")
_FEW_LEVELS: Final = 11
_TOPICS: Final = {"book": RawType.DEPTH, "candles": RawType.TRADE}
_WAYS: Final = {"end_to_end": measure_end_to_end, "order_update": measure_order_update}
"""From the socket on, with all processes on all cores."""
_out = console()


class Plan(Struct, frozen=True):
    """How much is measured."""

    count: int
    """Diffs, and trades."""
    rounds: int
    slow_rounds: int
    """Of what needs ten times as long."""
    whole_rounds: int
    """Of whole workers, each of which needs topics of its own."""
    seconds: float
    """Of each measurement from the socket on."""
    limit_s: float = 900.0
    """After a section's share of so long it begins no further round: a busy machine gets fewer, and ends in time."""

    def rounds_of(self, program: Program) -> int:
        """Return how often a program runs."""
        if program is WHOLE:
            return self.whole_rounds
        return self.slow_rounds if program.slow else self.rounds


ORDINARY: Final = Plan(count=200_000, rounds=3, slow_rounds=1, whole_rounds=1, seconds=30.0)
QUICK: Final = Plan(count=2_000, rounds=1, slow_rounds=1, whole_rounds=1, seconds=4.0)


class Subject(Struct, frozen=True):
    """One section of the table."""

    name: str
    """Of the file."""
    title: str
    work: str
    """Of :data:`bench.work.WORK`, or ``none``: then what is measured is delivery alone."""
    log: MarketLog
    programs: Sequence[Program]


class Expected(Struct, frozen=True):
    """What the core alone makes of a log."""

    digest: str
    cpu_us_per_event: float


def _subject(name: str, plan: Plan, peers: Sequence[Program]) -> Subject:
    """Return a section, whose log takes some seconds to make."""
    everyone = (CEILING, OURS, *peers)
    if name == "candles":
        log = trade_log(plan.count)
        return Subject(name, f"Trades to candles, {log.source}", "candles", log, (*everyone, WHOLE))
    log = depth_log(plan.count, None if name == "book" else _FEW_LEVELS)
    if name == "delivery":
        return Subject(name, f"Delivery alone, {log.source}", "none", log, everyone)
    return Subject(name, f"Depth diffs to books, {log.source}", "book", log, (*everyone, WHOLE))


def _measure(site: Site, subject: Subject, plan: Plan, share: float) -> Section:
    """Let the programs of a section take turns.

    Args:
        site: where.
        subject: the section.
        plan: how much.
        share: of the time that there is.
    """
    until_s = time.monotonic() + plan.limit_s * share
    expected = _expected(subject)
    prefix = f"bench-{subject.name}"
    topic = _publish(site, subject, prefix)
    done: dict[str, list[Outcome]] = {program.name: [] for program in subject.programs}
    for number in range(max(map(plan.rounds_of, subject.programs))):
        if number and time.monotonic() > until_s:
            _out.print(f"{subject.name}: no time for round {number + 1}")
            break
        for program in subject.programs:
            if number >= plan.rounds_of(program):
                continue
            own = prefix
            if program is WHOLE and number:
                own = f"{prefix}-{number}"
                topic = _publish(site, subject, own)
            outcome = run(
                site,
                program,
                topic=topic,
                prefix=own,
                work=subject.work,
                count=len(subject.log.records),
                label=f"{own}-{program.module}-{number}",
            )
            if outcome.digest and outcome.digest != expected.digest:
                msg = f"{program.name}, {subject.title}: its state differs from what the core alone makes of the log"
                raise RuntimeError(msg)
            done[program.name].append(outcome)
        speeds = ", ".join(
            f"{name} {_speed(ones[-1]):,.0f} ({_cpu_us(ones[-1]):.1f} µs)"
            for name, ones in done.items()
            if len(ones) > number
        )
        _out.print(f"{subject.name}, round {number + 1}: {speeds}")
    rows = [_row(name, ones, done[CEILING.name], len(subject.log.records)) for name, ones in done.items()]
    if subject.work != "none":
        rows.append(Row(name="the core alone", cpu_us_per_event=expected.cpu_us_per_event))
    return Section(subject.title, rows)


def _publish(site: Site, subject: Subject, prefix: str) -> str:
    """Write the log to topics of a prefix; returns the topic's name."""
    whole = WHOLE in subject.programs  # a worker needs every topic and schema
    table = site.set_up(prefix) if whole else TopicTable(prefix)
    topic = table.raw(Market.SPOT, _TOPICS.get(subject.work, RawType.DEPTH)).name
    if not whole:
        site.create(topic, partitions=PARTITIONS)
    publish(site.broker.bootstrap_servers, topic, subject.log.records)
    return topic


def _expected(subject: Subject) -> Expected:
    work = WORK[subject.work]()
    gc.freeze()  # the logs are large; walking through them is not what a core costs
    began_s = time.process_time()
    for offset, record in enumerate(subject.log.records):
        work.take(record.key, record.value, offset, record.timestamp_ms, 0)
    cpu_s = time.process_time() - began_s
    return Expected(work.digest(), cpu_s / len(subject.log.records) * 1e6)


def _row(name: str, outcomes: Sequence[Outcome], ceiling: Sequence[Outcome], count: int) -> Row:
    """Return the row of a program: medians of its rounds, ratios to the ceiling of the same round."""
    pairs = list(zip(outcomes, ceiling, strict=False))
    return Row(
        name=name,
        events_per_second=median([_speed(one) for one in outcomes]),
        ratio=median([_speed(one) / _speed(other) for one, other in pairs]),
        cpu_us_per_event=median([_cpu_us(one) for one in outcomes]),
        cpu_ratio=median([_cpu_us(other) / _cpu_us(one) for one, other in pairs]),
        lost=sum(count - (one.events - one.duplicates) for one in outcomes),
        duplicates=sum(one.duplicates for one in outcomes),
        events=sum(one.events for one in outcomes),
    )


def _speed(outcome: Outcome) -> float:
    return outcome.events / outcome.seconds


def _cpu_us(outcome: Outcome) -> float:
    return outcome.cpu_s / outcome.events * 1e6


def main(  # noqa: PLR0917 - a command line
    quick: Annotated[bool, typer.Option("--quick", help="One short round of each: shows that it works.")] = False,
    peers: Annotated[bool, typer.Option(help="Whether the peers are measured too.")] = True,
    only: Annotated[list[str] | None, typer.Option(help="A section, by the name of its file; may be repeated.")] = None,
    rounds: Annotated[int | None, typer.Option(help="Rounds, in place of the usual.")] = None,
    count: Annotated[int | None, typer.Option(help="Events, in place of the usual.")] = None,
    out: Annotated[Path, typer.Option(help="The folder that the rows are written to.")] = RESULTS,
) -> None:
    """Measure the processors."""
    plan = QUICK if quick else ORDINARY
    plan = msgspec.structs.replace(plan, rounds=rounds or plan.rounds, count=count or plan.count)
    began_s = time.monotonic()
    sections: dict[str, Section] = {}
    chosen = [name for name in _SUBJECTS if not only or name in only]
    if chosen:
        with running_site() as site:
            for name in chosen:
                subject = _subject(name, plan, PEERS if peers and PEER_READY.exists() else ())
                sections[name] = _measure(site, subject, plan, 1 / len(chosen))
    ways = [name for name in _WAYS if not only or name in only]
    if ways:
        with running_site(pinned=False) as site:
            for name in ways:
                sections[name] = _WAYS[name](site, plan.seconds)
    show_sections(f"Processors, one process on one core ({machine()})", list(sections.values()))
    _out.print(f"measured in {time.monotonic() - began_s:.0f} s")
    for name, section in sections.items():
        write(out / f"{name}.json", section.rows, machine())


if __name__ == "__main__":
    typer.run(main)
