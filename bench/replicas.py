"""What a second replica costs the processors: the same market once in the log, and twice.

CPU of decoding and of the cores alone, in this process: what Kafka, Faust and the outputs cost comes on top, of which
reading doubles with the records, and writing does not.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from time import process_time
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from processors.core.book_partition import BookPartition
from processors.core.records import RawRecord
from processors.core.trade_partition import TradePartition
from sandbox.exchange.faults.diffs import merge
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.source import SimulatedSource
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["Row", "main"]

_RESULTS: Final = Path(__file__).parent / "results" / "replicas.json"
_SYMBOLS: Final = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
_STREAMS: Final = {"trade": RawType.TRADE, "depth@100ms": RawType.DEPTH}
_SNAPSHOT: Final = b'{"lastUpdateId":%d,"bids":[],"asks":[]}'
"""Where a book begins; the market's own is not needed to measure what diffs cost."""

Payload = tuple[str, bytes]
"""Symbol and payload."""


class Row(msgspec.Struct, frozen=True):
    """What one log cost."""

    name: str
    records: int
    duplicates: float
    """Share of the records that bring nothing new."""
    cpu_s: float
    outputs: int


def main(arguments: Sequence[str]) -> None:
    """Measure, print a table, write the figures to a file."""
    parser = ArgumentParser(prog="python -m bench.replicas", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=120.0, help="of the market")
    given = parser.parse_args(arguments)
    rows = [
        min((_run(name, raw_type, log) for _ in range(given.rounds)), key=lambda row: row.cpu_s)
        for raw_type, market in _market(given.seconds).items()
        for name, log in _logs(raw_type, market)
    ]
    table = Table(title="Processors' cores, one replica and two", title_justify="left")
    for name in ("raw log", "records", "bring nothing new", "CPU s", "µs a record", "outputs"):
        table.add_column(name, justify="left" if name == "raw log" else "right")
    for row in rows:
        each = f"{row.cpu_s / row.records * 1e6:.1f}"
        table.add_row(
            row.name, f"{row.records:,}", f"{row.duplicates:.0%}", f"{row.cpu_s:.2f}", each, f"{row.outputs:,}"
        )
    Console(width=120).print(table)
    _RESULTS.parent.mkdir(exist_ok=True)
    _RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode({"rows": rows})) + b"\n")


def _market(seconds: float) -> dict[RawType, list[Payload]]:
    source = SimulatedSource(SimulationConfig(symbols={Market.SPOT: _SYMBOLS}, duration_s=seconds))
    names = {f"{symbol.lower()}@{stream}": (symbol, of) for symbol in _SYMBOLS for stream, of in _STREAMS.items()}
    source.set_demand(frozenset((Market.SPOT, name) for name in names))
    found: dict[RawType, list[Payload]] = {of: [] for of in _STREAMS.values()}
    for event in source.events():
        if event.stream in names:
            symbol, of = names[event.stream]
            found[of].append((symbol, event.data))
    return found


def _logs(raw_type: RawType, market: list[Payload]) -> Iterator[tuple[str, list[Payload]]]:
    yield f"{raw_type}, one replica", market
    yield f"{raw_type}, two", [one for payload in market for one in (payload, payload)]
    if raw_type is RawType.DEPTH:
        yield f"{raw_type}, two that cut differently", list(_cut_differently(market))


def _cut_differently(market: Iterable[Payload]) -> Iterator[Payload]:
    """Yield what one sends, and behind it what another sends, which tells two diffs as one."""
    held: dict[str, bytes] = {}
    for symbol, data in market:
        yield symbol, data
        before = held.pop(symbol, None)
        if before is None:
            held[symbol] = data
        elif (merged := merge(before, data)) is not None:
            yield symbol, merged


def _run(name: str, raw_type: RawType, log: list[Payload]) -> Row:
    partition = BookPartition() if raw_type is RawType.DEPTH else TradePartition()
    records = list(_records(raw_type, log))
    begun_s = process_time()
    outputs = sum(len(partition.feed(record)) for record in records)
    cpu_s = process_time() - begun_s
    new = len({_identity(raw_type, symbol, data) for symbol, data in log})
    return Row(name, len(log), 1 - new / len(log), cpu_s, outputs)


def _records(raw_type: RawType, log: list[Payload]) -> Iterator[RawRecord]:
    started: set[str] = set()
    payloads: list[tuple[str, bytes, int]] = []
    for symbol, data in log:
        event = msgspec.json.decode(data)
        if raw_type is RawType.DEPTH and symbol not in started:
            started.add(symbol)
            payloads.append((symbol, _SNAPSHOT % (event["U"] - 1), event["E"]))
        payloads.append((symbol, data, event["E"]))
    for offset, (symbol, data, time_ms) in enumerate(payloads):
        yield RawRecord(Market.SPOT, raw_type, 0, offset, time_ms, symbol.encode(), data)


def _identity(raw_type: RawType, symbol: str, data: bytes) -> tuple[str, int]:
    event = msgspec.json.decode(data)
    return symbol, event["u" if raw_type is RawType.DEPTH else "t"]


if __name__ == "__main__":
    main(sys.argv[1:])
