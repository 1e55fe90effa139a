"""What the real Binance sent, through ingest's decoder."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from ingest.core.frames import FrameDecoder
from ingest.core.merged import SeenVersions
from ingest.core.outcomes import Item, Rejected, Reply
from ingest.core.records import Record
from ingest.core.snapshots import read_snapshot
from ingest.core.streams import Framing, parse
from schemas.markets import Market
from schemas.topics import TopicTable


UNWRAPPED = {
    "24hrMiniTicker": "!miniTicker@arr",
    "24hrTicker": "!ticker@arr",
    "markPriceUpdate": "!markPrice@arr",
    "bookTicker": "!bookTicker",
    "forceOrder": "!forceOrder@arr",
}


def new_decoder(market: Market) -> FrameDecoder:
    return FrameDecoder(
        market,
        "c",
        TopicTable(),
        extra_headers=lambda *_: (),
        merged=SeenVersions(),
        max_record_bytes=900_000,
    )


def messages(recordings: Path) -> Iterator[bytes]:
    for path in sorted((recordings / "messages").glob("*.jsonl")):
        yield from path.read_bytes().splitlines()


def readings(line: bytes) -> Iterator[tuple[bytes, list[Item]]]:
    """Yield what each market that offers the stream makes of a message, and its payload."""
    message = json.loads(line)
    frame = line
    if "stream" not in message:
        event = message[0] if isinstance(message, list) else message
        name = UNWRAPPED.get(event.get("e", ""))
        if name is None:
            return
        frame = b'{"stream":"' + name.encode() + b'","data":' + line + b"}"
    data = bytes(msgspec.json.decode(frame, type=dict[str, msgspec.Raw])["data"])
    name = msgspec.json.decode(frame)["stream"]
    for market in Market:
        if parse(market, name) is not None:
            yield data, new_decoder(market).decode(frame, 0, 1)


def is_taken(data: bytes, items: list[Item]) -> bool:
    """Return whether everything became a record, verbatim."""
    values = [item.value for item in items if isinstance(item, Record)]
    joined = b"[" + b",".join(values) + b"]" if data.startswith(b"[") else b"".join(values)
    return len(values) == len(items) and re.sub(rb"\s", b"", joined) == re.sub(rb"\s", b"", data)


def is_retired(line: bytes) -> bool:
    """Return whether a message is of a stream that the venue has ended: spot's all-market book ticker."""
    return line.startswith(b'{"stream":"!bookTicker"') and b'"e"' not in line


def test_every_message_of_a_stream_that_ingest_offers_is_taken_verbatim(recordings: Path) -> None:
    taken = 0
    for line in messages(recordings):
        results = [is_taken(data, items) for data, items in readings(line)]
        if results and not is_retired(line):
            assert any(results), line[:200]
            taken += 1

    assert taken > 60


def test_every_other_message_is_told_apart_and_never_raises(recordings: Path) -> None:
    for line in messages(recordings):
        for market in Market:
            for item in new_decoder(market).decode(line, 0, 1):
                assert isinstance(item, Record | Rejected | Reply)


def test_recorded_replies_are_replies(recordings: Path) -> None:
    lines = [line for line in messages(recordings) if line.startswith((b'{"result"', b'{"error"'))]

    replies = [new_decoder(Market.SPOT).decode(line, 0, 1) for line in lines]

    assert replies == [[Reply(2)], [Reply(None, "blahblah")]]


HFTBACKTEST = [
    (Market.SPOT, "hftbacktest/spot/btcusdt_20240808.gz"),
    (Market.SPOT, "hftbacktest/spot/btcusdt_20240809.gz"),
    (Market.USDM, "hftbacktest/usdm/ethusdt_20240808.gz"),
    (Market.COINM, "hftbacktest/cm/ethusd_perp_20240808.gz"),
]


@pytest.mark.parametrize(("market", "path"), HFTBACKTEST)
def test_every_recorded_frame_is_one_record_verbatim(recordings: Path, market: Market, path: str) -> None:
    decoder, snapshots = new_decoder(market), 0
    with gzip.open(recordings / path) as lines:
        for sequence, line in enumerate(lines):
            frame = line.split(b" ", 1)[1].rstrip()
            if not frame.startswith(b'{"stream"'):
                assert read_snapshot(frame).last_update_id > 0
                snapshots += 1
                continue
            (record,) = decoder.decode(frame, 0, sequence)
            assert isinstance(record, Record)
            assert frame.endswith(b'"data":' + record.value + b"}")

    assert snapshots <= 1


CRYPTOFEED = [
    (Market.SPOT, "BINANCE.ws.1.0"),
    (Market.USDM, "BINANCE_FUTURES.ws.1.0"),
    (Market.COINM, "BINANCE_DELIVERY.ws.1.0"),
    (Market.SPOT, "BINANCE_US.ws.1.0"),
    (Market.SPOT, "BINANCE_TR.ws.1.0"),
]


@pytest.mark.parametrize(("market", "path"), CRYPTOFEED)
def test_every_frame_of_the_cryptofeed_recordings_is_one_record(recordings: Path, market: Market, path: str) -> None:
    decoder, topics = new_decoder(market), Counter[str]()
    for line in (recordings / "cryptofeed" / path).read_bytes().splitlines():
        _, separator, frame = line.partition(b": ")
        if not separator or not frame.startswith(b"{"):
            continue
        for record in decoder.decode(frame, 0, 1):
            assert isinstance(record, Record)
            topics[record.topic.rpartition(".")[2]] += 1

    assert set(topics) >= {"depth", "book-ticker"}


def test_names_of_array_streams_in_this_file_are_arrays_or_single_objects() -> None:
    for name in UNWRAPPED.values():
        stream = parse(Market.USDM, name)
        assert stream is not None
        assert stream.type.framing in {Framing.ARRAY, Framing.ANY}
