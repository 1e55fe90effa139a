from __future__ import annotations

from pathlib import Path

from bench.volume import Packing, weights_of
from ingest.core.records import Record


def record(number: int) -> Record:
    return Record("t", 0, b"BTCUSDT", b'{"e":"trade","s":"BTCUSDT","t":%d}' % number, 1_700_000_000_000, [("a", b"b")])


def packed(linger_ns: int | None, apart_ns: int) -> int:
    packing = Packing(linger_ns)
    for number in range(100):
        packing.add(record(number), number * apart_ns)
    return packing.finish()


def test_records_that_come_within_their_wait_share_a_batch() -> None:
    assert packed(5, apart_ns=0) == packed(None, apart_ns=1_000)
    assert packed(5, apart_ns=6) > 5 * packed(5, apart_ns=0)


def test_a_full_batch_is_followed_by_another() -> None:
    packing = Packing(None)
    for number in range(3):
        packing.add(Record("t", 0, b"k", bytes([number]) * 200_000, 1, []), 0)

    assert packing.finish() > 3 * 61  # the head of a batch


def test_a_recording_is_weighed_by_stream_type(recordings: Path) -> None:
    weights = {one.stream_type: one for one in weights_of([recordings / "cryptofeed" / "BINANCE_FUTURES.ws.1.0"])}

    assert set(weights) == {"agg-trade", "book-ticker", "depth", "kline"}
    for one in weights.values():
        assert one.symbol_count == 4
        assert 0 < one.full_bytes < one.alone_bytes
        assert 25 < one.seconds < 40
