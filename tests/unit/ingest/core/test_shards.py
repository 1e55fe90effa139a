from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from ingest.core.shards import ProcessShard
from ingest.core.streams import stream_of
from schemas.markets import Market
from schemas.topics import PARTITIONS, partition_of


SYMBOLS = st.lists(st.text("ABC1币", min_size=1, max_size=8), max_size=30)
COUNTS = st.integers(1, PARTITIONS)


@given(SYMBOLS, COUNTS)
def test_every_stream_belongs_to_exactly_one_shard(symbols: list[str], count: int) -> None:
    streams = [stream_of(Market.USDM, text, symbol) for symbol in symbols for text in ("trade", "depth", "!ticker@arr")]

    parts = [ProcessShard(index, count).of(streams) for index in range(count)]

    assert sorted(stream.name for part in parts for stream in part) == sorted(stream.name for stream in streams)


@given(SYMBOLS, COUNTS)
def test_a_partition_is_filled_by_one_shard_alone(symbols: list[str], count: int) -> None:
    owners = {
        (partition_of(symbol), index)
        for symbol in symbols
        for index in range(count)
        if ProcessShard(index, count).holds(symbol)
    }

    assert len({partition for partition, _ in owners}) == len(owners)


def test_what_is_about_all_symbols_belongs_to_the_first() -> None:
    assert [ProcessShard(index, 3).holds(None) for index in range(3)] == [True, False, False]


@pytest.mark.parametrize("text", ["0/1", "0/2", "1/2", "11/12"])
def test_a_shard_reads_as_it_is_written(text: str) -> None:
    assert ProcessShard.parse(f" {text} ").text == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must be a part and how many there are, from 0: 0/2, 1/2"),
        ("1", "must be a part"),
        ("-1/2", "must be a part"),
        ("a/b", "must be a part"),
        ("1/2/3", "must be a part"),
        ("²/3", "must be a part"),
        ("2/2", "the parts of 2 are 0/2 to 1/2"),
        ("0/0", "there can be 1 to 12 parts"),
        ("0/13", "there can be 1 to 12 parts, as many as a topic has partitions"),
    ],
)
def test_what_is_no_shard_is_refused_with_a_sentence(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}"):
        ProcessShard.parse(text)
