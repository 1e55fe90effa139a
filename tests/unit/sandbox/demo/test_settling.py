"""What must have happened before a run counts as done."""

from __future__ import annotations

from sandbox.demo.settling import behind, needed_heartbeats
from schemas.markets import Market
from schemas.topics import RawType, partition_of


def test_a_group_is_behind_by_what_it_has_not_committed_of_its_topics() -> None:
    ends = {("a", 0): 10, ("a", 1): 5, ("b", 0): 7}

    assert behind({"a"}, ends, {("a", 0): 10, ("a", 1): 5}) == 0
    assert behind({"a"}, ends, {("a", 0): 9}) == 6
    assert behind({"a", "b"}, ends, {}) == 22


def test_what_was_committed_beyond_an_older_end_counts_for_nothing() -> None:
    assert behind({"a"}, {("a", 0): 3, ("a", 1): 3}, {("a", 0): 9, ("a", 1): 0}) == 3


def test_heartbeats_are_needed_where_a_vouched_stream_lies() -> None:
    streams = [
        (Market.SPOT, RawType.TRADE, "BTCUSDT"),
        (Market.SPOT, RawType.DEPTH, "BTCUSDT"),
        (Market.SPOT, RawType.BOOK_TICKER, "BTCUSDT"),
        (Market.USDM, RawType.AGG_TRADE, "ETHUSDT"),
    ]

    assert needed_heartbeats(streams) == {
        (Market.SPOT, "trade", partition_of("BTCUSDT")),
        (Market.SPOT, "depth", partition_of("BTCUSDT")),
        (Market.USDM, "agg-trade", partition_of("ETHUSDT")),
    }
