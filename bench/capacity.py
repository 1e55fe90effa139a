"""What so many symbols need: processor, memory, disk, network, money. From measured tables of the documents, never typed in.

``python -m bench.capacity`` prints the tables of docs/capacity.md, ``--write`` puts them there; a test fails while page and
figures differ. What is measured is read from docs/benchmarks.md, docs/scale.md and the tables of docs/capacity.md that
``bench.volume`` and a simulated run have filled. What is assumed (prices, how busy symbols are) are options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec import Struct

from bench.site import ROOT


__all__ = ["Assumed", "Kind", "Measured", "Need", "Workload", "measured", "need_of", "rewritten", "tables"]

PAGE: Final = ROOT / "docs" / "capacity.md"
_DAY_S: Final = 86_400
_MONTH_H: Final = 730
_MIB: Final = 1 << 20
_WORKLOADS: Final = (
    ("10 busy", 10, 0, 0),
    ("10 busy, 40 ordinary", 10, 40, 0),
    ("20 busy, 180 ordinary, 300 quiet", 20, 180, 300),
    ("all of Binance: 40 busy, 460 ordinary, 1,500 quiet", 40, 460, 1_500),
)


class Kind(Struct, frozen=True):
    """What a symbol sends: events a second, and bytes that one of them takes in Kafka."""

    trades: float
    diffs: float
    tickers: float
    trade_bytes: float
    diff_bytes: float
    ticker_bytes: float

    def scaled(self, factor: float) -> Kind:
        """Return a symbol that sends so much less."""
        return Kind(
            self.trades * factor,
            self.diffs * factor,
            self.tickers * factor,
            self.trade_bytes,
            self.diff_bytes,
            self.ticker_bytes,
        )


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


class Assumed(Struct, frozen=True):
    """What nobody measured: say your own."""

    quiet_share: float = 0.1
    """What a quiet symbol sends of what an ordinary one does."""
    busy_core: float = 0.5
    """How much of a core may be used on average: bursts need the rest."""
    levels: int = 4_000
    """Price levels that a book holds, both sides."""
    retention_days: float = 7
    replication: int = 3
    readers: float = 1
    """How often everything that is written is read, beside our own workers."""
    core_price: float = 25
    """A month, as the prices below: what one pays for a core, a GiB of memory, a GB of disk, a GB sent between zones."""
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


def measured(docs: Path = ROOT / "docs") -> Measured:
    """Read what the benches found out of the documents.

    Raises:
        LookupError: a table or a row is not where it was.
    """
    benchmarks, scale, page = ((docs / f"{name}.md").read_text("utf-8") for name in ("benchmarks", "scale", "capacity"))
    derived = {
        name: float(size.replace(",", ""))
        for name, size in re.findall(r"^\| `([\w-]+)` \| [\d,.]+ \| ([\d,.]+) B \|$", _part(page, "derived"), re.MULTILINE)
    }
    volume = _part(page, "volume")
    return Measured(
        ingest_us=_cell(benchmarks, "", "`ours`", 3),
        diff_us=_cell(benchmarks, "**recorded diffs of 46 levels", "`ours, whole agent`", 3),
        trade_us=_cell(benchmarks, "**recorded trades to candles", "`ours, whole agent`", 3),
        level_bytes=_found(r"\): ([\d.]+) bytes a level", scale),
        worker_mib=_cell(scale, "", "trades, 4 workers", 4),
        ingest_mib=_found(r"MiB with 48 streams, (\d+) with 1,760", benchmarks),
        derived_bytes=derived,
        busy=_kind(volume, "spot BTCUSDT, 2024", "trade"),
        ordinary=_kind(volume, "spot, 4 symbols, 2021", "agg-trade"),
    )


def need_of(work: Workload, known: Measured, assumed: Assumed) -> Need:
    """Return what a workload needs of everything."""
    kinds = ((work.busy, known.busy), (work.ordinary, known.ordinary), (work.quiet, known.ordinary.scaled(assumed.quiet_share)))
    symbols = work.busy + work.ordinary + work.quiet
    trades, diffs, tickers = (sum(n * getattr(kind, name) for n, kind in kinds) for name in ("trades", "diffs", "tickers"))
    raw = sum(
        n * (kind.trades * kind.trade_bytes + kind.diffs * kind.diff_bytes + kind.tickers * kind.ticker_bytes)
        for n, kind in kinds
    )
    derived = sum(n * _derived_bytes_s(kind, known.derived_bytes) for n, kind in kinds)
    cores = [
        count * us / 1e6 / assumed.busy_core
        for count, us in ((trades + diffs + tickers, known.ingest_us), (diffs, known.diff_us), (trades, known.trade_us))
    ]
    workers = sum(max(1, round(0.5 + one)) for one in cores[1:])
    memory = (
        symbols * assumed.levels * known.level_bytes
        + (workers * known.worker_mib + known.ingest_mib * max(1, round(0.5 + cores[0]))) * _MIB
    )
    written = raw + derived
    disk = written * _DAY_S * assumed.retention_days * assumed.replication
    # To the other copies, to the workers and repair (raw once and a half), to the readers.
    sent = written * (assumed.replication - 1) + raw * 1.5 + written * assumed.readers
    cost = (
        sum(cores) * assumed.core_price
        + memory / (1 << 30) * assumed.memory_price
        + disk / 1e9 * assumed.disk_price
        + sent * _MONTH_H * 3600 / 1e9 * assumed.transfer_price
    )
    return Need(
        work.title,
        trades + diffs + tickers,
        *cores,
        memory / (1 << 30),
        raw * _DAY_S / 1e9,
        derived * _DAY_S / 1e9,
        disk / 1e9,
        written / 1e6,
        sent / 1e6,
        cost,
    )


def tables(known: Measured, assumed: Assumed) -> dict[str, str]:
    """Return the tables of the page by their names."""
    needs = [need_of(Workload(*one), known, assumed) for one in _WORKLOADS]
    head = [
        "| symbols | events/s | cores: ingest | books | trades | memory | raw a day | derived a day | disk | written | sent | cost a month |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows = [
        f"| {one.title} | {one.events:,.0f} | {one.ingest_cores:.2f} | {one.books_cores:.2f} | {one.trades_cores:.2f} "
        f"| {one.memory_gib:.1f} GiB | {one.raw_gb_day:,.1f} GB | {one.derived_gb_day:,.1f} GB | {one.disk_gb:,.0f} GB "
        f"| {one.written_mb_s:.1f} MB/s | {one.sent_mb_s:.1f} MB/s | {one.cost:,.0f} |"
        for one in needs
    ]
    per_core = [
        "| of | µs of CPU | a core carries, half used |",
        "| --- | --- | --- |",
        *(
            f"| {name} | {us:.1f} | {assumed.busy_core * 1e6 / us:,.0f} a second |"
            for name, us in (
                ("an event through ingest", known.ingest_us),
                ("a depth diff of 46 levels through `worker books`", known.diff_us),
                ("a trade through `worker trades`", known.trade_us),
            )
        ),
    ]
    each = [
        "| a symbol | trades/s | diffs/s | book tickers/s | raw a day | derived a day |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {name} | {kind.trades:.2f} | {kind.diffs:.2f} | {kind.tickers:.2f} | {one.raw_gb_day * 1000:,.0f} MB | {one.derived_gb_day * 1000:,.0f} MB |"
            for name, kind, one in _symbols(known, assumed)
        ),
    ]
    return {"needs": "\n".join(head + rows), "per-core": "\n".join(per_core), "symbols": "\n".join(each)}


def rewritten(page: str, parts: Mapping[str, str]) -> str:
    """Return the page with its tables made anew."""
    for name, text in parts.items():
        page = page.replace(_part(page, name), f"\n{text}\n")
    return page


def _symbols(known: Measured, assumed: Assumed) -> list[tuple[str, Kind, Need]]:
    quiet = known.ordinary.scaled(assumed.quiet_share)
    kinds = (("busy", known.busy, (1, 0, 0)), ("ordinary", known.ordinary, (0, 1, 0)), ("quiet", quiet, (0, 0, 1)))
    return [(name, kind, need_of(Workload(name, *counts), known, assumed)) for name, kind, counts in kinds]


def _derived_bytes_s(kind: Kind, weights: Mapping[str, float]) -> float:
    """Return what the workers write a second: one for each trade and diff, the rest by the second in which something was."""
    traded, moved = min(1.0, kind.trades), min(1.0, kind.diffs)
    return (
        kind.trades * weights["trade"]
        + kind.diffs * weights["top-of-book"]
        + moved * (weights["book-snapshot"] + weights["liquidity"])
        + traded * (1.1 * weights["trade-flow"] + weights["candle-1m"])
    )


def _kind(volume: str, source: str, trade: str) -> Kind:
    found = {
        name: (_number(rate), _number(alone))
        for name, rate, alone in re.findall(
            rf"^\| {re.escape(source)} \| `([\w-]+)` \| ([\d,.]+) \| [\d,]+ B \| ([\d,]+) B \|", volume, re.MULTILINE
        )
    }
    (trades, trade_bytes), (diffs, diff_bytes), (tickers, ticker_bytes) = (
        found[name] for name in (trade, "depth", "book-ticker")
    )
    return Kind(trades, diffs, tickers, trade_bytes, diff_bytes, ticker_bytes)


def _cell(text: str, behind: str, row: str, column: int) -> float:
    """Return a number of a table: of the first row of that name behind a text."""
    start = text.index(behind) if behind else 0
    found = re.search(rf"^\| {re.escape(row)} \|(.*)\|$", text[start:], re.MULTILINE)
    if found is None:
        msg = f"no row {row} behind {behind!r}"
        raise LookupError(msg)
    return _number(found[1].split("|")[column - 1])


def _found(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        msg = f"nothing like {pattern}"
        raise LookupError(msg)
    return _number(found[1])


def _number(text: str) -> float:
    return float(text.strip().replace(",", ""))


def _part(page: str, name: str) -> str:
    """Return what stands between the two marks of a table."""
    found = re.search(rf"<!-- {name} -->\n(.*?)\n?<!-- end of {name} -->", page, re.DOTALL)
    if found is None:
        msg = f"no table {name} in docs/capacity.md"
        raise LookupError(msg)
    return found[1]


def main(
    *,
    write: Annotated[bool, typer.Option("--write", help="Put the tables into docs/capacity.md.")] = False,
    busy: Annotated[int, typer.Option(min=0, help="Symbols that are as busy as BTCUSDT.")] = 0,
    ordinary: Annotated[int, typer.Option(min=0, help="Symbols of the middle.")] = 0,
    quiet: Annotated[int, typer.Option(min=0, help="Symbols in which little happens.")] = 0,
    quiet_share: Annotated[float, typer.Option(help="What a quiet one sends of what an ordinary one does.")] = 0.1,
    busy_core: Annotated[float, typer.Option(min=0.05, max=1, help="How much of a core may be used.")] = 0.5,
    levels: Annotated[int, typer.Option(min=1, help="Price levels of a book.")] = 4_000,
    retention_days: Annotated[float, typer.Option(min=0, help="Of raw and derived topics.")] = 7,
    replication: Annotated[int, typer.Option(min=1, help="Copies of each record.")] = 3,
    readers: Annotated[float, typer.Option(min=0, help="How often everything is read by you.")] = 1,
    core_price: Annotated[float, typer.Option(min=0, help="Of a core, a month.")] = 25,
    memory_price: Annotated[float, typer.Option(min=0, help="Of a GiB of memory, a month.")] = 3,
    disk_price: Annotated[float, typer.Option(min=0, help="Of a GB of disk, a month.")] = 0.1,
    transfer_price: Annotated[float, typer.Option(min=0, help="Of a GB sent between zones.")] = 0.01,
) -> None:
    """Say what so many symbols need.

    **Example**: `python -m bench.capacity --busy 5 --ordinary 45 --retention-days 30 --disk-price 0.08`
    """
    known = measured()
    assumed = Assumed(
        quiet_share, busy_core, levels, retention_days, replication, readers,
        core_price, memory_price, disk_price, transfer_price,
    )  # fmt: skip
    if write:
        PAGE.write_text(rewritten(PAGE.read_text("utf-8"), tables(known, Assumed())), "utf-8")
    elif busy or ordinary or quiet:
        need = need_of(Workload("", busy, ordinary, quiet), known, assumed)
        typer.echo(f"{need.events:,.0f} events a second")
        typer.echo(f"cores: {need.ingest_cores:.2f} ingest, {need.books_cores:.2f} books, {need.trades_cores:.2f} trades")
        typer.echo(f"memory of the services: {need.memory_gib:.1f} GiB")
        typer.echo(f"Kafka: {need.disk_gb:,.0f} GB of disk; {need.written_mb_s:.2f} MB/s written, {need.sent_mb_s:.2f} MB/s sent")
        typer.echo(f"a month: {need.cost:,.0f}")
    else:
        for name, text in tables(known, assumed).items():
            typer.echo(f"{name}\n\n{text}\n")


if __name__ == "__main__":
    typer.run(main)
