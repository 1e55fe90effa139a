"""One family, one number of workers: the log, and then what happens to the workers while more of it comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from bench.scale_log import Entry, Pace, write_at_once
from bench.scale_outputs import Expected, read
from bench.scale_workers import Workers, now_s
from bench.site import Site, producer_to
from schemas.markets import Market
from schemas.topics import DerivedType, RawType, TopicTable


__all__ = ["FAMILIES", "Family", "Row", "measure"]

_AT_ONCE: Final = 0.8
"""Share of the log that is written as fast as it can be; the rest comes while workers join and leave."""
_TOLD: Final = 5
_PER_SECOND: Final = 500.0
_AT_LEAST_S: Final = 45.0
"""For how long the rest is to last: longer than joining, leaving and taking over."""


class Family(Struct, frozen=True):
    """A family, what it reads, and the output by which it is judged."""

    name: str
    raw: RawType
    output: DerivedType


FAMILIES: Final = (
    Family("books", RawType.DEPTH, DerivedType.TOP_OF_BOOK),
    Family("trades", RawType.TRADE, DerivedType.TRADE),
)


class Row(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was found; a field that was not measured is absent."""

    name: str
    family: str
    workers: int
    """0: no worker, the core alone."""
    events: int
    events_per_second: float | None = None
    """Over all workers, from the first record written to the last output acknowledged; writer and broker run beside."""
    cpu_s_per_million: float | None = None
    """Of all workers, everything included."""
    resident_mib: float | None = None
    """Of the largest worker, after the log."""
    session_timeout_s: float | None = None
    join_s: float | None = None
    """From when one more worker begins to join until all partitions go on."""
    leave_s: float | None = None
    """From SIGTERM until all partitions go on."""
    take_over_s: float | None = None
    """From SIGKILL until all partitions go on; the session timeout is part of it."""
    duplicates: int | None = None
    """Outputs beyond their identities, over all that happened."""
    lost: int | None = None
    """Outputs that the core makes of the same log and that are not in the topic."""
    missing: Sequence[str] = ()
    """The first of them."""


async def measure(
    site: Site,
    table: TopicTable,
    family: Family,
    count: int,
    *,
    entries: Sequence[Entry],
    expected: Expected,
    session_timeout_s: float,
) -> Row:
    """Measure so many workers.

    Args:
        site: the broker and the registry.
        table: topics that hold nothing of the family yet.
        family: which.
        count: of the workers.
        entries: the log.
        expected: what comes of it.
        session_timeout_s: of the workers.

    Raises:
        ProcessDiedError: a worker ended that was not asked to.
        TimeoutError: something did not come to an end.
    """
    topic = table.raw(Market.SPOT, family.raw).name
    workers = Workers(site, table, family.name, session_timeout_s)
    at_once = int(len(entries) * _AT_ONCE)
    try:
        async with producer_to(site) as producer:
            await workers.start_many(count)
            began_at, cpu_s = time.monotonic(), workers.cpu_s
            await write_at_once(producer, topic, entries[:at_once])
            await workers.applied(topic, at_once)
            took_s, cpu_s = time.monotonic() - began_at, workers.cpu_s - cpu_s
            resident_mib = max(workers.resident_mib)
            rest = entries[at_once:]
            pace = Pace(producer, topic, rest, min(_PER_SECOND, len(rest) / _AT_LEAST_S))
            join_s = await _join(workers)
            leave_s = await _leave(workers)
            take_over_s = await _take_over(workers) if count > 1 else None
            sent = at_once + await pace.stop()
            await workers.caught_up(topic)
    finally:
        workers.kill_all()
    found = await asyncio.to_thread(read, site, table, family.output)
    lost = found.lost(expected.first(sent))
    return Row(
        name=f"{family.name}, {count} worker{'s'[: count > 1]}",
        family=family.name,
        workers=count,
        events=sent,
        events_per_second=round(at_once / took_s),
        cpu_s_per_million=round(cpu_s / at_once * 1e6, 1),
        resident_mib=round(resident_mib, 1),
        session_timeout_s=session_timeout_s,
        join_s=round(join_s, 2),
        leave_s=round(leave_s, 2),
        take_over_s=None if take_over_s is None else round(take_over_s, 2),
        duplicates=found.duplicates,
        lost=len(lost),
        missing=[" ".join(map(str, identity)) for identity in lost[:_TOLD]],
    )


async def _join(workers: Workers) -> float:
    newcomer = workers.start()
    return await workers.settled() - newcomer.logged_at("worker started")


async def _leave(workers: Workers) -> float:
    began_at = now_s()
    leaving = asyncio.create_task(workers.stop(workers.running[0]))
    await asyncio.sleep(0)  # it is no longer one of them from here on
    settled_at = await workers.settled()
    await leaving
    return settled_at - began_at


async def _take_over(workers: Workers) -> float:
    began_at = now_s()
    workers.kill(workers.running[0])
    return await workers.settled() - began_at
