"""How many bytes the raw topics take: recordings of Binance, packed into batches as ingest packs them.

``python -m bench.volume > table.md`` prints the table *What an event weighs* of docs/capacity.md. Every frame goes
through ingest's own decoder, so it has the headers that it would have, and into ingest's own batches, lz4. Two ways of
packing bound what there can be: *alone*, where each partition sends what came within the 5 ms that a record may wait;
and *full*, where there is so much that each batch is filled to its limit.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from bench.market_log import recordings
from ingest.batches import CODECS, RecordBatch
from ingest.core.frames import FrameDecoder
from ingest.core.merged import SeenVersions
from ingest.core.records import Header, Record
from sandbox.recordings import Frame, Recording, read
from schemas.markets import Market
from schemas.topics import RawType, TopicTable


__all__ = ["Packing", "Weight", "table", "weights_of"]

_SOURCES: Final = (
    ("spot BTCUSDT, 2024", ("hftbacktest/spot/btcusdt_20240808.gz", "hftbacktest/spot/btcusdt_20240809.gz")),
    ("USD-M ETHUSDT, 2024", ("hftbacktest/usdm/ethusdt_20240808.gz",)),
    ("COIN-M ETHUSD_PERP, 2024", ("hftbacktest/cm/ethusd_perp_20240808.gz",)),
    ("spot, 4 symbols, 2021", ("cryptofeed/BINANCE.ws.1.0",)),
    ("USD-M, 4 symbols, 2021", ("cryptofeed/BINANCE_FUTURES.ws.1.0",)),
    ("COIN-M, 10 symbols, 2021", ("cryptofeed/BINANCE_DELIVERY.ws.1.0",)),
)
_MOST_FRAMES: Final = 60_000
"""Of each recording: some minutes."""
_LINGER_NS: Final = 5_000_000
_BATCH_BYTES: Final = 262_144


class Weight(Struct, frozen=True):
    """What one stream type of a recording weighs."""

    stream_type: str
    symbol_count: int
    event_count: int
    seconds: float
    payload_bytes: int
    alone_bytes: int
    full_bytes: int


class Packing:
    """Batches of the partitions of one topic, of which only the sizes are kept.

    Args:
        linger_ns: how long a record may wait for company; None: until the batch is full.
    """

    def __init__(self, linger_ns: int | None) -> None:
        self._linger_ns = linger_ns
        self._filling: dict[int, tuple[int, RecordBatch]] = {}
        self.bytes = 0
        """Of all batches that were closed, compressed, with their heads."""

    def add(self, record: Record, time_ns: int) -> None:
        """Append a record that was read at a time."""
        began_ns, batch = self._filling.get(record.partition, (time_ns, None))
        if batch is not None and self._linger_ns is not None and time_ns - began_ns > self._linger_ns:
            self._close(record.partition)
            batch = None
        if batch is not None and batch.add(record):
            return
        if batch is not None:
            self._close(record.partition)
        batch = RecordBatch(_BATCH_BYTES, CODECS["lz4"])
        batch.add(record)
        self._filling[record.partition] = (time_ns, batch)

    def finish(self) -> int:
        """Close what is not full; returns all bytes."""
        for partition in list(self._filling):
            self._close(partition)
        return self.bytes

    def _close(self, partition: int) -> None:
        self.bytes += len(self._filling.pop(partition)[1]._build())  # noqa: SLF001 - what the producer sends


class _Sum:
    def __init__(self) -> None:
        self.symbols: set[bytes] = set()
        self.events = self.payload = 0
        self.alone, self.full = Packing(_LINGER_NS), Packing(None)

    def add(self, record: Record, time_ns: int) -> None:
        self.symbols.add(record.key)
        self.events += 1
        self.payload += len(record.value)
        self.alone.add(record, time_ns)
        self.full.add(record, time_ns)

    def weight(self, stream_type: str, seconds: float) -> Weight:
        return Weight(
            stream_type,
            len(self.symbols),
            self.events,
            seconds,
            self.payload,
            self.alone.finish(),
            self.full.finish(),
        )


def weights_of(paths: Sequence[Path]) -> list[Weight]:
    """Return what each stream type of a recording weighs."""
    sums: dict[str, _Sum] = {}
    first_ns = last_ns = 0
    for frame, record in _records(paths):
        first_ns, last_ns = first_ns or frame.receive_time_ns, frame.receive_time_ns
        sums.setdefault(record.topic.rpartition(".")[2], _Sum()).add(record, frame.receive_time_ns)
    return [one.weight(name, (last_ns - first_ns) / 1e9) for name, one in sorted(sums.items())]


def _records(paths: Sequence[Path]) -> Iterator[tuple[Frame, Record]]:
    decoders: dict[Market, FrameDecoder] = {}
    for number, frame in enumerate(itertools.islice(read(Recording.find(paths)), _MOST_FRAMES)):
        if not isinstance(frame, Frame):
            continue
        decoder = decoders.setdefault(frame.market, _decoder(frame.market))
        whole = b'{"stream":"' + frame.stream.encode() + b'","data":' + frame.data + b"}"
        for item in decoder.decode(whole, frame.receive_time_ns, number):
            if isinstance(item, Record):
                yield frame, item


def _decoder(market: Market) -> FrameDecoder:
    def no_more(_market: Market, _type: RawType, _symbol: str) -> Sequence[Header]:
        return ()

    # Such names as a process gives its connections: they travel with every record.
    name = f"ingest-7d9c5b-x2x4q.{market}-0.17"
    return FrameDecoder(
        market, name, TopicTable(), extra_headers=no_more, merged=SeenVersions(), max_record_bytes=900_000
    )


def table(folder: Path) -> str:
    """Return the table as Markdown."""
    lines = [
        "| recording | stream type | events/s a symbol | payload | in Kafka, alone | in Kafka, full batches |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for title, names in _SOURCES:
        for one in weights_of([folder / name for name in names]):
            each = (round(size / one.event_count) for size in (one.payload_bytes, one.alone_bytes, one.full_bytes))
            rate = one.event_count / one.seconds / one.symbol_count
            lines.append(
                f"| {title} | `{one.stream_type}` | {rate:,.2f} | " + " | ".join(f"{b} B" for b in each) + " |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table."""
    folder = recordings()
    if folder is None:
        sys.exit("no recordings: BINANCE_RECORDINGS names no folder that has them")
    sys.stdout.write(table(folder))


if __name__ == "__main__":
    main()
