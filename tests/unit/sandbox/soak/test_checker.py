"""The checker says yes to a complete log, and objects to every way in which one can be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox.soak.checker.causes import Act
from sandbox.soak.checker.checker import DropFindings
from sandbox.soak.checker.truth import BrokenTruthError, Truth
from sandbox.verify.topics import Record
from schemas.control import GapStatus
from schemas.markets import Market
from schemas.topics import RawType
from tests.unit.sandbox.soak.fabricated import (
    START_MS,
    agg_trade,
    book,
    check,
    dead_letter,
    disconnect,
    gap,
    raw_agg_trade,
    raw_diff,
    raw_snapshot,
    raw_trade,
    trade,
    trades_of,
    write_truth,
)


TEN = range(1, 11)
DROPPED = {
    "fault": "drop",
    "market": "spot",
    "stream": "btcusdt@trade",
    "connection": "1",
    "wall_ms": START_MS,
    "venue_ms": START_MS,
    "ids": {"t": 4},
}
KILL = [Act("kill", START_MS - 1_000)]


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Ten trades, numbered from 1."""
    return write_truth(tmp_path / "truth", trades_of(TEN))


def live(*without: int) -> list[Record]:
    """The raw records of the ten trades without some."""
    return [raw_trade(number) for number in TEN if number not in without]


def test_a_complete_log_holds_and_its_repeats_are_counted(tmp_path: Path) -> None:
    directory = write_truth(tmp_path / "truth", trades_of(TEN), [agg_trade(1), agg_trade(2)])

    verdict = check(directory, [*live(), raw_trade(3), raw_agg_trade(1), raw_agg_trade(2)])

    assert verdict.objections == []
    assert verdict.streams["spot trade BTCUSDT"].duplicates == 1
    assert (verdict.total("expected"), verdict.total("live"), verdict.total("records")) == (12, 12, 13)


def test_a_missing_trade_is_objected_to_by_its_id(truth: Path) -> None:
    verdict = check(truth, [*live(4, 5, 9), gap(4, 9, GapStatus.UNFILLABLE)], acts=KILL)

    assert "spot trade BTCUSDT: 3 of 10 missing: 4 to 5 (epoch 0), 9 to 9 (epoch 0)" in verdict.objections
    assert verdict.ledger.told_missing == {"spot trade BTCUSDT": 3}


@pytest.mark.parametrize("other", [{"p": "100.6"}, {"q": "9"}, {"T": START_MS}, {"m": True}])
def test_a_trade_that_says_something_else_is_wrong_and_missing(truth: Path, other: dict[str, Any]) -> None:
    verdict = check(truth, [*live(5), raw_trade(5, **other)])

    assert any("1 of 10 missing: 5 to 5" in objection for objection in verdict.objections)
    assert any("1 say something else" in objection for objection in verdict.objections)


@pytest.mark.parametrize("other", [{"f": 1}, {"l": 999}, {"q": "9"}])
def test_an_aggregate_trade_of_other_trades_is_wrong(tmp_path: Path, other: dict[str, Any]) -> None:
    directory = write_truth(tmp_path / "truth", agg_trades=[agg_trade(1), agg_trade(2)])

    verdict = check(directory, [raw_agg_trade(1), raw_agg_trade(2, **other)])

    assert verdict.streams["spot agg-trade BTCUSDT"].wrong_count == 1


def test_a_trade_that_the_exchange_never_made_is_invented(truth: Path) -> None:
    verdict = check(truth, [*live(), raw_trade(11)])

    assert len(verdict.objections) == 1
    assert verdict.objections[0].startswith("spot trade BTCUSDT: 1 that the exchange never made")


def test_a_payload_that_cannot_be_read_is_wrong(truth: Path) -> None:
    garbled = raw_trade(3)
    verdict = check(truth, [*live(), Record(garbled.topic, 0, 7, garbled.key, b"<html>", garbled.headers)])

    assert "say something else" in verdict.objections[0]
    assert "cannot be read" in verdict.objections[0]


