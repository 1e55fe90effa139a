"""The whole verification: what holds is told so, and each single fault is noticed."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from sandbox.verify.outcome import REST_DEPTH
from sandbox.verify.report import RawCounts, print_report, write_report
from schemas.control import Gap, GapStatus
from schemas.derived import AlertStatus, BookState, TradeSource
from schemas.markets import Market
from schemas.topics import RawType
from tests.unit.sandbox.verify.perfect import (
    DERIVED,
    FLOWS,
    FLOWS_WITHOUT_2,
    FRAMES,
    RAW,
    START,
    TRADES,
    alert,
    candle,
    derived_trade,
    flow,
    hole,
    report_on,
    ticker,
    top,
)


NAME = "spot:ABCUSDT"
HOLE = "holds a hole of the recording, or a trade that cannot be read"


def without(values: Sequence[Any], *numbers: int) -> list[Any]:
    return [value for number, value in enumerate(values) if number not in numbers]


def changed(number: int, **changes: Any) -> list[msgspec.Struct]:
    """The derived records with one of them changed."""
    return [
        msgspec.structs.replace(value, **changes) if index == number else value for index, value in enumerate(DERIVED)
    ]


WITHOUT_2 = [*without(DERIVED[: -len(FLOWS)], 6), *FLOWS_WITHOUT_2]
"""The derived records where the second trade is in nobody's hands."""


def gap(first: int, last: int, stream: str = "trade") -> Gap:
    return Gap(
        market=Market.SPOT,
        stream=stream,
        symbol="ABCUSDT",
        epoch=0,
        first_id=first,
        last_id=last,
        status=GapStatus.DEFERRED,
        reason=None,
        previous_time=0,
        next_time=0,
        opened_time=0,
        updated_time=0,
    )


def test_what_holds_is_told_so(tmp_path: Path) -> None:
    report = report_on(tmp_path)

    symbol = report.symbols[NAME]
    assert report.ok, (report.problems, symbol.problems)
    assert (symbol.book.compared, symbol.book.equal, symbol.book.different) == (5, 5, 0)
    assert (symbol.candles["1m"].compared, symbol.candles["1m"].equal) == (3, 3)
    assert (symbol.trades.recorded, symbol.trades.derived) == (4, 4)
    assert {name: (found.equal, found.compared) for name, found in symbol.flows.items()} == {
        "1s": (4, 4), "10s": (3, 3), "1m": (2, 2),
    }  # fmt: skip
    assert symbol.raw["depth"] == RawCounts(6, 6, 0)
    assert (symbol.gaps, symbol.recorded_gaps, symbol.snapshots) == (0, 0, 1)
    assert symbol.not_compared == ["book: 1 of 6 states: before the recorded depth snapshot"]


TOPS, TRADE_RECORDS, CANDLES = slice(0, 5), slice(5, 9), slice(9, 12)

