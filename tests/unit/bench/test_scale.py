from __future__ import annotations

from collections import Counter

import pytest

from bench.scale_cost import Cost, Point, measure, measure_apart
from bench.scale_log import MarketLog
from bench.scale_outputs import Found, expect
from schemas.derived import BookState
from schemas.topics import RawType


@pytest.fixture(scope="module")
def log() -> MarketLog:
    return MarketLog(symbols=20, seconds=3)


@pytest.mark.timeout(180)  # a process of its own
def test_a_level_costs_what_a_whole_book_is_known_to_take() -> None:
    """Two integers, an entry of a dictionary and one of a list: a fault of the measurement would be far from it."""
    cost = measure_apart(Point(family="books", symbols=60, levels=2_000, events=300))

    assert cost.live == 60
    assert cost.bytes_per_level is not None
    assert 80 < cost.bytes_per_level < 160
    assert cost.state_mib < cost.resident_mib


@pytest.mark.parametrize(
    "point", [Point(family="books", symbols=5, levels=20, events=60), Point(family="trades", symbols=5, events=60)]
)
def test_a_point_tells_what_it_is_of_and_all_its_symbols_are_right(point: Point) -> None:
    cost = measure(point)

    assert (cost.family, cost.symbols, cost.levels, cost.live) == (point.family, 5, point.levels, 5)
    assert cost.cpu_us_per_event > 0
    assert cost.bytes_per_symbol is None  # so little cannot be told from what the allocator had left
    assert isinstance(cost, Cost)


def test_the_log_begins_with_a_snapshot_of_each_book_and_goes_on_in_time(log: MarketLog) -> None:
    depth = log.entries[RawType.DEPTH]

    assert [entry.symbol for entry in depth[:20]] == list(log.symbols)
    assert all(b'"lastUpdateId"' in entry.payload for entry in depth[:20])
    assert all(b'"depthUpdate"' in entry.payload for entry in depth[20:])
    for entries in log.entries.values():
        assert [entry.time_ms for entry in entries] == sorted(entry.time_ms for entry in entries)
        assert {entry.symbol for entry in entries} <= set(log.symbols)


def test_all_books_of_the_log_are_live_and_no_output_of_it_comes_twice(log: MarketLog) -> None:
    depth = log.entries[RawType.DEPTH]
    expected = expect(RawType.DEPTH, depth)

    states = {identity[0]: identity[2] for of_entry in expected.identities for identity in of_entry}
    assert states == dict.fromkeys(log.symbols, BookState.LIVE)
    assert Found(Counter(one for of_entry in expected.identities for one in of_entry)).duplicates == 0


def test_what_was_not_sent_is_not_expected_and_what_is_not_there_is_lost(log: MarketLog) -> None:
    trades = log.entries[RawType.TRADE]
    expected = expect(RawType.TRADE, trades)

    everything = expected.first(len(trades))
    assert len(everything) == len(trades)
    found = Found(Counter(expected.first(len(trades) - 3)) + Counter(expected.first(2)))
    last = {identity[:2] for of_entry in expected.identities[-3:] for identity in of_entry}
    assert set(found.lost(everything)) == last
    assert found.lost(expected.first(len(trades) - 3)) == []
    assert found.duplicates == 2