def test_ids_that_begin_anew_are_told_apart_by_what_they_say(tmp_path: Path) -> None:
    """After a testnet wipe the same ids come again."""
    directory = write_truth(tmp_path / "truth", [*trades_of(TEN), *trades_of(range(1, 4), epoch=1)])
    first, second = live(), [raw_trade(number, 1) for number in range(1, 4)]

    assert check(directory, [*first, *second]).objections == []
    assert any(
        "1 of 13 missing: 2 to 2 (epoch 1)" in text for text in check(directory, [*first, *second[::2]]).objections
    )


def test_no_trade_at_all_is_no_proof(tmp_path: Path) -> None:
    assert check(write_truth(tmp_path / "truth"), []).objections == [
        "the exchange's log holds no trade: nothing was checked"
    ]


def test_a_filled_hole_that_a_fault_made_holds(tmp_path: Path) -> None:
    directory = write_truth(tmp_path / "truth", trades_of(TEN), faults=[DROPPED])
    log = [*live(4), gap(4, 4, GapStatus.OPEN), raw_trade(4, origin="backfill"), gap(4, 4, GapStatus.FILLED)]

    verdict = check(directory, log)

    assert verdict.objections == []
    assert verdict.drops == DropFindings(ids=1, live=0, backfilled=1, missing=0)
    assert dict(verdict.ledger.causes) == {"drop": 1}
    assert verdict.streams["spot trade BTCUSDT"].backfilled == 1


def test_a_dropped_trade_that_another_connection_brought_needs_no_entry(tmp_path: Path) -> None:
    directory = write_truth(tmp_path / "truth", trades_of(TEN), faults=[DROPPED])

    verdict = check(directory, live())

    assert verdict.objections == []
    assert verdict.drops == DropFindings(ids=1, live=1, backfilled=0, missing=0)


@pytest.mark.parametrize("status", [GapStatus.OPEN, GapStatus.DEFERRED])
def test_a_hole_that_is_not_closed_at_the_end_is_objected_to(truth: Path, status: GapStatus) -> None:
    log = [*live(4), raw_trade(4, origin="backfill"), gap(4, 4, status)]

    verdict = check(truth, log, acts=KILL)

    expected = f"ledger: spot trade BTCUSDT epoch 0, 4 to 4: still {status} at the end (no reason)"
    assert verdict.objections == [expected]


@pytest.mark.parametrize(
    ("entry", "lie"),
    [
        (gap(4, 5, GapStatus.FILLED), "told filled, but 1 of 2 ids are missing"),
        (gap(4, 4, GapStatus.ABSENT), "told absent, but the exchange gave 1 of 1 ids"),
        (gap(4, 12, GapStatus.FILLED), "told filled, but the exchange never gave 2 of 9 ids"),
        (gap(5, 5, GapStatus.UNFILLABLE), "told unfillable, but 1 of 1 ids are there"),
        (gap(4, 4, GapStatus.FILLED, epoch=1), "the exchange had no such epoch"),
    ],
)
def test_a_ledger_that_lies_is_objected_to(truth: Path, entry: Record, lie: str) -> None:
    verdict = check(truth, [*live(4), entry], acts=KILL)

    assert any(lie in objection for objection in verdict.objections)


def test_a_backfill_that_the_ledger_does_not_tell_is_objected_to(truth: Path) -> None:
    verdict = check(
        truth,
        [*live(4, 5, 6), *(raw_trade(number, origin="backfill") for number in (4, 5, 6)), gap(4, 4, GapStatus.FILLED)],
        acts=KILL,
    )

    untold = "ledger: spot trade BTCUSDT epoch 0, 5 to 6: no connection delivered them, and the ledger does not tell"
    assert verdict.objections == [untold]


