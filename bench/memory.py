"""``make bench-memory``: what an ingest process takes with 200 symbols of three markets and every stream type.

docs/benchmarks.md says what bounds it. The process is ``binance-ingest run`` with its default settings against the
simulated exchange; only what it shall subscribe to is set.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer
import yaml
from rich.table import Table

from bench.ingest import machine
from bench.probe import Sample, is_ready, watch
from bench.results import RESULTS, console, write
from bench.site import Site, running_site
from sandbox.ports import free_port
from sandbox.probes import http_answers
from sandbox.simulation.config import universe


__all__ = ["main"]

LIMIT_MIB: Final = 250
_READY_S: Final = 180.0
_EVERY_S: Final = 30
_STREAMS: Final = (
    "trade",
    "aggTrade",
    "depth@100ms",
    "depth20@100ms",
    "bookTicker",
    "miniTicker",
    "ticker",
    "kline_1m",
)
_FUTURES_STREAMS: Final = ("markPrice@1s", "forceOrder", "!miniTicker@arr", "!ticker@arr", "!markPrice@arr@1s")
_out = console()


def _config(path: Path, symbol_count: int) -> int:
    """Write the configuration of ingest; returns how many streams of single symbols it asks for."""
    markets: dict[str, Any] = {}
    stream_count = 0
    for market, symbols in universe(symbol_count).items():
        streams = [*_STREAMS, *(_FUTURES_STREAMS if market.is_futures else ("!miniTicker@arr",))]
        markets[str(market)] = {"symbols": list(symbols), "streams": streams}
        stream_count += len(symbols) * sum(not one.startswith("!") for one in streams)
    path.write_text(yaml.safe_dump({"markets": markets}))
    return stream_count


def _measure(site: Site, symbol_count: int, seconds: float, activity: float) -> list[Sample]:
    exchange_port, port = free_port("127.0.0.1"), free_port("127.0.0.1")
    config = site.folder / "ingest.yaml"
    stream_count = _config(config, symbol_count)
    symbols = [f"{market}:{name}" for market, names in universe(symbol_count).items() for name in names]
    arguments = ["--simulate", "--duration", "0", "--activity", str(activity), "--port", str(exchange_port)]
    for one in symbols:
        arguments += ["--symbol", one]
    environment = site.environment(
        site.set_up("memory"), f"http://127.0.0.1:{exchange_port}", INGEST_HTTP__PORT=str(port)
    )
    exchange = site.process("exchange", ["-m", "sandbox", "exchange", *arguments])
    process = site.process("ingest", ["-m", "ingest", "run", "--config", config], env=environment)
    with exchange:
        exchange.wait_ready(http_answers(f"http://127.0.0.1:{exchange_port}/sandbox/status"), _READY_S)
        with process:
            process.wait_ready(lambda: is_ready(port), _READY_S)
            _out.print(f"{len(symbols)} symbols, {stream_count} streams and the all-market ones")
            told = -1.0

            def tell(elapsed_s: float, one: Sample) -> None:
                nonlocal told
                if elapsed_s - told >= _EVERY_S or told < 0:
                    told = elapsed_s
                    _out.print(f"{elapsed_s:4.0f} s: {one.resident_mib:5.0f} MiB, {one.records:,} records")

            assert process.pid is not None  # noqa: S101 - it was started
            return list(watch(process, process.pid, port, seconds, tell))


def main(
    symbols: Annotated[int, typer.Option(help="Symbols, over three markets.")] = 200,
    seconds: Annotated[float, typer.Option(help="How long to watch.")] = 180.0,
    activity: Annotated[float, typer.Option(help="Factor on the rate of orders.")] = 1.0,
) -> None:
    """Measure the memory of an ingest process; exit status 1 if it takes more than it may."""
    with running_site(pinned=False) as site:
        samples = _measure(site, symbols, seconds, activity)
    largest = max(one.resident_mib for one in samples)
    rate = (samples[-1].records - samples[0].records) / max(1.0, seconds)
    table = Table(title=f"Resident memory of ingest ({machine()})", title_justify="left")
    for name in ("symbols", "events/s", "MiB at first", "MiB at the end", "largest", "may be"):
        table.add_column(name, justify="right")
    first, last = samples[0].resident_mib, samples[-1].resident_mib
    table.add_row(str(symbols), *(f"{value:,.0f}" for value in (rate, first, last, largest, LIMIT_MIB)))
    _out.print(table)
    row = {"name": "ours", "symbols": symbols, "events_per_second": rate, "resident_mib": last, "largest_mib": largest}
    write(RESULTS / "memory.json", [row], machine())
    raise typer.Exit(largest > LIMIT_MIB)


if __name__ == "__main__":
    typer.run(main)
