"""The arithmetic of capacity: what so many symbols need of processor, memory, disk, network and money."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from msgspec import Struct


__all__ = ["Assumed", "Kind", "Measured", "Need", "Workload", "need_of"]

_DAY_S: Final = 86_400
_MONTH_S: Final = 730 * 3600
_MIB: Final = 1 << 20
_GIB: Final = 1 << 30


class Kind(Struct, frozen=True):
    """What a symbol sends: events a second, and bytes that one of them takes in Kafka."""

    trades: float
    diffs: float
    tickers: float
    trade_bytes: float
    diff_bytes: float
    ticker_bytes: float

    @property
    def bytes_s(self) -> float:
        """Bytes a second of the raw topics."""
        return self.trades * self.trade_bytes + self.diffs * self.diff_bytes + self.tickers * self.ticker_bytes


class Measured(Struct, frozen=True):
    """What the benches found."""

    ingest_us: float
    """Processor time of ingest for one event."""
    diff_us: float
    """Of a whole worker for one depth diff, outputs acknowledged."""
    trade_us: float
    level_bytes: float
    """Memory of one price level of a book."""
    worker_mib: float
    """Memory of a worker with next to no state."""
    ingest_mib: float
    derived_bytes: Mapping[str, float]
    """Bytes of a record of each derived type in Kafka."""
    busy: Kind
    ordinary: Kind
    quiet: Kind


class Assumed(Struct, frozen=True):
    """What nobody measured: say your own."""

    busy_core: float = 0.5
    """How much of a core may be used on average: bursts need the rest."""
    levels: int = 4_000
    """Price levels that a book holds, both sides."""
    retention_days: float = 7
    replication: int = 3
    readers: float = 1
    """How often everything that is written is read, beside our own workers."""
    core_price: float = 25
    """Prices of a month: of a core, a GiB of memory, a GB of disk; and of a GB sent between zones."""
    memory_price: float = 3
    disk_price: float = 0.1
    transfer_price: float = 0.01


class Workload(Struct, frozen=True):
    """How many symbols of which kind."""

    title: str
    busy: int
    ordinary: int
    quiet: int


class Need(Struct, frozen=True):
    """What a workload needs."""

    title: str
    events: float
    ingest_cores: float
    books_cores: float
    trades_cores: float
    memory_gib: float
    raw_gb_day: float
    derived_gb_day: float
    disk_gb: float
    written_mb_s: float
    sent_mb_s: float
    cost: float


def need_of(work: Workload, known: Measured, assumed: Assumed) -> Need:
    """Return what a workload needs of everything."""
    kinds = ((work.busy, known.busy), (work.ordinary, known.ordinary), (work.quiet, known.quiet))
    trades = sum(count * kind.trades for count, kind in kinds)
    diffs = sum(count * kind.diffs for count, kind in kinds)
    events = trades + diffs + sum(count * kind.tickers for count, kind in kinds)
    ingest, books, trading = (
        count * us / 1e6 / assumed.busy_core
        for count, us in ((events, known.ingest_us), (diffs, known.diff_us), (trades, known.trade_us))
    )
    workers = _processes(books) + _processes(trading)
    memory = (work.busy + work.ordinary + work.quiet) * assumed.levels * known.level_bytes + (
        workers * known.worker_mib + _processes(ingest) * known.ingest_mib
    ) * _MIB
    raw = sum(count * kind.bytes_s for count, kind in kinds)
    derived = sum(count * _derived_bytes_s(kind, known.derived_bytes) for count, kind in kinds)
    written = raw + derived
    disk = written * _DAY_S * assumed.retention_days * assumed.replication
    # To the other copies; to the workers and to repair, which reads raw topics too; to the readers.
    sent = written * (assumed.replication - 1) + 2 * raw + written * assumed.readers
    cost = (
        (ingest + books + trading) * assumed.core_price
        + memory / _GIB * assumed.memory_price
        + disk / 1e9 * assumed.disk_price
        + sent * _MONTH_S / 1e9 * assumed.transfer_price
    )
    return Need(
        title=work.title,
        events=events,
        ingest_cores=ingest,
        books_cores=books,
        trades_cores=trading,
        memory_gib=memory / _GIB,
        raw_gb_day=raw * _DAY_S / 1e9,
        derived_gb_day=derived * _DAY_S / 1e9,
        disk_gb=disk / 1e9,
        written_mb_s=written / 1e6,
        sent_mb_s=sent / 1e6,
        cost=cost,
    )


def _processes(cores: float) -> int:
    """Return how many processes it takes: each has one core, and one there is in any case."""
    return max(1, math.ceil(cores))


def _derived_bytes_s(kind: Kind, weights: Mapping[str, float]) -> float:
    """Return what the workers write a second: a record for each trade and diff, others for each second with any."""
    traded, moved = min(1.0, kind.trades), min(1.0, kind.diffs)
    return (
        kind.trades * weights["trade"]
        + kind.diffs * weights["top-of-book"]
        + moved * (weights["book-snapshot"] + weights["liquidity"])
        + traded * (1.1 * weights["trade-flow"] + weights["candle-1m"])
    )
