"""What was sent can be read back as a recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.exchange.recorder import EvidenceExistsError, SentRecorder
from sandbox.recordings import Frame, Recording, RestAnswer, read
from schemas.markets import Market
from tests.unit.sandbox.exchange.sources import event
from tests.unit.sandbox.payloads import EPOCH_NS


def test_what_was_sent_is_a_recording_of_each_market(tmp_path: Path) -> None:
    recorder = SentRecorder(tmp_path / "evidence")
    sent = [
        event(1),
        event(2, at_ms=1, market=Market.COINM, stream="ethusd_perp@trade"),
        event(3, at_ms=2, stream="!miniTicker@arr"),
    ]
    for each in sent:
        recorder.sent(each)
    recorder.close(0)
    recording = Recording.find([tmp_path / "evidence"])

    assert {file.path.name: file.market for file in recording.files} == {
        "spot.gz": Market.SPOT,
        "coinm.gz": Market.COINM,
    }
    assert list(read(recording)) == [Frame(each.due_ns, each.market, each.stream, each.data) for each in sent]


def test_depth_answers_stand_where_they_were_given(tmp_path: Path) -> None:
    """One given before the first event has that event's time: nothing else is known to fit."""
    recorder = SentRecorder(tmp_path)
    recorder.answered_depth(Market.SPOT, "BTCUSDT", b'{"lastUpdateId":1}')
    recorder.sent(event(1, at_ms=5))
    recorder.answered_depth(Market.SPOT, "BTCUSDT", b'{"lastUpdateId":2}')
    recorder.close(EPOCH_NS + 7_000_000)
    entries = list(read(Recording.find([tmp_path])))

    assert [
        (entry.body, entry.params, entry.time_ns - EPOCH_NS) if isinstance(entry, RestAnswer) else entry.data
        for entry in entries
    ] == [
        (b'{"lastUpdateId":1}', {"symbol": "BTCUSDT"}, 5_000_000),
        b'{"t":1}',
        (b'{"lastUpdateId":2}', {"symbol": "BTCUSDT"}, 7_000_000),
    ]


def test_evidence_of_an_earlier_run_is_not_overwritten(tmp_path: Path) -> None:
    recorder = SentRecorder(tmp_path)
    recorder.sent(event(1))
    recorder.close(0)

    with pytest.raises(EvidenceExistsError, match=r"spot\.gz"):
        SentRecorder(tmp_path)
