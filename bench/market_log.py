"""Raw logs for the processors' benchmarks: depth diffs or trades as ingest writes them, the same ones in every run.

Recorded BTC where the recordings are at hand, one symbol for each time they are told again; generated ones otherwise.
The symbols take turns, as they do in life.
"""

from __future__ import annotations

import gzip
import itertools
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from confluent_kafka import Producer
from msgspec import Struct

from bench.site import ROOT
from schemas.topics import PARTITIONS, partition_of


__all__ = ["LogRecord", "MarketLog", "depth_log", "publish", "recordings", "trade_log"]

RECORDED_LEVELS: Final = 46
"""What a recorded diff of BTCUSDT holds on average."""

_SPOT: Final = ("hftbacktest/spot/btcusdt_20240808.gz", "hftbacktest/spot/btcusdt_20240809.gz")
_TIME_MS: Final = 1_793_577_600_000
_SYMBOLS: Final = 24
_SNAPSHOT_LEVELS: Final = 1_000
_UNIT: Final = 100
"""Price units of 10**-2."""


class LogRecord(Struct, frozen=True):
    """One record of a raw topic."""

    key: bytes
    value: bytes
    timestamp_ms: int


class MarketLog(Struct, frozen=True):
    """A log, and where it comes from."""

    source: str
    records: Sequence[LogRecord]


def recordings() -> Path | None:
    """Return the folder that `BINANCE_RECORDINGS` names, else the one beside the checkout; None if it is not there."""
    folder = Path(os.environ.get("BINANCE_RECORDINGS", ROOT.parent / "shared" / "data"))
    return folder if all((folder / name).is_file() for name in _SPOT) else None