FAULTS: dict[str, dict[str, Any]] = {
    "a raw record is missing": {"raw": without(RAW, 5)},
    "a raw record is there twice": {"raw": [*RAW, RAW[5]]},
    "a raw record is altered": {"raw": [*without(RAW, 5), (RawType.TRADE, RAW[5][1] + b" ", RAW[5][2], "live")]},
    "a raw record went to another topic": {"raw": [*without(RAW, 5), (RawType.AGG_TRADE, *RAW[5][1:])]},
    "nothing came out": {"raw": [], "derived": []},
    "only the raw topics were filled": {"derived": []},
    "a book record is missing": {"derived": without(DERIVED, 2)},
    "a best quantity is wrong": {"derived": changed(3, bid_quantity=1)},
    "a best price is wrong": {"derived": changed(3, ask_price=1)},
    "a side is empty": {"derived": changed(3, ask_price=None, ask_quantity=None)},
    "the book never was live": {"derived": [top(120, 0, BookState.SYNCING), *DERIVED[5:]]},
    "the book went stale": {"derived": [*DERIVED[:4], top(115, 0, BookState.STALE), *DERIVED[5:]]},
    "the book lost its place for a moment": {
        "derived": [*DERIVED[:3], top(110, 0, BookState.SYNCING), top(110, 5), *DERIVED[3:]]
    },
    "a trade is missing": {"derived": without(DERIVED, 6)},
    "a trade is there twice": {"derived": [*DERIVED, derived_trade(*TRADES[1])]},
    "a trade was invented": {"derived": [*DERIVED, derived_trade(5, START + 3 * 60_000)]},
    "a trade has another price": {"derived": changed(6, price=1)},
    "a trade is told as a hole": {"derived": [*without(DERIVED, 6), hole(2, 2)]},
    "a hole was invented": {"derived": [*DERIVED, hole(7, 9)]},
    "trades come from another stream": {
        "derived": [*DERIVED, msgspec.structs.replace(DERIVED[5], source=TradeSource.AGG_TRADE)]
    },
    "the ledger has an invented hole": {"derived": [*DERIVED, gap(2, 2)]},
    "a window of flow is missing": {"derived": without(DERIVED, 12)},
    "a window of flow was invented": {"derived": [*DERIVED, flow("1s", 60, 2)]},
    "a window has another average price": {"derived": changed(16, vwap=1)},
    "a window is told as incomplete": {"derived": changed(18, complete=False)},
    "a window is corrected to something wrong": {
        "derived": [*DERIVED, msgspec.structs.replace(FLOWS[0], trade_count=2, revision=True)]
    },
    "an alert opens twice": {"derived": [*DERIVED, alert(10, AlertStatus.OPEN), alert(20, AlertStatus.OPEN)]},
    "an alert closes that nobody opened": {"derived": [*DERIVED, alert(20, AlertStatus.CLOSED, 10)]},
    "a candle is missing": {"derived": without(DERIVED, 9)},
    "the empty candle is missing": {"derived": without(DERIVED, 10)},
    "a candle was never closed": {"derived": changed(9, final=False)},
    "a candle has another low": {"derived": changed(11, low=1)},
    "a candle was corrected wrongly": {
        "derived": [*DERIVED, msgspec.structs.replace(DERIVED[11], close=1, input_offset=9, revision=True)]
    },
    "a record was set aside": {"dead_letters": ["bad-number"]},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_each_single_fault_is_noticed(tmp_path: Path, fault: dict[str, Any]) -> None:
    report = report_on(tmp_path, **fault)

    assert not report.ok


def test_a_symbol_that_nobody_recorded_is_noticed(tmp_path: Path) -> None:
    """Its topics hold what the recording does not."""
    report = report_on(tmp_path, frames=[], snapshots=[])

    assert not report.ok


def test_a_corrected_candle_counts_as_corrected(tmp_path: Path) -> None:
    wrong_at_first = msgspec.structs.replace(candle(0, (11, 11, 11, 11), (1, 1), 11), input_offset=-1)

    report = report_on(tmp_path, derived=[*DERIVED, wrong_at_first])

    assert report.ok


def test_alerts_that_open_and_close_in_turn_are_counted_even_if_told_twice(tmp_path: Path) -> None:
    told = [alert(10, AlertStatus.OPEN), alert(20, AlertStatus.CLOSED, 10), alert(30, AlertStatus.OPEN)]

    report = report_on(tmp_path, derived=[*DERIVED, *told, *told])

    assert report.ok
    assert report.symbols[NAME].alerts == {"one-sided-flow": 2}


def test_a_provisional_candle_after_its_final_one_changes_nothing(tmp_path: Path) -> None:
    provisional = msgspec.structs.replace(candle(0, (11, 11, 11, 11), (1, 1), 11), final=False)

    assert report_on(tmp_path, derived=[*DERIVED, provisional]).ok


def test_snapshots_and_backfill_do_not_count_as_published_events(tmp_path: Path) -> None:
    raw = [*RAW, (RawType.DEPTH, b"{}", REST_DEPTH, "live"), (RawType.TRADE, b"{}", "abcusdt@trade", "backfill")]

    report = report_on(tmp_path, raw=raw)

    assert report.ok
    assert report.symbols[NAME].snapshots == 2


RECORDED_HOLE: dict[str, Any] = {
    "frames": without(FRAMES, 5),
    "raw": without(RAW, 6),
    "derived": WITHOUT_2,
}


def test_a_hole_of_the_recording_must_be_told_and_excuses_its_minute(tmp_path: Path) -> None:
    told = [*RECORDED_HOLE["derived"], gap(2, 2), hole(2, 2)]

    report = report_on(tmp_path, **RECORDED_HOLE | {"derived": told})

    symbol = report.symbols[NAME]
    assert report.ok, (report.problems, symbol.problems)
    assert (symbol.gaps, symbol.recorded_gaps) == (1, 1)
    assert dict(symbol.candles["1m"].not_compared) == {HOLE: 3}


@pytest.mark.parametrize("told", [[], [gap(2, 2)], [hole(2, 2)], [gap(2, 3), hole(2, 3)]])
def test_a_hole_that_is_not_told_exactly_is_noticed(tmp_path: Path, told: list[msgspec.Struct]) -> None:
    report = report_on(tmp_path, **RECORDED_HOLE | {"derived": [*RECORDED_HOLE["derived"], *told]})

    assert not report.ok


RECORDED_GAP: dict[str, Any] = {"frames": without(FRAMES, 7), "raw": without(RAW, 8)}


def test_a_gap_in_the_recorded_diffs_must_be_told(tmp_path: Path) -> None:
    """After it, without another snapshot, a live book is a lie even where its best price is right by chance."""
    honest = [*DERIVED[:2], top(104, 0, BookState.SYNCING), *DERIVED[5:]]

    assert report_on(tmp_path / "honest", **RECORDED_GAP, derived=honest).ok
    assert not report_on(tmp_path / "untold", **RECORDED_GAP).ok


def test_a_ticker_that_skipped_an_update_is_a_seam(tmp_path: Path) -> None:
    frames = [ticker(104, 9) if frame == ticker(104, 6) else frame for frame in FRAMES]
    raw = [
        (*record[:1], ticker(104, 9)[1], *record[2:]) if record[1] == ticker(104, 6)[1] else record for record in RAW
    ]

    report = report_on(tmp_path, frames=frames, raw=raw)

    book = report.symbols[NAME].book
    assert report.ok
    assert (book.compared, book.equal, book.different, book.seams) == (5, 4, 0, 1)
    assert book.seam_examples[0]["update_id"] == 104


def test_without_snapshot_or_klines_it_says_what_it_did_not_compare(tmp_path: Path) -> None:
    frames = [frame for frame in FRAMES if "kline" not in frame[0]]
    raw = [record for record in RAW[1:] if "kline" not in record[2]]
    silent = [top(99, 0, BookState.SYNCING), *DERIVED[5:]]

    report = report_on(tmp_path, frames=frames, snapshots=[], raw=raw, derived=silent)

    symbol = report.symbols[NAME]
    assert report.ok, (report.problems, symbol.problems)
    assert symbol.book.compared == symbol.candles["1m"].compared == 0
    assert symbol.not_compared == [
        "book: 6 of 6 states: no depth snapshot in the recording",
        "candles 1m: 3: no kline",
    ]


BROKEN = ("abcusdt@trade", FRAMES[5][1].replace(b'"p":"12.0"', b'"p":"abc"'))
RECORDED_BROKEN: dict[str, Any] = {
    "frames": [*FRAMES[:5], BROKEN, *FRAMES[6:]],
    "raw": [*RAW[:6], (RawType.TRADE, BROKEN[1], BROKEN[0], "live"), *RAW[7:]],
    "dead_letters": ["bad-number"],
}


def test_a_trade_that_cannot_be_read_is_set_aside_and_told_as_a_hole_but_not_in_the_ledger(tmp_path: Path) -> None:
    told = [*WITHOUT_2, hole(2, 2)]

    report = report_on(tmp_path, **RECORDED_BROKEN, derived=told)

    symbol = report.symbols[NAME]
    assert report.ok, (report.problems, symbol.problems)
    assert any("abc" in text for text in report.not_compared)
    assert (symbol.gaps, symbol.trades.recorded, symbol.trades.without_fill) == (0, 3, 1)
    assert dict(symbol.candles["1m"].not_compared) == {HOLE: 1}


@pytest.mark.parametrize("told", [DERIVED, WITHOUT_2, [*WITHOUT_2, hole(2, 2), gap(2, 2)]])
def test_a_trade_that_cannot_be_read_must_not_come_out_otherwise(tmp_path: Path, told: list[msgspec.Struct]) -> None:
    assert not report_on(tmp_path, **RECORDED_BROKEN, derived=told).ok


def test_more_dead_letters_than_broken_payloads_are_noticed(tmp_path: Path) -> None:
    told = [*WITHOUT_2, hole(2, 2)]

    assert not report_on(tmp_path, **RECORDED_BROKEN | {"dead_letters": ["bad-number"] * 2}, derived=told).ok


def test_streams_without_a_topic_are_said(tmp_path: Path) -> None:
    report = report_on(tmp_path, frames=[*FRAMES, ("abcusdt@avgPrice", b"{}")])

    assert report.ok
    assert report.not_compared == ["spot avgPrice: no topic carries it (1 frames)"]


def test_raw_topics_that_are_the_evidence_are_not_counted_as_recorded(tmp_path: Path) -> None:
    report = report_on(tmp_path, raw_is_evidence=True)

    assert report.ok
    assert report.symbols[NAME].raw["trade"] == RawCounts(None, 4, 0)
    assert "raw topics: what the venue sent is known from them alone" in report.not_compared


def test_the_report_file_has_the_agreed_shape(tmp_path: Path) -> None:
    write_report(report_on(tmp_path / "work"), tmp_path / "made" / "report.json")

    document = json.loads((tmp_path / "made" / "report.json").read_text())

    assert document["ok"] is True
    assert document["seconds"] == 2.0
    assert document["events_per_second"] == len(FRAMES) / 2
    symbol = document["symbols"][NAME]
    assert symbol["raw"]["book-ticker"] == {
        "recorded": 5,
        "published": 5,
        "duplicates": 0,
        "missing": 0,
        "foreign": 0,
    }
    assert symbol["gaps"] == 0
    assert {k: symbol["book"][k] for k in ("compared", "equal", "different", "differences", "seams")} == {
        "compared": 5,
        "equal": 5,
        "different": 0,
        "differences": [],
        "seams": 0,
    }
    assert {k: symbol["candles"]["1m"][k] for k in ("compared", "equal", "different", "differences")} == {
        "compared": 3,
        "equal": 3,
        "different": 0,
        "differences": [],
    }
    assert (symbol["trades"]["in"], symbol["trades"]["out"]) == (4, 4)
    assert (symbol["trade_flow"]["1m"]["compared"], symbol["trade_flow"]["1m"]["equal"]) == (2, 2)
    assert symbol["alerts"] == {}


def test_the_printed_report_names_what_does_not_hold(tmp_path: Path) -> None:
    printed = io.StringIO()

    print_report(report_on(tmp_path, derived=changed(9, low=1)), Console(file=printed, width=140))

    text = printed.getvalue()
    assert "it does not hold" in text
    assert "spot:ABCUSDT: candles 1m: 1 of 3 differ" in text


def test_a_narrow_table_cuts_nothing_off(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=60, force_terminal=False)

    print_report(report_on(tmp_path), console)

    text = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert "…" not in text
