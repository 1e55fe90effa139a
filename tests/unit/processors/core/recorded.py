"""The shared recordings as raw records: what ingest would have written, in the order in which it was received.

Two formats: lines of ``<receive time, ns> <JSON>`` (hftbacktest), and cryptofeed's files of WebSocket frames and of
REST answers. See the recordings' README.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from processors.core.records import RawRecord
from schemas.markets import Market
from schemas.topics import RawType
from schemas.wire import BookTicker, StreamFrame


__all__ = ["Recording", "cryptofeed", "hftbacktest", "klines"]

_STREAMS = {"depth": RawType.DEPTH, "trade": RawType.TRADE, "aggTrade": RawType.AGG_TRADE, "bookTicker": None}
_CRYPTOFEED_FRAME = re.compile(r"([\d.]+): (\{.*\})")
_CRYPTOFEED_SNAPSHOT = re.compile(r"\S+/depth\?symbol=(\w+)\S* -> ([\d.]+): (\{.*\})")


class Recording(msgspec.Struct):
    """What was received on one market."""

    market: Market
    records: dict[RawType, list[RawRecord]] = msgspec.field(default_factory=lambda: defaultdict(list))
    """Offsets count per type, as in one partition."""
    book_tickers: dict[str, list[BookTicker]] = msgspec.field(default_factory=lambda: defaultdict(list))
    """Per symbol, by update id."""

    def take(self, symbol: str, stream: str, payload: bytes, receive_time_ms: int) -> None:
        """Add one frame, or one REST answer (``stream`` is ``depth``)."""
        kind = stream.partition("@")[0]
        if kind == "bookTicker":
            self.book_tickers[symbol].append(msgspec.json.decode(payload, type=BookTicker))
        elif (raw_type := _STREAMS.get(kind)) is not None:
            event_time = msgspec.json.decode(payload).get("E", receive_time_ms)
            headers = [("contract_size", b"10"), ("carries_trades", b"1")]
            log = self.records[raw_type]
            log.append(RawRecord(self.market, raw_type, 0, len(log), event_time, symbol.encode(), payload, headers))


def _frame(recording: Recording, line: bytes, receive_time_ms: int) -> None:
    frame = msgspec.json.decode(line, type=StreamFrame)
    symbol, _, stream = frame.stream.partition("@")
    recording.take(symbol.upper(), stream, bytes(frame.data), receive_time_ms)


def hftbacktest(market: Market, symbol: str, paths: Sequence[Path]) -> Recording:
    """Read the files of one recording, in their order."""
    recording = Recording(market)
    for path in paths:
        with gzip.open(path) as lines:
            for line in lines:
                time, _, text = line.partition(b" ")
                if text.startswith(b'{"stream"'):
                    _frame(recording, text, int(time) // 1_000_000)
                else:
                    recording.take(symbol, "depth", text.strip(), int(time) // 1_000_000)
    return recording


def cryptofeed(market: Market, folder: Path, name: str) -> Recording:
    """Read one of cryptofeed's recordings: frames and snapshots, merged by the time at which they came."""
    arrivals = [*_frames(folder / f"{name}.ws.1.0"), *_snapshots(folder / f"{name}.http.0.0")]
    recording = Recording(market)
    for time, symbol, text in sorted(arrivals, key=lambda arrival: arrival[0]):
        if symbol is None:
            _frame(recording, text, int(time * 1_000))
        else:
            recording.take(symbol, "depth", text, int(time * 1_000))
    return recording


def _frames(path: Path) -> Iterator[tuple[float, str | None, bytes]]:
    for line in path.read_text().splitlines():
        if match := _CRYPTOFEED_FRAME.fullmatch(line):
            yield float(match[1]), None, match[2].encode()


def _snapshots(path: Path) -> Iterator[tuple[float, str | None, bytes]]:
    for line in path.read_text().splitlines():
        if match := _CRYPTOFEED_SNAPSHOT.fullmatch(line):
            yield float(match[2]), match[1], match[3].encode()


def klines(path: Path) -> dict[int, list[str]]:
    """Return the rows of a file of klines by open time, without it."""
    with path.open(newline="") as file:
        return {int(row[0]): row[1:] for row in csv.reader(file) if row[0].isdigit()}
