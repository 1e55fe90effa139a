"""Single recorded messages of nearly every public type through the decoders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from processors.core.decode import AGG_TRADE, DIFF, MINI_TICKER, TICKER, TRADE, Decoder
from processors.core.records import DeadLetter, Rejected
from processors.core.tickers import TickerPartition
from schemas.markets import Market
from schemas.topics import RawType
from tests.unit.processors.core.records import record_of


DECODERS: dict[str, Decoder[Any]] = {
    "trade": TRADE,
    "aggTrade": AGG_TRADE,
    "depthUpdate": DIFF,
    "24hrTicker": TICKER,
    "24hrMiniTicker": MINI_TICKER,
}


def events(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            if line.startswith(("{", "[")):
                yield from _events(msgspec.json.decode(line))


def _events(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for element in value:
            yield from _events(element)
    elif isinstance(value, dict):
        if isinstance(value.get("e"), str):
            yield value
        elif "data" in value:
            yield from _events(value["data"])


def test_every_recorded_message_of_a_type_of_ours_is_read(recordings: Path) -> None:
    read: Counter[str] = Counter()
    for event in events(recordings / "messages"):
        decoder = DECODERS.get(event["e"])
        if decoder is not None:
            message = decoder(msgspec.json.encode(event))
            assert not isinstance(message, Rejected)
            read[type(message).__name__] += 1

    assert read.keys() == {"Trade", "AggTrade", "DepthDiff", "Ticker", "MiniTicker"}
    assert read["Ticker"] > 100


def test_every_recorded_ticker_has_its_record(recordings: Path) -> None:
    for event in events(recordings / "messages"):
        if event["e"] in {"24hrTicker", "24hrMiniTicker"}:
            raw_type = RawType.TICKER if event["e"] == "24hrTicker" else RawType.MINI_TICKER
            record = record_of(
                raw_type, msgspec.json.encode(event), 0, event["E"], key=event["s"].encode(), market=Market.USDM
            )
            (output,) = TickerPartition().feed(record)
            assert not isinstance(output, DeadLetter)
