"""What so many symbols need: processor, memory, disk, network, money. From measured tables, never typed in.

``python -m bench.capacity`` prints the tables of docs/capacity.md, ``--write`` puts them there; a test fails while page
and figures differ. What is measured is read from docs/benchmarks.md, docs/scale.md and the tables of docs/capacity.md
that ``bench.volume`` and a simulated run have filled. What is assumed (prices, how full a core may be) are options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from bench.capacity_model import Assumed, Kind, Measured, Need, Workload, need_of
from bench.site import ROOT


__all__ = ["measured", "rewritten", "tables"]

PAGE: Final = ROOT / "docs" / "capacity.md"
_DERIVED_ROW: Final = re.compile(r"^\| `([\w-]+)` \| [\d,.]+ \| ([\d,.]+) B \|$", re.MULTILINE)
_COLUMNS: Final = (
    "symbols",
    "events/s",
    "cores: ingest",
    "books",
    "trades",
    "memory",
    "raw a day",
    "derived a day",
    "disk",
    "written",
    "sent",
    "cost a month",
)
_DEFAULT: Final = Assumed()
_ASSUMED: Final = {
    "busy_core": "a core may be used on average",
    "levels": "price levels of a book, both sides",
    "retention_days": "days that raw and derived topics are kept",
    "replication": "copies of each record",
    "readers": "how often you read everything",
    "core_price": "a core costs a month",
    "memory_price": "a GiB of memory costs a month",
    "disk_price": "a GB of disk costs a month",
    "transfer_price": "a GB sent between zones costs",
}
_WORKLOADS: Final = (
    ("10 busy", 10, 0, 0),
    ("10 busy, 40 ordinary", 10, 40, 0),
    ("20 busy, 180 ordinary, 300 quiet", 20, 180, 300),
    ("all of Binance: 40 busy, 460 ordinary, 1,500 quiet", 40, 460, 1_500),
)


def measured(docs: Path = ROOT / "docs") -> Measured:
    """Read what the benches found out of the documents.

    Raises:
        LookupError: a table or a row is not where it was.
    """
    benchmarks, scale, page = ((docs / f"{name}.md").read_text("utf-8") for name in ("benchmarks", "scale", "capacity"))
    derived = {
        name: float(size.replace(",", ""))
        for name, size in re.findall(
            r"^\| `([\w-]+)` \| [\d,.]+ \| ([\d,.]+) B \|$", _part(page, "derived"), re.MULTILINE
        )
    }
    volume = _part(page, "volume")
    return Measured(
        ingest_us=_cell(benchmarks, "| | events/s | of the ceiling", "`ours`", 3),
        diff_us=_cell(benchmarks, "**recorded diffs of 46 levels", "`ours, whole agent`", 3),
        trade_us=_cell(benchmarks, "**recorded trades to candles", "`ours, whole agent`", 3),
        level_bytes=_found(r"\): ([\d.]+) bytes a level", scale),
        worker_mib=_cell(scale, "", "trades, 4 workers", 4),
        ingest_mib=_found(r"MiB with 48 streams, (\d+) with 1,760", benchmarks),
        derived_bytes=derived,
        busy=_kind(volume, "spot BTCUSDT, 2024", "trade"),
        ordinary=_kind(volume, "USD-M, 4 symbols, 2021", "agg-trade"),
        quiet=_kind(volume, "spot, 4 symbols, 2021", "agg-trade"),
    )


def tables(known: Measured, assumed: Assumed) -> dict[str, str]:
    """Return the tables of the page by their names."""
    needs = [need_of(Workload(*one), known, assumed) for one in _WORKLOADS]
    head = [
        f"| {' | '.join(_COLUMNS)} |",
        f"| {' | '.join('---' for _ in _COLUMNS)} |",
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
            f"| {name} | {kind.trades:.2f} | {kind.diffs:.2f} | {kind.tickers:.2f} | {one.raw_gb_day * 1000:,.0f} MB "
            f"| {one.derived_gb_day * 1000:,.0f} MB |"
            for name, kind, one in _each(known, assumed)
        ),
    ]
    taken = [
        "| assumption | value | option |",
        "| --- | --- | --- |",
        *(f"| {what} | {getattr(assumed, name):,} | `--{name.replace('_', '-')}` |" for name, what in _ASSUMED.items()),
    ]
    return {
        "assumed": "\n".join(taken),
        "needs": "\n".join(head + rows),
        "per-core": "\n".join(per_core),
        "symbols": "\n".join(each),
    }


def rewritten(page: str, parts: Mapping[str, str]) -> str:
    """Return the page with its tables made anew.

    Raises:
        LookupError: the page has no place for one.
    """
    for name, text in parts.items():
        old = _part(page, name)
        marked = f"<!-- {name} -->\n{old}"
        page = page.replace(marked, f"<!-- {name} -->\n\n{text}\n\n")
    return page


def _each(known: Measured, assumed: Assumed) -> list[tuple[str, Kind, Need]]:
    kinds = (
        ("busy", known.busy, (1, 0, 0)),
        ("ordinary", known.ordinary, (0, 1, 0)),
        ("quiet", known.quiet, (0, 0, 1)),
    )
    return [(name, kind, need_of(Workload(name, *counts), known, assumed)) for name, kind, counts in kinds]


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
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- end of {name} -->", page, re.DOTALL)
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
    busy_core: Annotated[
        float, typer.Option(min=0.05, max=1, help="How much of a core may be used.")
    ] = _DEFAULT.busy_core,
    levels: Annotated[int, typer.Option(min=1, help="Price levels of a book.")] = _DEFAULT.levels,
    retention_days: Annotated[float, typer.Option(min=0, help="Of raw and derived topics.")] = _DEFAULT.retention_days,
    replication: Annotated[int, typer.Option(min=1, help="Copies of each record.")] = _DEFAULT.replication,
    readers: Annotated[float, typer.Option(min=0, help="How often everything is read by you.")] = _DEFAULT.readers,
    core_price: Annotated[float, typer.Option(min=0, help="Of a core, a month.")] = _DEFAULT.core_price,
    memory_price: Annotated[float, typer.Option(min=0, help="Of a GiB of memory, a month.")] = _DEFAULT.memory_price,
    disk_price: Annotated[float, typer.Option(min=0, help="Of a GB of disk, a month.")] = _DEFAULT.disk_price,
    transfer_price: Annotated[float, typer.Option(min=0, help="Of a GB sent between zones.")] = _DEFAULT.transfer_price,
) -> None:
    """Say what so many symbols need.

    **Example**: `python -m bench.capacity --busy 5 --ordinary 45 --retention-days 30 --disk-price 0.08`
    """
    known = measured()
    assumed = Assumed(
        busy_core, levels, retention_days, replication, readers,
        core_price, memory_price, disk_price, transfer_price,
    )  # fmt: skip
    if write:
        PAGE.write_text(rewritten(PAGE.read_text("utf-8"), tables(known, Assumed())), "utf-8")
    elif busy or ordinary or quiet:
        need = need_of(Workload("", busy, ordinary, quiet), known, assumed)
        typer.echo(f"{need.events:,.0f} events a second")
        typer.echo(
            f"cores: {need.ingest_cores:.2f} ingest, {need.books_cores:.2f} books, {need.trades_cores:.2f} trades"
        )
        typer.echo(f"memory of the services: {need.memory_gib:.1f} GiB")
        flow = f"{need.written_mb_s:.2f} MB/s written, {need.sent_mb_s:.2f} MB/s sent"
        typer.echo(f"Kafka: {need.disk_gb:,.0f} GB of disk; {flow}")
        typer.echo(f"a month: {need.cost:,.0f}")
    else:
        for name, text in tables(known, assumed).items():
            typer.echo(f"{name}\n\n{text}\n")


if __name__ == "__main__":
    typer.run(main)
