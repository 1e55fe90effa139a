from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from processors.core.book import BookLevels, Level, OrderBook, parse_levels


LEVELS = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 5)), max_size=25)


def naive(*updates: list[Level]) -> dict[int, int]:
    levels: dict[int, int] = {}
    for update in updates:
        levels.update(update)
    return {price: quantity for price, quantity in levels.items() if quantity}


@given(LEVELS, LEVELS, st.lists(st.tuples(LEVELS, LEVELS), max_size=6), st.integers(0, 40))
def test_a_book_is_its_last_quantities_by_price(
    bids: list[Level], asks: list[Level], diffs: list[tuple[list[Level], list[Level]]], depth: int
) -> None:
    book = OrderBook()
    book.load(bids, asks)
    for diff in diffs:
        book.apply(*diff)

    bid_side = sorted(naive(bids, *(diff[0] for diff in diffs)).items(), reverse=True)
    ask_side = sorted(naive(asks, *(diff[1] for diff in diffs)).items())
    assert book.top(depth) == BookLevels(
        [price for price, _ in bid_side[:depth]],
        [quantity for _, quantity in bid_side[:depth]],
        [price for price, _ in ask_side[:depth]],
        [quantity for _, quantity in ask_side[:depth]],
    )
    assert book.best() == (*(bid_side[0] if bid_side else (None, None)), *(ask_side[0] if ask_side else (None, None)))
    assert (book.bid_count, book.ask_count) == (len(bid_side), len(ask_side))


@given(LEVELS, LEVELS, LEVELS, LEVELS)
def test_applying_twice_is_applying_once(
    bids: list[Level], asks: list[Level], more_bids: list[Level], more_asks: list[Level]
) -> None:
    once, twice = OrderBook(), OrderBook()
    for book, times in ((once, 1), (twice, 2)):
        book.load(bids, asks)
        for _ in range(times):
            book.apply(more_bids, more_asks)

    assert once.top(100) == twice.top(100)


def test_removing_an_unknown_level_changes_nothing() -> None:
    book = OrderBook()
    book.load([(10, 1)], [(12, 1)])

    book.apply([(9, 0)], [(13, 0)])

    assert book.best() == (10, 1, 12, 1)


@pytest.mark.parametrize(
    ("bid", "ask", "crossed", "locked"),
    [(10, 12, False, False), (12, 12, False, True), (13, 12, True, False)],
)
def test_a_crossed_or_locked_book_says_so(bid: int, ask: int, crossed: bool, locked: bool) -> None:
    book = OrderBook()
    book.load([(bid, 1)], [(ask, 1)])

    assert (book.crossed, book.locked) == (crossed, locked)


def test_a_book_with_an_empty_side_is_neither_crossed_nor_locked() -> None:
    book = OrderBook()
    book.load([(10, 1)], [])

    assert not book.crossed
    assert not book.locked
    assert book.best() == (10, 1, None, None)


def test_levels_are_read_exactly() -> None:
    assert parse_levels([("61737.63000000", "0.00000001"), ("1", "0")]) == [(6173763000000, 1), (10**8, 0)]


def test_a_level_of_a_nearly_worthless_coin_is_read() -> None:
    assert parse_levels([("0.00000039", "1234567890123.0")]) == [(39, 1234567890123 * 10**8)]


@pytest.mark.parametrize("level", [("abc", "1"), ("1", ""), ("0", "1"), ("-1", "1"), ("1", "-1"), ("NaN", "1")])
def test_a_level_that_cannot_be_is_refused(level: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"number|cannot be"):
        parse_levels([("1", "1"), level])
