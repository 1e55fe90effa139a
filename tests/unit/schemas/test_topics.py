from __future__ import annotations

import re

import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given, strategies as st

from schemas.avro import load_schema
from schemas.codec import TYPES
from schemas.markets import Market
from schemas.topics import (
    CANDLE_INTERVALS,
    PARTITIONS,
    Cleanup,
    ControlType,
    DerivedType,
    Layer,
    RawType,
    TopicTable,
    UnknownTopicError,
    candle_type,
    partition_of,
)


TABLE = TopicTable()


def test_every_name_is_legal_for_kafka_and_as_a_resource_name() -> None:
    for topic in TABLE:
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", topic.name), topic.name


def test_names_follow_the_three_layers() -> None:
    assert TABLE.raw(Market.SPOT, RawType.AGG_TRADE).name == "binance.spot.raw.agg-trade"
    assert TABLE.control(ControlType.DEAD_LETTER).name == "binance.control.dead-letter"
    assert TABLE.derived(Market.COINM, DerivedType.TOP_OF_BOOK).name == "binance.coinm.top-of-book.v1"


def test_spot_has_no_futures_topics() -> None:
    with pytest.raises(UnknownTopicError, match=r"binance\.spot\.raw\.mark-price"):
        TABLE.raw(Market.SPOT, RawType.MARK_PRICE)


def test_all_topics_have_equal_partition_counts() -> None:
    assert {topic.partitions for topic in TABLE} == {PARTITIONS}


def test_every_derived_topic_has_a_schema_and_no_raw_topic_has() -> None:
    for topic in TABLE:
        if topic.layer is Layer.RAW or topic.type in {ControlType.DEAD_LETTER, ControlType.PRIVATE_DEAD_LETTER}:
            assert topic.schema is None
        else:
            assert topic.schema is not None
            assert topic.schema in TYPES
            assert load_schema(topic.schema)


def test_without_what_is_private_no_topic_of_accounts_is_left() -> None:
    public = TABLE.topics(private=False)

    assert TABLE.topics(private=True) == tuple(TABLE)
    assert [topic for topic in TABLE if topic not in public] == [topic for topic in TABLE if topic.private]
    assert not {RawType.ORDER_UPDATE, DerivedType.ORDER, ControlType.ACCOUNT_PROGRESS} & {one.type for one in public}


def test_every_interval_has_a_topic() -> None:
    assert {candle_type(interval) for interval in CANDLE_INTERVALS} == {
        derived for derived in DerivedType if derived.startswith("candle-")
    }


def test_keep_never_deletes_but_still_compacts() -> None:
    for topic in TABLE:
        config = topic.config(keep=True)
        assert config.get("retention.ms", "-1") == "-1"
        assert ("compact" in config["cleanup.policy"]) == (topic.cleanup is not Cleanup.DELETE)


def test_topics_accept_any_record_timestamp() -> None:
    assert all(topic.config()["message.timestamp.after.max.ms"] == str((1 << 63) - 1) for topic in TABLE)


@pytest.mark.parametrize("prefix", ["", "Binance", "a_b", "-a", "a.", "a..b", "a b"])
def test_a_prefix_that_gives_illegal_names_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="topic prefix"):
        TopicTable(prefix)


def test_tables_of_different_prefixes_share_no_name() -> None:
    assert not {topic.name for topic in TABLE} & {topic.name for topic in TopicTable("replay-1.binance")}


@given(st.text(max_size=40))
def test_partitions_are_those_of_the_java_client(key: str) -> None:
    """aiokafka's murmur2 is checked against Kafka's own test vectors by its authors."""
    assert partition_of(key) == (murmur2(key.encode()) & 0x7FFFFFFF) % PARTITIONS
