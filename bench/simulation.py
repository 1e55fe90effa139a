"""How many events a second of one core's time the simulated market makes, and how many times as fast as the wall.

Only the simulation: nothing is sent. Times are those of the processor, so that neighbours on the machine count
little; each figure is the best of the rounds.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Final

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from sandbox.simulation.config import SimulationConfig, universe
from sandbox.simulation.source import SimulatedSource
from schemas.markets import Market


__all__ = ["main"]

_SYMBOLS: Final = 50
_COLLECTED: Final = ("trade", "aggTrade", "depth@100ms", "bookTicker")
_RESULTS: Final = Path(__file__).parent / "results" / "simulation.json"


class Subject(Struct, frozen=True):
    """What is measured."""

    name: str
    streams: Sequence[str] | None
    """Kinds of streams that are wanted of each symbol; None: all that there are."""
    duration_s: float
    """Simulated seconds."""
    activity: float = 1.0


class Row(Struct, frozen=True, kw_only=True):
    """What was found."""

    name: str
    events: int
    events_per_second: float
    times_as_fast: float
    """Simulated seconds a second of processor time."""
    opening_s: float
    """To fill all books."""


SUBJECTS: Final = (
    Subject("the market alone, nobody listens", (), 60),
    Subject("trade, aggTrade, depth@100ms, bookTicker", _COLLECTED, 60),
    Subject("every stream", None, 15),
    Subject("the four, one event in 3 s a symbol", _COLLECTED, 3_600, 0.005),
)


def measure(subject: Subject, rounds: int) -> Row:
    """Return the best of some rounds."""
    found = [_run(subject) for _ in range(rounds)]
    return max(found, key=lambda row: row.times_as_fast)


def _run(subject: Subject) -> Row:
    config = SimulationConfig(symbols=universe(_SYMBOLS), duration_s=subject.duration_s, activity=subject.activity)
    begun_s = process_time()
    source = SimulatedSource(config)
    opened_s = process_time()
    source.set_demand(_demand(source, config, subject.streams))
    events = sum(1 for _ in source.events())
    took_s = process_time() - opened_s
    return Row(
        name=subject.name,
        events=events,
        events_per_second=events / took_s,
        times_as_fast=subject.duration_s / took_s,
        opening_s=opened_s - begun_s,
    )


def _demand(
    source: SimulatedSource, config: SimulationConfig, kinds: Sequence[str] | None
) -> frozenset[tuple[Market, str]]:
    if kinds is None:
        return frozenset((market, name) for market in Market for name in source.streams(market))
    return frozenset(
        (market, f"{symbol.lower()}@{kind}")
        for market, symbols in config.symbols.items()
        for symbol in symbols
        for kind in kinds
    )


def main(arguments: Sequence[str]) -> None:
    """Measure, print a table, write the figures to a file."""
    parser = ArgumentParser(prog="python -m bench.simulation", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args(arguments).rounds
    rows = [measure(subject, rounds) for subject in SUBJECTS]
    table = Table(title=f"Simulated market, {_SYMBOLS} symbols on three markets, one core", title_justify="left")
    for name in ("streams wanted", "events", "events/s", "times as fast", "opening s"):
        table.add_column(name, justify="left" if name == "streams wanted" else "right")
    for row in rows:
        figures = (f"{row.events:,}", f"{row.events_per_second:,.0f}", f"{row.times_as_fast:,.0f}")
        table.add_row(row.name, *figures, f"{row.opening_s:.2f}")
    Console(width=120).print(table)
    _RESULTS.parent.mkdir(exist_ok=True)
    _RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode({"rows": rows})) + b"\n")


if __name__ == "__main__":
    main(sys.argv[1:])