def test_an_entry_about_trades_that_came_in_order_has_no_cause(truth: Path) -> None:
    verdict = check(truth, [*live(), gap(4, 4, GapStatus.FILLED)], acts=KILL)

    assert verdict.objections == [
        "ledger: spot trade BTCUSDT epoch 0, 4 to 4: nothing happened that could have made it"
    ]


def test_a_hole_long_after_anything_happened_has_no_cause(truth: Path) -> None:
    log = [*live(4), raw_trade(4, origin="backfill"), gap(4, 4, GapStatus.FILLED, opened_ms=START_MS + 3_600_000)]

    assert len(check(truth, log, acts=KILL).objections) == 1
    assert check(truth, [*log, disconnect(START_MS + 3_590_000)]).objections == []


def test_a_late_trade_explains_an_entry(truth: Path) -> None:
    """Another connection brought it after a higher one: a hole for a while."""
    log = [*live(4), raw_trade(4), gap(4, 4, GapStatus.FILLED)]

    verdict = check(truth, log, acts=KILL)

    assert verdict.objections == []
    assert verdict.streams["spot trade BTCUSDT"].late == 1


def test_a_dead_letter_is_objected_to(truth: Path) -> None:
    assert check(truth, [*live(), dead_letter("no JSON")]).objections == ["1 dead letters: no JSON"]


BIDS = [("100", "1"), ("99", "2")]
ASKS = [("101", "1"), ("102", "2")]


def test_a_book_off_by_one_level_is_objected_to(truth: Path) -> None:
    log = [*live(), raw_snapshot(10, BIDS, ASKS), raw_diff(11, 12, [("100", "0")], [("101", "5")])]
    right = book(12, [("99", "2")], [("101", "5"), ("102", "2")])
    wrong = book(12, [("99", "3")], [("101", "5"), ("102", "2")])

    assert check(truth, log, whole=right).objections == []
    assert check(truth, log, whole=wrong).objections == [
        (
            "spot BTCUSDT: book is not the exchange's: 1 levels differ: "
            "bid 99.00000000: the log gives 2.00000000, the exchange has 3.00000000"
        )
    ]


def test_a_gap_of_diffs_must_be_told_and_healed(truth: Path) -> None:
    broken = [*live(), raw_snapshot(10, BIDS, ASKS), raw_diff(11, 12), raw_diff(15, 16, [("98", "1")])]
    healing = raw_snapshot(17, [*BIDS, ("98", "1")], ASKS)
    told = gap(13, 14, GapStatus.UNFILLABLE, stream=RawType.DEPTH)
    whole = book(18, [*BIDS, ("98", "1")], ASKS)

    untold = check(truth, [*broken, healing, raw_diff(17, 18)], whole=whole, acts=KILL)
    unhealed = check(truth, [*broken, told], whole=whole, acts=KILL)
    healed = check(truth, [*broken, told, healing, raw_diff(17, 18)], whole=whole, acts=KILL)

    assert untold.objections == [
        "ledger: spot depth BTCUSDT, 13 to 14: diffs are missing, and the ledger does not tell"
    ]
    assert unhealed.objections == ["spot BTCUSDT: book is not the exchange's: not live at the end"]
    assert healed.objections == []


def test_a_gap_of_diffs_that_was_none_is_objected_to(truth: Path) -> None:
    log = [*live(), raw_snapshot(10, BIDS, ASKS), raw_diff(11, 12), gap(11, 11, GapStatus.FILLED, stream=RawType.DEPTH)]

    verdict = check(truth, log, whole=book(12, BIDS, ASKS), acts=KILL)

    assert verdict.objections == ["ledger: spot depth BTCUSDT epoch 0, 11 to 11: no diffs are missing there"]


def test_a_log_of_the_exchange_with_a_hole_is_refused(tmp_path: Path) -> None:
    directory = write_truth(tmp_path / "truth", [trade(1), trade(3)])

    with pytest.raises(BrokenTruthError, match=r"spot\.trades\.jsonl, line 2: id 3 after 1"):
        Truth.read(directory, [Market.SPOT])