def depth_log(count: int, levels: int | None = None) -> MarketLog:
    """Return ``count`` diffs, and before those of each symbol the snapshot that they continue.

    Args:
        count: how many diffs.
        levels: generated diffs with so many levels each; None: recorded ones.
    """
    folder = recordings() if levels is None else None
    if folder is None:
        each = -(-count // _SYMBOLS)
        stories = [_generated_depth(symbol, each, levels or RECORDED_LEVELS) for symbol in _names(_SYMBOLS)]
        return MarketLog(f"generated, {levels or RECORDED_LEVELS} levels", _in_turn(stories, count + _SYMBOLS))
    story = _recorded_depth(folder)
    symbols = _names(-(-count // (len(story) - 1)))
    return MarketLog("recorded BTCUSDT", _in_turn([_renamed(story, one) for one in symbols], count + len(symbols)))


def trade_log(count: int) -> MarketLog:
    """Return ``count`` trades."""
    folder = recordings()
    if folder is None:
        stories = [_generated_trades(symbol, -(-count // _SYMBOLS)) for symbol in _names(_SYMBOLS)]
        return MarketLog("generated", _in_turn(stories, count))
    story = list(_recorded(folder, "btcusdt@trade"))
    symbols = _names(-(-count // len(story)))
    return MarketLog("recorded BTCUSDT", _in_turn([_renamed(story, one) for one in symbols], count))


def publish(bootstrap_servers: str, topic: str, records: Sequence[LogRecord]) -> None:
    """Write records as ingest does: by the symbol's partition, with its five headers, lz4.

    Raises:
        RuntimeError: the broker did not take them all.
    """
    producer = Producer(
        {"bootstrap.servers": bootstrap_servers, "compression.type": "lz4", "linger.ms": 20, "log_level": 0,
         "queue.buffering.max.messages": 1_000_000, "batch.size": 262_144, "enable.idempotence": True}
    )  # fmt: skip
    for sequence, record in enumerate(records):
        headers: list[tuple[str, str | bytes | None]] = [
            ("receive_time_ns", str(record.timestamp_ms * 1_000_000).encode()),
            ("connection_id", b"bench-spot-1"),
            ("connection_sequence", str(sequence).encode()),
            ("stream", record.key.lower() + b"@depth@100ms"),
            ("origin", b"live"),
        ]
        partition = partition_of(record.key.decode(), PARTITIONS)
        while True:
            try:
                producer.produce(
                    topic, record.value, record.key, partition, timestamp=record.timestamp_ms, headers=headers
                )
                break
            except BufferError:
                producer.poll(0.1)
    if left := producer.flush(60):
        msg = f'topic "{topic}": {left} of {len(records)} records were not acknowledged'
        raise RuntimeError(msg)


def _names(count: int) -> list[str]:
    return [f"BTC{number:03d}USDT" for number in range(count)]


def _in_turn(stories: Sequence[Sequence[LogRecord]], count: int) -> list[LogRecord]:
    rows = itertools.zip_longest(*stories)
    return list(itertools.islice((record for row in rows for record in row if record is not None), count))


def _renamed(story: Sequence[LogRecord], symbol: str) -> list[LogRecord]:
    old, new = b'"s":"BTCUSDT"', f'"s":"{symbol}"'.encode()
    key = symbol.encode()
    return [LogRecord(key, record.value.replace(old, new), record.timestamp_ms) for record in story]


def _recorded(folder: Path, stream: str) -> Iterator[LogRecord]:
    for line in _lines(folder):
        frame = msgspec.json.decode(line, type=_Frame)
        if frame.stream == stream:
            value = bytes(frame.data)
            yield LogRecord(b"BTCUSDT", value, msgspec.json.decode(value, type=_Timed).event_time)


def _recorded_depth(folder: Path) -> list[LogRecord]:
    diffs = list(_recorded(folder, "btcusdt@depth@100ms"))
    snapshot = next(line for line in _lines(folder) if line.startswith(b'{"lastUpdateId"'))
    last_id = msgspec.json.decode(snapshot, type=_Snapshot).last_update_id
    kept = [diff for diff in diffs if msgspec.json.decode(diff.value, type=_Ids).final > last_id]
    return [LogRecord(b"BTCUSDT", snapshot, kept[0].timestamp_ms), *kept]


def _lines(folder: Path) -> Iterator[bytes]:
    for name in _SPOT:
        with gzip.open(folder / name) as file:
            for line in file:
                yield line.partition(b" ")[2].rstrip()


class _Frame(Struct):
    """A line of a recording: a frame, or a REST answer, which has neither."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()


class _Timed(Struct):
    event_time: int = msgspec.field(name="E")


class _Snapshot(Struct):
    last_update_id: int = msgspec.field(name="lastUpdateId")


class _Ids(Struct):
    final: int = msgspec.field(name="u")


def _generated_depth(symbol: str, count: int, levels: int) -> list[LogRecord]:
    """Return a snapshot and the diffs that continue it, each of ``levels`` levels, most of them near the best."""
    chance = random.Random(symbol)  # noqa: S311 - the same draw in every run
    middle, update_id, key = 6_000_000, 1_000_000, symbol.encode()
    bids = [[_price(middle - step), "1.00000000"] for step in range(1, _SNAPSHOT_LEVELS + 1)]
    asks = [[_price(middle + step), "1.00000000"] for step in range(1, _SNAPSHOT_LEVELS + 1)]
    first = msgspec.json.encode({"lastUpdateId": update_id, "bids": bids, "asks": asks})
    story = [LogRecord(key, first, _TIME_MS)]
    for number in range(1, count + 1):
        move = chance.choice((-1, 0, 1))
        # What the price moves over is no longer there.
        changes: dict[str, dict[int, str]] = {"b": {}, "a": {}}
        changes["b" if move < 0 else "a"][middle + move] = "0.00000000"
        middle += move
        while sum(map(len, changes.values())) < levels:
            distance = 1 + min(int(chance.expovariate(0.03)), _SNAPSHOT_LEVELS)
            side, price = ("b", middle - distance) if chance.random() < 0.5 else ("a", middle + distance)
            gone = distance > 2 and chance.random() < 0.4
            changes[side].setdefault(price, "0.00000000" if gone else f"{chance.random() * 5 + 0.0001:.8f}")
        sides = {
            side: [[_price(price), quantity] for price, quantity in sorted(found.items(), reverse=side == "b")]
            for side, found in changes.items()
        }
        at_ms, ids = _TIME_MS + number * 100, {"U": update_id + 1, "u": update_id + 10}
        update_id += 10
        event = {"e": "depthUpdate", "E": at_ms, "s": symbol, **ids, **sides}
        story.append(LogRecord(key, msgspec.json.encode(event), at_ms))
    return story


def _generated_trades(symbol: str, count: int) -> list[LogRecord]:
    chance = random.Random(symbol)  # noqa: S311 - the same draw in every run
    price, key, story = 6_000_000, symbol.encode(), list[LogRecord]()
    for number in range(count):
        price += chance.choice((-1, 0, 0, 1))
        at_ms, trade_id = _TIME_MS + number * 20, 3_000_000_000 + number
        event = {
            "e": "trade", "E": at_ms, "s": symbol, "t": trade_id, "p": _price(price),
            "q": f"{chance.random() + 0.0001:.8f}", "T": at_ms, "m": chance.random() < 0.5, "M": True,
        }  # fmt: skip
        story.append(LogRecord(key, msgspec.json.encode(event), at_ms))
    return story


def _price(units: int) -> str:
    return f"{units // _UNIT}.{units % _UNIT:02d}000000"
