"""The rebuilt book: what it rests on, what it knows, and what it says it does not."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import given, strategies as st

from sandbox.soak.checker.book import RebuiltBook, WholeBook
from sandbox.soak.checker.books import BookCheck, BookFindings
from schemas.markets import Market


Level = tuple[str, str]


def diff(first: int, final: int, bids: Sequence[Level] = (), previous: int | None = None) -> bytes:
    value = {"e": "depthUpdate", "E": 1, "s": "X", "U": first, "u": final, "b": bids, "a": []}
    return json.dumps(value | ({} if previous is None else {"pu": previous})).encode()


def snapshot(number: int, bids: Sequence[Level] = ()) -> bytes:
    return json.dumps({"lastUpdateId": number, "bids": bids, "asks": []}).encode()


def bids_of(book: RebuiltBook) -> dict[float, float]:
    return {price / 1e8: quantity / 1e8 for price, quantity in book.bids.items()}


def test_diffs_that_came_before_the_snapshot_are_applied_to_it() -> None:
    book = RebuiltBook(Market.SPOT)
    book.take_diff(diff(5, 6, [("10", "1")]))
    book.take_diff(diff(7, 8, [("11", "1")]))
    book.take_snapshot(snapshot(6, [("10", "2")]))

    assert (book.live, book.update_id, bids_of(book)) == (True, 8, {10: 2, 11: 1})


def test_a_snapshot_ahead_of_the_diffs_waits_for_the_one_that_joins_it() -> None:
    book = RebuiltBook(Market.SPOT)
    book.take_snapshot(snapshot(10, [("10", "2")]))
    book.take_diff(diff(8, 9, [("10", "7")]))
    assert not book.live

    book.take_diff(diff(10, 12, [("11", "1")]))

    assert (book.live, bids_of(book)) == (True, {10: 2, 11: 1})


def test_a_futures_diff_joins_by_its_predecessor() -> None:
    """The ids between are other symbols'."""
    book = RebuiltBook(Market.USDM)
    book.take_snapshot(snapshot(10))
    book.take_diff(diff(15, 20, [("1", "1")], previous=10))
    book.take_diff(diff(27, 30, [("2", "1")], previous=20))
    assert (book.live, book.gaps) == (True, [])

    book.take_diff(diff(40, 41, [("3", "1")], previous=33))

    assert (book.live, book.gaps) == (False, [(31, 33)])


def test_late_diffs_close_a_gap_without_a_snapshot() -> None:
    book = RebuiltBook(Market.SPOT)
    book.take_snapshot(snapshot(10))
    for first, final in ((11, 12), (15, 16), (13, 14)):
        book.take_diff(diff(first, final, [(str(first), "1")]))

    assert (book.live, book.update_id, bids_of(book)) == (True, 16, {11: 1, 13: 1, 15: 1})


def test_what_lay_beyond_a_healing_snapshot_before_the_gap_is_forgotten() -> None:
    """A level that was known before a gap may have changed in it."""
    book = RebuiltBook(Market.SPOT)
    book.take_snapshot(snapshot(10, [(str(price), "1") for price in (9, 8, 7, 6, 1)]))
    book.take_diff(diff(11, 11, [("0.5", "1")]))
    book.take_diff(diff(20, 21))
    book.take_snapshot(snapshot(21, [(str(price), "1") for price in (9, 8, 7, 6, 5)]))
    book.take_diff(diff(22, 22))

    assert (book.live, bids_of(book), book.floor) == (True, {9: 1, 8: 1, 7: 1, 6: 1, 5: 1}, 5 * 10**8)


def test_ids_that_fall_far_back_begin_a_new_book() -> None:
    book = RebuiltBook(Market.SPOT)
    book.take_snapshot(snapshot(1_000_000, [("10", "1")]))
    book.take_diff(diff(1_000_001, 1_000_002))
    book.take_snapshot(snapshot(5, [("20", "1")]))
    book.take_diff(diff(1_000_003, 1_000_004))
    book.take_diff(diff(6, 7))

    assert (book.live, book.update_id, book.epoch_count, book.gaps) == (True, 7, 2, [])
    assert bids_of(book) == {20: 1}


def compare(records: Sequence[tuple[bytes, bool]], whole: WholeBook) -> BookFindings:
    books, key = BookCheck(), (Market.SPOT, "X")
    for value, is_snapshot in records:
        books.take(key, value, snapshot=is_snapshot)
    return books.findings([key], lambda _: whole)[key]


def test_levels_beyond_the_reach_of_a_snapshot_are_unknown_until_a_diff_tells_them() -> None:
    five = [(str(price), "1") for price in (9, 8, 7, 6, 5)]
    records = [(snapshot(10, five), True), (diff(11, 12, [("3", "4")]), False)]

    found = compare(records, WholeBook(12, [*five, ("4", "1"), ("3", "4")], []))
    told_wrong = compare(records, WholeBook(12, [*five, ("4", "1"), ("3", "5")], []))

    assert (found.right, found.equal, found.unknown) == (True, 6, 1)
    assert (told_wrong.right, told_wrong.different_count) == (False, 1)


def test_a_level_that_the_exchange_has_not_is_a_difference_wherever_it_lies() -> None:
    found = compare([(snapshot(10, [("9", "1")]), True), (diff(11, 12, [("3", "4")]), False)], WholeBook(12, [], []))

    assert found.different == [
        "bid 3.00000000: the log gives 4.00000000, the exchange has no such level",
        "bid 9.00000000: the log gives 1.00000000, the exchange has no such level",
    ]


def test_a_quiet_book_is_its_last_snapshot_unless_the_exchange_went_on() -> None:
    assert compare([(snapshot(10, [("9", "1")]), True)], WholeBook(10, [("9", "1")], [])).right
    assert not compare([(snapshot(10, [("9", "1")]), True)], WholeBook(9, [("9", "1")], [])).live


@given(data=st.data())
def test_however_diffs_are_repeated_lost_and_healed_a_live_book_is_right(data: st.DataObject) -> None:
    """The law that makes the checker a judge: it may not know, but it never errs."""
    state: dict[str, str] = {}
    book = RebuiltBook(Market.SPOT)
    changes: list[tuple[str, str]] = []
    history: list[bytes] = []
    for number in range(1, data.draw(st.integers(2, 40))):
        price, quantity = str(data.draw(st.integers(1, 12))), str(data.draw(st.integers(0, 3)))
        changes.append((price, quantity))
        state[price] = quantity
        width = data.draw(st.integers(1, min(3, number)))
        history.append(diff(number - width + 1, number, changes[-width:]))
        for _ in range(data.draw(st.integers(0, 2))):
            book.take_diff(history[-1 - data.draw(st.integers(0, min(3, len(history) - 1)))])
        if data.draw(st.integers(0, 4)) == 0:
            levels = sorted((item for item in state.items() if item[1] != "0"), key=lambda item: -int(item[0]))
            book.take_snapshot(snapshot(number, levels[: data.draw(st.sampled_from([5, 1000]))]))
        if book.live and book.update_id == number:
            for level, at in state.items():
                known = book.bids.get(int(level) * 10**8)
                if known is not None or int(level) * 10**8 >= book.floor:
                    assert (known or 0) == int(at) * 10**8
