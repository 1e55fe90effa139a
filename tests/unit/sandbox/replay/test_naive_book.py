"""The plainest of books: what it applies, what it refuses, and that it equals what Binance says."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from sandbox.recordings import Frame, Recording, read, survey
from sandbox.recordings.streams import DIFF_DEPTH, symbol_of
from sandbox.replay.naive_book import DiffFate, NaiveBook, Quote
from schemas.decimals import to_scaled
from schemas.markets import Market
from tests.unit.sandbox.payloads import depth_answer, diff


def encoded(payload: dict[str, Any]) -> bytes:
    return json.dumps(payload).encode()


def book_at(update_id: int, market: Market = Market.SPOT, **sides: Sequence[tuple[str, str]]) -> NaiveBook:
    book = NaiveBook(market)
    assert book.apply_snapshot(encoded(depth_answer(update_id, **sides)))
    return book


def test_diffs_set_absolute_quantities_and_zero_removes() -> None:
    book = book_at(5, bids=[("100.00", "1.0"), ("99.00", "2.0")], asks=[("101.00", "3.0")])

    fate = book.apply_diff(encoded(diff(6, 7, bids=[("100.00", "0.00"), ("98.0", "4")], asks=[("100.50", "1")])))

    assert fate is DiffFate.APPLIED
    assert book.update_id == 7
    assert book.levels(10) == ([("99.00", "2.0"), ("98.0", "4")], [("100.50", "1"), ("101.00", "3.0")])
    assert book.quote == (to_scaled("99"), to_scaled("2"), to_scaled("100.5"), to_scaled("1"))


def test_a_price_is_one_level_however_it_is_spelled() -> None:
    book = book_at(5, bids=[("100.00", "1.0")], asks=[])
    book.apply_diff(encoded(diff(6, 6, bids=[("100.00000000", "0")])))

    assert book.levels(10) == ([], [])
    assert book.quote == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("market", "applied", "gap", "stale"),
    [
        (Market.SPOT, diff(6, 7), diff(7, 8), diff(4, 5)),
        (Market.USDM, diff(90, 95, previous_id=5), diff(90, 95, previous_id=6), diff(3, 5, previous_id=1)),
        (Market.SPOT, diff(2, 9), diff(60, 61), diff(1, 2)),
        (Market.COINM, diff(4, 9, previous_id=3), diff(60, 61, previous_id=59), diff(1, 2, previous_id=0)),
    ],
)
def test_diffs_continue_by_coverage(
    market: Market, applied: dict[str, Any], gap: dict[str, Any], stale: dict[str, Any]
) -> None:
    assert book_at(5, market).apply_diff(encoded(applied)) is DiffFate.APPLIED
    assert book_at(5, market).apply_diff(encoded(gap)) is DiffFate.GAP
    assert book_at(5, market).apply_diff(encoded(stale)) is DiffFate.STALE


def test_after_a_gap_the_book_is_gone_until_a_snapshot_that_joins() -> None:
    book = book_at(5)
    fates = [book.apply_diff(encoded(diff(first_id, first_id))) for first_id in (8, 9)]

    assert fates == [DiffFate.GAP, DiffFate.WAITING]
    assert not book.live
    assert not book.apply_snapshot(encoded(depth_answer(6)))
    assert book.apply_snapshot(encoded(depth_answer(7)))
    assert book.update_id == 9


def test_diffs_that_came_before_an_older_snapshot_are_applied_to_it() -> None:
    book = NaiveBook(Market.SPOT)
    for first_id in range(1, 6):
        book.apply_diff(encoded(diff(first_id, first_id, bids=[(f"{first_id}.0", "1.0")])))

    assert book.apply_snapshot(encoded(depth_answer(3, bids=[("3.0", "7.0")])))
    assert book.update_id == 5
    assert book.levels(10)[0] == [("5.0", "1.0"), ("4.0", "1.0"), ("3.0", "7.0")]


def test_a_live_book_is_kept_when_an_old_snapshot_does_not_join() -> None:
    book = book_at(50)
    book.apply_diff(encoded(diff(51, 60)))

    assert not book.apply_snapshot(encoded(depth_answer(10)))
    assert (book.live, book.update_id) == (True, 60)


@pytest.mark.parametrize(
    "broken",
    [
        b"{}",
        b"not json",
        encoded(diff(6, 6, bids=[("abc", "1")])),
        encoded(diff(6, 6, bids=[("99", "1"), ("98", "")])),
        b'{"e":"depthUpdate","U":6,"u":6,"b":[["1","1"]]}',
    ],
)
def test_a_malformed_diff_changes_nothing(broken: bytes) -> None:
    book = book_at(5, bids=[("100", "1")])
    before = book.quote

    with pytest.raises(ValueError):  # noqa: PT011 - whatever the words
        book.apply_diff(broken)

    assert (book.live, book.update_id, book.quote) == (True, 5, before)


def test_a_futures_diff_without_pu_is_malformed() -> None:
    with pytest.raises(ValueError, match="without pu"):
        book_at(5, Market.USDM).apply_diff(encoded(diff(6, 6)))


LEVEL = st.tuples(st.integers(min_value=1, max_value=30).map(str), st.integers(min_value=0, max_value=3).map(str))


@given(st.lists(st.tuples(st.lists(LEVEL, max_size=5), st.lists(LEVEL, max_size=5)), max_size=20))
def test_the_quote_is_the_best_of_the_levels_after_every_diff(
    changes: list[tuple[list[tuple[str, str]], list[tuple[str, str]]]],
) -> None:
    book = book_at(0, bids=[], asks=[])
    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    for number, (bid_changes, ask_changes) in enumerate(changes, start=1):
        book.apply_diff(encoded(diff(number, number, bids=bid_changes, asks=ask_changes)))
        for side, side_changes in ((bids, bid_changes), (asks, ask_changes)):
            side.update({int(price): int(quantity) for price, quantity in side_changes})

        bid = max((price for price, quantity in bids.items() if quantity), default=0)
        ask = min((price for price, quantity in asks.items() if quantity), default=0)
        expected = bid, bids.get(bid, 0), ask, asks.get(ask, 0)
        assert book.quote == tuple(value * 10**8 for value in expected)


def compare_with_book_tickers(recording: Recording) -> Counter[str]:
    """Compare the book after each applied diff with the last book ticker up to its id."""
    symbols = survey(recording).snapshot_symbols
    books: dict[str, NaiveBook] = {}
    states: dict[str, list[tuple[int, Quote]]] = defaultdict(list)
    tickers: dict[str, dict[int, Quote]] = defaultdict(dict)
    found: Counter[str] = Counter()
    for entry in read(recording, symbols=symbols):
        if not isinstance(entry, Frame):
            if entry.path.endswith("/depth"):
                symbol = entry.params["symbol"]
                assert books.setdefault(symbol, NaiveBook(entry.market)).apply_snapshot(entry.body)
        elif DIFF_DEPTH.fullmatch(entry.stream):
            symbol = symbol_of(entry.stream)
            book = books.setdefault(symbol, NaiveBook(entry.market))
            found[fate := book.apply_diff(entry.data)] += 1
            if fate is DiffFate.APPLIED:
                states[symbol].append((book.update_id, book.quote))
        elif entry.stream.endswith("@bookTicker"):
            payload = json.loads(entry.data)
            bid, bid_quantity, ask, ask_quantity = (to_scaled(payload[key]) for key in "bBaA")
            tickers[symbol_of(entry.stream)][payload["u"]] = bid, bid_quantity, ask, ask_quantity
    for symbol, symbol_states in states.items():
        assert all(before[0] <= after[0] for before, after in pairwise(symbol_states))
        ids = sorted(tickers[symbol])
        for update_id, quote in symbol_states:
            if place := bisect_right(ids, update_id):
                found["equal" if tickers[symbol][ids[place - 1]] == quote else "different"] += 1
    return found


@pytest.mark.parametrize(
    ("path", "equal", "different"),
    [
        ("hftbacktest/spot", 6_490, 2),
        ("hftbacktest/usdm", 6_579, 0),
        ("hftbacktest/cm", 22_885, 0),
        ("cryptofeed/BINANCE", 159, 0),
        ("cryptofeed/BINANCE_FUTURES", 743, 0),
        ("cryptofeed/BINANCE_DELIVERY", 1_781, 2),
        ("cryptofeed/BINANCE_US", 316, 0),
        ("cryptofeed/BINANCE_TR", 78, 0),
    ],
)
def test_the_book_equals_the_recorded_book_ticker(recordings: Path, path: str, equal: int, different: int) -> None:
    """The differences are known: two book tickers that Binance skipped, one snapshot that contradicts its own id."""
    found = compare_with_book_tickers(Recording.find([recordings / path]))

    assert found[DiffFate.GAP] == 0
    assert (found["equal"], found["different"]) == (equal, different)
