"""``make scale``: how the processors grow with workers, symbols and depth; docs/scale.md says what is measured and how.

The same simulated market is processed by 1, 2 and 4 workers of each family, and while more of it comes, workers join,
leave and are killed. The costs of one process are those of the cores alone (:mod:`bench.scale_cost`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from typing import Annotated, Final

import msgspec
import typer
from msgspec import Struct
from rich.table import Table

from bench.ingest import machine
from bench.plot import Panel, svg
from bench.results import RESULTS, console, write
from bench.scale_cost import Cost, Point, measure_apart
from bench.scale_log import MarketLog
from bench.scale_outputs import Expected, expect
from bench.scale_run import FAMILIES, Row, measure
from bench.site import ROOT, running_site


__all__ = ["main"]

LIMIT_SYMBOLS: Final = 2_000
LIMIT_LEVELS: Final = 10_000
LIMIT_MIB: Final = 3 * 1024
_out = console()


class Plan(Struct, frozen=True, kw_only=True):
    """How much is measured."""

    symbols: int
    seconds: float
    """Of the simulated market."""
    workers: tuple[int, ...]
    session_timeout_s: float
    points: tuple[Point, ...]


def _points(symbols: tuple[int, ...], levels: tuple[int, ...], events: int) -> list[Point]:
    books = {(count, 1_000) for count in symbols} | {(100, depth) for depth in levels}
    return [
        *(Point(family="books", symbols=count, levels=depth, events=events) for count, depth in sorted(books)),
        *(Point(family="trades", symbols=count, events=events) for count in symbols),
    ]


ORDINARY: Final = Plan(
    symbols=500,
    seconds=80,
    workers=(1, 2, 4),
    session_timeout_s=10,
    points=(
        *_points((100, 200, 500, 1_000, 2_000), (1_000, 2_500, 5_000, 10_000, 20_000), 30_000),
        Point(family="books", symbols=LIMIT_SYMBOLS, levels=LIMIT_LEVELS, events=30_000),
    ),
)
QUICK: Final = Plan(
    symbols=100,
    seconds=20,
    workers=(2,),
    session_timeout_s=6,
    points=(*_points((50, 200), (200, 2_000), 3_000),),
)


def _measure_workers(plan: Plan) -> list[Row]:
    began = time.monotonic()
    log = MarketLog(plan.symbols, plan.seconds)
    expected = {raw_type: expect(raw_type, entries) for raw_type, entries in log.entries.items()}
    for raw_type, entries in log.entries.items():
        each = sum(len(entry.payload) for entry in entries) / len(entries)
        _out.print(f"{raw_type}: {len(entries):,} records of {plan.symbols} symbols, {each:.0f} bytes each")
    _out.print(f"made in {time.monotonic() - began:.0f} s")
    rows: list[Row] = []
    with running_site(pinned=False) as site:
        for workers in plan.workers:
            table = site.set_up(f"scale-{workers}")
            for family in FAMILIES:
                run = measure(
                    site, table, family, workers,
                    entries=log.entries[family.raw],
                    expected=expected[family.raw],
                    session_timeout_s=plan.session_timeout_s,
                )  # fmt: skip
                rows.append(asyncio.run(run))
                _out.print(_line(rows[-1]))
    return [*(_core_row(family.name, expected[family.raw]) for family in FAMILIES), *rows]


def _line(row: Row) -> str:
    """Return what was found of so many workers, in words."""
    took = (("joined", row.join_s), ("left", row.leave_s), ("taken over", row.take_over_s))
    figures = (
        f"{_text(row.events_per_second, 0)} events/s",
        f"{_text(row.cpu_s_per_million, 1)} s of CPU a million",
        *(f"{what} in {seconds:.1f} s" for what, seconds in took if seconds is not None),
        f"{row.lost} lost",
    )
    return f"{row.name}: {', '.join(figures)}"


def _core_row(family: str, expected: Expected) -> Row:
    events = len(expected.identities)
    return Row(
        name=f"{family}, core alone", family=family, workers=0, events=events,
        cpu_s_per_million=round(expected.cpu_s / events * 1e6, 1),
    )  # fmt: skip


def _show(rows: list[Row]) -> None:
    table = Table(title=f"Workers ({machine()})", title_justify="left")
    for name in (
        "", "events", "events/s", "CPU s/million", "MiB each", "join s", "leave s", "take-over s", "duplicates", "lost",
    ):  # fmt: skip
        table.add_column(name, justify="left" if not name else "right")
    for row in rows:
        table.add_row(
            row.name, f"{row.events:,}", _text(row.events_per_second, 0), _text(row.cpu_s_per_million, 1),
            _text(row.resident_mib, 0), _text(row.join_s, 1), _text(row.leave_s, 1), _text(row.take_over_s, 1),
            _text(row.duplicates, 0), _text(row.lost, 0),
        )  # fmt: skip
    _out.print(table)


def _text(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _show_costs(costs: list[Cost]) -> None:
    table = Table(title="One process, the cores alone", title_justify="left")
    for name in ("", "process MiB", "state MiB", "bytes/symbol", "bytes/level", "CPU µs/event", "heartbeat µs"):
        table.add_column(name, justify="left" if not name else "right")
    for cost in costs:
        table.add_row(
            cost.name, f"{cost.resident_mib:,.0f}", f"{cost.state_mib:,.1f}", _text(cost.bytes_per_symbol, 0),
            _text(cost.bytes_per_level, 1), f"{cost.cpu_us_per_event:.1f}", f"{cost.heartbeat_us:,.0f}",
        )  # fmt: skip
    _out.print(table)


def _panels(rows: list[Row], costs: list[Cost]) -> list[Panel]:
    books = [cost for cost in costs if cost.family == "books"]
    trades = [cost for cost in costs if cost.family == "trades"]
    by_symbols = [cost for cost in books if cost.levels == 1_000]
    by_levels = [cost for cost in books if cost.symbols == 100]
    return [
        Panel(
            "CPU of an event, by symbols", "symbols in the process", "µs",
            {
                "depth diff, 1,000 levels": [(cost.symbols, cost.cpu_us_per_event) for cost in by_symbols],
                "trade": [(cost.symbols, cost.cpu_us_per_event) for cost in trades],
            },
        ),
        Panel(
            "CPU of a depth diff, by depth", "levels of a book (100 books)", "µs",
            {"depth diff": [(cost.levels, cost.cpu_us_per_event) for cost in by_levels]},
        ),
        Panel(
            "State in memory, by symbols", "symbols in the process", "MiB",
            {
                "books of 1,000 levels": [(cost.symbols, cost.state_mib) for cost in by_symbols],
                "trades and candles": [(cost.symbols, cost.state_mib) for cost in trades],
            },
        ),
        Panel(
            "State in memory, by depth", "levels of a book (100 books)", "MiB",
            {"books": [(cost.levels, cost.state_mib) for cost in by_levels]},
        ),
        Panel(
            "CPU of a heartbeat, by symbols", "symbols in the partition", "µs",
            {
                "books": [(cost.symbols, cost.heartbeat_us) for cost in by_symbols],
                "trades": [(cost.symbols, cost.heartbeat_us) for cost in trades],
            },
        ),
        Panel(
            "CPU by workers, everything included", "workers", "s per million events",
            {
                family.name: [
                    (row.workers, row.cpu_s_per_million or 0.0)
                    for row in rows
                    if row.workers and row.family == family.name
                ]
                for family in FAMILIES
            },
        ),
    ]  # fmt: skip


def main(
    quick: Annotated[bool, typer.Option("--quick", help="Little of each: shows that it works.")] = False,
    only: Annotated[str | None, typer.Option(help="costs: of one process, without Kafka; workers: with Kafka.")] = None,
    workers: Annotated[list[int] | None, typer.Option(help="Numbers of workers.")] = None,
    symbols: Annotated[int | None, typer.Option(help="Symbols of the market that workers read.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Of that market.")] = None,
) -> None:
    """Measure; exit status 1 if outputs are lost, books are not live or the books take more memory than they may.

    The whole, and nothing less, is drawn to docs/scale.svg.
    """
    if only not in {None, "costs", "workers"}:
        msg = f'"{only}": is neither costs nor workers'
        raise typer.BadParameter(msg)
    plan = QUICK if quick else ORDINARY
    chosen = msgspec.structs.replace(
        plan,
        workers=() if only == "costs" else tuple(workers or plan.workers),
        symbols=symbols or plan.symbols,
        seconds=seconds or plan.seconds,
        points=() if only == "workers" else plan.points,
    )
    whole = chosen == ORDINARY
    costs = [*_measure_costs(chosen.points)]
    rows = _measure_workers(chosen) if chosen.workers else []
    _show(rows)
    _show_costs(costs)
    name = "scale" if whole else "scale-part"
    write(RESULTS / f"{name}.json", [*rows, *costs], machine())
    plot = ROOT / "docs" / "scale.svg" if whole else RESULTS / f"{name}.svg"
    plot.write_text(svg(_panels(rows, costs)))
    _out.print(f"written to {plot}")
    raise typer.Exit(not all(_is_fine(cost) for cost in costs) or any(row.lost for row in rows))


def _measure_costs(points: Iterable[Point]) -> Iterator[Cost]:
    for point in points:
        cost = measure_apart(point)
        _out.print(f"{cost.name}: {cost.state_mib:,.0f} MiB, {cost.cpu_us_per_event:.1f} µs an event")
        yield cost


def _is_fine(cost: Cost) -> bool:
    return cost.live == cost.symbols and cost.resident_mib < LIMIT_MIB


if __name__ == "__main__":
    typer.run(main)
