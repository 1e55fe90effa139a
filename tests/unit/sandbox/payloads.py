"""Payloads and lines of made-up recordings, as Binance and recorders spell them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


__all__ = [
    "EPOCH_MS",
    "EPOCH_NS",
    "agg_trade",
    "book_ticker",
    "combined",
    "depth_answer",
    "diff",
    "kline",
    "line",
    "trade",
    "write_lines",
]

EPOCH_MS = 1_723_161_600_000
EPOCH_NS = EPOCH_MS * 1_000_000

Levels = Sequence[tuple[str, str]]


def trade(trade_id: int, *, symbol: str = "BTCUSDT", price: str = "100.00", at_ms: int = EPOCH_MS) -> dict[str, Any]:
    return {
        "e": "trade",
        "E": at_ms + 1,
        "s": symbol,
        "t": trade_id,
        "p": price,
        "q": "2.50000000",
        "T": at_ms,
        "m": True,
        "M": True,
    }


def agg_trade(
    trade_id: int, *, symbol: str = "BTCUSDT", price: str = "100.00", at_ms: int = EPOCH_MS
) -> dict[str, Any]:
    return {
        "e": "aggTrade",
        "E": at_ms + 1,
        "s": symbol,
        "a": trade_id,
        "p": price,
        "q": "2.50000000",
        "f": trade_id * 2,
        "l": trade_id * 2 + 1,
        "T": at_ms,
        "m": False,
        "M": True,
    }


def diff(
    first_id: int,
    final_id: int,
    *,
    bids: Levels = (),
    asks: Levels = (),
    symbol: str = "BTCUSDT",
    previous_id: int | None = None,
    at_ms: int = EPOCH_MS,
) -> dict[str, Any]:
    payload: dict[str, Any] = {"e": "depthUpdate", "E": at_ms, "s": symbol, "U": first_id, "u": final_id}
    if previous_id is not None:
        payload |= {"T": at_ms - 1, "pu": previous_id}
    return payload | {"b": bids, "a": asks}


def book_ticker(update_id: int, *, bid: str = "100.00", ask: str = "100.01", symbol: str = "BTCUSDT") -> dict[str, Any]:
    return {"u": update_id, "s": symbol, "b": bid, "B": "1.00000000", "a": ask, "A": "3.00000000"}


def kline(
    *, open_ms: int = EPOCH_MS, close: str = "100.00", closed: bool = False, symbol: str = "BTCUSDT"
) -> dict[str, Any]:
    bar = {
        "t": open_ms,
        "T": open_ms + 59_999,
        "s": symbol,
        "i": "1m",
        "f": 1,
        "L": 4,
        "o": "99.00",
        "c": close,
        "h": "101.00",
        "l": "98.00",
        "v": "12.0",
        "n": 4,
        "x": closed,
        "q": "1200.0",
        "V": "7.0",
        "Q": "700.0",
    }
    return {"e": "kline", "E": open_ms + 30_000, "s": symbol, "k": bar | {"B": "0"}}


def depth_answer(
    last_update_id: int, *, bids: Levels = (("100.00", "1.0"),), asks: Levels = (("100.01", "3.0"),), **more: Any
) -> dict[str, Any]:
    return {"lastUpdateId": last_update_id, **more, "bids": bids, "asks": asks}


def combined(stream: str, payload: object) -> dict[str, object]:
    return {"stream": stream, "data": payload}


def line(time: int | str, document: object) -> bytes:
    text = document if isinstance(document, str) else json.dumps(document, separators=(",", ":"))
    return f"{time} {text}\n".encode()


def write_lines(path: Path, lines: Iterable[bytes]) -> Path:
    content = b"".join(lines)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path
