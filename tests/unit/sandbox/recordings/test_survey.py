"""What a survey finds, and whose the anonymous snapshots are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.recordings import Recording, StreamSummary, Summary, SymbolSummary, survey
from sandbox.recordings.observed import Steps
from schemas.markets import Market
from tests.unit.sandbox.payloads import (
    EPOCH_MS,
    EPOCH_NS,
    book_ticker,
    combined,
    depth_answer,
    diff,
    line,
    trade,
    write_lines,
)


SECOND_NS = 10**9


def survey_of(directory: Path, lines: list[bytes], market: Market | None = None) -> Summary:
    return survey(Recording.find([write_lines(directory / "file", lines)], market))


def frame_line(at_ns: int, stream: str, payload: dict[str, Any]) -> bytes:
    return line(EPOCH_NS + at_ns, combined(stream, payload))


def test_a_survey_sums_up_streams_symbols_and_times(tmp_path: Path) -> None:
    summary = survey_of(
        tmp_path,
        [
            frame_line(0, "btcusdt@trade", trade(1, price="100.50")),
            frame_line(5, "ethusdt@trade", trade(1, symbol="ETHUSDT", price="7.125")),
            frame_line(SECOND_NS, "btcusdt@trade", trade(2, at_ms=EPOCH_MS + 1_000)),
            line(EPOCH_NS, '{"result":null,"id":1}'),
            line(EPOCH_NS, "rubbish"),
        ],
    )

    assert summary.streams == (
        StreamSummary(Market.SPOT, "btcusdt@trade", 2, EPOCH_NS, EPOCH_NS + SECOND_NS),
        StreamSummary(Market.SPOT, "ethusdt@trade", 1, EPOCH_NS + 5, EPOCH_NS + 5),
    )
    assert summary.symbols == (
        SymbolSummary(Market.SPOT, "BTCUSDT", 0, 0, Steps(1, 1)),
        SymbolSummary(Market.SPOT, "ETHUSDT", 0, 0, Steps(3, 1)),
    )
    assert (summary.frame_count, summary.control_reply_count, summary.problem_count) == (3, 1, 1)
    assert (summary.first_ns, summary.last_ns) == (EPOCH_NS, EPOCH_NS + SECOND_NS)
    assert (summary.first_event_ms, summary.last_event_ms) == (EPOCH_MS + 1, EPOCH_MS + 1_001)
    assert summary.stream_names(Market.SPOT) == {"btcusdt@trade", "ethusdt@trade"}
    assert summary.symbol_names(Market.USDM) == ()


def test_the_symbols_of_whole_market_streams_are_found_in_them(tmp_path: Path) -> None:
    summary = survey_of(
        tmp_path,
        [
            frame_line(0, "btcusdt@trade", trade(1)),
            line(EPOCH_NS, combined("!miniTicker@arr", [{"e": "24hrMiniTicker", "E": 1, "s": "ETHUSDT"}])),
        ],
    )

    assert summary.symbol_names(Market.SPOT) == ("BTCUSDT", "ETHUSDT")


def kept_ids(summary: Summary) -> list[int]:
    return [json.loads(kept.body)["lastUpdateId"] for kept in summary.snapshots]


def test_the_first_snapshot_of_a_symbol_and_the_first_after_a_gap_are_kept(tmp_path: Path) -> None:
    stream = "btcusdt@depth@100ms"
    minute_ns = 61 * SECOND_NS
    summary = survey_of(
        tmp_path,
        [
            frame_line(0, stream, diff(1, 5)),
            line(EPOCH_NS + 1, depth_answer(4)),
            frame_line(minute_ns, stream, diff(6, 7)),
            line(EPOCH_NS + minute_ns, depth_answer(7)),
            frame_line(2 * minute_ns, stream, diff(10, 12)),
            line(EPOCH_NS + 2 * minute_ns, depth_answer(11)),
            frame_line(3 * minute_ns, stream, diff(13, 14)),
            line(EPOCH_NS + 3 * minute_ns, depth_answer(14)),
        ],
    )

    assert (summary.symbols[0].snapshot_count, summary.symbols[0].gap_count) == (4, 1)
    assert kept_ids(summary) == [4, 11]


def test_a_snapshot_is_kept_though_a_gap_follows_before_it_is_known_whose_it_is(tmp_path: Path) -> None:
    summary = survey_of(
        tmp_path,
        [
            frame_line(0, "btcusdt@depth", diff(1, 5)),
            line(EPOCH_NS + 1, depth_answer(4)),
            frame_line(2, "btcusdt@depth", diff(10, 12)),
            line(EPOCH_NS + 3, depth_answer(11)),
        ],
    )

    assert kept_ids(summary) == [4, 11]


def two_symbols(tmp_path: Path, answer: dict[str, Any], market: Market, **prices: tuple[str, str]) -> Summary:
    lines = []
    for number, (symbol, (bid, ask)) in enumerate(prices.items()):
        first_id = 1_000_000 * (number + 1)
        previous = None if market is Market.SPOT else first_id - 1
        name = symbol.lower()
        lines += [
            frame_line(number, f"{name}@bookTicker", book_ticker(first_id, bid=bid, ask=ask, symbol=symbol)),
            frame_line(number, f"{name}@depth", diff(first_id, first_id + 5, symbol=symbol, previous_id=previous)),
        ]
        lines.append(
            frame_line(
                number + 9, f"{name}@depth", diff(first_id + 6, first_id + 9, symbol=symbol, previous_id=previous)
            )
        )
    return survey_of(tmp_path, [*lines[:3], line(EPOCH_NS + 3, answer), *lines[3:]], market)


def test_on_spot_the_update_id_tells_whose_an_anonymous_snapshot_is(tmp_path: Path) -> None:
    summary = two_symbols(
        tmp_path,
        depth_answer(2_000_007, bids=[("1.0001", "1")], asks=[("1.0002", "1")]),
        Market.SPOT,
        USDCUSDT=("1.0001", "1.0002"),
        FDUSDUSDT=("1.0001", "1.0002"),
    )

    assert list(summary.snapshot_symbols.values()) == ["FDUSDUSDT"]


def test_on_futures_prices_tell_whose_an_anonymous_snapshot_is(tmp_path: Path) -> None:
    summary = two_symbols(
        tmp_path,
        depth_answer(1_000_001, bids=[("2600.00", "1")], asks=[("2600.01", "1")]),
        Market.USDM,
        BTCUSDT=("60000.00", "60000.10"),
        ETHUSDT=("2601.00", "2601.01"),
    )

    assert list(summary.snapshot_symbols.values()) == ["ETHUSDT"]


def test_where_it_cannot_be_known_whose_a_snapshot_is_that_is_said(tmp_path: Path) -> None:
    summary = two_symbols(
        tmp_path,
        depth_answer(1_000_001, bids=[("1.0001", "1")], asks=[("1.0002", "1")]),
        Market.USDM,
        USDCUSDT=("1.0001", "1.0002"),
        FDUSDUSDT=("1.0001", "1.0002"),
    )

    assert not summary.snapshot_symbols
    assert [number for _, number in summary.unknown_snapshots] == [4]
    assert "fits no single one" in summary.problems[0].reason


def test_a_snapshot_that_fits_no_symbol_is_not_given_to_one(tmp_path: Path) -> None:
    summary = two_symbols(
        tmp_path,
        depth_answer(1_000_001, bids=[("3.00", "1")], asks=[("3.01", "1")]),
        Market.USDM,
        BTCUSDT=("60000.00", "60000.10"),
        ETHUSDT=("2601.00", "2601.01"),
    )

    assert len(summary.unknown_snapshots) == 1


def test_recorded_depth_answers_find_their_symbols_again_when_the_url_is_hidden(
    recordings: Path, tmp_path: Path
) -> None:
    """Cryptofeed notes each answer's symbol: without it, all are inferred rightly."""
    for stem, market in (("BINANCE", Market.SPOT), ("BINANCE_FUTURES", Market.USDM), ("BINANCE_US", Market.SPOT)):
        answers = (recordings / "cryptofeed" / f"{stem}.http.0.0").read_bytes().splitlines()
        named = {}
        bare = []
        for number, answer in enumerate(filter(None, answers), start=1):
            url, _, timed = answer.partition(b" -> ")
            named[number] = url.partition(b"symbol=")[2].partition(b"&")[0].decode()
            bare.append(timed.replace(b": ", b" ", 1) + b"\n")
        path = write_lines(tmp_path / stem, bare)
        frames = recordings / "cryptofeed" / f"{stem}.ws.1.0"

        summary = survey(Recording.find([path, frames], market))

        assert {number: symbol for (_, number), symbol in summary.snapshot_symbols.items()} == named


@pytest.mark.parametrize("name", ["spot", "usdm", "cm"])
def test_the_snapshot_of_a_single_symbol_recording_is_that_symbols(recordings: Path, name: str) -> None:
    summary = survey(Recording.find([recordings / "hftbacktest" / name]))

    assert [(symbol.snapshot_count, symbol.gap_count) for symbol in summary.symbols] == [(1, 0)]
    assert not summary.unknown_snapshots
    assert [kept.symbol for kept in summary.snapshots] == [summary.symbols[0].symbol]
