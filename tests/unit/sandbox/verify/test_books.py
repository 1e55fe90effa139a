"""A book is compared with the last book ticker at or before each diff, and only a naive book excuses a difference."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from sandbox.verify.books import BookComparison, compare_books, judge_differences
from sandbox.verify.coverage import BookCoverage, Known
from sandbox.verify.evidence import NO_ID
from sandbox.verify.spill import SortedRows


A, B, C = (100, 1, 101, 1), (100, 2, 101, 1), (100, 3, 101, 1)
EMPTY = (0, 0, 0, 0)
LIVE, NOT_LIVE = 1, 0

Quote = tuple[int, int, int, int]
Top = tuple[int, int, int, int, int, int, int]


@pytest.fixture
def differences(tmp_path: Path) -> SortedRows:
    return SortedRows(tmp_path / "differences")


def diffs(*finals: int) -> BookCoverage:
    """Spot diffs that continue each other, from id 1, and a snapshot before the first."""
    firsts = [1, *(final + 1 for final in finals)]
    return BookCoverage([(final, first, NO_ID) for final, first in zip(finals, firsts, strict=False)], [0])


def tickers(*states: tuple[int, Quote]) -> list[tuple[int, ...]]:
    return [(update_id, number, *quote) for number, (update_id, quote) in enumerate(states)]


def top(update_id: int, offset: int, live: int, quote: Quote = EMPTY) -> Top:
    return (update_id, offset, live, *quote)


def no_book(update_id: int) -> None:
    """A naive book that was never built."""


def compare(coverage: BookCoverage, told: list[tuple[int, ...]], tops: list[Top], out: SortedRows) -> BookComparison:
    return compare_books(coverage, told, sorted(tops), out)


def test_equal_books_are_equal(differences: SortedRows) -> None:
    result = compare(
        diffs(10, 20, 30), tickers((5, A), (15, B)), [top(0, 0, LIVE, A), top(20, 1, LIVE, B)], differences
    )

    assert (result.compared, result.equal, result.different) == (3, 3, 0)
    assert not result.not_compared


def test_the_ticker_is_matched_by_id_not_by_arrival(differences: SortedRows) -> None:
    """A ticker of id 10 belongs to the diff that ends at 10, one of id 11 does not."""
    tops = [top(0, 0, LIVE, A), top(10, 1, LIVE, B), top(20, 2, LIVE, C)]

    result = compare(diffs(10, 20), tickers((10, B), (11, C)), tops, differences)

    assert (result.equal, result.different) == (2, 0)


def test_before_the_first_ticker_nothing_is_compared(differences: SortedRows) -> None:
    result = compare(diffs(10, 20), tickers((11, A)), [top(0, 0, LIVE, A)], differences)

    assert (result.compared, result.equal) == (1, 1)
    assert result.not_compared == Counter({"no book ticker yet": 1})


@pytest.mark.parametrize(
    "wrong",
    [(99, 1, 101, 1), (100, 9, 101, 1), (100, 1, 102, 1), (100, 1, 101, 9), EMPTY],
    ids=["bid price", "bid quantity", "ask price", "ask quantity", "no book"],
)
def test_any_wrong_number_is_a_difference(differences: SortedRows, wrong: Quote) -> None:
    result = compare(diffs(10), tickers((5, A)), [top(0, 0, LIVE, wrong)], differences)

    assert (result.equal, result.different) == (0, 1)


def test_an_update_that_comes_a_diff_late_is_a_difference(differences: SortedRows) -> None:
    result = compare(diffs(10, 20), tickers((5, A), (15, B)), [top(0, 0, LIVE, A), top(21, 1, LIVE, B)], differences)

    assert (result.equal, result.different) == (1, 1)


def test_no_book_at_all_differs_wherever_the_recording_tells_one(differences: SortedRows) -> None:
    result = compare(diffs(10, 20), tickers((5, A)), [], differences)

    assert (result.equal, result.different) == (0, 2)


def test_a_book_that_is_not_live_differs_wherever_the_recording_tells_one(differences: SortedRows) -> None:
    tops = [top(0, 0, LIVE, A), top(10, 1, NOT_LIVE)]

    result = compare(diffs(10, 20, 30), tickers((5, A)), tops, differences)

    assert (result.equal, result.different) == (1, 2)


def test_a_book_loses_its_place_after_the_last_diff_it_applied_not_at_it(differences: SortedRows) -> None:
    tops = [top(5, 0, LIVE, A), top(10, 1, NOT_LIVE), top(20, 2, LIVE, A)]
    coverage = BookCoverage([(10, 1, NO_ID), (15, 12, NO_ID), (20, 16, NO_ID)], [0, 18])

    result = compare(coverage, tickers((5, A)), tops, differences)

    assert (result.equal, result.different) == (2, 0)
    assert result.not_compared == Counter({Known.AFTER_GAP: 1})


def test_after_a_gap_the_pipeline_may_wait_for_its_snapshot_but_not_be_wrong(differences: SortedRows) -> None:
    """The recording told the book again at 15; the pipeline asked, and was answered later."""
    rows = [(10, 1, NO_ID), (15, 12, NO_ID), (20, 16, NO_ID), (30, 21, NO_ID)]
    before = [top(5, 0, LIVE, A), top(10, 1, NOT_LIVE)]

    late = compare(BookCoverage(rows, [0, 14]), tickers((5, A)), [*before, top(25, 2, LIVE, A)], differences)
    wrong = compare(BookCoverage(rows, [0, 14]), tickers((5, A)), [*before, top(25, 2, LIVE, B)], differences)

    assert (late.equal, late.different, late.not_compared[Known.REJOINED]) == (2, 0, 2)
    assert (wrong.equal, wrong.different) == (1, 1)


def test_a_gap_counts_where_there_was_a_live_book_to_lose(differences: SortedRows) -> None:
    rows = [(10, 1, NO_ID), (15, 12, NO_ID), (20, 17, NO_ID)]
    tops = [top(5, 0, LIVE, A), top(10, 1, NOT_LIVE)]

    assert compare(BookCoverage(rows, [0]), tickers((5, A)), tops, differences).recorded_gaps == 1


def test_waiting_for_a_snapshot_is_overtaken_by_the_snapshot(differences: SortedRows) -> None:
    """The diff came first and the book said `syncing`; then the snapshot, older than the diff, joined it."""
    tops = [top(10, 0, NOT_LIVE), top(8, 1, LIVE, A)]

    result = compare(BookCoverage([(10, 5, NO_ID)], [8]), tickers((5, A)), tops, differences)

    assert (result.equal, result.different) == (1, 0)


def test_before_the_recorded_snapshot_a_book_may_be_silent_but_not_wrong(differences: SortedRows) -> None:
    coverage = [(10, 5, NO_ID), (20, 11, NO_ID)]

    silent = compare(BookCoverage(coverage, [15]), tickers((5, A)), [top(15, 0, LIVE, A)], differences)
    wrong = compare(BookCoverage(coverage, [15]), tickers((5, A)), [top(4, 0, LIVE, B)], differences)

    assert (silent.equal, silent.different, silent.not_compared[Known.BEFORE_SNAPSHOT]) == (1, 0, 1)
    assert (wrong.equal, wrong.different) == (0, 2)


def test_a_diff_that_the_snapshot_holds_already_is_not_compared(differences: SortedRows) -> None:
    """Whatever the book says at its id: no diff was applied."""
    coverage = BookCoverage([(10, 5, NO_ID), (20, 11, NO_ID)], [10])

    result = compare(coverage, tickers((5, A)), [top(10, 0, LIVE, A)], differences)

    assert (result.equal, result.different, result.not_compared[Known.IN_SNAPSHOT]) == (1, 0, 1)


def test_the_naive_book_tells_seams_from_faults(differences: SortedRows) -> None:
    tops = [top(0, 0, LIVE, B), top(20, 1, LIVE, C), top(30, 2, LIVE, A)]
    result = compare(diffs(10, 20, 30), tickers((5, A)), tops, differences)
    assert result.different == 2

    judge_differences(result, differences, {10: B, 20: B}.get)

    assert (result.compared, result.equal, result.different, result.seams) == (3, 1, 1, 1)
    assert [e["update_id"] for e in result.seam_examples] == [10]
    assert [e["update_id"] for e in result.differences] == [20]


def test_without_a_naive_state_a_difference_stays_one(differences: SortedRows) -> None:
    result = compare(diffs(10), tickers((5, A)), [top(0, 0, LIVE, B)], differences)

    judge_differences(result, differences, no_book)

    assert (result.different, result.seams) == (1, 0)
    assert result.differences[0]["naive_book"] == "not built"


def test_a_missing_book_is_never_a_seam(differences: SortedRows) -> None:
    """Even if the naive book is empty too."""
    result = compare(diffs(10), tickers((5, A)), [], differences)

    judge_differences(result, differences, lambda _: EMPTY)

    assert (result.different, result.seams) == (1, 0)


def test_all_differences_are_counted_and_ten_shown(differences: SortedRows) -> None:
    result = compare(diffs(*range(1, 51)), tickers((0, A)), [top(0, 0, LIVE, B)], differences)

    judge_differences(result, differences, no_book)

    assert (result.different, len(result.differences)) == (50, 10)
